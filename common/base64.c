/* Base64 and base32 (base64.h). Decoding is libsodium's, which is strict, plus the check for stray
 * bits. */
#include "base64.h"

#include <sodium.h>

static void
encode(struct buf *out, const void *bytes, size_t count, const char *alphabet, bool padding);
static bool decode(void *out, size_t *count, size_t size, struct str text, int variant);

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
base64_encode(struct buf *out, const void *bytes, size_t count)
{
	encode(out, bytes, count, standard, true);
}

void
base64url_encode(struct buf *out, const void *bytes, size_t count)
{
	encode(out, bytes, count, url_safe, false);
}

static void
encode(struct buf *out, const void *bytes, size_t count, const char *alphabet, bool padding)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < count; i += 3) {
		size_t left = count - i;
		unsigned long group = (unsigned long)p[i] << 16 |
				      (left > 1 ? (unsigned long)p[i + 1] << 8 : 0) |
				      (left > 2 ? p[i + 2] : 0);

		buf_char(out, alphabet[group >> 18]);
		buf_char(out, alphabet[group >> 12 & 63]);
		if (left > 1)
			buf_char(out, alphabet[group >> 6 & 63]);
		else if (padding)
			buf_char(out, '=');
		if (left > 2)
			buf_char(out, alphabet[group & 63]);
		else if (padding)
			buf_char(out, '=');
	}
}

void
base32_encode(struct buf *out, const void *bytes, size_t count)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	const unsigned char *p = bytes;
	unsigned int held = 0, bits = 0;

	for (size_t i = 0; i < count; i++) {
		held = (held << 8 | p[i]) & 0xffff;
		for (bits += 8; bits >= 5; bits -= 5)
			buf_char(out, alphabet[held >> (bits - 5) & 31]);
	}
	if (bits > 0)
		buf_char(out, alphabet[held << (5 - bits) & 31]);
}

bool
base64_decode(void *out, size_t *count, size_t size, struct str text)
{
	return decode(out, count, size, text, sodium_base64_VARIANT_ORIGINAL);
}

bool
base64url_decode(void *out, size_t *count, size_t size, struct str text)
{
	return decode(out, count, size, text, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static bool
is_ascii(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.p[i] > '~')
			return false;
	return true;
}

static bool
decode(void *out, size_t *count, size_t size, struct str text, int variant)
{
	*count = 0;
	/* libsodium 1.0.18 takes some bytes beyond ASCII for letters of the alphabet */
	if (text.p != NULL && is_ascii(text) &&
	    sodium_base642bin(out, size, text.p, text.len, NULL, count, NULL, variant) == 0)
		return true;
	sodium_memzero(out, size);
	*count = 0;
	return false;
}
