/*
 * E-mail addresses, accepted exactly as zod 4's email() does, and their normal form.
 */
#ifndef MANA_EMAIL_H
#define MANA_EMAIL_H

#include "buf.h"

enum { EMAIL_BYTES_MAX = 254 /* RFC 5321 section 4.5.3.1.3, less the angle brackets */ };

/* Whether zod accepts it and it is no longer than EMAIL_BYTES_MAX. */
bool email_valid(struct str address) MUST_USE;
/* Appends the address in lower case: the key of users and of the lockout. */
void email_normalise(struct buf *out, struct str address);

#endif
