/*
 * What registration and sign-in share (webauthn.h); for the files webauthn*.c alone.
 */
#ifndef MANA_WEBAUTHN_PARTS_H
#define MANA_WEBAUTHN_PARTS_H

#include <fido.h>

#include "webauthn.h"

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

enum { WEBAUTHN_NAME_BYTES = 256 };

/* Sections 7.1 and 7.2 ask the same of authenticator data: made for this party, in somebody's
 * presence, and not backed up unless it can be. */
bool webauthn_flags_read(struct webauthn_flags *out, struct str authenticator_data,
    const struct webauthn_party *party) MUST_USE;
/* The key in a registration's authenticator data; fido_cred_free it. NULL: none that is taken. */
fido_cred_t *webauthn_key_read(struct str authenticator_data) MUST_USE;
/* Whether a signature can be verified by it: not a point beside the curve, say. */
bool webauthn_key_is_usable(const fido_cred_t *credential) MUST_USE;
/* The party's id as libfido2 wants it. */
const char *
webauthn_party_name(char name[static WEBAUTHN_NAME_BYTES], const struct webauthn_party *party);
enum webauthn_result webauthn_result_of(int fido);

#endif
