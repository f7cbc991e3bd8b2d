/* Opaque tokens and signed cookies (token.h). */
#include "token.h"

#include <sodium.h>

#include "base64.h"

void
token_wipe(struct session_token *token)
{
	sodium_memzero(token, sizeof(*token));
}

void
token_random(struct session_token *out)
{
	token_random_chars(out->chars, TOKEN_CHARS);
}

void
token_random_chars(char *out, size_t count)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	enum { LETTERS = sizeof(alphabet) - 1, UNBIASED = 256 / LETTERS * LETTERS };
	unsigned char pool[64];

	for (size_t done = 0; done < count;) {
		randombytes_buf(pool, sizeof(pool));
		for (size_t i = 0; i < sizeof(pool) && done < count; i++)
			if (pool[i] < UNBIASED)
				out[done++] = alphabet[pool[i] % LETTERS];
	}
	sodium_memzero(pool, sizeof(pool));
}

void
token_digest(struct digest *out, struct str token)
{
	digest_sha256(out, token);
}

void
token_cookie_sign(struct buf *out, struct str secret, struct str value)
{
	struct digest mac;

	digest_hmac(&mac, secret, value);
	buf_str(out, value);
	buf_char(out, '.');
	base64_encode(out, mac.bytes, sizeof(mac.bytes));
	sodium_memzero(&mac, sizeof(mac));
}

bool
token_cookie_verify(struct str *value, struct str secret, struct str cookie)
{
	struct digest wanted, given;
	size_t dot = cookie.len, count;
	bool ok;

	while (dot > 0 && cookie.p[dot - 1] != '.')
		dot--;
	if (dot <= 1 || secret.len == 0 ||
	    !base64_decode(given.bytes, &count, sizeof(given.bytes), str_skip(cookie, dot)) ||
	    count != DIGEST_BYTES)
		return false;
	digest_hmac(&wanted, secret, (struct str){cookie.p, dot - 1});
	ok = sodium_memcmp(wanted.bytes, given.bytes, DIGEST_BYTES) == 0;
	sodium_memzero(&wanted, sizeof(wanted));
	if (ok)
		*value = (struct str){cookie.p, dot - 1};
	return ok;
}
