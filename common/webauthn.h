/*
 * Passkeys: whether what an authenticator answers is what was asked for (Web Authentication level
 * 2, section 7.1 for a registration and 7.2 for a sign-in). libcbor and libfido2 read CBOR, COSE
 * keys and authenticator data, libfido2 verifies; what the browser adds in JSON is read here.
 *
 * The challenge is handed out as a digest: whoever has kept its digest compares, and uses it up.
 */
#ifndef MANA_WEBAUTHN_H
#define MANA_WEBAUTHN_H

#include <stdint.h>

#include "digest.h"

enum {
	WEBAUTHN_ID_BYTES_MAX = 1023, /* of a credential, section 4 */
	WEBAUTHN_KEY_BYTES_MAX = 1024,
	WEBAUTHN_AAGUID_BYTES = 16,
	WEBAUTHN_CLIENT_DATA_BYTES_MAX = 8192,
	WEBAUTHN_OBJECT_BYTES_MAX = 32768
};

/* Who asks. */
struct webauthn_party {
	struct str id;             /* a domain */
	const struct str *origins; /* where its pages are, to the letter */
	size_t origins_count;
};

enum webauthn_ceremony { WEBAUTHN_CREATE, WEBAUTHN_GET };

enum webauthn_result {
	WEBAUTHN_VALID,
	WEBAUTHN_MISMATCH,     /* not well-formed, or an answer to something else */
	WEBAUTHN_BAD_SIGNATURE /* all fits, but the key has not signed it */
};

struct webauthn_client_data {
	struct digest hash;      /* of the JSON as it came: this is signed */
	struct digest challenge; /* SHA-256 of the challenge as it was sent, in base64url */
};

struct webauthn_flags {
	bool user_verified;   /* by PIN or finger, not just a touch */
	bool backup_eligible; /* may be on several devices */
	bool backed_up;       /* is */
	uint32_t sign_count;  /* 0: the authenticator does not count */
};

struct webauthn_credential {
	unsigned char id[WEBAUTHN_ID_BYTES_MAX];
	size_t id_length;
	unsigned char key[WEBAUTHN_KEY_BYTES_MAX]; /* COSE (RFC 9053) */
	size_t key_length;
	unsigned char aaguid[WEBAUTHN_AAGUID_BYTES]; /* the model of the authenticator */
	struct webauthn_flags flags;
};

/* Client data (section 5.8.1) of a ceremony, made for one of the party's own pages, not in a frame
 * of another site. */
bool webauthn_client_data_read(struct webauthn_client_data *out, struct str json,
    enum webauthn_ceremony ceremony, const struct webauthn_party *party) MUST_USE;

/* An attestation object: a new key (ES256, EdDSA or RS256) and, where it has a statement (packed,
 * fido-u2f or tpm), the proof that goes with it. Nobody's certificate is trusted more than none. */
enum webauthn_result
webauthn_register(struct webauthn_credential *out, const struct webauthn_client_data *client_data,
    struct str attestation_object, const struct webauthn_party *party) MUST_USE;

/* A signature by a key that has been registered. */
enum webauthn_result webauthn_authenticate(struct webauthn_flags *out,
    const struct webauthn_client_data *client_data, struct str authenticator_data,
    struct str signature, struct str cose_key, const struct webauthn_party *party) MUST_USE;

#endif
