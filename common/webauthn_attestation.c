/*
 * Making a passkey (webauthn.h): an attestation object is taken apart by libcbor, and its key and
 * what it proves are libfido2's to judge.
 */
#include <cbor.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "cbor_check.h"
#include "webauthn_parts.h"

struct attestation {
	cbor_item_t *object; /* owns the memory of the others */
	struct str format;
	struct str authenticator_data;
	const cbor_item_t *statement;
};

static bool attestation_read(struct attestation *out, struct str object);
static struct str text_of(const cbor_item_t *item);
static bool key_copy(struct webauthn_credential *out, struct str authenticator_data);
static enum webauthn_result
statement_verify(fido_cred_t *credential, const struct attestation *attestation,
    const struct webauthn_client_data *client_data, const struct webauthn_party *party);
static bool statement_set(fido_cred_t *credential, const struct attestation *attestation);

enum webauthn_result
webauthn_register(struct webauthn_credential *out, const struct webauthn_client_data *client_data,
    struct str attestation_object, const struct webauthn_party *party)
{
	enum webauthn_result result = WEBAUTHN_MISMATCH;
	struct attestation attestation;
	fido_cred_t *credential = NULL;

	memset(out, 0, sizeof(*out));
	if (attestation_read(&attestation, attestation_object) &&
	    webauthn_flags_read(&out->flags, attestation.authenticator_data, party) &&
	    key_copy(out, attestation.authenticator_data))
		credential = webauthn_key_read(attestation.authenticator_data);
	if (credential != NULL && webauthn_key_is_usable(credential))
		result = statement_verify(credential, &attestation, client_data, party);
	fido_cred_free(&credential);
	if (attestation.object != NULL)
		cbor_decref(&attestation.object);
	ERR_clear_error();
	return result;
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

/* Section 8.7: a statement of format none is empty. Any other one must hold: by the key itself, or
 * by a certificate, of which nothing more is asked. */
static enum webauthn_result
statement_verify(fido_cred_t *credential, const struct attestation *attestation,
    const struct webauthn_client_data *client_data, const struct webauthn_party *party)
{
	char name[WEBAUTHN_NAME_BYTES];

	if (str_equal(attestation->format, STR("none")))
		return cbor_map_size(attestation->statement) == 0 ? WEBAUTHN_VALID
								  : WEBAUTHN_MISMATCH;
	if (!statement_set(credential, attestation) ||
	    fido_cred_set_rp(credential, webauthn_party_name(name, party), NULL) != FIDO_OK ||
	    fido_cred_set_clientdata_hash(credential, client_data->hash.bytes, DIGEST_BYTES) !=
		FIDO_OK)
		return WEBAUTHN_MISMATCH;
	return webauthn_result_of(fido_cred_x5c_ptr(credential) != NULL
				      ? fido_cred_verify(credential)
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
