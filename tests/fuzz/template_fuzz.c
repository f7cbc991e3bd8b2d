/* Pages and mails: TEMPLATE, newline, VALUE. What a value writes cannot leave an element, an
 * attribute, a line or a URL, and a template without names is itself. */
#include "fuzz.h"

#include "template.h"
#include "uri.h"

enum { TEXT_BYTES = 4096, GROWTH = 6 };

static void
check_value(struct str value, enum template_escape escape)
{
	static char memory[GROWTH * TEXT_BYTES], decoded[TEXT_BYTES];
	const struct template_value values[] = {{.name = "v", .value = value}};
	struct buf out = BUF_ON(memory), plain = BUF_ON(decoded);
	struct str missing;

	REQUIRE(template_render(&out, &missing, STR("{v}"), escape, values, 1));
	for (size_t i = 0; i < out.len; i++) {
		REQUIRE((unsigned char)memory[i] >= ' ' && memory[i] != 0x7f);
		if (escape == TEMPLATE_HTML) {
			REQUIRE(strchr("<>\"'", memory[i]) == NULL);
			REQUIRE(memory[i] != '&' || memchr(memory + i, ';', out.len - i) != NULL);
		}
		if (escape == TEMPLATE_URI)
			REQUIRE(strchr("&=#?/:@ +\"<>", memory[i]) == NULL);
	}
	if (escape == TEMPLATE_URI)
		REQUIRE(uri_decode(&plain, buf_view(&out), URI_COMPONENT) &&
			str_equal(buf_view(&plain), value));
	if (escape == TEMPLATE_TEXT)
		REQUIRE(out.len == value.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char memory[GROWTH * TEXT_BYTES];
	struct str input = {(const char *)data, size}, text, value, missing;
	struct buf out = BUF_ON(memory), none = BUF_ON(memory);

	if (size > TEXT_BYTES)
		return 0;
	if (!str_cut(&text, &value, input, '\n'))
		value = STR("");
	check_value(value, TEMPLATE_TEXT);
	check_value(value, TEMPLATE_HTML);
	check_value(value, TEMPLATE_URI);
	if (template_render(&none, &missing, text, TEMPLATE_HTML, NULL, 0))
		REQUIRE(str_equal(buf_view(&none), text));
	else
		REQUIRE(missing.len > 0 && missing.p > text.p &&
			missing.p + missing.len < text.p + text.len);
	const struct template_value values[] = {
	    {.name = "v", .value = value}, {.name = "raw", .value = STR("<b>"), .is_markup = true}};
	(void)!template_render(&out, &missing, text, TEMPLATE_HTML, values, 2);
	REQUIRE(out.len <= sizeof(memory));
	return 0;
}
