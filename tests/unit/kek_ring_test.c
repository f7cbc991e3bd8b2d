/* The text of the key ring: what is read, what is refused, and no byte is read past its end. */
#include "check.h"

#include <sodium.h>
#include <stdlib.h>

#include "kek_ring.h"

#define KEY_1 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define KEY_2 "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
#define ZERO  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* On the heap and exactly as long as the text, so that the sanitizer sees each byte past it. */
static bool
parse(struct ring *ring, struct ring_problem *problem, const char *text, size_t len, char separator)
{
	char *exact = malloc(len > 0 ? len : 1);
	bool ok;

	assert_non_null(exact);
	memcpy(exact, text, len);
	memset(ring, 0, sizeof(*ring));
	memset(problem, 0, sizeof(*problem));
	ok = ring_parse(ring, problem, exact, len, separator, RING_REFUSES_ZERO_KEY);
	free(exact);
	return ok;
}

#define PARSES(text)  parse(&ring, &problem, text, sizeof(text) - 1, '\n')
#define REFUSED(text) (!PARSES(text) && problem.detail[0] != '\0')

static void
keys_are_read_with_and_without_a_newline_at_the_end(void **state)
{
	static const struct {
		const char *text;
		int keys;
	} rings[] = {{KEY_1, 1}, {KEY_1 "\n", 1}, {"a:" KEY_1, 1}, {"a:" KEY_1 "\r\n", 1},
	    {"a:" KEY_1 "\r", 1}, {"a:" KEY_1 " ", 1}, {"a:" KEY_1 "\nb:" KEY_2, 2},
	    {"a:" KEY_1 "\r\nb:" KEY_2 "\r\n", 2}, {"\n\na:" KEY_1 "\n\nb:" KEY_2 "\n\n", 2},
	    {"a:" KEY_1 "\n" KEY_2, 2}};
	struct ring_problem problem;
	struct ring ring;

	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		assert_true(parse(&ring, &problem, rings[i].text, strlen(rings[i].text), '\n'));
		assert_int_equal(ring.count, rings[i].keys);
		assert_int_equal(ring.keys[0].key[31], 1);
		assert_int_equal(ring.keys[1].key[31], rings[i].keys == 2 ? 2 : 0);
	}
	assert_true(PARSES("first:" KEY_1 "\n" KEY_2));
	assert_string_equal(ring.keys[0].id, "first");
	assert_string_equal(ring.keys[1].id, "env-v1");
	assert_true(parse(&ring, &problem, "a:" KEY_1 ",b:" KEY_2, 2 * 46 + 1, ','));
	assert_string_equal(ring.keys[1].id, "b");
}

static void
a_text_without_a_key_is_refused(void **state)
{
	struct ring_problem problem;
	struct ring ring;

	assert_true(REFUSED(""));
	assert_string_equal(problem.detail, "It has no key.");
	assert_true(REFUSED("\r"));
	assert_string_equal(problem.detail, "It has no key.");
	assert_true(REFUSED("\n\r\n  \n"));
	assert_true(REFUSED(" "));
	assert_true(REFUSED(":"));
	assert_true(REFUSED("a:"));
	assert_true(REFUSED("a"));
	assert_true(REFUSED(":" KEY_1));
}

static void
a_key_of_another_size_or_form_is_refused(void **state)
{
	struct ring_problem problem;
	struct ring ring;

	assert_true(REFUSED("a:AQEB"));
	assert_true(REFUSED("a:" KEY_1 KEY_2));
	assert_true(REFUSED("a:" KEY_1 "x"));
	assert_true(REFUSED("a: " KEY_1));
	assert_true(REFUSED("a:" ZERO));
	assert_string_equal(problem.detail, "Key 1: the key is all zero.");
	assert_true(REFUSED("a:" KEY_1 "\na:" KEY_2));
	assert_string_equal(problem.detail, "Key 2: the id stands there twice.");
	assert_true(ring_parse(&(struct ring){.count = 0}, &problem, "a:" ZERO,
	    sizeof("a:" ZERO) - 1, '\n', RING_ALLOWS_ZERO_KEY));
}

static void
a_nul_byte_hides_nothing_behind_it(void **state)
{
	struct ring_problem problem;
	struct ring ring;

	assert_true(REFUSED("\0"));
	assert_true(REFUSED("\0\n"));
	assert_true(REFUSED("a:" KEY_1 "\0"));
	assert_true(REFUSED("a:" KEY_1 "\0\nb:" KEY_2));
	assert_true(REFUSED("a\0b:" KEY_1));
	assert_true(REFUSED("a\tb:" KEY_1));
}

static void
ids_and_rings_have_a_maximum(void **state)
{
	char text[(KEK_RING_MAX + 1) * 64], line[64 + sizeof(KEY_1)];
	struct ring_problem problem;
	struct ring ring;
	size_t len = 0;

	memset(line, 'i', 64);
	memcpy(line + 63, ":" KEY_1, sizeof(":" KEY_1) - 1);
	assert_true(parse(&ring, &problem, line, 63 + sizeof(":" KEY_1) - 1, '\n'));
	assert_int_equal(strlen(ring.keys[0].id), KEK_ID_MAX);
	memcpy(line + 63, "i", 1);
	memcpy(line + 64, ":" KEY_1, sizeof(":" KEY_1) - 2);
	assert_false(parse(&ring, &problem, line, sizeof(line), '\n'));
	for (int i = 0; i < KEK_RING_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%d:" KEY_1 "\n", i);
	assert_true(parse(&ring, &problem, text, len, '\n'));
	assert_int_equal(ring.count, KEK_RING_MAX);
	len += (size_t)snprintf(text + len, sizeof(text) - len, "more:" KEY_1);
	assert_false(parse(&ring, &problem, text, len, '\n'));
	assert_string_equal(problem.detail, "Key 9: the ring is full.");
}

static void
a_text_of_64_kilobytes_without_a_newline_is_refused(void **state)
{
	enum { BYTES = 65536 };
	char *text = malloc(BYTES);
	struct ring_problem problem;
	struct ring ring;

	assert_non_null(text);
	memset(text, 'A', BYTES);
	assert_false(parse(&ring, &problem, text, BYTES, '\n'));
	memset(text, '\n', BYTES);
	assert_false(parse(&ring, &problem, text, BYTES, '\n'));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_are_read_with_and_without_a_newline_at_the_end),
	    cmocka_unit_test(a_text_without_a_key_is_refused),
	    cmocka_unit_test(a_key_of_another_size_or_form_is_refused),
	    cmocka_unit_test(a_nul_byte_hides_nothing_behind_it),
	    cmocka_unit_test(ids_and_rings_have_a_maximum),
	    cmocka_unit_test(a_text_of_64_kilobytes_without_a_newline_is_refused),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
