/*
 * auth.signing_key_make: a new key pair for JWTs. The public half as a JWK (RFC 7517), the private
 * half as PostgreSQL seals it: the 32-byte seed of Ed25519, or PKCS #8 for RSA and P-256.
 */
#include "postgres.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "compat.h"

#define ED25519_BYTES 32
#define P256_BYTES    32
/* 128 bits of security (NIST SP 800-57 part 1, table 2) */
#define RSA_BITS 3072

PG_FUNCTION_INFO_V1(mana_signing_key_make);

static EVP_PKEY *generate(const char *alg);
static char *public_jwk(EVP_PKEY *key, const char *alg);
static char *number(EVP_PKEY *key, const char *parameter, int bytes);
static char *base64url(const unsigned char *bytes, size_t count);
static bytea *private_half(EVP_PKEY *key, const char *alg);
static _Noreturn void failed(EVP_PKEY *key);

Datum
mana_signing_key_make(PG_FUNCTION_ARGS)
{
	char *alg = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum values[2];
	bool nulls[2] = {false, false};
	TupleDesc row;
	EVP_PKEY *key;

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("a row is returned"));
	key = generate(alg);
	values[0] = CStringGetTextDatum(public_jwk(key, alg));
	values[1] = PointerGetDatum(private_half(key, alg));
	EVP_PKEY_free(key); /* wipes it */
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

static EVP_PKEY *
generate(const char *alg)
{
	EVP_PKEY *key = NULL;

	if (strcmp(alg, "EdDSA") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else if (strcmp(alg, "ES256") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	else if (strcmp(alg, "RS256") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
	else
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		    errmsg("unknown signature algorithm \"%s\"", alg),
		    errhint("EdDSA, ES256 and RS256 are known."));
	if (key == NULL)
		failed(NULL);
	return key;
}

/* Members in the order in which clients have always seen them. */
static char *
public_jwk(EVP_PKEY *key, const char *alg)
{
	unsigned char public[ED25519_BYTES];
	size_t count = sizeof(public);

	if (strcmp(alg, "RS256") == 0)
		return psprintf("{\"n\":\"%s\",\"e\":\"%s\",\"kty\":\"RSA\"}",
		    number(key, OSSL_PKEY_PARAM_RSA_N, 0), number(key, OSSL_PKEY_PARAM_RSA_E, 0));
	/* RFC 7518, section 6.2.1.2: "The length of this octet string MUST be the full size of a
	 * coordinate for the curve specified" */
	if (strcmp(alg, "ES256") == 0)
		return psprintf("{\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\",\"kty\":\"EC\"}",
		    number(key, OSSL_PKEY_PARAM_EC_PUB_X, P256_BYTES),
		    number(key, OSSL_PKEY_PARAM_EC_PUB_Y, P256_BYTES));
	if (EVP_PKEY_get_raw_public_key(key, public, &count) != 1 || count != sizeof(public))
		failed(key);
	return psprintf(
	    "{\"crv\":\"Ed25519\",\"x\":\"%s\",\"kty\":\"OKP\"}", base64url(public, count));
}

/* A number of the key, big-endian, of so many bytes; 0: of as many as it needs. */
static char *
number(EVP_PKEY *key, const char *parameter, int bytes)
{
	unsigned char memory[RSA_BITS / 8];
	BIGNUM *n = NULL;
	int count;

	if (EVP_PKEY_get_bn_param(key, parameter, &n) != 1)
		failed(key);
	count = BN_bn2binpad(n, memory, bytes > 0 ? bytes : BN_num_bytes(n));
	BN_free(n);
	if (count <= 0)
		failed(key);
	return base64url(memory, (size_t)count);
}

static char *
base64url(const unsigned char *bytes, size_t count)
{
	size_t size = sodium_base64_encoded_len(count, sodium_base64_VARIANT_URLSAFE_NO_PADDING);

	return sodium_bin2base64(
	    palloc(size), size, bytes, count, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static bytea *
private_half(EVP_PKEY *key, const char *alg)
{
	bool is_raw = strcmp(alg, "EdDSA") == 0;
	PKCS8_PRIV_KEY_INFO *info = is_raw ? NULL : EVP_PKEY2PKCS8(key);
	size_t count = ED25519_BYTES;
	unsigned char *at;
	bytea *out;
	int length;

	if (is_raw) {
		out = palloc(VARHDRSZ + count);
		SET_VARSIZE(out, VARHDRSZ + count);
		if (EVP_PKEY_get_raw_private_key(key, (unsigned char *)VARDATA(out), &count) != 1 ||
		    count != ED25519_BYTES)
			failed(key);
		return out;
	}
	length = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : 0;
	if (length <= 0) {
		PKCS8_PRIV_KEY_INFO_free(info);
		failed(key);
	}
	out = palloc(VARHDRSZ + length);
	SET_VARSIZE(out, VARHDRSZ + length);
	at = (unsigned char *)VARDATA(out);
	(void)i2d_PKCS8_PRIV_KEY_INFO(info, &at); /* of the length that it has just said */
	PKCS8_PRIV_KEY_INFO_free(info);
	return out;
}

static void
failed(EVP_PKEY *key)
{
	unsigned long error = ERR_get_error();

	EVP_PKEY_free(key);
	ERR_clear_error();
	ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make a signing key"),
	    errdetail_internal("%s", ERR_reason_error_string(error) != NULL
					 ? ERR_reason_error_string(error)
					 : "OpenSSL gives no reason"));
}
