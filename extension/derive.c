/*
 * auth.kek_derive: keys made from the active KEK (HKDF-SHA-256, RFC 5869).
 * auth.hmac_sha256: HMAC-SHA-256 (RFC 2104).
 */
#include "postgres.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>

#include "fmgr.h"
#include "kek.h"
#include "compat.h"

#define DERIVED_BYTES 32
#define HMAC_BYTES    32

PG_FUNCTION_INFO_V1(mana_kek_derive);
PG_FUNCTION_INFO_V1(mana_hmac_sha256);

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

/* (data, key) */
Datum
mana_hmac_sha256(PG_FUNCTION_ARGS)
{
	const bytea *data = PG_GETARG_BYTEA_PP(0), *key = PG_GETARG_BYTEA_PP(1);
	bytea *mac = palloc(VARHDRSZ + HMAC_BYTES);

	SET_VARSIZE(mac, VARHDRSZ + HMAC_BYTES);
	if (HMAC(EVP_sha256(), VARDATA_ANY(key), (int)VARSIZE_ANY_EXHDR(key),
		(const unsigned char *)VARDATA_ANY(data), VARSIZE_ANY_EXHDR(data),
		(unsigned char *)VARDATA(mac), NULL) == NULL)
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute a MAC"));
	PG_RETURN_BYTEA_P(mac);
}
