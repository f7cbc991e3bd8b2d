/*
 * Calls of the vault. SQL decides (sql/functions/vault.sql) and never sees a key in clear.
 *
 * auth_api.vault_* are procedures because only a procedure can keep the promise "no key without its
 * row in the trail": it runs the routine that decides and writes the row, commits, and fills its
 * OUT columns after that. A caller can neither roll the row back nor get the key without it: inside
 * a transaction block the call is refused. For the same reason it is SECURITY INVOKER without a SET
 * clause (either would make it atomic) and takes the owner's rights while it decides.
 */
#include "postgres.h"

#include <sodium.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "audit.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "durable.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parse_expr.h"
#include "parser/parser.h"
#include "seam.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "vault_session.h"
#include "wrap.h"

PG_FUNCTION_INFO_V1(mana_vault_call);

#define OUTPUT_BYTES      1024 /* what initStringInfo takes */
#define MARK_MASTER_KEY   '\004'
#define DISCLOSED_COLUMNS (REPLY_BODY + 1) /* it neither redirects nor sets cookies */
#define SEEN_SEVERAL      0                /* sessions.vault_generation */

/* Which procedure was called, and with what. */
struct call {
	char *name;
	Oid owner;
	Oid types[2];
	Datum args[2]; /* caller, input */
	bool no_input;
};

/* What is to be answered, in memory that survives the commit. */
struct decision {
	Datum values[REPLY_COLUMNS];
	bool nulls[REPLY_COLUMNS];
	bool discloses;
	struct wrap wrap;
	char *user_id;
	ErrorData *error; /* the routine raised this */
};

/* Memory to be wiped before it is given back. */
struct wipe {
	MemoryContextCallback callback;
	void *memory;
	size_t len;
	void *output; /* of OUTPUT_BYTES: where PostgreSQL puts the row that it sends (printtup) */
};

/* The columns of auth.vault_wrap, in its order, and then one more. */
enum { VAULT_GENERATION = WRAP_COLUMNS };
static const char *const vault_columns[] = {[WRAP_WRAPPED_MK] = "wrapped_mk",
    [WRAP_WRAP_IV] = "wrap_iv",
    [WRAP_FORMAT_VERSION] = "format_version",
    [WRAP_KEK_ID] = "kek_id",
    [WRAP_COMMITMENT] = "commitment",
    [VAULT_GENERATION] = "generation",
    NULL};
static struct row_source vault_by_user = {.table = "encryption_vaults",
    .index = "encryption_vaults_pkey",
    .key_equals = F_TEXTEQ,
    .columns = vault_columns};

static bool was_not_tried(const struct decision *decision);
static void pin_settings(void);
static void describe_call(struct call *call, FunctionCallInfo fcinfo);
static void decide(struct decision *out, const struct call *call);
static bool decide_common_fetch(struct decision *out, const struct call *call);
static bool find_common_fetch(struct decision *out, const struct row *session, const char *kek_id);
static void decide_by_routine(struct decision *out, const struct call *call);
static void read_decision(struct decision *out, HeapTupleHeader decided);
static void record_failure(const struct call *call, const ErrorData *error);
static Datum reply_datum(FunctionCallInfo fcinfo, struct decision *decision);
static void wipe_now(void *arg);
static text *disclose(struct decision *decision);

