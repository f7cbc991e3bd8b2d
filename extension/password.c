/*
 * The last comparison of passwords. The edge computes the output of argon2id or scrypt, whose cost
 * does not belong on the database; whether that output is the right one is decided here, in
 * constant time. What is stored of an argon2id output is its HMAC-SHA-256 under a key that is
 * sealed: whoever reads a stored hash can neither send it nor test guesses against it. The forms
 * are common/password_form.c.
 */
#include "postgres.h"

#include <sodium.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "password_form.h"
#include "utils/builtins.h"
#include "compat.h"

#define MAC_CHARS     43 /* base64 of 32 bytes, unpadded */
#define SEALED_PREFIX "$argon2id-hmac-sha256$"
#define PLAIN_PREFIX  "$argon2id$"

PG_FUNCTION_INFO_V1(mana_password_challenge);
PG_FUNCTION_INFO_V1(mana_password_matches);
PG_FUNCTION_INFO_V1(mana_password_seal);

static struct str slice(const void *varlena);
static size_t
decode_output(unsigned char out[static PASSWORD_OUTPUT_MAX], const struct password_form *form);
static void mac(unsigned char out[static crypto_auth_hmacsha256_BYTES], const bytea *key,
    const void *output, size_t count);

/* auth.password_challenge(stored): the stored hash without its output; NULL for other text. */
Datum
mana_password_challenge(PG_FUNCTION_ARGS)
{
	char memory[PASSWORD_CHALLENGE_MAX];
	struct buf out = BUF_ON(memory);
	struct password_form form;

	if (!password_form_read(&form, slice(PG_GETARG_TEXT_PP(0))))
		PG_RETURN_NULL();
	password_challenge_write(&out, &form);
	if (!buf_ok(&out))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.p, (int)out.len));
}

/* auth.password_matches(stored, output, key): not strict, so that a NULL is never a yes. */
Datum
mana_password_matches(PG_FUNCTION_ARGS)
{
	unsigned char wanted[PASSWORD_OUTPUT_MAX], got[PASSWORD_OUTPUT_MAX] = {0};
	struct password_form form;
	const bytea *output, *key;
	size_t count, got_count;
	bool ok;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_BOOL(false);
	if (!password_form_read(&form, slice(PG_GETARG_TEXT_PP(0))))
		PG_RETURN_BOOL(false);
	output = PG_GETARG_BYTEA_PP(1);
	key = PG_GETARG_BYTEA_PP(2);
	got_count =
	    form.scheme == PASSWORD_SCRYPT ? PASSWORD_SCRYPT_BYTES : PASSWORD_ARGON2ID_BYTES;
	count = decode_output(wanted, &form);
	ok = VARSIZE_ANY_EXHDR(output) == got_count && count == got_count;
	if (ok && form.sealed)
		mac(got, key, VARDATA_ANY(output), got_count);
	else if (ok)
		memcpy(got, VARDATA_ANY(output), got_count);
	ok = ok && sodium_memcmp(got, wanted, got_count) == 0;
	sodium_memzero(got, sizeof(got));
	sodium_memzero(wanted, sizeof(wanted));
	PG_RETURN_BOOL(ok);
}

/* auth.password_seal(stored, key): argon2id in PHC form with a MAC in the place of its output;
 * other text, scrypt among it, as it is. */
Datum
mana_password_seal(PG_FUNCTION_ARGS)
{
	unsigned char output[PASSWORD_OUTPUT_MAX], sealed[crypto_auth_hmacsha256_BYTES];
	char encoded[MAC_CHARS + 1];
	struct str stored = slice(PG_GETARG_TEXT_PP(0));
	struct password_form form;
	StringInfoData out;
	size_t count;

	if (!password_form_read(&form, stored) || form.scheme != PASSWORD_ARGON2ID || form.sealed)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	count = decode_output(output, &form);
	if (count != PASSWORD_ARGON2ID_BYTES)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	mac(sealed, PG_GETARG_BYTEA_PP(1), output, count);
	sodium_bin2base64(encoded, sizeof(encoded), sealed, sizeof(sealed),
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	sodium_memzero(output, sizeof(output));
	initStringInfo(&out);
	appendStringInfoString(&out, SEALED_PREFIX);
	appendBinaryStringInfo(&out, stored.p + strlen(PLAIN_PREFIX),
	    (int)(stored.len - strlen(PLAIN_PREFIX) - form.output.len));
	appendStringInfoString(&out, encoded);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

static struct str
slice(const void *varlena)
{
	return (struct str){.p = VARDATA_ANY(varlena), .len = VARSIZE_ANY_EXHDR(varlena)};
}

/* How many bytes; 0 where the form has no output or its coding is not canonical. */
static size_t
decode_output(unsigned char out[static PASSWORD_OUTPUT_MAX], const struct password_form *form)
{
	size_t count = 0;
	int failed;

	memset(out, 0, PASSWORD_OUTPUT_MAX);
	if (form->output.p == NULL)
		return 0;
	failed = form->scheme == PASSWORD_SCRYPT
		     ? sodium_hex2bin(out, PASSWORD_OUTPUT_MAX, form->output.p, form->output.len,
			   NULL, &count, NULL)
		     : sodium_base642bin(out, PASSWORD_OUTPUT_MAX, form->output.p, form->output.len,
			   NULL, &count, NULL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	return failed == 0 ? count : 0;
}

static void
mac(unsigned char out[static crypto_auth_hmacsha256_BYTES], const bytea *key, const void *output,
    size_t count)
{
	if (VARSIZE_ANY_EXHDR(key) != crypto_auth_hmacsha256_KEYBYTES)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		    errmsg("key of password hashes has %d bytes", (int)VARSIZE_ANY_EXHDR(key)));
	crypto_auth_hmacsha256(out, output, count, (const unsigned char *)VARDATA_ANY(key));
}
