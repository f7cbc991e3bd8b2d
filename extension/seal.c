/*
 * auth.seal and auth.unseal: what lies in a table but must not be readable in a dump (mail
 * arguments, signing keys, TOTP secrets). A sealed value is: version 1, length of the kek id, kek
 * id, iv ‖ ciphertext ‖ tag. The context says which row and column it belongs to; a value moved
 * elsewhere does not open.
 */
#include "postgres.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "errors.h"
#include "fmgr.h"
#include "seal.h"
#include "utils/builtins.h"
#include "compat.h"

#define SEAL_VERSION 1
#define SEAL_LABEL   "mana.seal.v1"

PG_FUNCTION_INFO_V1(mana_seal);
PG_FUNCTION_INFO_V1(mana_unseal);
PG_FUNCTION_INFO_V1(mana_unseal_or_null);
PG_FUNCTION_INFO_V1(mana_reseal);

static bytea *unseal(const bytea *sealed, const text *context, int level);
static bytea *seal_aad(const char *kek_id, const text *context);

Datum
mana_seal(PG_FUNCTION_ARGS)
{
	bytea *plain = PG_GETARG_BYTEA_PP(0);
	const struct kek *kek = kek_active();
	bytea *aad = seal_aad(kek->id, PG_GETARG_TEXT_PP(1));
	size_t id_len = strlen(kek->id);
	size_t len = VARSIZE_ANY_EXHDR(plain);
	bytea *sealed = palloc(VARHDRSZ + 2 + id_len + len + SEAL_OVERHEAD);
	unsigned char *at = (unsigned char *)VARDATA(sealed);

	SET_VARSIZE(sealed, VARHDRSZ + 2 + id_len + len + SEAL_OVERHEAD);
	*at++ = SEAL_VERSION;
	*at++ = (unsigned char)id_len;
	memcpy(at, kek->id, id_len);
	gcm_seal(at + id_len, kek, VARDATA(aad), VARSIZE(aad) - VARHDRSZ,
	    (unsigned char *)VARDATA_ANY(plain), len);
	PG_RETURN_BYTEA_P(sealed);
}

/* auth.unseal(sealed, context) */
Datum
mana_unseal(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(unseal(PG_GETARG_BYTEA_PP(0), PG_GETARG_TEXT_PP(1), ERROR));
}

/* auth.unseal_or_null(sealed, context) */
Datum
mana_unseal_or_null(PG_FUNCTION_ARGS)
{
	bytea *plain = unseal(PG_GETARG_BYTEA_PP(0), PG_GETARG_TEXT_PP(1), LOG);

	if (plain == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(plain);
}

/* Says at the given level why a value does not open; NULL then, where that is no error. */
static bytea *
unseal(const bytea *sealed, const text *context, int level)
{
	const unsigned char *at = (const unsigned char *)VARDATA_ANY(sealed);
	size_t len = VARSIZE_ANY_EXHDR(sealed);
	char id[KEK_ID_MAX + 1] = "";
	const struct kek *kek;
	bytea *aad, *plain;

	if (len < 2 || at[0] != SEAL_VERSION || at[1] > KEK_ID_MAX ||
	    len < 2u + at[1] + SEAL_OVERHEAD) {
		ereport(level, errcode(ERRCODE_DATA_CORRUPTED), errmsg("this is no sealed value"));
		return NULL;
	}
	memcpy(id, at + 2, at[1]);
	kek = kek_find(id);
	if (kek == NULL) {
		ereport(level, errcode(MANA_ERRCODE(503)),
		    errmsg("the key ring does not have key \"%s\"", id),
		    errdetail_internal("{\"code\":\"VAULT_LOCKED\"}"));
		return NULL;
	}
	aad = seal_aad(id, context);
	len -= 2u + at[1];
	plain = palloc(VARHDRSZ + len - SEAL_OVERHEAD);
	SET_VARSIZE(plain, VARHDRSZ + len - SEAL_OVERHEAD);
	if (!gcm_open((unsigned char *)VARDATA(plain), kek, VARDATA(aad), VARSIZE(aad) - VARHDRSZ,
		at + 2 + at[1], len)) {
		ereport(level, errcode(ERRCODE_DATA_CORRUPTED),
		    errmsg("a sealed value does not open: it was changed, or belongs elsewhere"));
		return NULL;
	}
	return plain;
}

/* What is under the active key already is given back as it is. */
Datum
mana_reseal(PG_FUNCTION_ARGS)
{
	bytea *sealed = PG_GETARG_BYTEA_PP(0);
	const unsigned char *at = (const unsigned char *)VARDATA_ANY(sealed);
	const struct kek *kek = kek_active();
	size_t id_len = strlen(kek->id);
	Datum plain, moved;

	if (VARSIZE_ANY_EXHDR(sealed) >= 2 + id_len && at[1] == id_len &&
	    memcmp(at + 2, kek->id, id_len) == 0)
		PG_RETURN_BYTEA_P(sealed);
	plain = DirectFunctionCall2(mana_unseal, PointerGetDatum(sealed), PG_GETARG_DATUM(1));
	moved = DirectFunctionCall2(mana_seal, plain, PG_GETARG_DATUM(1));
	sodium_memzero(
	    VARDATA_ANY(DatumGetPointer(plain)), VARSIZE_ANY_EXHDR(DatumGetPointer(plain)));
	PG_RETURN_DATUM(moved);
}

static bytea *
seal_aad(const char *kek_id, const text *context)
{
	size_t label_len = sizeof(SEAL_LABEL), id_len = strlen(kek_id) + 1;
	size_t context_len = VARSIZE_ANY_EXHDR(context);
	bytea *aad = palloc(VARHDRSZ + label_len + id_len + context_len);

	SET_VARSIZE(aad, VARHDRSZ + label_len + id_len + context_len);
	memcpy(VARDATA(aad), SEAL_LABEL, label_len);
	memcpy(VARDATA(aad) + label_len, kek_id, id_len);
	memcpy(VARDATA(aad) + label_len + id_len, VARDATA_ANY(context), context_len);
	return aad;
}

/* Fetched once: what EVP_aes_256_gcm() names is looked for anew with each use (OpenSSL's
 * ossl-guide-libcrypto-introduction, "Performance"). */
static const EVP_CIPHER *
cipher(void)
{
	static EVP_CIPHER *gcm;

	if (gcm == NULL)
		gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (gcm == NULL)
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR),
		    errmsg("OpenSSL does not offer AES-256-GCM"));
	return gcm;
}

