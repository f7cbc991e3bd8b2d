/*
 * Master keys as SQL has them: wrapped (auth.vault_wrap), with a commitment. These routines make,
 * take and renew wraps; none gives a key in clear.
 */
#include "postgres.h"

#include <sodium.h>

#include "access/htup_details.h"
#include "compat.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "wrap.h"

PG_FUNCTION_INFO_V1(mana_vault_mint);
PG_FUNCTION_INFO_V1(mana_vault_wrap_given);
PG_FUNCTION_INFO_V1(mana_vault_rewrapped);
PG_FUNCTION_INFO_V1(mana_kek_active_id);

static Datum wrap_datum(
    FunctionCallInfo fcinfo, const unsigned char master_key[MASTER_KEY_BYTES], const char *user_id);

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
		    strcmp(wrap.kek_id, kek_active()->id) == 0 && wrap.has_commitment)
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

void
wrap_from_record(struct wrap *wrap, HeapTupleHeader record)
{
	const struct {
		const char *column;
		char *to;
		size_t size;
	} texts[] = {{"wrapped_mk", wrap->wrapped_mk, sizeof(wrap->wrapped_mk)},
	    {"wrap_iv", wrap->wrap_iv, sizeof(wrap->wrap_iv)},
	    {"kek_id", wrap->kek_id, sizeof(wrap->kek_id)}};
	Datum commitment;
	bool is_null;

	memset(wrap, 0, sizeof(*wrap));
	for (size_t i = 0; i < lengthof(texts); i++) {
		Datum value = GetAttributeByName(record, texts[i].column, &is_null);

		if (!is_null)
			text_to_cstring_buffer(DatumGetTextPP(value), texts[i].to, texts[i].size);
	}
	wrap->format_version =
	    DatumGetInt16(GetAttributeByName(record, "format_version", &is_null));
	commitment = GetAttributeByName(record, "commitment", &is_null);
	wrap->has_commitment = !is_null;
	if (!is_null && VARSIZE_ANY_EXHDR(DatumGetByteaPP(commitment)) == COMMITMENT_BYTES)
		memcpy(
		    wrap->commitment, VARDATA_ANY(DatumGetByteaPP(commitment)), COMMITMENT_BYTES);
}
