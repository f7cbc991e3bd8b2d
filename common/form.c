/* Forms and query strings (form.h). */
#include "form.h"

#include <unistr.h>

#include "uri.h"

static bool read_part(struct str *out, struct buf *memory, struct str encoded);
static void append_encoded(struct buf *out, struct str text);

enum form_result
form_read(struct form *out, struct buf *memory, struct str text)
{
	struct form_pair encoded;

	out->count = 0;
	while (uri_pair_next(&encoded.name, &encoded.value, &text)) {
		struct form_pair *pair = &out->pairs[out->count];

		if (out->count == FORM_PAIRS_MAX || memory->overflow) {
			out->count = 0;
			return FORM_TOO_LARGE;
		}
		if (!read_part(&pair->name, memory, encoded.name) ||
		    !read_part(&pair->value, memory, encoded.value)) {
			out->count = 0;
			return memory->overflow ? FORM_TOO_LARGE : FORM_MALFORMED;
		}
		out->count++;
	}
	return FORM_OK;
}

static bool
read_part(struct str *out, struct buf *memory, struct str encoded)
{
	size_t from = memory->len;

	if (!uri_decode(memory, encoded, URI_FORM))
		return false;
	*out = (struct str){.p = memory->p + from, .len = memory->len - from};
	return u8_check((const uint8_t *)out->p, out->len) == NULL;
}

struct str
form_value(const struct form *form, struct str name)
{
	for (size_t i = 0; i < form->count; i++)
		if (str_equal(form->pairs[i].name, name))
			return form->pairs[i].value;
	return STR_NONE;
}

struct str
form_repeated(const struct form *form, struct str list)
{
	for (size_t i = 1; i < form->count; i++) {
		struct str name = form->pairs[i].name;

		if (list.p != NULL && str_equal(name, list))
			continue;
		for (size_t j = 0; j < i; j++)
			if (str_equal(form->pairs[j].name, name))
				return name;
	}
	return STR_NONE;
}

void
form_append(struct buf *out, struct str name, struct str value)
{
	if (out->len > 0)
		buf_char(out, '&');
	append_encoded(out, name);
	buf_char(out, '=');
	append_encoded(out, value);
}

static void
append_encoded(struct buf *out, struct str text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];
		char lower = str_lower((char)c);

		if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '*' ||
		    c == '-' || c == '.' || c == '_') {
			buf_char(out, (char)c);
		} else if (c == ' ') {
			buf_char(out, '+');
		} else {
			buf_char(out, '%');
			buf_char(out, digits[c >> 4]);
			buf_char(out, digits[c & 0xf]);
		}
	}
}
