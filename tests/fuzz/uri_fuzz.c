/* Origins and redirect targets: what is accepted has no byte that a browser or a header could take
 * for something else. */
#include "fuzz.h"

#include "origin.h"
#include "uri.h"

/* A pattern is stable, and the origin of what it was made of matches it. */
static void
check_origin(struct str text)
{
	char memory[8192], again[8192];
	struct buf origin = BUF_ON(memory), twice = BUF_ON(again);

	if (origin_of(&origin, text)) {
		REQUIRE(origin_of(&twice, buf_view(&origin)));
		REQUIRE(str_equal(buf_view(&origin), buf_view(&twice)));
		REQUIRE(origin_matches(buf_view(&origin), buf_view(&twice)));
		REQUIRE(!str_starts(buf_view(&origin), STR("javascript:")));
		(void)origin_matches(buf_view(&origin), STR("https://*.mana.how"));
	}
	origin = (struct buf)BUF_ON(memory);
	twice = (struct buf)BUF_ON(again);
	if (origin_pattern(&origin, text) != ORIGIN_OK)
		return;
	REQUIRE(origin_pattern(&twice, buf_view(&origin)) == ORIGIN_OK);
	REQUIRE(str_equal(buf_view(&origin), buf_view(&twice)));
	for (size_t i = 0; i < origin.len; i++)
		REQUIRE(
		    memory[i] > ' ' && memory[i] <= '~' && strchr(";,@?#\\", memory[i]) == NULL);
	twice = (struct buf)BUF_ON(again);
	if (memchr(memory, '*', origin.len) == NULL)
		REQUIRE(
		    origin_of(&twice, text) && origin_matches(buf_view(&twice), buf_view(&origin)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, rest = text, name, value;
	char memory[8192], again[8192];
	struct buf origin = BUF_ON(memory), twice = BUF_ON(again);

	if (uri_origin(&origin, text)) {
		REQUIRE(memchr(memory, '@', origin.len) == NULL);
		REQUIRE(uri_origin(&twice, buf_view(&origin)));
		REQUIRE(str_equal(buf_view(&origin), buf_view(&twice)));
	}
	if (uri_path_safe(text)) {
		REQUIRE(data[0] == '/' && (size < 2 || (data[1] != '/' && data[1] != '\\')));
		for (size_t i = 0; i < size; i++)
			REQUIRE(data[i] > ' ' && data[i] <= '~' && data[i] != '\\');
	}
	while (uri_pair_next(&name, &value, &rest)) {
		struct buf decoded = BUF_ON(memory), coded = BUF_ON(again);

		if (uri_decode(&decoded, value, URI_FORM))
			buf_uri(&coded, buf_view(&decoded));
	}
	check_origin(text);
	return 0;
}
