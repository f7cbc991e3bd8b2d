/*
 * A user's own account and sessions: what the relayed routes take (user.h).
 */
#include "features/user.h"

#include "config.h"
#include "db/db.h"
#include "http/reply.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

/* What may not be set is named, so that SQL can refuse it by its name instead of ignoring it. */
static const struct field user_update_fields[] = {
    {"name", FIELD_STRING, FIELD_NAME, ONLY_SQL, .min = 1, .max = 255},
    {"image", FIELD_STRING, FIELD_NULLABLE, ONLY_SQL, .max = 2048},
    {"email", FIELD_ANY, 0, ONLY_SQL, .max = 512},
    {"accessTier", FIELD_ANY, 0, ONLY_SQL, .max = 512},
    {"role", FIELD_ANY, 0, ONLY_SQL, .max = 512},
    {"kind", FIELD_ANY, 0, ONLY_SQL, .max = 512},
    {"emailVerified", FIELD_ANY, 0, ONLY_SQL, .max = 512},
    {"twoFactorEnabled", FIELD_ANY, 0, ONLY_SQL, .max = 512},
    {NULL},
};
const struct schema user_update_schema = {user_update_fields, 0};

static const struct field session_revoke_fields[] = {
    {"token", FIELD_TOKEN, FIELD_REQUIRED, ONLY_SQL, .max = 512},
    {NULL},
};
const struct schema session_revoke_schema = {session_revoke_fields, 0};

struct email_change_fields {
	struct str callback_url;
};
static const struct field email_change_field_table[] = {
    {"newEmail", FIELD_EMAIL, FIELD_REQUIRED, ONLY_SQL},
    {"callbackURL", FIELD_URL, FIELD_MAILED,
	.offset = offsetof(struct email_change_fields, callback_url)},
    {NULL},
};
const struct schema email_change_schema = {
    email_change_field_table, sizeof(struct email_change_fields)};

static const struct field account_unlink_fields[] = {
    {"providerId", FIELD_STRING, 0, ONLY_SQL, .max = 255},
    {"accountId", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = 255},
    {NULL},
};
const struct schema account_unlink_schema = {account_unlink_fields, 0};

struct email_fields {
	struct str callback_url;
	struct str redirect_to;
};
static const struct field email_field_table[] = {
    {"email", FIELD_EMAIL, FIELD_REQUIRED, ONLY_SQL},
    {"callbackURL", FIELD_URL, FIELD_MAILED, .offset = offsetof(struct email_fields, callback_url)},
    {"redirectTo", FIELD_URL, FIELD_MAILED, .offset = offsetof(struct email_fields, redirect_to)},
    {NULL},
};
const struct schema email_schema = {email_field_table, sizeof(struct email_fields)};

static const struct field refresh_fields[] = {
    {"refreshToken", FIELD_TOKEN, 0, ONLY_SQL, .max = 512},
    {NULL},
};
const struct schema refresh_schema = {refresh_fields, 0};

static const struct field security_events_fields[] = {
    {"limit", FIELD_INT, 0, ONLY_SQL, .min = 1, .max = 200},
    {NULL},
};
const struct schema security_events_schema = {security_events_fields, 0};

enum step
email_change(struct request *r)
{
	if (!config.change_email)
		return reply_error(r, ERR_CHANGE_EMAIL_DISABLED);
	return db_call(r,
	    r->route->errors == ERRORS_V1 ? CALL_USER_CHANGE_EMAIL_V1 : CALL_USER_CHANGE_EMAIL,
	    reply_relay);
}
