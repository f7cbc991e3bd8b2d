/*
 * E-mail addresses: those of zod 4's email() that a mail server accepts (RFC 5321), and their
 * normal form.
 */
#ifndef MANA_EMAIL_H
#define MANA_EMAIL_H

#include "buf.h"

enum {
	EMAIL_BYTES_MAX = 254,  /* RFC 5321 section 4.5.3.1.3, less the angle brackets */
	EMAIL_LOCAL_MAX = 64,   /* RFC 5321 section 4.5.3.1.1 */
	EMAIL_DOMAIN_MAX = 255, /* RFC 5321 section 4.5.3.1.2 */
	EMAIL_LABEL_MAX = 63    /* RFC 1035 section 2.3.4 */
};

/* Whether zod accepts it and no part of it is longer than EMAIL_*_MAX. */
bool email_valid(struct str address) MUST_USE;
/*
 * Appends the address with its domain as A-labels (RFC 5890 section 2.3.2.1, UTS #46 without
 * transitional processing), so that both spellings of an internationalised domain are one address.
 * Appends it unchanged where the domain is ASCII or cannot be converted; email_valid then refuses
 * what is not ASCII.
 */
void email_to_ascii(struct buf *out, struct str address);
/* Appends the address in lower case: the key of users and of the lockout. */
void email_normalise(struct buf *out, struct str address);

#endif
