/*
 * auth_api.session_get and auth_api.token_issue for a session that is alive and not to be extended,
 * which is nearly all that they are asked. PL/pgSQL decides everything else (auth.session_get,
 * auth.token_issue), and would decide this the same way at twice the cost (tests/bench); the story
 * `session` compares the two.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "json.h"
#include "seam.h"
#include "session.h"
#include "session_proof.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(mana_session_get);
PG_FUNCTION_INFO_V1(mana_token_issue);

#define NO_COLUMN -1
#define EXTEND_BELOW_US                                                                            \
	(INT64CONST(6) * USECS_PER_DAY) /* of seven days: a day after it was opened */
#define PRESENTED_TOKEN "\"\003\""
#define ACCESS_TOKEN    "\"\002\""

/* A member of an object: its key, the column that it shows, what stands for a NULL there or for
 * the column. */
struct member {
	const char *key;
	int column;
	const char *absent;
};

/* clang-format off */
static const struct member session_members[] = {
	{"expiresAt",            SESSION_EXPIRES_AT,             NULL},
	{"token",                NO_COLUMN,                      PRESENTED_TOKEN},
	{"createdAt",            SESSION_CREATED_AT,             NULL},
	{"updatedAt",            SESSION_UPDATED_AT,             NULL},
	{"ipAddress",            SESSION_IP_ADDRESS,             "\"\""},
	{"userAgent",            SESSION_USER_AGENT,             "\"\""},
	{"userId",               SESSION_USER_ID,                NULL},
	{"activeOrganizationId", SESSION_ACTIVE_ORGANIZATION_ID, "null"},
	{"id",                   SESSION_ID,                     NULL},
	{NULL, NO_COLUMN, NULL},
};
static const struct member user_members[] = {
	{"name",             USER_NAME,               NULL},
	{"email",            USER_EMAIL,              NULL},
	{"emailVerified",    USER_EMAIL_VERIFIED,     NULL},
	{"image",            USER_IMAGE,              "null"},
	{"createdAt",        USER_CREATED_AT,         NULL},
	{"updatedAt",        USER_UPDATED_AT,         NULL},
	{"twoFactorEnabled", USER_TWO_FACTOR_ENABLED, "false"},
	{"accessTier",       USER_ACCESS_TIER,        NULL},
	{"id",               USER_ID,                 NULL},
	{NULL, NO_COLUMN, NULL},
};
/* clang-format on */

static bool find_both(struct row *session, struct row *user, FunctionCallInfo fcinfo);
static bool is_to_be_extended(const struct row *session);
static void append_object(StringInfo out, const struct row *row, const struct member *members);
static void append_column(StringInfo out, const struct row *row, int column, const char *absent);
static char *claims_of(const struct row *session, const struct row *user);
static void append_proof(StringInfo out, const struct row *session);
static Datum reply(FunctionCallInfo fcinfo, const char *body, const char *claims);
static Datum decided_in_sql(FunctionCallInfo fcinfo, const char *name);

/* auth_api.session_get(caller, input) */
Datum
mana_session_get(PG_FUNCTION_ARGS)
{
	struct row session, user;
	StringInfoData body;

	if (!find_both(&session, &user, fcinfo) || is_to_be_extended(&session))
		return decided_in_sql(fcinfo, "session_get");
	initStringInfo(&body);
	appendStringInfoString(&body, "{\"session\":");
	append_object(&body, &session, session_members);
	appendStringInfoString(&body, ",\"user\":");
	append_object(&body, &user, user_members);
	appendStringInfoChar(&body, '}');
	return reply(fcinfo, body.data, claims_of(&session, &user));
}

/* auth_api.token_issue(caller, input) */
Datum
mana_token_issue(PG_FUNCTION_ARGS)
{
	struct row session, user;

	if (!find_both(&session, &user, fcinfo))
		return decided_in_sql(fcinfo, "token_issue");
	return reply(fcinfo, "{\"token\":" ACCESS_TOKEN "}", claims_of(&session, &user));
}

