/*
 * SHA-256 (FIPS 180-4), HMAC (RFC 2104), HKDF (RFC 5869) and comparison in constant time.
 */
#ifndef MANA_DIGEST_H
#define MANA_DIGEST_H

#include "str.h"

enum { DIGEST_BYTES = 32, DIGEST_SHA1_BYTES = 20 };

struct digest {
	unsigned char bytes[DIGEST_BYTES];
};

/* SHA-256 of s. */
void digest_sha256(struct digest *out, struct str s);
/* HMAC-SHA256 of s; the key may have any length. */
void digest_hmac(struct digest *out, struct str key, struct str s);
/* HMAC-SHA1, for RFC 6238 only. */
bool digest_hmac_sha1(
    unsigned char out[static DIGEST_SHA1_BYTES], struct str key, struct str s) MUST_USE;
/* HKDF-SHA256 extract and expand; false and wiped out when size exceeds 255 blocks. */
bool digest_hkdf(void *out, size_t size, struct str key, struct str salt, struct str info) MUST_USE;
/* Equality in time that depends on the lengths only. */
bool digest_equal(struct str a, struct str b) MUST_USE;

#endif
