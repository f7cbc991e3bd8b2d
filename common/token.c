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
static void append_signed(struct buf *out, struct str value, const struct digest *mac);
static bool split_signed(struct str *value, struct digest *mac, struct str text);

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

bool
token_read(struct session_token *out, struct str text)
{
	bool ok = text.len == TOKEN_CHARS;

	for (size_t i = 0; ok && i < TOKEN_CHARS; i++) {
		char c = str_lower(text.p[i]);

		ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
	}
	if (ok)
		memcpy(out->chars, text.p, TOKEN_CHARS);
	else
		token_wipe(out);
	return ok;
}

void
token_session_sign(struct buf *out, struct str secret, const struct session_token *token)
{
	struct str value = {.p = token->chars, .len = TOKEN_CHARS};
	struct digest mac;

	digest_hmac(&mac, secret, value);
	append_signed(out, value, &mac);
	sodium_memzero(&mac, sizeof(mac));
}

bool
token_session_verify(struct session_token *out, struct str secret, struct str cookie)
{
	struct digest wanted, given;
	struct str value;
	bool ok = secret.len > 0 && split_signed(&value, &given, cookie) && token_read(out, value);

	if (!ok) {
		token_wipe(out);
		return false;
	}
	digest_hmac(&wanted, secret, value);
	ok = sodium_memcmp(wanted.bytes, given.bytes, DIGEST_BYTES) == 0;
	sodium_memzero(&wanted, sizeof(wanted));
	if (!ok)
		token_wipe(out);
	return ok;
}

void
token_purpose_mac(struct digest *out, struct str secret, struct str purpose, struct str text)
{
	static const struct str salt = {.p = "mana-auth/purpose/1", .len = 19};
	unsigned char key[DIGEST_BYTES];
	crypto_auth_hmacsha256_state state;

	if (!digest_hkdf(key, sizeof(key), secret, salt, purpose))
		abort(); /* only for keys longer than 255 blocks */
	crypto_auth_hmacsha256_init(&state, key, sizeof(key));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)purpose.p, purpose.len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)"", 1);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.p, text.len);
	crypto_auth_hmacsha256_final(&state, out->bytes);
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(key, sizeof(key));
}

void
token_purpose_sign(struct buf *out, struct str secret, struct str purpose, struct str value)
{
	struct digest mac;

	token_purpose_mac(&mac, secret, purpose, value);
	append_signed(out, value, &mac);
	sodium_memzero(&mac, sizeof(mac));
}

bool
token_purpose_verify(
    struct str *value, struct str secret, struct str purpose, struct str signed_value)
{
	struct digest wanted, given;
	struct str found;
	bool ok;

	if (secret.len == 0 || !split_signed(&found, &given, signed_value))
		return false;
	token_purpose_mac(&wanted, secret, purpose, found);
	ok = sodium_memcmp(wanted.bytes, given.bytes, DIGEST_BYTES) == 0;
	sodium_memzero(&wanted, sizeof(wanted));
	if (ok)
		*value = found;
	return ok;
}

static void
append_signed(struct buf *out, struct str value, const struct digest *mac)
{
	buf_str(out, value);
	buf_char(out, '.');
	base64_encode(out, mac->bytes, sizeof(mac->bytes));
}

/* At the last dot: a MAC in base64 has none. */
static bool
split_signed(struct str *value, struct digest *mac, struct str text)
{
	size_t dot = text.len, count;

	while (dot > 0 && text.p[dot - 1] != '.')
		dot--;
	if (dot <= 1 ||
	    !base64_decode(mac->bytes, &count, sizeof(mac->bytes), str_skip(text, dot)) ||
	    count != DIGEST_BYTES)
		return false;
	*value = (struct str){text.p, dot - 1};
	return true;
}
