/*
 * Time-based codes (RFC 6238) of a second factor. The secret is made here, sealed here and compared
 * with here: what SQL holds of it is sealed, and only the URI for the authenticator app shows it.
 * The arithmetic is common/totp.c.
 */
#include "postgres.h"

#include "utils/timestamp.h"
#include "random.h"
#include "seal.h"
#include "totp.h"
#include "utils/builtins.h"
#include "compat.h"

#define SECRET_CHARS  32 /* of 62 letters and digits: 190 bits; RFC 4226 asks for 160 */
#define URI_BYTES_MAX 2048

PG_FUNCTION_INFO_V1(mana_totp_new);
PG_FUNCTION_INFO_V1(mana_totp_match);
PG_FUNCTION_INFO_V1(mana_totp_uri);

static struct str slice(const void *varlena);
static void wipe(void *varlena);

/* auth.totp_new(context): a new secret, sealed. */
Datum
mana_totp_new(PG_FUNCTION_ARGS)
{
	Datum secret = DirectFunctionCall1(mana_random_id, Int32GetDatum(SECRET_CHARS));
	Datum sealed = DirectFunctionCall2(mana_seal, secret, PG_GETARG_DATUM(0));

	wipe(DatumGetPointer(secret));
	PG_RETURN_DATUM(sealed);
}

/* auth.totp_match(sealed, context, code, at): the step of 30 seconds that the code is of; NULL: it
 * is wrong. */
Datum
mana_totp_match(PG_FUNCTION_ARGS)
{
	const TimestampTz unix_epoch =
	    (TimestampTz)(UNIX_EPOCH_JDATE - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(3);
	text *code = PG_GETARG_TEXT_PP(2);
	Datum secret;
	uint64_t step;
	bool matches;

	if (TIMESTAMP_NOT_FINITE(at) || at < unix_epoch)
		ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
		    errmsg("codes are of a time after 1970"));
	secret = DirectFunctionCall2(mana_unseal, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1));
	matches = totp_verify(&step, slice(DatumGetPointer(secret)), slice(code),
	    (uint64_t)((at - unix_epoch) / USECS_PER_SEC));
	wipe(DatumGetPointer(secret));
	if (!matches)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64)step);
}

/* auth.totp_uri(sealed, context, issuer, account): otpauth://totp/... */
Datum
mana_totp_uri(PG_FUNCTION_ARGS)
{
	char memory[URI_BYTES_MAX];
	struct buf out = BUF_ON(memory);
	Datum secret = DirectFunctionCall2(mana_unseal, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1));
	text *uri;

	totp_uri(&out, slice(DatumGetPointer(secret)), slice(PG_GETARG_TEXT_PP(2)),
	    slice(PG_GETARG_TEXT_PP(3)));
	wipe(DatumGetPointer(secret));
	if (!buf_ok(&out)) {
		buf_wipe(&out);
		ereport(ERROR, errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
		    errmsg("issuer or account is too long"));
	}
	uri = cstring_to_text_with_len(out.p, (int)out.len);
	buf_wipe(&out);
	PG_RETURN_TEXT_P(uri);
}

static struct str
slice(const void *varlena)
{
	return (struct str){.p = VARDATA_ANY(varlena), .len = VARSIZE_ANY_EXHDR(varlena)};
}

static void
wipe(void *varlena)
{
	explicit_bzero(VARDATA_ANY(varlena), VARSIZE_ANY_EXHDR(varlena));
	pfree(varlena);
}
