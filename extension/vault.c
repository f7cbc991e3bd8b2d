/*
 * The vault: what touches master keys in clear. SQL decides (sql/functions/vault.sql) and never
 * sees one.
 *
 * auth_api.vault_* are procedures because only a procedure can keep the promise "no key without its
 * row in the trail": it runs the routine that decides and writes the row, commits, and fills its
 * OUT columns after that. A caller can neither roll the row back nor get the key without it: inside
 * a transaction block the call is refused. For the same reason it is SECURITY INVOKER without a SET
 * clause (either would make it atomic) and takes the owner's rights around its one query.
 */
#include "postgres.h"

#include <sodium.h>

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "compat.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "wrap.h"

PG_FUNCTION_INFO_V1(mana_vault_mint);
PG_FUNCTION_INFO_V1(mana_vault_wrap_given);
PG_FUNCTION_INFO_V1(mana_vault_rewrapped);
PG_FUNCTION_INFO_V1(mana_kek_active_id);
PG_FUNCTION_INFO_V1(mana_vault_call);

#define MARK_MASTER_KEY  '\004'
#define MASTER_KEY_CHARS 44 /* base64 of 32 bytes */

enum reply_column {
	REFUSAL,
	MESSAGE,
	RETRY_AFTER,
	STATUS,
	BODY,
	LOCATION,
	COOKIES,
	CLAIMS,
	REPLY_COLUMNS
};

/* What the deciding routine returned, in memory that survives the commit. */
struct decision {
	char *columns[REPLY_COLUMNS];
	bool discloses;
	struct wrap wrap;
	char *user_id;
};

static Datum wrap_datum(
    FunctionCallInfo fcinfo, const unsigned char master_key[MASTER_KEY_BYTES], const char *user_id);
static bool has_commitment(HeapTupleHeader record);
static void wrap_from_record(struct wrap *wrap, HeapTupleHeader record);
static void decide(struct decision *out, Oid procedure, Datum caller, Datum input,
    bool input_is_null, MemoryContext keep);
static void owner_and_name(Oid *owner, char **name, Oid procedure);
static void read_decision(struct decision *out, MemoryContext keep);
static text *disclose(const char *body, const struct decision *decision);

