/* Passkeys (webauthn.h), verified by libfido2. */
#include "webauthn.h"

#include <cbor.h>
#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <openssl/err.h>

#include "cbor_check.h"
#include "json.h"

/* Authenticator data, section 6.1: digest of the party's id, flags, counter; then in a registration
 * the model, the length of the credential's id, that id, and the key; then extensions. */
enum {
	AT_FLAGS = DIGEST_BYTES,
	AT_COUNTER = AT_FLAGS + 1,
	HEAD_BYTES = AT_COUNTER + 4,
	KEY_HEAD_BYTES = WEBAUTHN_AAGUID_BYTES + 2
};
enum {
	FLAG_USER_PRESENT = 0x01,
	FLAG_USER_VERIFIED = 0x04,
	FLAG_BACKUP_ELIGIBLE = 0x08,
	FLAG_BACKED_UP = 0x10,
	FLAG_HAS_KEY = 0x40,
	FLAG_HAS_EXTENSIONS = 0x80
};

struct attestation {
	cbor_item_t *object; /* owns the memory of the others */
	struct str format;
	struct str authenticator_data;
	const cbor_item_t *statement;
};

/* The kinds of key that are taken. What a key says of itself decides how it verifies. */
static const int algorithms[] = {COSE_ES256, COSE_EDDSA, COSE_RS256};

static bool read_flags(
    struct webauthn_flags *out, struct str authenticator_data, const struct webauthn_party *party);
static bool attestation_read(struct attestation *out, struct str object);
static struct str text_of(const cbor_item_t *item);
static fido_cred_t *credential_read(struct str authenticator_data);
static bool key_copy(struct webauthn_credential *out, struct str authenticator_data);
static enum webauthn_result
statement_verify(fido_cred_t *credential, const struct attestation *attestation,
    const struct webauthn_client_data *client_data, const struct webauthn_party *party);
static bool statement_set(fido_cred_t *credential, const struct attestation *attestation);
static fido_cred_t *key_read(struct str cose_key);
static enum webauthn_result
signature_verify(const fido_assert_t *assertion, const fido_cred_t *key);
static const char *party_name(char name[static 256], const struct webauthn_party *party);
static enum webauthn_result result_of(int fido);

enum webauthn_result
webauthn_register(struct webauthn_credential *out, const struct webauthn_client_data *client_data,
    struct str attestation_object, const struct webauthn_party *party)
{
	enum webauthn_result result = WEBAUTHN_MISMATCH;
	struct attestation attestation;
	fido_cred_t *credential = NULL;

	memset(out, 0, sizeof(*out));
	if (attestation_read(&attestation, attestation_object) &&
	    read_flags(&out->flags, attestation.authenticator_data, party) &&
	    key_copy(out, attestation.authenticator_data))
		credential = credential_read(attestation.authenticator_data);
	if (credential != NULL)
		result = statement_verify(credential, &attestation, client_data, party);
	fido_cred_free(&credential);
	if (attestation.object != NULL)
		cbor_decref(&attestation.object);
	ERR_clear_error();
	return result;
}

