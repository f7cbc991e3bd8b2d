/* Bytes from outside that become text: what is UTF-8, and what stands for what is not. */
#include "check.h"

#include "utf8.h"

#define BYTES(literal)                                                                             \
	(struct str)                                                                               \
	{                                                                                          \
		.p = literal, .len = sizeof(literal) - 1                                           \
	}

static void
only_utf8_without_nul_is_text(void **state)
{
	assert_true(utf8_is_text(STR("")));
	assert_true(utf8_is_text(STR("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x91")));
	assert_false(utf8_is_text(BYTES("a\0b")));
	assert_false(utf8_is_text(BYTES("\x80")));
	assert_false(utf8_is_text(BYTES("\xff")));
	assert_false(utf8_is_text(BYTES("\xc0\xaf")));         /* overlong */
	assert_false(utf8_is_text(BYTES("\xed\xa0\x80")));     /* a surrogate */
	assert_false(utf8_is_text(BYTES("\xf4\x90\x80\x80"))); /* beyond U+10FFFF */
	assert_false(utf8_is_text(BYTES("\xe2\x82")));         /* cut off */
}

static void
encoded_bytes_count_decoded(void **state)
{
	assert_true(utf8_is_encoded_text(STR("a=%C3%bc&b=%&c=%2&d=%zz&e=100%")));
	assert_false(utf8_is_encoded_text(STR("a=%80")));
	assert_false(utf8_is_encoded_text(STR("a=%00")));
	assert_false(utf8_is_encoded_text(STR("a=%c3&b=%bc")));
	assert_false(utf8_is_encoded_text(STR("%ed%a0%80")));
	assert_false(utf8_is_encoded_text(STR("x=%ff")));
}

static void
what_is_no_text_is_masked(void **state)
{
	char memory[64];
	struct buf out = BUF_ON(memory);

	utf8_mask(&out, BYTES("a\0\xff\xc3\xbc\xe2\x82"));
	assert_true(str_equal(
	    buf_view(&out), STR("a\xef\xbf\xbd\xef\xbf\xbd\xc3\xbc\xef\xbf\xbd\xef\xbf\xbd")));
	assert_true(utf8_is_text(buf_view(&out)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_utf8_without_nul_is_text),
	    cmocka_unit_test(encoded_bytes_count_decoded),
	    cmocka_unit_test(what_is_no_text_is_masked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