/* False: there is no live session, or no caller. */
static bool
find_both(struct row *session, struct row *user, FunctionCallInfo fcinfo)
{
	struct caller caller;

	if (PG_ARGISNULL(0))
		return false;
	caller_read(&caller, PG_GETARG_HEAPTUPLEHEADER(0));
	if (!session_find(session, &caller))
		return false;
	if (!user_find(user, session->values[SESSION_USER_ID]))
		elog(ERROR, "a session has no user");
	return true;
}

static bool
is_to_be_extended(const struct row *session)
{
	return DatumGetBool(session->values[SESSION_REMEMBER_ME]) &&
	       DatumGetTimestampTz(session->values[SESSION_EXPIRES_AT]) <
		   GetCurrentTransactionStartTimestamp() + EXTEND_BELOW_US;
}

static void
append_object(StringInfo out, const struct row *row, const struct member *members)
{
	for (const struct member *m = members; m->key != NULL; m++) {
		appendStringInfoChar(out, m == members ? '{' : ',');
		escape_json(out, m->key);
		appendStringInfoChar(out, ':');
		if (m->column == NO_COLUMN)
			appendStringInfoString(out, m->absent);
		else
			append_column(out, row, m->column, m->absent);
	}
	appendStringInfoChar(out, '}');
}

static void
append_column(StringInfo out, const struct row *row, int column, const char *absent)
{
	if (row->nulls[column])
		appendStringInfoString(out, absent != NULL ? absent : "null");
	else
		json_append(out, row->values[column], row->source->types[column]);
}

/* auth.user_claims */
static char *
claims_of(const struct row *session, const struct row *user)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "\"sub\":");
	append_column(&out, user, USER_ID, NULL);
	appendStringInfoString(&out, ",\"email\":");
	append_column(&out, user, USER_EMAIL, NULL);
	appendStringInfoString(&out, ",\"role\":");
	append_column(&out, user, USER_ROLE, NULL);
	appendStringInfoString(&out, ",\"sid\":");
	append_column(&out, session, SESSION_ID, NULL);
	appendStringInfoString(&out, ",\"tier\":");
	append_column(&out, user, USER_ACCESS_TIER, NULL);
	appendStringInfoString(&out, ",\"sid_proof\":");
	append_proof(&out, session);
	return out.data;
}

static void
append_proof(StringInfo out, const struct row *session)
{
	char proof[SESSION_PROOF_CHARS + 1];

	if (session_proof(proof, session->values[SESSION_ID], session->values[SESSION_USER_ID]))
		appendStringInfo(out, "\"%s\"", proof);
	else
		appendStringInfoString(out, "null");
}

static Datum
reply(FunctionCallInfo fcinfo, const char *body, const char *claims)
{
	bool nulls[REPLY_COLUMNS];
	Datum values[REPLY_COLUMNS] = {0};

	memset(nulls, true, sizeof(nulls));
	values[REPLY_BODY] = CStringGetTextDatum(body);
	values[REPLY_CLAIMS] = CStringGetTextDatum(claims);
	nulls[REPLY_BODY] = nulls[REPLY_CLAIMS] = false;
	return HeapTupleGetDatum(
	    heap_form_tuple(seam_result(fcinfo, REPLY_COLUMNS), values, nulls));
}

/* auth.<name>(caller, input), which runs with the rights of the owner. */
static Datum
decided_in_sql(FunctionCallInfo fcinfo, const char *name)
{
	Oid types[2] = {
	    get_fn_expr_argtype(fcinfo->flinfo, 0), get_fn_expr_argtype(fcinfo->flinfo, 1)};
	FmgrInfo function;
	LOCAL_FCINFO(call, 2);
	Datum result;

	seam_routine(&function, name, types, 2);
	InitFunctionCallInfoData(*call, &function, 2, InvalidOid, NULL, NULL);
	call->args[0] = fcinfo->args[0];
	call->args[1] = fcinfo->args[1];
	result = FunctionCallInvoke(call);
	fcinfo->isnull = call->isnull;
	return result;
}
