/* Lengths of what goes into mails: of a URL what its encoder writes, of a text what UTF-16 takes.
 */
#include "fuzz.h"

#include <unistr.h>

#include "buf.h"
#include "mailed.h"

enum { TEXT_BYTES = 4096 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char memory[3 * TEXT_BYTES];
	static uint16_t units[TEXT_BYTES];
	struct str text = {(const char *)data, size};
	struct buf encoded = BUF_ON(memory);
	size_t count = TEXT_BYTES;

	if (size > TEXT_BYTES)
		return 0;
	buf_uri(&encoded, text);
	REQUIRE(buf_ok(&encoded) && encoded.len == mailed_url_bytes(text));
	if (size > 0 && u8_check(data, size) == NULL) {
		REQUIRE(u8_to_u16(data, size, units, &count) == units);
		REQUIRE(count == mailed_units(text));
	}
	return 0;
}
