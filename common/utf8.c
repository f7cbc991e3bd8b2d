/* See utf8.h. */
#include "utf8.h"

#include <stdlib.h>
#include <unistr.h>

static int hex_digit(char c);

bool
utf8_is_text(struct str s)
{
	return s.len == 0 ||
	       (memchr(s.p, '\0', s.len) == NULL && u8_check((const uint8_t *)s.p, s.len) == NULL);
}

bool
utf8_is_encoded_text(struct str s)
{
	char *decoded;
	size_t length = 0;
	bool ok;

	if (!str_has(s, '%'))
		return utf8_is_text(s);
	decoded = malloc(s.len);
	if (decoded == NULL)
		abort();
	for (size_t i = 0; i < s.len; i++) {
		int high = i + 2 < s.len ? hex_digit(s.p[i + 1]) : -1;
		int low = i + 2 < s.len ? hex_digit(s.p[i + 2]) : -1;

		if (s.p[i] != '%' || high < 0 || low < 0) {
			decoded[length++] = s.p[i];
			continue;
		}
		decoded[length++] = (char)(high * 16 + low);
		i += 2;
	}
	ok = utf8_is_text((struct str){.p = decoded, .len = length});
	explicit_bzero(decoded, length); /* a password, perhaps */
	free(decoded);
	return ok;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = str_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void
utf8_mask(struct buf *out, struct str s)
{
	while (s.len > 0) {
		ucs4_t character;
		int length = u8_mbtoucr(&character, (const uint8_t *)s.p, s.len);

		if (length > 0 && s.p[0] != '\0') {
			buf_str(out, (struct str){.p = s.p, .len = (size_t)length});
		} else {
			buf_str(out, STR("\xef\xbf\xbd"));
			length = 1;
		}
		s = str_skip(s, (size_t)length);
	}
}
