/* Opaque tokens and signed cookies (token.h). */
#include "token.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base64.h"

struct store {
	size_t left;
	unsigned char bytes[4096 - sizeof(size_t)];
};

static unsigned char random_byte(void);
static struct store *make_store(void);

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
	for (size_t done = 0; done < count;) {
		unsigned char byte = random_byte();

		if (byte < UNBIASED)
			out[done++] = alphabet[byte % LETTERS];
	}
}

/* From a store, since asking the kernel costs as much for one as for many. A byte that was given is
 * not kept; a child of this process finds the store empty, and no core dump has it. */
static unsigned char
random_byte(void)
{
	static _Thread_local struct store *store;
	unsigned char byte;

	if (store == NULL)
		store = make_store();
	if (store->left == 0) {
		randombytes_buf(store->bytes, sizeof(store->bytes));
		store->left = sizeof(store->bytes);
	}
	byte = store->bytes[--store->left];
	store->bytes[store->left] = 0;
	return byte;
}

static struct store *
make_store(void)
{
	struct store *store =
	    mmap(NULL, sizeof(*store), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (store == MAP_FAILED || madvise(store, sizeof(*store), MADV_WIPEONFORK) != 0 ||
	    madvise(store, sizeof(*store), MADV_DONTDUMP) != 0)
		abort(); /* Linux 4.14 can */
	return store;
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
