/*
 * Proving an address by the link of a mail.
 */
#ifndef MANA_VERIFY_EMAIL_H
#define MANA_VERIFY_EMAIL_H

#include "routes.h"

extern const struct schema verify_email_schema;

/* GET /api/auth/verify-email: a browser gets a page with a button, everybody else what POST does.
 */
enum step verify_email_open(struct request *r);
/* POST /api/auth/verify-email: takes the token, signs in. */
enum step verify_email(struct request *r);

#endif
