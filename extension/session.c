/*
 * auth.session_find and auth.user_find: the rows that nearly every request begins with, without a
 * query (row.h).
 */
#include "postgres.h"

#include "access/xact.h"
#include "compat.h"
#include "fmgr.h"
#include "session.h"
#include "session_proof.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(mana_session_find);
PG_FUNCTION_INFO_V1(mana_user_find);

static const char *const session_columns[] = {
    [SESSION_ID] = "id",
    [SESSION_USER_ID] = "user_id",
    [SESSION_CREATED_AT] = "created_at",
    [SESSION_UPDATED_AT] = "updated_at",
    [SESSION_EXPIRES_AT] = "expires_at",
    [SESSION_REMEMBER_ME] = "remember_me",
    [SESSION_IP_ADDRESS] = "ip_address",
    [SESSION_USER_AGENT] = "user_agent",
    [SESSION_ACTIVE_ORGANIZATION_ID] = "active_organization_id",
    [SESSION_VAULT_GENERATION] = "vault_generation",
    [SESSION_COLUMNS] = NULL,
};
static const char *const user_columns[] = {
    [USER_ID] = "id",
    [USER_NAME] = "name",
    [USER_EMAIL] = "email",
    [USER_EMAIL_VERIFIED] = "email_verified",
    [USER_IMAGE] = "image",
    [USER_ROLE] = "role",
    [USER_ACCESS_TIER] = "access_tier",
    [USER_TWO_FACTOR_ENABLED] = "two_factor_enabled",
    [USER_CREATED_AT] = "created_at",
    [USER_UPDATED_AT] = "updated_at",
    [USER_COLUMNS] = NULL,
};
static struct row_source session_by_digest = {.table = "sessions",
    .index = "sessions_token_digest_unique",
    .key_equals = F_BYTEAEQ,
    .columns = session_columns};
static struct row_source session_by_id = {.table = "sessions",
    .index = "sessions_pkey",
    .key_equals = F_TEXTEQ,
    .columns = session_columns};
static struct row_source user_by_id = {
    .table = "users", .index = "users_pkey", .key_equals = F_TEXTEQ, .columns = user_columns};

static bool is_alive(const struct row *session);

/* auth.session_find(caller) */
Datum
mana_session_find(PG_FUNCTION_ARGS)
{
	struct caller caller;
	struct row session;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	caller_read(&caller, PG_GETARG_HEAPTUPLEHEADER(0));
	if (!session_find(&session, &caller))
		PG_RETURN_NULL();
	return row_datum(&session);
}

bool
session_find(struct row *session, const struct caller *caller)
{
	const text *owner, *user;
	Datum id;

	if (!caller->nulls[CALLER_SESSION_DIGEST])
		return row_find(
			   session, &session_by_digest, caller->values[CALLER_SESSION_DIGEST]) &&
		       is_alive(session);
	if (caller->nulls[CALLER_SESSION_REFERENCE] || caller->nulls[CALLER_USER_ID] ||
	    !session_reference_read(
		&id, caller->values[CALLER_SESSION_REFERENCE], caller->values[CALLER_USER_ID]) ||
	    !row_find(session, &session_by_id, id) || !is_alive(session))
		return false;
	owner = DatumGetTextPP(session->values[SESSION_USER_ID]);
	user = DatumGetTextPP(caller->values[CALLER_USER_ID]);
	return VARSIZE_ANY_EXHDR(owner) == VARSIZE_ANY_EXHDR(user) &&
	       memcmp(VARDATA_ANY(owner), VARDATA_ANY(user), VARSIZE_ANY_EXHDR(owner)) == 0;
}

static bool
is_alive(const struct row *session)
{
	return DatumGetTimestampTz(session->values[SESSION_EXPIRES_AT]) >
	       GetCurrentTransactionStartTimestamp();
}

/* auth.user_find(id) */
Datum
mana_user_find(PG_FUNCTION_ARGS)
{
	struct row user;

	if (!user_find(&user, PG_GETARG_DATUM(0)))
		PG_RETURN_NULL();
	return row_datum(&user);
}

bool
user_find(struct row *user, Datum id)
{
	return row_find(user, &user_by_id, id);
}
