/* Accept-Language: there is always a language of ours; what stands behind the first one that we
 * speak, or before it in a language that we do not, changes nothing. */
#include "fuzz.h"

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

	for (size_t i = 0; i < size; i++)
		if (data[i] < ' ' || data[i] == 0x7f)
			return 0; /* no field value */
	locale = read(STR(""), header, STR(""));
	REQUIRE(str_equal(locale, STR("de")) || str_equal(locale, STR("en")));
	REQUIRE(str_equal(read(STR("fr-CH, *;q=0.5,"), header, STR("")), locale));
	REQUIRE(str_equal(read(STR("en-GB;q=0.9,"), header, STR("")), STR("en")));
	REQUIRE(str_equal(read(STR("DE,"), header, STR("")), STR("de")));
	if (str_equal(locale, STR("en"))) /* it was named, so nothing behind it counts */
		REQUIRE(str_equal(read(STR(""), header, STR(",de")), STR("en")));
	return 0;
}
