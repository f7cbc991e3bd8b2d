/*
 * Taking a change of address back, from the old address.
 */
#ifndef MANA_EMAIL_REVERT_H
#define MANA_EMAIL_REVERT_H

#include "routes.h"

extern const struct schema email_revert_schema;

/* GET /api/auth/revert-email-change: a page with a button; takes nothing. */
enum step email_revert_open(struct request *r);
/* POST /api/auth/revert-email-change: what the button sends. */
enum step email_revert(struct request *r);

#endif
