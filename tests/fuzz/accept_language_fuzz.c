/* Accept-Language: there is always a language of ours; languages that we do not speak change
 * nothing, and a language with the highest weight is taken unless another one has it before. */
#include "fuzz.h"

#include "config.h"
#include "edge_request.h"
#include "http/locale.h"

enum { HEADER_BYTES = 4200 };

static struct str
read(struct str before, struct str header, struct str behind)
{
	static const struct route route = {.method = METHOD_GET, .path = "/"};
	struct request *r = edge_request(&route);
	char memory[HEADER_BYTES];
	struct buf whole = BUF_ON(memory);
	struct str locale;

	buf_str(&whole, before);
	buf_str(&whole, header);
	buf_str(&whole, behind);
	REQUIRE(buf_ok(&whole));
	edge_header(r, "accept-language", buf_view(&whole));
	locale = locale_of(r);
	edge_request_end(r);
	return locale;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str header = {(const char *)data, size}, locale;

	config.fallback_language = STR("en");
	for (size_t i = 0; i < size; i++)
		if (data[i] < ' ' || data[i] == 0x7f)
			return 0; /* no field value */
	locale = read(STR(""), header, STR(""));
	REQUIRE(str_equal(locale, STR("de")) || str_equal(locale, STR("en")));
	REQUIRE(str_equal(read(STR("fr-CH, sv;q=0.5,"), header, STR("")), locale));
	REQUIRE(str_equal(read(STR("en-GB,"), header, STR("")), STR("en")));
	REQUIRE(str_equal(read(STR("DE,"), header, STR("")), STR("de")));
	return 0;
}
