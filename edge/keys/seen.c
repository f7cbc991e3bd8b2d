/*
 * Verified tokens by their digest; see seen.h. The digest (BLAKE2b, 256 bits) is keyed with a
 * secret of the worker, so that nobody can choose which slot a token takes. A slot holds one token:
 * the latest wins, and the other is verified again.
 */
#include "keys/seen.h"

#include <sodium.h>

enum { SLOTS = 4096, DIGEST = crypto_generichash_BYTES };

static unsigned char slots[SLOTS][DIGEST];
static unsigned char key[crypto_generichash_KEYBYTES];

static unsigned char *slot_of(unsigned char digest[static DIGEST], struct str token);

bool
seen_before(struct str token)
{
	unsigned char digest[DIGEST];

	return sodium_memcmp(slot_of(digest, token), digest, DIGEST) == 0;
}

void
seen_remember(struct str token)
{
	unsigned char digest[DIGEST];
	unsigned char *slot = slot_of(digest, token);

	memcpy(slot, digest, DIGEST);
}

void
seen_forget(void)
{
	sodium_memzero(slots, sizeof(slots));
	randombytes_buf(key, sizeof(key));
}

static unsigned char *
slot_of(unsigned char digest[static DIGEST], struct str token)
{
	(void)crypto_generichash(
	    digest, DIGEST, (const unsigned char *)token.p, token.len, key, sizeof(key));
	return slots[(digest[0] | digest[1] << 8) % SLOTS];
}
