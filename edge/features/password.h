/*
 * Routes in which the user's present password is asked for: changing it, verifying it, deleting the
 * account.
 */
#ifndef MANA_FEATURE_PASSWORD_H
#define MANA_FEATURE_PASSWORD_H

#include "routes.h"

extern const struct schema password_change_schema, password_verify_schema, user_delete_schema,
    user_delete_callback_schema;

/* POST /api/auth/change-password and /api/v1/auth/change-password */
enum step password_change(struct request *r);
/* POST /api/auth/verify-password */
enum step password_verify_own(struct request *r);
/* POST /api/auth/delete-user and DELETE /api/v1/auth/account */
enum step user_delete(struct request *r);
/* GET /api/auth/delete-user/callback: the link of the mail. */
enum step user_delete_open(struct request *r);
/* DELETE /api/v1/me/data */
enum step user_erase(struct request *r);

#endif
