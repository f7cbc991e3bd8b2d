/* Chunked bodies (RFC 9112 section 7.1): what is decoded, what is refused, in whatever pieces it
 * comes. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

#include "http/chunk.h"

enum { BODY_MAX = 1000, ROOM = 64 * 1024 };

struct outcome {
	char body[BODY_MAX + 1];
	size_t length;
	size_t used;
	bool is_complete;
	int status;
};

/* Reads `count` bytes in pieces of `piece`. */
static struct outcome
read_pieces(const char *bytes, size_t count, size_t piece)
{
	struct chunk_reader chunks = {.state = 0};
	struct outcome o = {.length = 0};

	while (o.used < count && !chunks.is_complete && o.status == 0) {
		size_t n = count - o.used < piece ? count - o.used : piece;
		char *copy = malloc(n);
		struct chunk_progress p;

		memcpy(copy, bytes + o.used, n);
		p = chunk_read(&chunks, copy, n, BODY_MAX);
		assert_true(p.used <= n && p.data <= p.used);
		assert_true(p.used == n || chunks.is_complete || p.refusal.status != 0);
		assert_true(o.length + p.data <= BODY_MAX);
		memcpy(o.body + o.length, copy, p.data);
		o.length += p.data;
		o.used += p.used;
		o.status = p.refusal.status;
		free(copy);
	}
	o.is_complete = chunks.is_complete;
	return o;
}

static void
a_body_is_put_together(void **state)
{
	static const struct {
		const char *bytes, *body;
	} cases[] = {
	    {"0\r\n\r\n", ""},
	    {"5\r\nhello\r\n0\r\n\r\n", "hello"},
	    {"2\r\nhe\r\n3\r\nllo\r\n00\r\n\r\n", "hello"},
	    {"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
	    {"00000005\r\nhello\r\n0\r\n\r\n", "hello"},
	    {"5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", "hello"},
	    {"5 ;a\r\nhello\r\n0\r\n\r\n", "hello"},
	    {"4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"},
	    {"5\r\nhello\r\n0\r\nX-Checksum: 1\r\nY:\r\nContent-Length: 7\r\n\r\n", "hello"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = 1; piece <= strlen(cases[i].bytes); piece++) {
			struct outcome o =
			    read_pieces(cases[i].bytes, strlen(cases[i].bytes), piece);

			assert_true(o.is_complete);
			assert_int_equal(o.used, strlen(cases[i].bytes));
			assert_int_equal(o.length, strlen(cases[i].body));
			assert_memory_equal(o.body, cases[i].body, o.length);
		}
}

static void
what_follows_a_body_is_left_alone(void **state)
{
	static const char bytes[] = "1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n";
	struct outcome o = read_pieces(bytes, sizeof(bytes) - 1, sizeof(bytes));

	assert_true(o.is_complete);
	assert_string_equal(bytes + o.used, "GET / HTTP/1.1\r\n");
}

static void
what_is_malformed_is_refused(void **state)
{
	static const struct {
		int status;
		const char *bytes;
	} cases[] = {
	    {400, "\r\n"},
	    {400, ";a\r\n"},
	    {400, "g\r\n"},
	    {400, "0x5\r\nhello"},
	    {400, "+5\r\nhello"},
	    {400, "-1\r\n"},
	    {400, " 5\r\nhello"},
	    {400, "5 \r\nhello"},
	    {400, "5 5\r\nhello"},
	    {400, "5\nhello"},
	    {400, "5\r\r\nhello"},
	    {400, "5\rhello"},
	    {400, "000000005\r\nhello"},
	    {413, "fffffffff\r\n"},
	    {413, "3e9\r\n"},
	    {400, "5;a\nb\r\nhello"},
	    {400, "5;a\rb\r\nhello"},
	    {400, "5;\x01\r\nhello"},
	    {400, "5\r\nhello0\r\n\r\n"},
	    {400, "5\r\nhello\n0\r\n\r\n"},
	    {400, "5\r\nhello\r0\r\n\r\n"},
	    {400, "5\r\nhello!\r\n0\r\n\r\n"},
	    {400, "0\r\n folded\r\n\r\n"},
	    {400, "0\r\nX : a\r\n\r\n"},
	    {400, "0\r\nno colon\r\n\r\n"},
	    {400, "0\r\nnocolon\r\n\r\n"},
	    {400, "0\r\nX: a\nY: b\r\n\r\n"},
	    {400, "0\r\n\r\r\n"},
	    {400, "0\r\n\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i].bytes;

		for (size_t piece = 1; piece <= strlen(text); piece++) {
			struct outcome o = read_pieces(text, strlen(text), piece);

			if (o.status != cases[i].status || o.is_complete)
				fail_msg(
				    "%d instead of %d for: %s", o.status, cases[i].status, text);
		}
	}
}

static void
a_body_of_the_longest_length_is_read_and_no_byte_more(void **state)
{
	char bytes[BODY_MAX + 64];
	int head = snprintf(bytes, sizeof(bytes), "%x\r\n", BODY_MAX);
	struct outcome o;

	memset(bytes + head, 'b', BODY_MAX);
	memcpy(bytes + head + BODY_MAX, "\r\n0\r\n\r\n", 7);
	o = read_pieces(bytes, (size_t)head + BODY_MAX + 7, 7);
	assert_true(o.is_complete);
	assert_int_equal(o.length, BODY_MAX);
	memcpy(bytes + head + BODY_MAX, "\r\n1\r\n", 5);
	o = read_pieces(bytes, (size_t)head + BODY_MAX + 5, 7);
	assert_int_equal(o.status, 413);
}

/* Appends so many copies of a text. */
static size_t
repeated(char *out, size_t at, const char *text, size_t times)
{
	for (size_t i = 0; i < times; i++, at += strlen(text))
		memcpy(out + at, text, strlen(text));
	return at;
}

static void
bytes_that_are_no_data_are_bounded(void **state)
{
	char *bytes = calloc(1, ROOM);
	size_t count;

	count = repeated(bytes, 0, "1;", 1);
	count = repeated(bytes, count, "x", CHUNK_OVERHEAD_MAX);
	assert_int_equal(read_pieces(bytes, count, 4096).status, 400);
	count = repeated(bytes, 0, "0\r\n", 1);
	count = repeated(bytes, count, "X: y\r\n", CHUNK_OVERHEAD_MAX / 6);
	count = repeated(bytes, count, "X: y\r\n", 1);
	assert_int_equal(read_pieces(bytes, count, 4096).status, 400);
	/* a client that sends byte by byte is served */
	count = repeated(bytes, 0, "1\r\nb\r\n", BODY_MAX);
	count = repeated(bytes, count, "0\r\n\r\n", 1);
	assert_true(read_pieces(bytes, count, 4096).is_complete);
	/* one that adds an extension to each byte is not */
	count = repeated(bytes, 0, "1;0123456789012345678901234567890123456789\r\nb\r\n", BODY_MAX);
	assert_int_equal(read_pieces(bytes, count, 4096).status, 400);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_body_is_put_together),
	    cmocka_unit_test(what_follows_a_body_is_left_alone),
	    cmocka_unit_test(what_is_malformed_is_refused),
	    cmocka_unit_test(a_body_of_the_longest_length_is_read_and_no_byte_more),
	    cmocka_unit_test(bytes_that_are_no_data_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
