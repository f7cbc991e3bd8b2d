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
#include "seam.h"
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
	unsigned char commitment[COMMITMENT_BYTES];
	bytea *commitment_value = palloc(VARHDRSZ + COMMITMENT_BYTES);
	bool nulls[WRAP_COLUMNS] = {false};
	Datum values[WRAP_COLUMNS];
	TupleDesc shape = seam_result(fcinfo, WRAP_COLUMNS);
	struct wrap wrap;

	wrap_seal(&wrap, master_key, user_id);
	wrap_commit(commitment, master_key, user_id);
	SET_VARSIZE(commitment_value, VARHDRSZ + COMMITMENT_BYTES);
	memcpy(VARDATA(commitment_value), commitment, COMMITMENT_BYTES);
	values[WRAP_WRAPPED_MK] = CStringGetTextDatum(wrap.wrapped_mk);
	values[WRAP_WRAP_IV] = CStringGetTextDatum(wrap.wrap_iv);
	values[WRAP_FORMAT_VERSION] = Int16GetDatum((int16)wrap.format_version);
	values[WRAP_KEK_ID] = CStringGetTextDatum(wrap.kek_id);
	values[WRAP_COMMITMENT] = PointerGetDatum(commitment_value);
	return HeapTupleGetDatum(heap_form_tuple(shape, values, nulls));
}

void
wrap_from_columns(
    struct wrap *wrap, const Datum values[WRAP_COLUMNS], const bool nulls[WRAP_COLUMNS])
{
	const struct {
		enum wrap_column column;
		char *to;
		size_t size;
	} texts[] = {{WRAP_WRAPPED_MK, wrap->wrapped_mk, sizeof(wrap->wrapped_mk)},
	    {WRAP_WRAP_IV, wrap->wrap_iv, sizeof(wrap->wrap_iv)},
	    {WRAP_KEK_ID, wrap->kek_id, sizeof(wrap->kek_id)}};
	const bytea *commitment;

	memset(wrap, 0, sizeof(*wrap));
	for (size_t i = 0; i < lengthof(texts); i++)
		if (!nulls[texts[i].column])
			text_to_cstring_buffer(
			    DatumGetTextPP(values[texts[i].column]), texts[i].to, texts[i].size);
	if (!nulls[WRAP_FORMAT_VERSION])
		wrap->format_version = DatumGetInt16(values[WRAP_FORMAT_VERSION]);
	wrap->has_commitment = !nulls[WRAP_COMMITMENT];
	if (nulls[WRAP_COMMITMENT])
		return;
	commitment = DatumGetByteaPP(values[WRAP_COMMITMENT]);
	if (VARSIZE_ANY_EXHDR(commitment) == COMMITMENT_BYTES)
		memcpy(wrap->commitment, VARDATA_ANY(commitment), COMMITMENT_BYTES);
}

void
wrap_from_record(struct wrap *wrap, HeapTupleHeader record)
{
	Datum values[WRAP_COLUMNS];
	bool nulls[WRAP_COLUMNS];

	for (int i = 0; i < WRAP_COLUMNS; i++)
		values[i] = GetAttributeByNum(record, (AttrNumber)(i + 1), &nulls[i]);
	wrap_from_columns(wrap, values, nulls);
}