void
gcm_seal(unsigned char *out, const struct kek *kek, const void *aad, size_t aad_len,
    const unsigned char *plain, size_t len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	bool ok;

	ok = pg_strong_random(out, SEAL_IV_BYTES) && ctx != NULL &&
	     EVP_EncryptInit_ex(ctx, cipher(), NULL, kek->key, out) == 1 &&
	     EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1 &&
	     EVP_EncryptUpdate(ctx, out + SEAL_IV_BYTES, &n, plain, (int)len) == 1 &&
	     EVP_EncryptFinal_ex(ctx, out + SEAL_IV_BYTES + len, &n) == 1 &&
	     EVP_CIPHER_CTX_ctrl(
		 ctx, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_BYTES, out + SEAL_IV_BYTES + len) == 1;
	EVP_CIPHER_CTX_free(ctx); /* wipes the key schedule */
	if (!ok)
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not seal"));
}

bool
gcm_open(unsigned char *out, const struct kek *kek, const void *aad, size_t aad_len,
    const unsigned char *sealed, size_t len)
{
	size_t plain_len = len - SEAL_OVERHEAD;
	unsigned char tag[SEAL_TAG_BYTES];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	bool ok;

	memcpy(tag, sealed + SEAL_IV_BYTES + plain_len, SEAL_TAG_BYTES);
	ok = ctx != NULL && EVP_DecryptInit_ex(ctx, cipher(), NULL, kek->key, sealed) == 1 &&
	     EVP_DecryptUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1 &&
	     EVP_DecryptUpdate(ctx, out, &n, sealed + SEAL_IV_BYTES, (int)plain_len) == 1 &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, SEAL_TAG_BYTES, tag) == 1 &&
	     EVP_DecryptFinal_ex(ctx, out + plain_len, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		sodium_memzero(out, plain_len);
	return ok;
}

bool
gcm_open_often(unsigned char *out, const struct kek *kek, const void *aad, size_t aad_len,
    const unsigned char *sealed, size_t len)
{
	if (!crypto_aead_aes256gcm_is_available())
		return gcm_open(out, kek, aad, aad_len, sealed, len);
	if (crypto_aead_aes256gcm_decrypt(out, NULL, NULL, sealed + SEAL_IV_BYTES,
		len - SEAL_IV_BYTES, aad, aad_len, sealed, kek->key) == 0)
		return true;
	sodium_memzero(out, len - SEAL_OVERHEAD);
	return false;
}
