/*
 * Signing up with address and password.
 */
#ifndef MANA_SIGN_UP_H
#define MANA_SIGN_UP_H

#include "routes.h"

extern const struct schema sign_up_schema, register_schema;

/* POST /api/auth/sign-up/email */
enum step sign_up(struct request *r);
/* POST /api/v1/auth/register */
enum step register_account(struct request *r);

#endif
