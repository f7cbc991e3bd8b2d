/* Names that others read. A name that is taken has no character that hides or reorders others, has
 * one that is seen, and does not change its verdict when a space and a letter follow. */
#include "fuzz.h"

#include <unictype.h>
#include <unistr.h>

#include "name.h"

enum { NAME_BYTES = 1024 };

static bool
is_joiner(ucs4_t c)
{
	return c == 0x200c || c == 0x200d || c == 0xfe0f;
}

static void
check_visible(const uint8_t *p, size_t size)
{
	ucs4_t c, before = 0;
	bool seen = false;

	for (size_t i = 0; i < size; before = c) {
		int count = u8_mbtoucr(&c, p + i, size - i);

		REQUIRE(count > 0 && c >= ' ' && !(c >= 0x7f && c < 0xa0));
		REQUIRE(!uc_is_property_bidi_control(c) && c != 0x2028 && c != 0x2029);
		REQUIRE(!uc_is_property_default_ignorable_code_point(c) ||
			(is_joiner(c) && before >= 0x590));
		seen = seen || !(uc_is_property_white_space(c) || is_joiner(c) || c == 0x2800);
		i += (size_t)count;
	}
	REQUIRE(seen);
}

/* Of the three scripts whose letters look alike, a word has one. */
static void
check_scripts(const uint8_t *p, size_t size)
{
	bool latin = false, greek = false, cyrillic = false;
	ucs4_t c;

	for (size_t i = 0; i < size; i += (size_t)u8_mbtouc(&c, p + i, size - i)) {
		(void)u8_mbtouc(&c, p + i, size - i);
		if (uc_is_property_white_space(c))
			latin = greek = cyrillic = false;
		latin = latin || uc_is_script(c, uc_script_byname("Latin"));
		greek = greek || uc_is_script(c, uc_script_byname("Greek"));
		cyrillic = cyrillic || uc_is_script(c, uc_script_byname("Cyrillic"));
		REQUIRE(latin + greek + cyrillic <= 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str name = {(const char *)data, size}, longer;
	char memory[NAME_BYTES + 2];

	if (size > NAME_BYTES)
		return 0;
	if (name_visible(name))
		check_visible(data, size);
	if (name_single_script(name))
		check_scripts(data, size);
	if (size > 0)
		memcpy(memory, data, size);
	memcpy(memory + size, " a", 2);
	longer = (struct str){memory, size + 2};
	REQUIRE(!name_visible(name) || name_visible(longer));
	REQUIRE(name_single_script(longer) == name_single_script(name));
	return 0;
}
