/*
 * Secrets are types: they cannot be mixed up, and one declared with its SECRET_ macro is wiped when
 * its scope ends. In the extension ereport() is a longjmp that skips this attribute: wipe in
 * PG_FINALLY or in a memory context callback there.
 */
#ifndef MANA_SECRET_H
#define MANA_SECRET_H

#include <sodium.h>

#include "str.h"

enum { SECRET_KEY_BYTES = 32 };

struct kek { /* key encryption key of the database */
	unsigned char bytes[SECRET_KEY_BYTES];
};
struct master_key { /* a user's vault key */
	unsigned char bytes[SECRET_KEY_BYTES];
};
struct signing_key { /* Ed25519: seed (RFC 8032, section 5.1.5) and public key, as libsodium signs
		      */
	unsigned char bytes[crypto_sign_SECRETKEYBYTES];
};

static inline void
secret_kek_wipe(struct kek *s)
{
	sodium_memzero(s, sizeof(*s));
}

static inline void
secret_master_key_wipe(struct master_key *s)
{
	sodium_memzero(s, sizeof(*s));
}

static inline void
secret_signing_key_wipe(struct signing_key *s)
{
	sodium_memzero(s, sizeof(*s));
}

#define SECRET_KEK         __attribute__((cleanup(secret_kek_wipe))) struct kek
#define SECRET_MASTER_KEY  __attribute__((cleanup(secret_master_key_wipe))) struct master_key
#define SECRET_SIGNING_KEY __attribute__((cleanup(secret_signing_key_wipe))) struct signing_key

#endif