/* auth.vault_mint(user_id) */
Datum
mana_vault_mint(PG_FUNCTION_ARGS)
{
	unsigned char master_key[MASTER_KEY_BYTES];
	volatile Datum result;

	if (!pg_strong_random(master_key, sizeof(master_key)))
		ereport(
		    ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not get random bytes"));
	PG_TRY();
	{
		result = wrap_datum(fcinfo, master_key, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	}
	PG_FINALLY();
	{
		sodium_memzero(master_key, sizeof(master_key));
	}
	PG_END_TRY();
	return result;
}

/* auth.vault_wrap_given(user_id, master_key) */
Datum
mana_vault_wrap_given(PG_FUNCTION_ARGS)
{
	const text *base64 = PG_GETARG_TEXT_PP(1);
	unsigned char master_key[MASTER_KEY_BYTES];
	size_t len = 0;
	volatile Datum result = (Datum)0;
	bool ok;

	ok = VARSIZE_ANY_EXHDR(base64) == MASTER_KEY_CHARS &&
	     sodium_base642bin(master_key, sizeof(master_key), VARDATA_ANY(base64),
		 MASTER_KEY_CHARS, NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	     len == MASTER_KEY_BYTES;
	PG_TRY();
	{
		if (ok)
			result =
			    wrap_datum(fcinfo, master_key, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	}
	PG_FINALLY();
	{
		sodium_memzero(master_key, sizeof(master_key));
	}
	PG_END_TRY();
	if (!ok)
		PG_RETURN_NULL();
	return result;
}

/* auth.vault_rewrapped(user_id, wrap); the wrap itself when it is under the active key and in the
 * present format */
Datum
mana_vault_rewrapped(PG_FUNCTION_ARGS)
{
	char *user_id = text_to_cstring(PG_GETARG_TEXT_PP(0));
	unsigned char master_key[MASTER_KEY_BYTES];
	struct wrap wrap;
	volatile Datum result = (Datum)0;
	bool opens;

	wrap_from_record(&wrap, PG_GETARG_HEAPTUPLEHEADER(1));
	opens = wrap_open(master_key, &wrap, user_id);
	PG_TRY();
	{
		if (opens && wrap.format_version == WRAP_FORMAT &&
		    strcmp(wrap.kek_id, kek_active()->id) == 0 &&
		    has_commitment(PG_GETARG_HEAPTUPLEHEADER(1)))
			result = PG_GETARG_DATUM(1);
		else if (opens)
			result = wrap_datum(fcinfo, master_key, user_id);
	}
	PG_FINALLY();
	{
		sodium_memzero(master_key, sizeof(master_key));
	}
	PG_END_TRY();
	if (!opens)
		PG_RETURN_NULL();
	return result;
}

/* auth.kek_active_id() */
Datum
mana_kek_active_id(PG_FUNCTION_ARGS)
{
	const struct kek *kek = kek_active_or_null();

	if (kek == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(kek->id));
}

static Datum
wrap_datum(
    FunctionCallInfo fcinfo, const unsigned char master_key[MASTER_KEY_BYTES], const char *user_id)
{
	enum { WRAP_COLUMNS = 5 };
	unsigned char commitment[COMMITMENT_BYTES];
	bytea *commitment_value = palloc(VARHDRSZ + COMMITMENT_BYTES);
	bool nulls[WRAP_COLUMNS] = {false};
	Datum values[WRAP_COLUMNS];
	struct wrap wrap;
	TupleDesc shape;

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE ||
	    shape->natts != WRAP_COLUMNS)
		elog(ERROR, "auth.vault_wrap has an unexpected shape");
	wrap_seal(&wrap, master_key, user_id);
	wrap_commit(commitment, master_key, user_id);
	SET_VARSIZE(commitment_value, VARHDRSZ + COMMITMENT_BYTES);
	memcpy(VARDATA(commitment_value), commitment, COMMITMENT_BYTES);
	values[0] = CStringGetTextDatum(wrap.wrapped_mk);
	values[1] = CStringGetTextDatum(wrap.wrap_iv);
	values[2] = Int16GetDatum((int16)wrap.format_version);
	values[3] = CStringGetTextDatum(wrap.kek_id);
	values[4] = PointerGetDatum(commitment_value);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}

static bool
has_commitment(HeapTupleHeader record)
{
	bool is_null;

	(void)GetAttributeByNum(record, 5, &is_null);
	return !is_null;
}

/* Columns of auth.vault_wrap; what is too long to be a wrap is cut and will not open. */
static void
wrap_from_record(struct wrap *wrap, HeapTupleHeader record)
{
	const struct {
		int column;
		char *to;
		size_t size;
	} texts[] = {{1, wrap->wrapped_mk, sizeof(wrap->wrapped_mk)},
	    {2, wrap->wrap_iv, sizeof(wrap->wrap_iv)}, {4, wrap->kek_id, sizeof(wrap->kek_id)}};
	bool is_null;

	memset(wrap, 0, sizeof(*wrap));
	for (size_t i = 0; i < lengthof(texts); i++) {
		Datum value = GetAttributeByNum(record, (AttrNumber)texts[i].column, &is_null);

		if (!is_null)
			text_to_cstring_buffer(DatumGetTextPP(value), texts[i].to, texts[i].size);
	}
	wrap->format_version = DatumGetInt16(GetAttributeByNum(record, 3, &is_null));
}

/* auth_api.vault_*(caller, input, OUT the columns of auth.reply) */
Datum
mana_vault_call(PG_FUNCTION_ARGS)
{
	CallContext *context = fcinfo->context && IsA(fcinfo->context, CallContext)
				   ? (CallContext *)fcinfo->context
				   : NULL;
	MemoryContext keep = CurrentMemoryContext;
	struct decision decision = {.discloses = false};
	Datum values[REPLY_COLUMNS];
	bool nulls[REPLY_COLUMNS];
	TupleDesc shape;

	if (context == NULL || context->atomic)
		ereport(ERROR, errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
		    errmsg("a vault procedure cannot run inside a transaction block"),
		    errdetail("Its audit record must be durable before the key is handed out."));
	if (PG_ARGISNULL(0))
		ereport(
		    ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the caller is null"));
	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE ||
	    shape->natts != REPLY_COLUMNS)
		elog(ERROR, "the procedure has an unexpected shape");

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	decide(&decision, fcinfo->flinfo->fn_oid, PG_GETARG_DATUM(0),
	    PG_ARGISNULL(1) ? (Datum)0 : PG_GETARG_DATUM(1), PG_ARGISNULL(1), keep);
	SPI_commit(); /* from here on the row is there, whatever the caller does */
	SPI_finish();

	for (int i = 0; i < REPLY_COLUMNS; i++) {
		const char *column = decision.columns[i];

		nulls[i] = column == NULL;
		if (column == NULL)
			continue;
		if (i == RETRY_AFTER || i == STATUS)
			values[i] = Int32GetDatum((int32)strtol(column, NULL, 10));
		else if (i == BODY && decision.discloses)
			values[i] = PointerGetDatum(disclose(column, &decision));
		else
			values[i] = CStringGetTextDatum(column);
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}

/* Runs auth.<name of the procedure>(caller, input) with the rights of the owner. */
static void
decide(struct decision *out, Oid procedure, Datum caller, Datum input, bool input_is_null,
    MemoryContext keep)
{
	Oid types[2], *all_types, user, owner;
	int security, arg_count;
	Datum args[2] = {caller, input};
	char nulls[3] = {' ', input_is_null ? 'n' : ' ', '\0'};
	char *name, *query;

	owner_and_name(&owner, &name, procedure);
	(void)get_func_signature(procedure, &all_types, &arg_count);
	types[0] = all_types[0];
	types[1] = all_types[1];
	query = psprintf("SELECT (d.reply).*, d.disclose, d.user_id FROM auth.%s($1, $2) d",
	    quote_identifier(name));
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(
	    owner, security | SECURITY_LOCAL_USERID_CHANGE); /* an error takes it back by itself */
	if (SPI_execute_with_args(query, 2, types, args, nulls, false, 1) != SPI_OK_SELECT ||
	    SPI_processed != 1)
		elog(ERROR, "%s returned no decision", name);
	SetUserIdAndSecContext(user, security);
	read_decision(out, keep);
}

static void
owner_and_name(Oid *owner, char **name, Oid procedure)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(procedure));
	Form_pg_proc form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for procedure %u", procedure);
	form = (Form_pg_proc)GETSTRUCT(tuple);
	*owner = form->proowner;
	*name = pstrdup(NameStr(form->proname));
	ReleaseSysCache(tuple);
}

static void
read_decision(struct decision *out, MemoryContext keep)
{
	HeapTuple row = SPI_tuptable->vals[0];
	TupleDesc shape = SPI_tuptable->tupdesc;
	Datum wrap;
	bool is_null;

	for (int i = 0; i < REPLY_COLUMNS; i++) {
		char *column = SPI_getvalue(row, shape, i + 1);

		out->columns[i] = column ? MemoryContextStrdup(keep, column) : NULL;
	}
	wrap = SPI_getbinval(row, shape, REPLY_COLUMNS + 1, &is_null);
	out->discloses = !is_null;
	if (is_null)
		return;
	wrap_from_record(&out->wrap, DatumGetHeapTupleHeader(wrap));
	out->user_id = MemoryContextStrdup(keep, SPI_getvalue(row, shape, REPLY_COLUMNS + 2));
}

/* The body with the master key where the mark stands. The key is in clear in this text and on the
 * stack, nowhere else. */
static text *
disclose(const char *body, const struct decision *decision)
{
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
