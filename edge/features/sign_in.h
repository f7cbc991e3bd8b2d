/*
 * Signing in with address and password.
 */
#ifndef MANA_SIGN_IN_H
#define MANA_SIGN_IN_H

#include "routes.h"

extern const struct schema sign_in_schema, login_schema;

/* POST /api/auth/sign-in/email */
enum step sign_in(struct request *r);
/* POST /api/v1/auth/login */
enum step login(struct request *r);

#endif
