/*
 * A forgotten password.
 */
#ifndef MANA_PASSWORD_RESET_H
#define MANA_PASSWORD_RESET_H

#include "routes.h"

extern const struct schema password_reset_link_schema, password_reset_schema;

/* POST /api/auth/reset-password and /api/v1/auth/reset-password */
enum step password_reset(struct request *r);

#endif
