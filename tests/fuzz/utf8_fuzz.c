/* Text for PostgreSQL: the check agrees with a decoder that follows the table of RFC 3629, and what
 * is masked is text, stays text, and keeps what was text. */
#include "fuzz.h"

#include "uri.h"
#include "utf8.h"

enum { TEXT_BYTES = 4096 };

/* RFC 3629, section 4: the lead byte gives the length and the range of the second byte. */
static bool
is_text(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size;) {
		uint8_t lead = p[i++], low = 0x80, high = 0xbf;
		int more = lead < 0x80   ? 0
			   : lead < 0xc2 ? -1
			   : lead < 0xe0 ? 1
			   : lead < 0xf0 ? 2
			   : lead < 0xf5 ? 3
					 : -1;

		if (lead == 0 || more < 0)
			return false;
		if (lead == 0xe0)
			low = 0xa0;
		if (lead == 0xed)
			high = 0x9f;
		if (lead == 0xf0)
			low = 0x90;
		if (lead == 0xf4)
			high = 0x8f;
		for (; more > 0; more--, low = 0x80, high = 0xbf, i++)
			if (i == size || p[i] < low || p[i] > high)
				return false;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char memory[3 * TEXT_BYTES], again[9 * TEXT_BYTES], decoded[TEXT_BYTES];
	struct str text = {(const char *)data, size};
	struct buf masked = {.p = memory, .size = 3 * size}, twice = BUF_ON(again),
		   plain = BUF_ON(decoded);

	if (size > TEXT_BYTES)
		return 0;
	REQUIRE(utf8_is_text(text) == is_text(data, size));
	utf8_mask(&masked, text);
	REQUIRE(buf_ok(&masked) && is_text((const uint8_t *)memory, masked.len));
	REQUIRE(!is_text(data, size) || str_equal(buf_view(&masked), text));
	utf8_mask(&twice, buf_view(&masked));
	REQUIRE(str_equal(buf_view(&twice), buf_view(&masked)));
	if (uri_decode(&plain, text, URI_COMPONENT))
		REQUIRE(utf8_is_encoded_text(text) == is_text((const uint8_t *)decoded, plain.len));
	return 0;
}
