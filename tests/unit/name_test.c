/* Names that other people read: what hides, and letters that look alike. */
#include "check.h"

#include "name.h"

static void
a_word_has_letters_of_one_script(void **state)
{
	static const char *const single[] = {"Ada", "Ада", "Ωμέγα", "Ada Ада", "東京タワー",
	    "Tokyo東京", "LG전자", "Söhne 2", "नमस्ते", ""};
	static const char *const mixed[] = {
	    "pаypal", "Ωmega", "paypаl 2", "p東а", "Ω東m", "東Ω", "аプ", "Ада東 Ada"};

	(void)state;
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
		assert_true(name_single_script(str_from(single[i])));
	for (size_t i = 0; i < sizeof(mixed) / sizeof(mixed[0]); i++)
		assert_false(name_single_script(str_from(mixed[i])));
	assert_false(name_single_script(STR("a\xff")));
}

static void
a_name_hides_nothing(void **state)
{
	static const char *const visible[] = {"Ada Lovelace",
	    "क्\xe2\x80\x8d"
	    "ष",
	    "👨\xe2\x80\x8d"
	    "👩\xe2\x80\x8d"
	    "👧",
	    "❤\xef\xb8\x8f",
	    "a\xc2\xa0"
	    "b"};
	static const char *const hidden[] = {"", " ", "a\xe2\x80\x8b",
	    "\xe2\x80\xae"
	    "a",
	    "a\xc2\xad"
	    "b",
	    "\xe3\x85\xa4", "\xe2\xa0\x80", "a\nb", "a\xe2\x80\x8d", "a\x7f"};

	(void)state;
	for (size_t i = 0; i < sizeof(visible) / sizeof(visible[0]); i++)
		assert_true(name_visible(str_from(visible[i])));
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		assert_false(name_visible(str_from(hidden[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_word_has_letters_of_one_script),
	    cmocka_unit_test(a_name_hides_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
