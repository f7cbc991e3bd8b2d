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
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(mana_session_get);
PG_FUNCTION_INFO_V1(mana_token_issue);

#define COLUMNS_MAX 32
#define EXTEND_BELOW_US                                                                            \
	(INT64CONST(6) * USECS_PER_DAY) /* of seven days: a day after it was opened */
#define PRESENTED_TOKEN "\"\003\""
#define ACCESS_TOKEN    "\"\002\""

/* A row, taken apart. */
struct row {
	TupleDesc shape; /* of the type cache; an error lets it go by itself */
	Datum values[COLUMNS_MAX];
	bool nulls[COLUMNS_MAX];
};

/* A member of an object: its key, the column that it shows, what stands for a NULL there or for
 * the column. */
struct member {
	const char *key, *column, *absent;
};

/* clang-format off */
static const struct member session_members[] = {
	{"expiresAt",            "expires_at",             NULL},
	{"token",                NULL,                     PRESENTED_TOKEN},
	{"createdAt",            "created_at",             NULL},
	{"updatedAt",            "updated_at",             NULL},
	{"ipAddress",            "ip_address",             "\"\""},
	{"userAgent",            "user_agent",             "\"\""},
	{"userId",               "user_id",                NULL},
	{"activeOrganizationId", "active_organization_id", "null"},
	{"id",                   "id",                     NULL},
	{NULL, NULL, NULL},
};
static const struct member user_members[] = {
	{"name",             "name",               NULL},
	{"email",            "email",              NULL},
	{"emailVerified",    "email_verified",     NULL},
	{"image",            "image",              "null"},
	{"createdAt",        "created_at",         NULL},
	{"updatedAt",        "updated_at",         NULL},
	{"twoFactorEnabled", "two_factor_enabled", "false"},
	{"accessTier",       "access_tier",        NULL},
	{"id",               "id",                 NULL},
	{NULL, NULL, NULL},
};
/* clang-format on */

static bool find_both(struct row *session, struct row *user, FunctionCallInfo fcinfo);
static bool is_to_be_extended(const struct row *session);
static void take_apart(struct row *row, Datum datum);
static void let_go(struct row *session, struct row *user);
static int column_of(const struct row *row, const char *name);
static void append_object(StringInfo out, const struct row *row, const struct member *members);
static void
append_column(StringInfo out, const struct row *row, const char *name, const char *absent);
static char *claims_of(const struct row *session, const struct row *user);
static Datum reply(FunctionCallInfo fcinfo, const char *body, const char *claims);
static Datum decided_in_sql(FunctionCallInfo fcinfo, const char *name);

/* auth_api.session_get(caller, input) */
Datum
mana_session_get(PG_FUNCTION_ARGS)
{
	struct row session, user;
	StringInfoData body;
	Datum answer;

	if (!find_both(&session, &user, fcinfo))
		return decided_in_sql(fcinfo, "session_get");
	if (is_to_be_extended(&session)) {
		let_go(&session, &user);
		return decided_in_sql(fcinfo, "session_get");
	}
	initStringInfo(&body);
	appendStringInfoString(&body, "{\"session\":");
	append_object(&body, &session, session_members);
	appendStringInfoString(&body, ",\"user\":");
	append_object(&body, &user, user_members);
	appendStringInfoChar(&body, '}');
	answer = reply(fcinfo, body.data, claims_of(&session, &user));
	let_go(&session, &user);
	return answer;
}

/* auth_api.token_issue(caller, input) */
Datum
mana_token_issue(PG_FUNCTION_ARGS)
{
	struct row session, user;
	Datum answer;

	if (!find_both(&session, &user, fcinfo))
		return decided_in_sql(fcinfo, "token_issue");
	answer = reply(fcinfo, "{\"token\":" ACCESS_TOKEN "}", claims_of(&session, &user));
	let_go(&session, &user);
	return answer;
}

/* False, and nothing to let go: there is no live session, or no caller. */
static bool
find_both(struct row *session, struct row *user, FunctionCallInfo fcinfo)
{
	Datum row;

	if (PG_ARGISNULL(0) || !session_find(&row, PG_GETARG_HEAPTUPLEHEADER(0)))
		return false;
	take_apart(session, row);
	if (!row_find(&row, "users", "users_pkey", session->values[column_of(session, "user_id")]))
		elog(ERROR, "a session has no user");
	take_apart(user, row);
	return true;
}

static bool
is_to_be_extended(const struct row *session)
{
	TimestampTz expires =
	    DatumGetTimestampTz(session->values[column_of(session, "expires_at")]);

	return DatumGetBool(session->values[column_of(session, "remember_me")]) &&
	       expires < GetCurrentTransactionStartTimestamp() + EXTEND_BELOW_US;
}

static void
take_apart(struct row *row, Datum datum)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(datum);
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};

	ItemPointerSetInvalid(&tuple.t_self);
	row->shape = lookup_rowtype_tupdesc(
	    HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	if (row->shape->natts > COLUMNS_MAX)
		elog(ERROR, "the row has more columns than expected");
	heap_deform_tuple(&tuple, row->shape, row->values, row->nulls);
}

static void
let_go(struct row *session, struct row *user)
{
	ReleaseTupleDesc(session->shape);
	ReleaseTupleDesc(user->shape);
}

static int
column_of(const struct row *row, const char *name)
{
	for (int i = 0; i < row->shape->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(row->shape, i)->attname), name) == 0)
			return i;
	elog(ERROR, "there is no column %s", name);
}

static void
append_object(StringInfo out, const struct row *row, const struct member *members)
{
	for (const struct member *m = members; m->key != NULL; m++) {
		appendStringInfoChar(out, m == members ? '{' : ',');
		escape_json(out, m->key);
		appendStringInfoChar(out, ':');
		if (m->column == NULL)
			appendStringInfoString(out, m->absent);
		else
			append_column(out, row, m->column, m->absent);
	}
	appendStringInfoChar(out, '}');
}

static void
append_column(StringInfo out, const struct row *row, const char *name, const char *absent)
{
	int i = column_of(row, name);

	if (row->nulls[i])
		appendStringInfoString(out, absent != NULL ? absent : "null");
	else
		json_append(out, row->values[i], TupleDescAttr(row->shape, i)->atttypid);
}

/* auth.user_claims */
static char *
claims_of(const struct row *session, const struct row *user)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "\"sub\":");
	append_column(&out, user, "id", NULL);
	appendStringInfoString(&out, ",\"email\":");
	append_column(&out, user, "email", NULL);
	appendStringInfoString(&out, ",\"role\":");
	append_column(&out, user, "role", NULL);
	appendStringInfoString(&out, ",\"sid\":");
	append_column(&out, session, "id", NULL);
	appendStringInfoString(&out, ",\"tier\":");
	append_column(&out, user, "access_tier", NULL);
	return out.data;
}

static Datum
reply(FunctionCallInfo fcinfo, const char *body, const char *claims)
{
	bool nulls[REPLY_COLUMNS];
	Datum values[REPLY_COLUMNS] = {0};
	TupleDesc shape;

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE ||
	    shape->natts != REPLY_COLUMNS)
		elog(ERROR, "auth.reply has an unexpected shape");
	memset(nulls, true, sizeof(nulls));
	values[REPLY_BODY] = CStringGetTextDatum(body);
	values[REPLY_CLAIMS] = CStringGetTextDatum(claims);
	nulls[REPLY_BODY] = nulls[REPLY_CLAIMS] = false;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
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
