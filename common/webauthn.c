/* Signing in with a passkey (webauthn.h), verified by libfido2, and the keys that it is done by. */
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <openssl/err.h>

#include "cbor_check.h"
#include "webauthn_parts.h"

/* The kinds of key that are taken. What a key says of itself decides how it verifies. */
static const int algorithms[] = {COSE_ES256, COSE_EDDSA, COSE_RS256};

struct key { /* of one of these kinds */
	int algorithm;
	es256_pk_t *es256;
	eddsa_pk_t *eddsa;
	rs256_pk_t *rs256;
};

static fido_cred_t *cose_key_read(struct str cose_key);
static bool key_open(struct key *key, const fido_cred_t *credential);
static void key_close(struct key *key);
static enum webauthn_result
signature_verify(const fido_assert_t *assertion, const fido_cred_t *credential);

enum webauthn_result
webauthn_authenticate(struct webauthn_flags *out, const struct webauthn_client_data *client_data,
    struct str authenticator_data, struct str signature, struct str cose_key,
    const struct webauthn_party *party)
{
	enum webauthn_result result = WEBAUTHN_MISMATCH;
	fido_assert_t *assertion = fido_assert_new();
	fido_cred_t *key = cose_key_read(cose_key);
	char name[WEBAUTHN_NAME_BYTES];

	memset(out, 0, sizeof(*out));
	if (assertion != NULL && key != NULL &&
	    webauthn_flags_read(out, authenticator_data, party) &&
	    cbor_is_modest(str_skip(authenticator_data, HEAD_BYTES)) && signature.len > 0 &&
	    fido_assert_set_rp(assertion, webauthn_party_name(name, party)) == FIDO_OK &&
	    fido_assert_set_clientdata_hash(assertion, client_data->hash.bytes, DIGEST_BYTES) ==
		FIDO_OK &&
	    fido_assert_set_count(assertion, 1) == FIDO_OK &&
	    fido_assert_set_up(assertion, FIDO_OPT_TRUE) == FIDO_OK &&
	    fido_assert_set_authdata_raw(assertion, 0, (const unsigned char *)authenticator_data.p,
		authenticator_data.len) == FIDO_OK &&
	    fido_assert_set_sig(assertion, 0, (const unsigned char *)signature.p, signature.len) ==
		FIDO_OK)
		result = signature_verify(assertion, key);
	fido_assert_free(&assertion);
	fido_cred_free(&key);
	ERR_clear_error();
	return result;
}

bool
webauthn_flags_read(
    struct webauthn_flags *out, struct str authenticator_data, const struct webauthn_party *party)
{
	const unsigned char *bytes = (const unsigned char *)authenticator_data.p;
	struct digest party_digest;
	unsigned char flags;

	if (authenticator_data.len < HEAD_BYTES)
		return false;
	digest_sha256(&party_digest, party->id);
	flags = bytes[AT_FLAGS];
	*out = (struct webauthn_flags){
	    .user_verified = flags & FLAG_USER_VERIFIED,
	    .backup_eligible = flags & FLAG_BACKUP_ELIGIBLE,
	    .backed_up = flags & FLAG_BACKED_UP,
	    .sign_count = (uint32_t)bytes[AT_COUNTER] << 24 |
			  (uint32_t)bytes[AT_COUNTER + 1] << 16 |
			  (uint32_t)bytes[AT_COUNTER + 2] << 8 | bytes[AT_COUNTER + 3],
	};
	return memcmp(bytes, party_digest.bytes, DIGEST_BYTES) == 0 &&
	       (flags & FLAG_USER_PRESENT) && (out->backup_eligible || !out->backed_up);
}

