/* Text built in memory of the caller (buf.h). */
#include "buf.h"

#include <sodium.h>

static void
put(struct buf *b, const void *bytes, size_t count)
{
	if (b->overflow || count > b->size - b->len) {
		b->overflow = true;
		return;
	}
	if (count > 0)
		memcpy(b->p + b->len, bytes, count);
	b->len += count;
}

void
buf_char(struct buf *b, char c)
{
	put(b, &c, 1);
}

void
buf_str(struct buf *b, struct str s)
{
	put(b, s.p, s.len);
}

void
buf_int(struct buf *b, int64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);
	uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	if (n < 0)
		buf_char(b, '-');
	do
		digits[--at] = (char)('0' + left % 10);
	while ((left /= 10) > 0);
	put(b, digits + at, sizeof(digits) - at);
}

void
buf_hex(struct buf *b, const void *bytes, size_t count)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = bytes;

	for (size_t i = 0; i < count; i++) {
		buf_char(b, hex[p[i] >> 4]);
		buf_char(b, hex[p[i] & 15]);
	}
}

void
buf_json_str(struct buf *b, struct str s)
{
	static const char *const short_forms[] = {['"'] = "\\\"",
	    ['\\'] = "\\\\",
	    ['\b'] = "\\b",
	    ['\f'] = "\\f",
	    ['\n'] = "\\n",
	    ['\r'] = "\\r",
	    ['\t'] = "\\t"};
	size_t from = 0;

	buf_char(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		put(b, s.p + from, i - from);
		from = i + 1;
		if (short_forms[c] != NULL) {
			buf_str(b, str_from(short_forms[c]));
		} else {
			buf_str(b, STR("\\u00"));
			buf_hex(b, &c, 1);
		}
	}
	put(b, s.p + from, s.len - from);
	buf_char(b, '"');
}

void
buf_uri(struct buf *b, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    (c != '\0' && strchr("-_.!~*'()", c) != NULL)) {
			buf_char(b, (char)c);
			continue;
		}
		buf_char(b, '%');
		buf_char(b, hex[c >> 4]);
		buf_char(b, hex[c & 15]);
	}
}

struct str
buf_view(const struct buf *b)
{
	return (struct str){b->p, b->len};
}

bool
buf_ok(const struct buf *b)
{
	return !b->overflow;
}

const char *
buf_cstr(struct buf *b)
{
	if (b->overflow || b->len == b->size)
		return NULL;
	b->p[b->len] = '\0';
	return b->p;
}

void
buf_wipe(struct buf *b)
{
	sodium_memzero(b->p, b->size);
	b->len = 0;
	b->overflow = false;
}
