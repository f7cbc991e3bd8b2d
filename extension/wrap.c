/*
 * Wrapping master keys. Format 2 is AES-256-GCM with the AAD
 *   "auth.encryption_vaults" NUL "2" NUL kek id NUL user id
 * so that a wrap opens only in the row that it was made for. Format 1, of the service before us,
 * has no AAD; it is read and never written. Both are stored as WebCrypto has them: base64 of the
 * IV, base64 of ciphertext ‖ tag.
 */
#include "postgres.h"

#include <sodium.h>

#include "seal.h"
#include "wrap.h"

#define AAD_MAX     512
#define AAD_LABEL   "auth.encryption_vaults\0002"
#define COMMIT_TEXT "mana.vault.commitment.v1"

static bool is_committed_to(
    const struct wrap *wrap, const unsigned char master_key[MASTER_KEY_BYTES], const char *user_id);

static size_t
aad_of(unsigned char aad[AAD_MAX], int format_version, const char *kek_id, const char *user_id)
{
	size_t len = sizeof(AAD_LABEL), kek_len = strlen(kek_id) + 1, user_len = strlen(user_id);

	if (format_version == 1)
		return 0;
	if (len + kek_len + user_len > AAD_MAX)
		ereport(
		    ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("user id too long"));
	memcpy(aad, AAD_LABEL, len);
	memcpy(aad + len, kek_id, kek_len);
	memcpy(aad + len + kek_len, user_id, user_len);
	return len + kek_len + user_len;
}

void
wrap_seal(struct wrap *out, const unsigned char master_key[MASTER_KEY_BYTES], const char *user_id)
{
	const struct kek *kek = kek_active();
	unsigned char aad[AAD_MAX], sealed[MASTER_KEY_BYTES + SEAL_OVERHEAD];
	size_t aad_len = aad_of(aad, WRAP_FORMAT, kek->id, user_id);

	gcm_seal(sealed, kek, aad, aad_len, master_key, MASTER_KEY_BYTES);
	sodium_bin2base64(out->wrap_iv, sizeof(out->wrap_iv), sealed, SEAL_IV_BYTES,
	    sodium_base64_VARIANT_ORIGINAL);
	sodium_bin2base64(out->wrapped_mk, sizeof(out->wrapped_mk), sealed + SEAL_IV_BYTES,
	    MASTER_KEY_BYTES + SEAL_TAG_BYTES, sodium_base64_VARIANT_ORIGINAL);
	out->format_version = WRAP_FORMAT;
	strlcpy(out->kek_id, kek->id, sizeof(out->kek_id));
}

bool
wrap_open(unsigned char master_key[MASTER_KEY_BYTES], struct wrap *wrap, const char *user_id)
{
	const struct kek *kek = kek_find(wrap->kek_id);
	unsigned char aad[AAD_MAX], sealed[MASTER_KEY_BYTES + SEAL_OVERHEAD];
	size_t iv_len, rest_len, aad_len = aad_of(aad, wrap->format_version, wrap->kek_id, user_id);

	sodium_memzero(master_key, MASTER_KEY_BYTES);
	if (kek == NULL) {
		ereport(LOG, errmsg("a vault needs key \"%s\", which the key ring does not have",
				 wrap->kek_id));
		return false;
	}
	if (sodium_base642bin(sealed, SEAL_IV_BYTES, wrap->wrap_iv, strlen(wrap->wrap_iv), NULL,
		&iv_len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    sodium_base642bin(sealed + SEAL_IV_BYTES, sizeof(sealed) - SEAL_IV_BYTES,
		wrap->wrapped_mk, strlen(wrap->wrapped_mk), NULL, &rest_len, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    iv_len != SEAL_IV_BYTES || rest_len != MASTER_KEY_BYTES + SEAL_TAG_BYTES ||
	    !gcm_open_often(master_key, kek, aad, aad_len, sealed, sizeof(sealed))) {
		ereport(LOG, errmsg("the vault of user \"%s\" does not open with key \"%s\"",
				 user_id, wrap->kek_id));
		return false;
	}
	if (!wrap->was_opened && !is_committed_to(wrap, master_key, user_id)) {
		sodium_memzero(master_key, MASTER_KEY_BYTES);
		ereport(LOG,
		    errmsg("the vault of user \"%s\" is committed to another key than it holds",
			user_id));
		return false;
	}
	wrap->was_opened = true;
	return true;
}

static bool
is_committed_to(
    const struct wrap *wrap, const unsigned char master_key[MASTER_KEY_BYTES], const char *user_id)
{
	unsigned char commitment[COMMITMENT_BYTES];

	if (!wrap->has_commitment) /* of the service before us */
		return true;
	wrap_commit(commitment, master_key, user_id);
	return sodium_memcmp(wrap->commitment, commitment, COMMITMENT_BYTES) == 0;
}

void
wrap_commit(unsigned char commitment[COMMITMENT_BYTES],
    const unsigned char master_key[MASTER_KEY_BYTES], const char *user_id)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, master_key, MASTER_KEY_BYTES);
	crypto_auth_hmacsha256_update(
	    &state, (const unsigned char *)COMMIT_TEXT, sizeof(COMMIT_TEXT));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)user_id, strlen(user_id));
	crypto_auth_hmacsha256_final(&state, commitment);
	sodium_memzero(&state, sizeof(state));
}
