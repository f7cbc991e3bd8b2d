/* Whatever a user typed, a mail shows one line of bounded UTF-8 that no mail program makes a link
 * of. */
#include "fuzz.h"

#include <unistr.h>

#include "mail/plain_text.h"

static void
check(struct str text, enum plain_text_form form, size_t most)
{
	char memory[PLAIN_TEXT_BYTES];
	struct buf out = BUF_ON(memory);

	plain_text_write(&out, text, form);
	REQUIRE(buf_ok(&out));
	REQUIRE(u8_check((const uint8_t *)out.p, out.len) == NULL);
	REQUIRE(u8_mbsnlen((const uint8_t *)out.p, out.len) <= most + 1); /* and the ellipsis */
	for (size_t i = 0; i < out.len; i++) {
		unsigned char c = (unsigned char)out.p[i];
		unsigned char next = i + 1 < out.len ? (unsigned char)out.p[i + 1] : ' ';

		REQUIRE(c >= ' ' && c != 0x7f && c != '@' && c != '\\');
		REQUIRE(c != ':' || next == ' ' || next == 0xe2); /* the ellipsis */
		REQUIRE(c != '.' || next == ' ' || next == 0xe2 ||
			(form == PLAIN_DEVICE && next >= '0' && next <= '9' && i > 0 &&
			    out.p[i - 1] >= '0' && out.p[i - 1] <= '9'));
		REQUIRE(c != '/' || next != '/');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};

	check(text, PLAIN_NAME, PLAIN_NAME_CHARS);
	check(text, PLAIN_DEVICE, PLAIN_DEVICE_CHARS);
	return 0;
}
