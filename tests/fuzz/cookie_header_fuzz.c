/* Cookie headers: the values that are found are those of the pairs of this name, in their order, as
 * a reader by bytes finds them, and hold neither a separator nor blanks around them. */
#include "fuzz.h"

#include "http/cookie.h"

enum { HEADER_BYTES = 4300 };

static const struct str name = {.p = "mana.session_token", .len = 18};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* RFC 6265, section 5.4, read from its grammar: pairs by semicolon, blanks around names and values.
 */
static struct str
find(struct str header, size_t *at)
{
	for (size_t from = *at; from <= header.len;) {
		size_t end = from, equals, stop;

		while (end < header.len && header.p[end] != ';')
			end++;
		stop = end;
		while (from < end && is_blank(header.p[from]))
			from++;
		for (equals = from; equals < end && header.p[equals] != '=';)
			equals++;
		if (equals < end) {
			size_t name_end = equals, value = equals + 1;

			while (name_end > from && is_blank(header.p[name_end - 1]))
				name_end--;
			while (end > value && is_blank(header.p[end - 1]))
				end--;
			while (value < end && is_blank(header.p[value]))
				value++;
			if (str_equal((struct str){header.p + from, name_end - from}, name)) {
				*at = stop + 1;
				return (struct str){header.p + value, end - value};
			}
		}
		from = stop + 1;
	}
	*at = header.len + 1;
	return STR_NONE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str header = {(const char *)data, size}, rest = header, value;
	char memory[HEADER_BYTES];
	struct buf longer = BUF_ON(memory);
	size_t at = 0;

	if (size == 0)
		return 0;
	do {
		struct str expected = find(header, &at);

		value = cookie_next(&rest, name);
		REQUIRE((value.p != NULL) == (expected.p != NULL));
		REQUIRE(value.p == NULL || str_equal(value, expected));
		REQUIRE(!str_has(value, ';'));
		REQUIRE(
		    value.len == 0 || (!is_blank(value.p[0]) && !is_blank(value.p[value.len - 1])));
	} while (value.p != NULL);
	REQUIRE(rest.p == NULL);
	buf_str(&longer, STR("a=b; mana.session_token=first ;"));
	buf_str(&longer, header);
	rest = buf_view(&longer);
	REQUIRE(buf_ok(&longer) && str_equal(cookie_next(&rest, name), STR("first")));
	return 0;
}
