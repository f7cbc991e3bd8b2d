/*
 * Verifies the answer of an authenticator (Web Authentication level 2, section 7.2), so that no
 * edge can assert one. The arithmetic and the parsers are common/webauthn*.c; who the key belongs
 * to, the challenge and the counter are SQL's to judge (sql/functions/passkey_sign_in.sql).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "base64.h"
#include "webauthn.h"

PG_FUNCTION_INFO_V1(mana_passkey_verify);

#define SIGNATURE_BYTES_MAX 1024 /* RSA of 8192 bits */
#define ORIGINS_MAX         64

enum argument { PUBLIC_KEY, CLIENT_DATA, AUTHENTICATOR_DATA, SIGNATURE, RP_ID, ORIGINS, ARGUMENTS };
enum column { OUTCOME, CHALLENGE_DIGEST, COUNTER, USER_VERIFIED, BACKED_UP, COLUMNS };

struct answer {
	struct webauthn_client_data client_data;
	struct webauthn_flags flags;
};

static enum webauthn_result verify(struct answer *out, const struct str given[static ARGUMENTS]);
static size_t split_lines(struct str lines[static ORIGINS_MAX], struct str text);
static Datum row_of(FunctionCallInfo fcinfo, const struct answer *a, enum webauthn_result result);

/* auth.passkey_verify(public_key, client_data, authenticator_data, signature, rp_id, origins) */
Datum
mana_passkey_verify(PG_FUNCTION_ARGS)
{
	struct str given[ARGUMENTS];
	struct answer answer;

	for (int i = 0; i < ARGUMENTS; i++) { /* text and bytea are alike in memory */
		const struct varlena *value = PG_GETARG_VARLENA_PP(i);

		given[i] = (struct str){.p = VARDATA_ANY(value), .len = VARSIZE_ANY_EXHDR(value)};
	}
	memset(&answer, 0, sizeof(answer));
	return row_of(fcinfo, &answer, verify(&answer, given));
}

static enum webauthn_result
verify(struct answer *out, const struct str given[static ARGUMENTS])
{
	struct str origins[ORIGINS_MAX];
	struct webauthn_party party = {.id = given[RP_ID], .origins = origins};
	unsigned char key[WEBAUTHN_KEY_BYTES_MAX];
	size_t key_length;

	party.origins_count = split_lines(origins, given[ORIGINS]);
	if (given[AUTHENTICATOR_DATA].len > WEBAUTHN_OBJECT_BYTES_MAX ||
	    given[SIGNATURE].len > SIGNATURE_BYTES_MAX ||
	    !base64_decode(key, &key_length, sizeof(key), given[PUBLIC_KEY]) ||
	    !webauthn_client_data_read(&out->client_data, given[CLIENT_DATA], WEBAUTHN_GET, &party))
		return WEBAUTHN_MISMATCH;
	return webauthn_authenticate(&out->flags, &out->client_data, given[AUTHENTICATOR_DATA],
	    given[SIGNATURE], (struct str){.p = (const char *)key, .len = key_length}, &party);
}

static size_t
split_lines(struct str lines[static ORIGINS_MAX], struct str text)
{
	size_t count = 0;
	bool more = text.len > 0;

	while (more && count < ORIGINS_MAX)
		more = str_cut(&lines[count++], &text, text, '\n');
	return count;
}

static Datum
row_of(FunctionCallInfo fcinfo, const struct answer *a, enum webauthn_result result)
{
	static const char *const outcomes[] = {[WEBAUTHN_VALID] = "valid",
	    [WEBAUTHN_MISMATCH] = "mismatch",
	    [WEBAUTHN_BAD_SIGNATURE] = "bad_signature"};
	bytea *digest = palloc(VARHDRSZ + DIGEST_BYTES);
	bool nulls[COLUMNS] = {false};
	Datum values[COLUMNS];
	TupleDesc shape;

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE ||
	    shape->natts != COLUMNS)
		elog(ERROR, "auth.passkey_verify has an unexpected result type");
	SET_VARSIZE(digest, VARHDRSZ + DIGEST_BYTES);
	memcpy(VARDATA(digest), a->client_data.challenge.bytes, DIGEST_BYTES);
	values[OUTCOME] = CStringGetTextDatum(outcomes[result]);
	values[CHALLENGE_DIGEST] = PointerGetDatum(digest);
	values[COUNTER] = Int64GetDatum((int64)a->flags.sign_count);
	values[USER_VERIFIED] = BoolGetDatum(a->flags.user_verified);
	values[BACKED_UP] = BoolGetDatum(a->flags.backed_up);
	if (result != WEBAUTHN_VALID) /* nothing else of the answer is true */
		memset(nulls + 1, true, COLUMNS - 1);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls));
}