enum webauthn_result
webauthn_authenticate(struct webauthn_flags *out, const struct webauthn_client_data *client_data,
    struct str authenticator_data, struct str signature, struct str cose_key,
    const struct webauthn_party *party)
{
	enum webauthn_result result = WEBAUTHN_MISMATCH;
	fido_assert_t *assertion = fido_assert_new();
	fido_cred_t *key = key_read(cose_key);
	char name[256];

	memset(out, 0, sizeof(*out));
	if (assertion != NULL && key != NULL && read_flags(out, authenticator_data, party) &&
	    cbor_is_modest(str_skip(authenticator_data, HEAD_BYTES)) && signature.len > 0 &&
	    fido_assert_set_rp(assertion, party_name(name, party)) == FIDO_OK &&
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

/* Sections 7.1 and 7.2 ask the same of them: made for this party, in somebody's presence, and not
 * backed up unless it can be. */
static bool
read_flags(
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

/* Section 6.5.4: {"fmt": text, "attStmt": map, "authData": bytes}. */
static bool
attestation_read(struct attestation *out, struct str object)
{
	struct cbor_load_result loaded;
	const struct cbor_pair *pairs;

	*out = (struct attestation){.object = NULL};
	if (object.len > WEBAUTHN_OBJECT_BYTES_MAX || !cbor_is_modest(object))
		return false;
	out->object = cbor_load((cbor_data)object.p, object.len, &loaded);
	if (out->object == NULL || loaded.read != object.len || !cbor_isa_map(out->object) ||
	    cbor_map_size(out->object) != 3)
		return false;
	pairs = cbor_map_handle(out->object);
	for (int i = 0; i < 3; i++) {
		struct str name = text_of(pairs[i].key);

		if (str_equal(name, STR("fmt")))
			out->format = text_of(pairs[i].value);
		else if (str_equal(name, STR("attStmt")) && cbor_isa_map(pairs[i].value))
			out->statement = pairs[i].value;
		else if (str_equal(name, STR("authData")) && cbor_isa_bytestring(pairs[i].value))
			out->authenticator_data = (struct str){
			    .p = (const char *)cbor_bytestring_handle(pairs[i].value),
			    .len = cbor_bytestring_length(pairs[i].value),
			};
	}
	return out->format.p != NULL && out->statement != NULL && out->authenticator_data.p != NULL;
}

static struct str
text_of(const cbor_item_t *item)
{
	if (!cbor_isa_string(item))
		return STR_NONE;
	return (struct str){
	    .p = (const char *)cbor_string_handle(item), .len = cbor_string_length(item)};
}

/* Where the key ends only CBOR knows. Behind it there may be extensions, and nothing else. */
static bool
key_copy(struct webauthn_credential *out, struct str authenticator_data)
{
	struct str rest = str_skip(authenticator_data, HEAD_BYTES);
	struct cbor_load_result loaded;
	cbor_item_t *key;

	if (rest.len < KEY_HEAD_BYTES || !(authenticator_data.p[AT_FLAGS] & FLAG_HAS_KEY))
		return false;
	memcpy(out->aaguid, rest.p, sizeof(out->aaguid));
	out->id_length = (size_t)(unsigned char)rest.p[WEBAUTHN_AAGUID_BYTES] << 8 |
			 (unsigned char)rest.p[WEBAUTHN_AAGUID_BYTES + 1];
	rest = str_skip(rest, KEY_HEAD_BYTES);
	if (out->id_length == 0 || out->id_length > sizeof(out->id) || out->id_length >= rest.len)
		return false;
	memcpy(out->id, rest.p, out->id_length);
	rest = str_skip(rest, out->id_length);
	if (!cbor_is_modest(rest))
		return false;
	key = cbor_load((cbor_data)rest.p, rest.len, &loaded);
	if (key == NULL)
		return false;
	cbor_decref(&key);
	if (loaded.read > sizeof(out->key) ||
	    (loaded.read < rest.len) != !!(authenticator_data.p[AT_FLAGS] & FLAG_HAS_EXTENSIONS))
		return false;
	out->key_length = loaded.read;
	memcpy(out->key, rest.p, loaded.read);
	return true;
}

/* libfido2 takes a key only if it is of the kind that was asked for. */
static fido_cred_t *
credential_read(struct str authenticator_data)
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

/* Section 8.7: a statement of format none is empty. Any other one must hold: by the key itself, or
 * by a certificate, of which nothing more is asked. */
static enum webauthn_result
statement_verify(fido_cred_t *credential, const struct attestation *attestation,
    const struct webauthn_client_data *client_data, const struct webauthn_party *party)
{
	char name[256];

	if (str_equal(attestation->format, STR("none")))
		return cbor_map_size(attestation->statement) == 0 ? WEBAUTHN_VALID
								  : WEBAUTHN_MISMATCH;
	if (!statement_set(credential, attestation) ||
	    fido_cred_set_rp(credential, party_name(name, party), NULL) != FIDO_OK ||
	    fido_cred_set_clientdata_hash(credential, client_data->hash.bytes, DIGEST_BYTES) !=
		FIDO_OK)
		return WEBAUTHN_MISMATCH;
	return result_of(fido_cred_x5c_ptr(credential) != NULL ? fido_cred_verify(credential)
							       : fido_cred_verify_self(credential));
}

static bool
statement_set(fido_cred_t *credential, const struct attestation *attestation)
{
	unsigned char *bytes = NULL;
	size_t size = 0, count;
	char format[32];
	bool ok;

	if (attestation->format.len >= sizeof(format))
		return false;
	memcpy(format, attestation->format.p, attestation->format.len);
	format[attestation->format.len] = '\0';
	count = cbor_serialize_alloc(attestation->statement, &bytes, &size);
	ok = count > 0 && fido_cred_set_fmt(credential, format) == FIDO_OK &&
	     fido_cred_set_attstmt(credential, bytes, count) == FIDO_OK;
	free(bytes);
	return ok;
}

/* libfido2 reads a COSE key only where a registration has it: inside authenticator data, which is
 * put around it. */
static fido_cred_t *
key_read(struct str cose_key)
{
	enum { ID_BYTES = 1 };
	char memory[HEAD_BYTES + KEY_HEAD_BYTES + ID_BYTES + WEBAUTHN_KEY_BYTES_MAX] = {0};
	size_t head = HEAD_BYTES + KEY_HEAD_BYTES + ID_BYTES;

	if (cose_key.len == 0 || cose_key.len > WEBAUTHN_KEY_BYTES_MAX || !cbor_is_modest(cose_key))
		return NULL;
	memory[AT_FLAGS] = FLAG_USER_PRESENT | FLAG_HAS_KEY;
	memory[head - ID_BYTES - 1] = ID_BYTES;
	memcpy(memory + head, cose_key.p, cose_key.len);
	return credential_read((struct str){.p = memory, .len = head + cose_key.len});
}

static enum webauthn_result
signature_verify(const fido_assert_t *assertion, const fido_cred_t *key)
{
	const unsigned char *bytes = fido_cred_pubkey_ptr(key);
	size_t count = fido_cred_pubkey_len(key);
	int algorithm = fido_cred_type(key), fido = FIDO_ERR_INVALID_ARGUMENT;
	es256_pk_t *es256 = algorithm == COSE_ES256 ? es256_pk_new() : NULL;
	eddsa_pk_t *eddsa = algorithm == COSE_EDDSA ? eddsa_pk_new() : NULL;
	rs256_pk_t *rs256 = algorithm == COSE_RS256 ? rs256_pk_new() : NULL;

	if (es256 != NULL && es256_pk_from_ptr(es256, bytes, count) == FIDO_OK)
		fido = fido_assert_verify(assertion, 0, algorithm, es256);
	else if (eddsa != NULL && eddsa_pk_from_ptr(eddsa, bytes, count) == FIDO_OK)
		fido = fido_assert_verify(assertion, 0, algorithm, eddsa);
	else if (rs256 != NULL && rs256_pk_from_ptr(rs256, bytes, count) == FIDO_OK)
		fido = fido_assert_verify(assertion, 0, algorithm, rs256);
	es256_pk_free(&es256);
	eddsa_pk_free(&eddsa);
	rs256_pk_free(&rs256);
	return result_of(fido);
}

/* A domain has at most 253 characters; a longer one is nobody's. */
static const char *
party_name(char name[static 256], const struct webauthn_party *party)
{
	size_t length = party->id.len < 256 ? party->id.len : 0;

	memcpy(name, party->id.p, length);
	name[length] = '\0';
	return name;
}

static enum webauthn_result
result_of(int fido)
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
