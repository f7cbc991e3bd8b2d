/* What a user typed, as a mail to somebody else shows it: nothing that a mail program makes a link
 * of. */
#include "check.h"

#include "mail/plain_text.h"

static const char *
shown(const char *text, enum plain_text_form form)
{
	static char memory[PLAIN_TEXT_BYTES];
	struct buf out = BUF_ON(memory);

	plain_text_write(&out, str_from(text), form);
	return buf_cstr(&out);
}

static void
ordinary_names_stay_as_they_are(void **state)
{
	static const char *const names[] = {"Ada Lovelace", "Dr. Grace Hopper", "Jean-Luc O'Neil",
	    "Söhne & Töchter (GmbH)", "\xe6\x9d\x8e\xe5\xb0\x8f\xe9\xbe\x99", "St. Ives + Co"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_string_equal(shown(names[i], PLAIN_NAME), names[i]);
}

static void
what_looks_like_a_link_is_broken(void **state)
{
	static const struct {
		const char *typed, *shown;
	} cases[] = {
	    {"Visit http://evil.example", "Visit http: /evil. example"},
	    {"hxxps://evil.example/a/b", "hxxps: /evil. example/a/b"},
	    {"evil.example", "evil. example"},
	    {"www.evil.example", "www. evil. example"},
	    {"xn--80ak6aa92e.com", "xn--80ak6aa92e. com"},
	    {"you won: mailto:eve@evil.example", "you won: mailto: eve (at) evil. example"},
	    {"//evil.example", "/evil. example"},
	    {"\\\\evil\\share", "/evil/share"},
	    {"http://192.0.2.1/", "http: /192. 0. 2. 1/"},
	    {"a\r\nb\tc", "a b c"},
	    {"a\xe2\x80\xa8"
	     "b\xc2\x85"
	     "c",
		"a b c"}, /* U+2028, U+0085 */
	    {"evil\xe3\x80\x82"
	     "example",
		"evil. example"}, /* U+3002 */
	    {"evil\xef\xbc\x8e"
	     "example",
		"evil. example"}, /* U+FF0E */
	    {"evil\xef\xbd\xa1"
	     "example",
		"evil. example"}, /* U+FF61 */
	    {"evil\xe2\x80\xa4"
	     "example",
		"evil. example"}, /* U+2024 */
	    {"http\xef\xbc\x9a\xef\xbc\x8f\xef\xbc\x8f"
	     "evil",
		"http: /evil"}, /* fullwidth :// */
	    {"evil.\xe2\x80\x8b"
	     "example",
		"evil. example"}, /* zero-width space */
	    {"evil\xc2\xad.\xe2\x81\xa0"
	     "example",
		"evil. example"}, /* soft hyphen, word joiner */
	    {"\xe2\x80\xae"
	     "elpmaxe.live",
		"elpmaxe. live"}, /* right-to-left override */
	    {"\xe2\x81\xa6"
	     "a\xe2\x81\xa9",
		"a"},                                 /* isolates */
	    {"\xe3\x85\xa4", ""},                     /* hangul filler */
	    {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"}, /* not UTF-8 */
	    {"  a   b  ", "a b"},
	    {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(shown(cases[i].typed, PLAIN_NAME), cases[i].shown);
}

static void
a_user_agent_keeps_its_versions(void **state)
{
	(void)state;
	assert_string_equal(shown("Mozilla/5.0 (X11; rv:128.0) Firefox/128.0", PLAIN_DEVICE),
	    "Mozilla/5.0 (X11; rv: 128.0) Firefox/128.0");
	assert_string_equal(shown("bot (+http://evil.example/1.html)", PLAIN_DEVICE),
	    "bot (+http: /evil. example/1. html)");
}

static void
a_long_text_is_cut(void **state)
{
	char text[400];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(strlen(shown(text, PLAIN_NAME)), PLAIN_NAME_CHARS + 3);
	assert_string_equal(shown(text, PLAIN_NAME) + PLAIN_NAME_CHARS, "\xe2\x80\xa6");
	assert_int_equal(strlen(shown(text, PLAIN_DEVICE)), PLAIN_DEVICE_CHARS + 3);
	text[PLAIN_NAME_CHARS] =
	    ' '; /* the space, or what "@" is written as, is what is too much */
	assert_int_equal(strlen(shown(text, PLAIN_NAME)), PLAIN_NAME_CHARS + 3);
	text[PLAIN_NAME_CHARS - 1] = '@';
	assert_int_equal(strlen(shown(text, PLAIN_NAME)), PLAIN_NAME_CHARS + 3);
	text[PLAIN_NAME_CHARS - 1] = 'a';
	text[PLAIN_NAME_CHARS] = '\0';
	assert_int_equal(strlen(shown(text, PLAIN_NAME)), PLAIN_NAME_CHARS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ordinary_names_stay_as_they_are),
	    cmocka_unit_test(what_looks_like_a_link_is_broken),
	    cmocka_unit_test(a_user_agent_keeps_its_versions),
	    cmocka_unit_test(a_long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
