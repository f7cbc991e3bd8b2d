/* SHA-256, HMAC, HKDF, constant-time comparison (digest.h). */
#include "digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

void
digest_sha256(struct digest *out, struct str s)
{
	crypto_hash_sha256(out->bytes, (const unsigned char *)s.p, s.len);
}

void
digest_hmac(struct digest *out, struct str key, struct str s)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, (const unsigned char *)key.p, key.len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)s.p, s.len);
	crypto_auth_hmacsha256_final(&state, out->bytes);
	sodium_memzero(&state, sizeof(state));
}

bool
digest_hmac_sha1(unsigned char out[static DIGEST_SHA1_BYTES], struct str key, struct str s)
{
	unsigned int len = 0;

	if (HMAC(EVP_sha1(), key.p, (int)key.len, (const unsigned char *)s.p, s.len, out, &len) !=
		NULL &&
	    len == DIGEST_SHA1_BYTES)
		return true;
	sodium_memzero(out, DIGEST_SHA1_BYTES);
	return false;
}

bool
digest_hkdf(void *out, size_t size, struct str key, struct str salt, struct str info)
{
	struct digest prk, block = {{0}};
	unsigned char *at = out;
	size_t left = size;

	if (size > (size_t)255 * DIGEST_BYTES) {
		sodium_memzero(out, size);
		return false;
	}
	digest_hmac(&prk, salt,
	    key); /* extract (RFC 5869 §2.2); an empty salt is a block of zeros to HMAC */
	for (unsigned char i = 1; left > 0; i++) { /* expand (§2.3) */
		crypto_auth_hmacsha256_state state;
		size_t take = left < DIGEST_BYTES ? left : DIGEST_BYTES;

		crypto_auth_hmacsha256_init(&state, prk.bytes, sizeof(prk.bytes));
		if (i > 1)
			crypto_auth_hmacsha256_update(&state, block.bytes, sizeof(block.bytes));
		crypto_auth_hmacsha256_update(&state, (const unsigned char *)info.p, info.len);
		crypto_auth_hmacsha256_update(&state, &i, 1);
		crypto_auth_hmacsha256_final(&state, block.bytes);
		memcpy(at, block.bytes, take);
		at += take;
		left -= take;
		sodium_memzero(&state, sizeof(state));
	}
	sodium_memzero(&prk, sizeof(prk));
	sodium_memzero(&block, sizeof(block));
	return true;
}

bool
digest_equal(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || sodium_memcmp(a.p, b.p, a.len) == 0);
}
