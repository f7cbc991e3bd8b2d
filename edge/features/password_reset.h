/*
 * A forgotten password.
 */
#ifndef MANA_PASSWORD_RESET_H
#define MANA_PASSWORD_RESET_H

#include "routes.h"

extern const struct schema password_reset_link_schema, password_reset_schema;

/* GET /api/auth/reset-password/:token: sends the browser on, uses nothing up. */
enum step password_reset_link(struct request *r);
/* POST /api/auth/reset-password and /api/v1/auth/reset-password */
enum step password_reset(struct request *r);
/* POST /api/v1/auth/forgot-password and /resend-verification: always {"success":true} */
enum step password_forgotten(struct request *r);
enum step verification_resend(struct request *r);

#endif
