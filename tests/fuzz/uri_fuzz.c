/* Origins and redirect targets: what is accepted has no byte that a browser or a header could take
 * for something else. */
#include "fuzz.h"

#include "uri.h"

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
	(void)uri_origin_matches(text, STR("https://*.mana.how"));
	return 0;
}
