/*
 * Keys made from keys: auth.kek_derive (HKDF-SHA-256, RFC 5869) and auth.ed25519_jwk (the public
 * half of a signing seed, RFC 8037).
 */
#include "postgres.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <sodium.h>

#include "fmgr.h"
#include "kek.h"
#include "utils/builtins.h"
#include "compat.h"

#define DERIVED_BYTES 32

PG_FUNCTION_INFO_V1(mana_kek_derive);
PG_FUNCTION_INFO_V1(mana_ed25519_jwk);

Datum
mana_kek_derive(PG_FUNCTION_ARGS)
{
	const text *label = PG_GETARG_TEXT_PP(0);
	const struct kek *kek = kek_active();
	bytea *derived = palloc(VARHDRSZ + DERIVED_BYTES);
	size_t len = DERIVED_BYTES;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	bool ok;

	SET_VARSIZE(derived, VARHDRSZ + DERIVED_BYTES);
	ok = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
	     EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) == 1 &&
	     EVP_PKEY_CTX_set1_hkdf_key(ctx, kek->key, KEK_BYTES) == 1 &&
	     EVP_PKEY_CTX_add1_hkdf_info(ctx, (const unsigned char *)VARDATA_ANY(label),
		 (int)VARSIZE_ANY_EXHDR(label)) == 1 &&
	     EVP_PKEY_derive(ctx, (unsigned char *)VARDATA(derived), &len) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (!ok)
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not derive a key"));
	PG_RETURN_BYTEA_P(derived);
}

Datum
mana_ed25519_jwk(PG_FUNCTION_ARGS)
{
	const bytea *seed = PG_GETARG_BYTEA_PP(0);
	unsigned char public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
	char x[sodium_base64_ENCODED_LEN(sizeof(public), sodium_base64_VARIANT_URLSAFE_NO_PADDING)];

	if (VARSIZE_ANY_EXHDR(seed) != crypto_sign_SEEDBYTES)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		    errmsg("an Ed25519 seed has %d bytes", (int)crypto_sign_SEEDBYTES));
	crypto_sign_seed_keypair(public, secret, (const unsigned char *)VARDATA_ANY(seed));
	sodium_memzero(secret, sizeof(secret));
	sodium_bin2base64(
	    x, sizeof(x), public, sizeof(public), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	PG_RETURN_TEXT_P(
	    cstring_to_text(psprintf("{\"crv\":\"Ed25519\",\"x\":\"%s\",\"kty\":\"OKP\"}", x)));
}
