/* Builders and codecs: buf, base64 (RFC 4648 §10), percent coding, JSON strings. */
#include "check.h"

#include "base64.h"
#include "uri.h"

static void
overflow_is_remembered_and_writes_nothing_beyond(void **state)
{
	char memory[8] = "xxxxxxx";
	struct buf b = {.p = memory, .size = 4};

	buf_str(&b, STR("abc"));
	buf_str(&b, STR("de"));
	assert_false(buf_ok(&b));
	assert_str_is(buf_view(&b), "abc");
	assert_int_equal(memory[4], 'x');
	buf_char(&b, 'f');
	assert_str_is(buf_view(&b), "abc");
	assert_null(buf_cstr(&b));
}

static void
numbers_are_decimal(void **state)
{
	char memory[64];
	struct buf b = BUF_ON(memory);

	buf_int(&b, INT64_MIN);
	buf_char(&b, ' ');
	buf_int(&b, 0);
	buf_char(&b, ' ');
	buf_int(&b, INT64_MAX);
	assert_str_is(buf_view(&b), "-9223372036854775808 0 9223372036854775807");
}

static void
json_strings_are_escaped(void **state)
{
	char memory[128];
	struct buf b = BUF_ON(memory);

	buf_json_str(&b, (struct str){"a\"\\\n\x01\0ü", 8});
	assert_str_is(buf_view(&b), "\"a\\\"\\\\\\n\\u0001\\u0000ü\"");
}

static void
base64_of_the_rfc(void **state)
{
	static const struct {
		const char *plain, *encoded, *url;
	} vectors[] = {{"", "", ""}, {"f", "Zg==", "Zg"}, {"fo", "Zm8=", "Zm8"},
	    {"foo", "Zm9v", "Zm9v"}, {"foob", "Zm9vYg==", "Zm9vYg"},
	    {"fooba", "Zm9vYmE=", "Zm9vYmE"}, {"foobar", "Zm9vYmFy", "Zm9vYmFy"}};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		char memory[64], decoded[64];
		struct buf b = BUF_ON(memory), u = BUF_ON(memory);
		size_t count;

		base64_encode(&b, vectors[i].plain, strlen(vectors[i].plain));
		assert_str_is(buf_view(&b), vectors[i].encoded);
		assert_true(base64_decode(decoded, &count, sizeof(decoded), buf_view(&b)));
		assert_int_equal(count, strlen(vectors[i].plain));
		assert_memory_equal(decoded, vectors[i].plain, count);
		base64url_encode(&u, vectors[i].plain, strlen(vectors[i].plain));
		assert_str_is(buf_view(&u), vectors[i].url);
		assert_true(base64url_decode(decoded, &count, sizeof(decoded), buf_view(&u)));
	}
}

static void
base64_that_is_not_canonical_is_refused(void **state)
{
	static const char *const bad[] = {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", " Zg==", "Zg==\n",
	    "Z-==", "Zm9v=", "=Zg=", "\x8eZm9"};
	char decoded[64];
	size_t count;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (base64_decode(decoded, &count, sizeof(decoded), str_from(bad[i])))
			fail_msg("\"%s\" was decoded", bad[i]);
	assert_false(base64_decode(decoded, &count, 2, STR("Zm9v")));
	assert_false(base64_decode(decoded, &count, sizeof(decoded), STR_NONE));
	assert_false(base64url_decode(decoded, &count, sizeof(decoded), STR("Zg==")));
}

static void
base32_of_the_rfc(void **state)
{
	char memory[32];
	struct buf b = BUF_ON(memory);

	base32_encode(&b, "fooba", 5);
	buf_char(&b, ' ');
	base32_encode(&b, "f", 1);
	assert_str_is(buf_view(&b), "MZXW6YTB MY");
}

static void
percent_coding_goes_both_ways(void **state)
{
	char memory[128], again[128];
	struct buf b = BUF_ON(memory), d = BUF_ON(again);

	buf_uri(&b, STR("a b/ü+'%"));
	assert_str_is(buf_view(&b), "a%20b%2F%C3%BC%2B'%25");
	assert_true(uri_decode(&d, buf_view(&b), URI_COMPONENT));
	assert_str_is(buf_view(&d), "a b/ü+'%");
}

static void
broken_percents_are_refused(void **state)
{
	static const char *const bad[] = {"%", "%a", "%g0", "%0g", "a%"};
	char memory[32];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf b = BUF_ON(memory);

		if (uri_decode(&b, str_from(bad[i]), URI_FORM))
			fail_msg("\"%s\" was decoded", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(overflow_is_remembered_and_writes_nothing_beyond),
	    cmocka_unit_test(numbers_are_decimal),
	    cmocka_unit_test(json_strings_are_escaped),
	    cmocka_unit_test(base64_of_the_rfc),
	    cmocka_unit_test(base64_that_is_not_canonical_is_refused),
	    cmocka_unit_test(base32_of_the_rfc),
	    cmocka_unit_test(percent_coding_goes_both_ways),
	    cmocka_unit_test(broken_percents_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