/* auth_api.vault_*(caller, input, OUT the columns of auth.reply up to the body) */
Datum
mana_vault_call(PG_FUNCTION_ARGS)
{
	CallContext *context = fcinfo->context && IsA(fcinfo->context, CallContext)
				   ? (CallContext *)fcinfo->context
				   : NULL;
	MemoryContext keep = CurrentMemoryContext;
	struct decision decision = {.discloses = false};
	struct call call;

	if (context == NULL || context->atomic)
		ereport(ERROR, errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
		    errmsg("a vault procedure cannot run inside a transaction block"),
		    errdetail("Its audit record must be durable before the key is handed out."));
	if (PG_ARGISNULL(0))
		ereport(
		    ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the caller is null"));
	pin_settings();
	describe_call(&call, fcinfo);

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	MemoryContextSwitchTo(keep); /* what is decided outlives the commit */
	decide(&decision, &call);
	if (was_not_tried(&decision)) /* nothing to record: the caller's transaction is undone */
		ReThrowError(decision.error);
	durable_require();
	SPI_commit(); /* from here on the row is there, whatever the caller does */
	SPI_finish();
	durable_confirm();
	if (decision.error != NULL)
		ReThrowError(decision.error);
	return reply_datum(fcinfo, &decision);
}

/* A lock was not to be had in the caller's lock_timeout: the edge calls again with more patience.
 */
static bool
was_not_tried(const struct decision *decision)
{
	return decision->error != NULL && decision->error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
}

/*
 * Settings that any role may change and that the rules depend on: for the rest of this transaction
 * they are as the rules expect. The isolation level cannot be changed any more; above READ
 * COMMITTED a call would decide by what it saw before it waited for a lock.
 */
static void
pin_settings(void)
{
	const struct {
		const char *name, *value;
		bool differs;
	} settings[] = {
	    {"row_security", "on", !row_security},
	    {"session_replication_role", "origin",
		SessionReplicationRole != SESSION_REPLICATION_ROLE_ORIGIN},
	    {"standard_conforming_strings", "on", !standard_conforming_strings},
	    {"transform_null_equals", "off", Transform_null_equals},
	};

	if (IsolationUsesXactSnapshot())
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		    errmsg("a vault procedure runs in the isolation level READ COMMITTED only"),
		    errhint("Reset default_transaction_isolation of the role."));
	for (size_t i = 0; i < lengthof(settings); i++)
		if (settings[i].differs)
			(void)set_config_option(settings[i].name, settings[i].value, PGC_SUSET,
			    PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

/* The routine that decides has the procedure's name and arguments, in schema auth. */
static void
describe_call(struct call *call, FunctionCallInfo fcinfo)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	Form_pg_proc form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for procedure %u", fcinfo->flinfo->fn_oid);
	form = (Form_pg_proc)GETSTRUCT(tuple);
	call->owner = form->proowner;
	call->name = pstrdup(NameStr(form->proname));
	memcpy(call->types, form->proargtypes.values, sizeof(call->types));
	ReleaseSysCache(tuple);
	call->args[0] = PG_GETARG_DATUM(0);
	call->args[1] = PG_ARGISNULL(1) ? (Datum)0 : PG_GETARG_DATUM(1);
	call->no_input = PG_ARGISNULL(1);
}

/* Decides and writes the row, with the rights of the owner; an error takes them back by itself. */
static void
decide(struct decision *out, const struct call *call)
{
	Oid user;
	int security;

	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(call->owner, security | SECURITY_LOCAL_USERID_CHANGE);
	if (strcmp(call->name, "vault_key") != 0 || !decide_common_fetch(out, call))
		decide_by_routine(out, call);
	if (out->error != NULL && !XactReadOnly && !was_not_tried(out))
		record_failure(call, out->error);
	SetUserIdAndSecContext(user, security);
}

/*
 * Most calls fetch a key that was fetched before. The wrap is opened here, and again to disclose
 * it: the first tells what to write into the trail, and no key in clear waits for the disk.
 */
static bool
decide_common_fetch(struct decision *out, const struct call *call)
{
	const struct kek *kek = kek_active_or_null();
	unsigned char master_key[MASTER_KEY_BYTES];
	struct caller caller;
	struct row session;
	bool opens;

	if (kek == NULL)
		return false;
	caller_read(&caller, DatumGetHeapTupleHeader(call->args[0]));
	if (!vault_session(&session, &caller) || !find_common_fetch(out, &session, kek->id))
		return false;
	opens = wrap_open(master_key, &out->wrap, out->user_id);
	sodium_memzero(master_key, sizeof(master_key));
	if (!opens) {
		out->discloses = false;
		return false;
	}
	audit_write(&caller, out->user_id, "fetch", NULL, 200);
	return true;
}

/*
 * The vault, when nothing is to be written but the trail: it is standard, its wrap is under the
 * active key and in the present format, and the session was given this key before. Read from its
 * index, since a query costs more than all the rest of such a call. Else auth.vault_key decides.
 */
static bool
find_common_fetch(struct decision *out, const struct row *session, const char *kek_id)
{
	Datum user_id = session->values[SESSION_USER_ID];
	struct row vault;
	StringInfoData body;
	int32 seen;
	bool found;

	if (session->nulls[SESSION_VAULT_GENERATION])
		return false;
	PushActiveSnapshot(GetTransactionSnapshot()); /* not that of before a lock was waited for */
	found = row_find(&vault, &vault_by_user, user_id);
	PopActiveSnapshot();
	if (!found)
		return false;
	wrap_from_columns(&out->wrap, vault.values, vault.nulls);
	seen = DatumGetInt32(session->values[SESSION_VAULT_GENERATION]);
	if (out->wrap.wrapped_mk[0] == '\0' || out->wrap.format_version != WRAP_FORMAT ||
	    strcmp(out->wrap.kek_id, kek_id) != 0 || !out->wrap.has_commitment ||
	    (seen != SEEN_SEVERAL && seen != DatumGetInt32(vault.values[VAULT_GENERATION])))
		return false;
	initStringInfo(&body); /* as auth.vault_key_body */
	appendStringInfo(
	    &body, "{\"masterKey\":\"%c\",\"formatVersion\":1,\"kekId\":", MARK_MASTER_KEY);
	escape_json(&body, kek_id);
	appendStringInfoChar(&body, '}');
	for (int i = 0; i < REPLY_COLUMNS; i++)
		out->nulls[i] = i != REPLY_BODY;
	out->values[REPLY_BODY] = CStringGetTextDatum(body.data);
	out->user_id = TextDatumGetCString(user_id);
	out->discloses = true;
	return true;
}

/* What the routine did is undone when it raises; that it was called stays to be recorded. */
static void
decide_by_routine(struct decision *out, const struct call *call)
{
	LOCAL_FCINFO(routine, 2);
	MemoryContext keep = CurrentMemoryContext;
	ResourceOwner resources = CurrentResourceOwner;
	FmgrInfo info;
	volatile Datum reply = (Datum)0;

	seam_routine(&info, call->name, call->types, 2);
	InitFunctionCallInfoData(*routine, &info, 2, InvalidOid, NULL, NULL);
	for (int i = 0; i < 2; i++)
		routine->args[i].value = call->args[i];
	routine->args[0].isnull = false;
	routine->args[1].isnull = call->no_input;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(keep);
	PG_TRY();
	{
		reply = FunctionCallInvoke(routine);
		if (routine->isnull)
			elog(ERROR, "%s returned no decision", call->name);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(keep);
		out->error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(keep);
	CurrentResourceOwner = resources;
	if (out->error == NULL)
		read_decision(out, DatumGetHeapTupleHeader(reply));
}

/* Columns of auth.vault_reply. */
static void
read_decision(struct decision *out, HeapTupleHeader decided)
{
	bool no_reply, is_null;
	Datum reply = GetAttributeByNum(decided, 1, &no_reply);
	Datum wrap = GetAttributeByNum(decided, 2, &is_null);

	if (no_reply)
		elog(ERROR, "a vault routine returned no reply");
	for (int i = 0; i < REPLY_COLUMNS; i++)
		out->values[i] = GetAttributeByNum(
		    DatumGetHeapTupleHeader(reply), (AttrNumber)(i + 1), &out->nulls[i]);
	out->discloses = !is_null;
	if (is_null)
		return;
	wrap_from_record(&out->wrap, DatumGetHeapTupleHeader(wrap));
	out->user_id = TextDatumGetCString(GetAttributeByNum(decided, 3, &is_null));
}

/* auth.vault_failed. Called as the deciding routine is: in a query its input could be logged. */
static void
record_failure(const struct call *call, const ErrorData *error)
{
	Oid types[] = {call->types[0], call->types[1], TEXTOID, TEXTOID};
	LOCAL_FCINFO(failed, 4);
	FmgrInfo info;

	seam_routine(&info, "vault_failed", types, lengthof(types));
	InitFunctionCallInfoData(*failed, &info, lengthof(types), InvalidOid, NULL, NULL);
	failed->args[0].value = call->args[0];
	failed->args[1].value = call->args[1];
	failed->args[2].value = CStringGetTextDatum(call->name);
	failed->args[3].value = CStringGetTextDatum(unpack_sql_state(error->sqlerrcode));
	for (int i = 0; i < 4; i++)
		failed->args[i].isnull = i == 1 && call->no_input;
	(void)FunctionCallInvoke(failed);
}

static Datum
reply_datum(FunctionCallInfo fcinfo, struct decision *decision)
{
	struct wipe *wipe = palloc0(sizeof(*wipe));
	TupleDesc shape = seam_result(fcinfo, DISCLOSED_COLUMNS);
	HeapTuple tuple;

	if (decision->discloses)
		decision->values[REPLY_BODY] = PointerGetDatum(disclose(decision));
	tuple = heap_form_tuple(shape, decision->values, decision->nulls);
	if (decision->discloses) {
		text *body = DatumGetTextPP(decision->values[REPLY_BODY]);

		sodium_memzero(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body));
		/* printtup is the next who asks this context for as much, and gets the same; the
		 * chunk is part of the context until the callback */
		wipe->output = palloc(OUTPUT_BYTES);
		pfree(wipe->output);
		wipe->memory = tuple->t_data;
		wipe->len = tuple->t_len;
		wipe->callback.func = wipe_now;
		wipe->callback.arg = wipe;
		MemoryContextRegisterResetCallback(CurrentMemoryContext, &wipe->callback);
	}
	return HeapTupleGetDatum(tuple);
}

static void
wipe_now(void *arg)
{
	struct wipe *wipe = arg;

	sodium_memzero(wipe->memory, wipe->len);
	sodium_memzero(wipe->output, OUTPUT_BYTES);
}

/*
 * The body with the master key where the mark stands. Of ours the key is in clear here, on the
 * stack, and in the reply, which is wiped with the memory of the call.
 */
static text *
disclose(struct decision *decision)
{
	const char *body = TextDatumGetCString(decision->values[REPLY_BODY]);
	const char *mark = strchr(body, MARK_MASTER_KEY);
	unsigned char master_key[MASTER_KEY_BYTES];
	char base64[MASTER_KEY_CHARS + 1];
	size_t before, len;
	text *whole;
	char *at;

	if (mark == NULL || !wrap_open(master_key, &decision->wrap, decision->user_id))
		ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("the vault does not open"),
		    errhidestmt(true), errhidecontext(true));
	sodium_bin2base64(
	    base64, sizeof(base64), master_key, sizeof(master_key), sodium_base64_VARIANT_ORIGINAL);
	before = (size_t)(mark - body);
	len = strlen(body) - 1 + MASTER_KEY_CHARS;
	whole = palloc(VARHDRSZ + len);
	SET_VARSIZE(whole, VARHDRSZ + len);
	at = VARDATA(whole);
	memcpy(at, body, before);
	memcpy(at + before, base64, MASTER_KEY_CHARS);
	memcpy(at + before + MASTER_KEY_CHARS, mark + 1, len - before - MASTER_KEY_CHARS);
	sodium_memzero(master_key, sizeof(master_key));
	sodium_memzero(base64, sizeof(base64));
	return whole;
}
