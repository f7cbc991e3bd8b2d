/* Forms and query strings: a second reader, which decodes byte by byte, sees the same pairs; what
 * was read reads the same from its canonical text. */
#include "fuzz.h"

#include <unistr.h>

#include "form.h"

enum { TEXT_BYTES = 4096 };

static int
hex(unsigned char c)
{
	const char *digits = "0123456789abcdef",
		   *at = c != '\0' ? strchr(digits, str_lower((char)c)) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* Decodes up to one of the delimiters; false: a % that is none. *at is behind what was read. */
static bool
decode_until(
    char *out, size_t *count, const uint8_t *text, size_t size, size_t *at, const char *ends)
{
	*count = 0;
	while (*at < size && (text[*at] == '\0' || strchr(ends, text[*at]) == NULL)) {
		uint8_t c = text[(*at)++];

		if (c == '%') {
			if (*at + 1 >= size || hex(text[*at]) < 0 || hex(text[*at + 1]) < 0)
				return false;
			c = (uint8_t)(hex(text[*at]) * 16 + hex(text[*at + 1]));
			*at += 2;
		} else if (c == '+') {
			c = ' ';
		}
		out[(*count)++] = (char)c;
	}
	return true;
}

/* Whether the form is what the URL standard's parser makes of the text (section 5.1). */
static void
check_pairs(const struct form *form, enum form_result result, const uint8_t *text, size_t size)
{
	static char name[TEXT_BYTES], value[TEXT_BYTES];
	size_t at = 0, pair = 0;

	while (at < size) {
		size_t name_len, value_len = 0;
		bool ok;

		if (text[at] == '&') {
			at++;
			continue;
		}
		ok = decode_until(name, &name_len, text, size, &at, "=&");
		if (ok && at < size && text[at] == '=') {
			at++;
			ok = decode_until(value, &value_len, text, size, &at, "&");
		}
		ok = ok && u8_check((const uint8_t *)name, name_len) == NULL &&
		     u8_check((const uint8_t *)value, value_len) == NULL;
		if (result == FORM_OK) {
			REQUIRE(ok && pair < form->count);
			REQUIRE(str_equal(form->pairs[pair].name, (struct str){name, name_len}));
			REQUIRE(str_equal(form->pairs[pair].value, (struct str){value, value_len}));
		} else if (!ok) {
			return; /* refused, as it should be */
		}
		pair++;
	}
	REQUIRE(result == FORM_OK ? pair == form->count : pair > FORM_PAIRS_MAX);
}

static void
check_again(const struct form *form)
{
	static char canonical[6 * TEXT_BYTES], memory[6 * TEXT_BYTES], twice[6 * TEXT_BYTES];
	static struct form again;
	struct buf text = BUF_ON(canonical), m = BUF_ON(memory), second = BUF_ON(twice);

	for (size_t i = 0; i < form->count; i++)
		form_append(&text, form->pairs[i].name, form->pairs[i].value);
	REQUIRE(buf_ok(&text) && form_read(&again, &m, buf_view(&text)) == FORM_OK);
	REQUIRE(again.count == form->count);
	for (size_t i = 0; i < form->count; i++) {
		REQUIRE(str_equal(form->pairs[i].name, again.pairs[i].name));
		REQUIRE(str_equal(form->pairs[i].value, again.pairs[i].value));
		form_append(&second, again.pairs[i].name, again.pairs[i].value);
	}
	REQUIRE(str_equal(buf_view(&second), buf_view(&text)));
}

/* The value of a name is that of its first pair, and a name is repeated if another pair has it. */
static void
check_names(const struct form *form)
{
	struct str repeated = form_repeated(form, STR_NONE);
	size_t times = 0;

	for (size_t i = 0; i < form->count; i++) {
		struct str name = form->pairs[i].name;
		size_t first = 0;

		while (!str_equal(form->pairs[first].name, name))
			first++;
		REQUIRE(str_equal(form_value(form, name), form->pairs[first].value));
		REQUIRE(first == i || repeated.p != NULL);
		times += repeated.p != NULL && str_equal(name, repeated);
	}
	REQUIRE(repeated.p == NULL || times > 1);
	if (repeated.p != NULL) {
		struct str other = form_repeated(form, repeated);

		REQUIRE(other.p == NULL || !str_equal(other, repeated));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char memory[TEXT_BYTES];
	static struct form form;
	struct buf m = {.p = memory, .size = size};
	enum form_result result;

	if (size > TEXT_BYTES)
		return 0;
	result = form_read(&form, &m, (struct str){(const char *)data, size});
	REQUIRE(result == FORM_OK || form.count == 0);
	check_pairs(&form, result, data, size);
	check_again(&form);
	check_names(&form);
	return 0;
}