/* libfido2 takes a key only if it is of the kind that was asked for. */
fido_cred_t *
webauthn_key_read(struct str authenticator_data)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		fido_cred_t *credential = fido_cred_new();

		if (credential != NULL &&
		    fido_cred_set_type(credential, algorithms[i]) == FIDO_OK &&
		    fido_cred_set_authdata_raw(credential,
			(const unsigned char *)authenticator_data.p,
			authenticator_data.len) == FIDO_OK &&
		    fido_cred_pubkey_ptr(credential) != NULL)
			return credential;
		fido_cred_free(&credential);
	}
	return NULL;
}

/* libfido2 reads a COSE key only where a registration has it: inside authenticator data, which is
 * put around it. */
static fido_cred_t *
cose_key_read(struct str cose_key)
{
	enum { ID_BYTES = 1 };
	char memory[HEAD_BYTES + KEY_HEAD_BYTES + ID_BYTES + WEBAUTHN_KEY_BYTES_MAX] = {0};
	size_t head = HEAD_BYTES + KEY_HEAD_BYTES + ID_BYTES;

	if (cose_key.len == 0 || cose_key.len > WEBAUTHN_KEY_BYTES_MAX || !cbor_is_modest(cose_key))
		return NULL;
	memory[AT_FLAGS] = FLAG_USER_PRESENT | FLAG_HAS_KEY;
	memory[head - ID_BYTES - 1] = ID_BYTES;
	memcpy(memory + head, cose_key.p, cose_key.len);
	return webauthn_key_read((struct str){.p = memory, .len = head + cose_key.len});
}

bool
webauthn_key_is_usable(const fido_cred_t *credential)
{
	struct key key;
	bool usable = key_open(&key, credential);

	key_close(&key);
	return usable;
}

static enum webauthn_result
signature_verify(const fido_assert_t *assertion, const fido_cred_t *credential)
{
	enum webauthn_result result = WEBAUTHN_MISMATCH;
	struct key key;

	if (key_open(&key, credential))
		result = webauthn_result_of(fido_assert_verify(assertion, 0, key.algorithm,
		    key.es256 != NULL   ? (const void *)key.es256
		    : key.eddsa != NULL ? (const void *)key.eddsa
					: (const void *)key.rs256));
	key_close(&key);
	return result;
}

static bool
key_open(struct key *key, const fido_cred_t *credential)
{
	const unsigned char *bytes = fido_cred_pubkey_ptr(credential);
	size_t count = fido_cred_pubkey_len(credential);

	*key = (struct key){.algorithm = fido_cred_type(credential)};
	switch (key->algorithm) {
	case COSE_ES256:
		key->es256 = es256_pk_new();
		return key->es256 != NULL && es256_pk_from_ptr(key->es256, bytes, count) == FIDO_OK;
	case COSE_EDDSA:
		key->eddsa = eddsa_pk_new();
		return key->eddsa != NULL && eddsa_pk_from_ptr(key->eddsa, bytes, count) == FIDO_OK;
	case COSE_RS256:
		key->rs256 = rs256_pk_new();
		return key->rs256 != NULL && rs256_pk_from_ptr(key->rs256, bytes, count) == FIDO_OK;
	default:
		return false;
	}
}

static void
key_close(struct key *key)
{
	es256_pk_free(&key->es256);
	eddsa_pk_free(&key->eddsa);
	rs256_pk_free(&key->rs256);
}

/* A domain has at most 253 characters; a longer one is nobody's. */
const char *
webauthn_party_name(char name[static WEBAUTHN_NAME_BYTES], const struct webauthn_party *party)
{
	size_t length = party->id.len < WEBAUTHN_NAME_BYTES ? party->id.len : 0;

	memcpy(name, party->id.p, length);
	name[length] = '\0';
	return name;
}

enum webauthn_result
webauthn_result_of(int fido)
{
	switch (fido) {
	case FIDO_OK:
		return WEBAUTHN_VALID;
	case FIDO_ERR_INVALID_SIG:
		return WEBAUTHN_BAD_SIGNATURE;
	default:
		return WEBAUTHN_MISMATCH;
	}
}
