/* Secrets of auth.secrets that a backend uses as HMAC-SHA-256 keys (RFC 2104). */
#ifndef MANA_SHARED_KEY_H
#define MANA_SHARED_KEY_H

#include <sodium.h>

/* One secret: static memory of its user, zero but for the name of the routine. */
struct shared_key {
	const char *routine; /* of schema auth, without arguments; returns the 32 bytes */
	crypto_auth_hmacsha256_state *state;
	uint64 version; /* of the catalog when the state was last compared with the table */
	Oid table;      /* auth.secrets when the key was read */
};

/*
 * Returns an HMAC state that has absorbed the key, in locked memory that no core dump contains; the
 * caller copies it. Reads the key at first use, and again after the extension was created again.
 * Returns NULL when the routine returns NULL. ERROR when the key has another size than 32 bytes or
 * memory cannot be locked, and whatever the routine raises.
 */
extern const crypto_auth_hmacsha256_state *shared_key(struct shared_key *key);

#endif
