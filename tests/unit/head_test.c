/* Request heads (RFC 9112): what is read, what is refused and with which status. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

#include "http/head.h"

enum { BODY_MAX = 1000 };

#define GET_WITH(lines)  "GET / HTTP/1.1\r\nHost: a\r\n" lines "\r\n"
#define POST_WITH(lines) "POST / HTTP/1.1\r\nHost: a\r\n" lines "\r\n"

/* A copy of the test's bytes on the heap, where the sanitizer sees what lies beside them. */
struct sample {
	char *bytes;
	size_t count;
	size_t end;
	struct head_scan scan;
	struct head head;
	struct refusal refusal;
};

static struct sample
read_bytes(const char *bytes, size_t count)
{
	struct sample s = {.bytes = malloc(count + (count == 0)), .count = count};

	memcpy(s.bytes, bytes, count);
	s.end = head_end(&s.scan, s.bytes, count);
	s.refusal = s.scan.refusal;
	if (s.end > 0)
		s.refusal =
		    head_read(&s.head, s.bytes + s.scan.start, s.end - s.scan.start, BODY_MAX);
	return s;
}

static struct sample
read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static int
status_of(const char *text)
{
	struct sample s = read_text(text);
	int status = s.refusal.status;

	if (status == 0 && s.end == 0)
		status = -1; /* not complete */
	assert_true(status <= 0 || s.refusal.reason != NULL);
	free(s.bytes);
	return status;
}

static struct str
field(const struct head *head, const char *name)
{
	for (int i = 0; i < head->fields_count; i++)
		if (str_equal(head->fields[i].name, str_from(name)))
			return head->fields[i].value;
	return STR_NONE;
}

static void
a_head_is_taken_apart(void **state)
{
	struct sample s =
	    read_text("POST /a/b?c=%20&d HTTP/1.1\r\nHoSt: Example.org:80\r\n"
		      "X-Empty:\r\nX-Blanks: \t a\tb \t\r\nX-Bytes: M\xc3\xbcller\xff\r\n"
		      "Content-Length: 12\r\n\r\nbody follows");

	assert_int_equal(s.refusal.status, 0);
	assert_int_equal(s.count - s.end, 12);
	assert_str_is(s.head.method, "POST");
	assert_str_is(s.head.path, "/a/b");
	assert_str_is(s.head.query, "c=%20&d");
	assert_str_is(s.head.host, "Example.org:80");
	assert_int_equal(s.head.length, 12);
	assert_int_equal(s.head.fields_count, 5);
	assert_str_is(field(&s.head, "host"), "Example.org:80");
	assert_str_is(field(&s.head, "x-empty"), "");
	assert_non_null(field(&s.head, "x-empty").p);
	assert_str_is(field(&s.head, "x-blanks"), "a\tb");
	assert_str_is(field(&s.head, "x-bytes"), "M\xc3\xbcller\xff");
	assert_false(s.head.closes || s.head.is_chunked || s.head.expects_continue);
	free(s.bytes);
}

static void
an_absolute_target_replaces_the_host(void **state)
{
	static const struct {
		const char *target, *path, *query, *host;
	} cases[] = {
	    {"http://b.example:8080/x?y=z", "/x", "y=z", "b.example:8080"},
	    {"HTTPS://[::1]/x", "/x", NULL, "[::1]"},
	    {"http://b", "/", NULL, "b"},
	    {"http://b?q", "/", "q", "b"},
	    {"/x??y", "/x", "?y", "a"},
	    {"/?", "/", "", "a"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		struct sample s;

		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].target);
		s = read_text(text);
		assert_int_equal(s.refusal.status, 0);
		assert_str_is(s.head.path, cases[i].path);
		assert_str_is(s.head.host, cases[i].host);
		if (cases[i].query == NULL)
			assert_null(s.head.query.p);
		else
			assert_str_is(s.head.query, cases[i].query);
		free(s.bytes);
	}
}

static void
options_of_the_whole_server_is_an_asterisk(void **state)
{
	static const char *const targets[] = {"*", "http://a", "http://a:80"};

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		char text[128];
		struct sample s;

		snprintf(text, sizeof(text), "OPTIONS %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i]);
		s = read_text(text);
		assert_int_equal(s.refusal.status, 0);
		assert_str_is(s.head.path, "*");
		free(s.bytes);
	}
	assert_int_equal(status_of("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
	assert_int_equal(status_of("OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
	assert_int_equal(status_of("OPTIONS *?x HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

static void
what_follows_from_the_fields(void **state)
{
	struct sample s =
	    read_text(POST_WITH("Transfer-Encoding: Chunked\r\nConnection: TE, Close\r\n"
				"Expect: 100-Continue\r\n"));

	assert_int_equal(s.refusal.status, 0);
	assert_true(s.head.is_chunked && s.head.closes && s.head.expects_continue);
	free(s.bytes);
	s = read_text("GET / HTTP/1.0\r\nExpect: 100-continue\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(s.refusal.status, 0);
	assert_true(s.head.is_http_1_0 && s.head.closes && !s.head.expects_continue);
	assert_null(s.head.host.p);
	free(s.bytes);
}

static void
empty_lines_before_a_request_are_skipped(void **state)
{
	struct sample s = read_text("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");

	assert_int_equal(s.refusal.status, 0);
	assert_int_equal(s.scan.start, 8);
	assert_str_is(s.head.method, "GET");
	free(s.bytes);
	assert_int_equal(status_of("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
	assert_int_equal(status_of("\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
	assert_int_equal(status_of("\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

static void
what_is_ambiguous_or_not_served_is_refused(void **state)
{
	static const struct {
		int status;
		const char *bytes;
	} cases[] = {
	    /* Host (RFC 9112 section 3.2) */
	    {400, "GET / HTTP/1.1\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"},
	    {400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
	    {400, "GET http://a/ HTTP/1.1\r\n\r\n"},
	    {400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"},
	    /* lines (RFC 9112 sections 2.2 and 5) */
	    {400, "GET / HTTP/1.1\nHost: a\n\n"},
	    {400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
	    {400, GET_WITH("X : b\r\n")},
	    {400, GET_WITH(" folded: x\r\n")},
	    {400, GET_WITH("\tfolded: x\r\n")},
	    {400, GET_WITH("no colon\r\n")},
	    {400, GET_WITH(": no name\r\n")},
	    {400, GET_WITH("n\xc3\xa4me: x\r\n")},
	    {400, GET_WITH("X: a\x01\r\n")},
	    {400, GET_WITH("X: a\x7f\r\n")},
	    /* request line */
	    {400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
	    {400, "GET /\r\nHost: a\r\n\r\n"},
	    {400, "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "GET / http/1.1\r\nHost: a\r\n\r\n"},
	    {400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
	    {505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
	    {505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
	    {400, "PRI * HTTP/2.0\r\n\r\n"},
	    {501, "get / HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {501, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {501, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"},
	    /* framing (RFC 9112 section 6) */
	    {400, GET_WITH("Content-Length: 5\r\n")},
	    {400, GET_WITH("Transfer-Encoding: chunked\r\n")},
	    {400, POST_WITH("Content-Length: 3\r\nContent-Length: 3\r\n")},
	    {400, POST_WITH("Content-Length: +3\r\n")},
	    {400, POST_WITH("Content-Length: -1\r\n")},
	    {400, POST_WITH("Content-Length: 3, 3\r\n")},
	    {400, POST_WITH("Content-Length: 0x3\r\n")},
	    {400, POST_WITH("Content-Length: 3\t\r\n")},
	    {400, POST_WITH("Content-Length:\t3\r\n")},
	    {400, POST_WITH("Content-Length:\r\n")},
	    {413, POST_WITH("Content-Length: 1001\r\n")},
	    {413, POST_WITH("Content-Length: 18446744073709551617\r\n")},
	    {400, POST_WITH("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")},
	    {400, POST_WITH("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")},
	    {400, POST_WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
	    {400, POST_WITH("Transfer-Encoding: chunked\t\r\n")},
	    {400, POST_WITH("Transfer-Encoding:\tchunked\r\n")},
	    {501, POST_WITH("Transfer-Encoding:\r\n")},
	    {501, POST_WITH("Transfer-Encoding: identity\r\n")},
	    {501, POST_WITH("Transfer-Encoding: xchunked\r\n")},
	    {501, POST_WITH("Transfer-Encoding: gzip, chunked\r\n")},
	    {501, POST_WITH("Transfer-Encoding: chunked, chunked\r\n")},
	    {501, POST_WITH("Transfer-Encoding: chunked;q=1\r\n")},
	    {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
	    {417, POST_WITH("Expect: tea\r\n")},
	    /* and what is none of that */
	    {0, GET_WITH("Hostile: b\r\n")},
	    {0, GET_WITH("Content-Length: 0\r\n")},
	    {0, POST_WITH("Content-Length: 0000000003\r\n")},
	    {0, POST_WITH("Content-Length:3 \r\n")},
	    {0, "DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"},
	    {0, "POST / HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {0, "GET / HTTP/1.0\r\n\r\n"},
	    {-1, "GET / HTTP/1.1\r\nHost: a\r\n\r"},
	    {-1, "\r\n"},
	    {-1, ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (status_of(cases[i].bytes) != cases[i].status)
			fail_msg("%d instead of %d for: %s", status_of(cases[i].bytes),
			    cases[i].status, cases[i].bytes);
}

static void
a_nul_is_refused_before_the_head_is_complete(void **state)
{
	static const struct {
		const char *bytes;
		size_t count;
	} cases[] = {{"\x16\x03\x01\x00", 4}, {"GET / HTTP/1.1\r\nHost: a\0b", 25}};
	static const char complete[] = "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";
	struct sample s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s = read_bytes(cases[i].bytes, cases[i].count);

		assert_int_equal(s.end, 0);
		assert_int_equal(s.refusal.status, 400);
		assert_string_equal(s.refusal.reason, "NUL in the head");
		free(s.bytes);
	}
	s = read_bytes(complete, sizeof(complete) - 1);
	assert_true(s.end > 0);
	assert_int_equal(s.refusal.status, 400);
	free(s.bytes);
}

static void
a_hundred_fields_are_read_and_no_more(void **state)
{
	for (int extra = 99; extra <= 100; extra++) {
		char bytes[4096] = "GET / HTTP/1.1\r\nHost: a\r\n";

		for (int i = 0; i < extra; i++)
			strncat(bytes, "X-H: v\r\n", sizeof(bytes) - strlen(bytes) - 1);
		strncat(bytes, "\r\n", sizeof(bytes) - strlen(bytes) - 1);
		assert_int_equal(status_of(bytes), extra == 99 ? 0 : 431);
	}
}

/* A head of so many bytes: its target or, beside a short one, a field fills it. */
static struct sample
padded(size_t target, size_t total)
{
	static const char fields[] = " HTTP/1.1\r\nHost: a\r\nX: ";
	char *bytes = malloc(total);
	struct sample s;
	size_t at = 4;

	memset(bytes, 'a', total);
	memcpy(bytes, "GET /", 5);
	at += target;
	memcpy(bytes + at, fields, sizeof(fields) - 1);
	memcpy(bytes + total - 4, "\r\n\r\n", 4);
	s = read_bytes(bytes, total);
	free(bytes);
	return s;
}

static void
lengths_are_bounded(void **state)
{
	static const struct {
		int status;
		size_t target, total;
	} cases[] = {
	    {0, 8000, 8100},
	    {0, HEAD_TARGET_MAX, HEAD_TARGET_MAX + 100},
	    {414, HEAD_TARGET_MAX + 1, HEAD_TARGET_MAX + 100},
	    {0, 10, HEAD_BYTES_MAX},
	    {431, 10, HEAD_BYTES_MAX + 1},
	    {431, 10, 100000},
	};
	static char endless[HEAD_BYTES_MAX];
	struct sample s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s = padded(cases[i].target, cases[i].total);
		assert_int_equal(s.refusal.status, cases[i].status);
		free(s.bytes);
	}
	memset(endless, 'a', sizeof(endless));
	s = read_bytes(endless, sizeof(endless) - 1);
	assert_int_equal(s.refusal.status, 0);
	free(s.bytes);
	s = read_bytes(endless, sizeof(endless));
	assert_int_equal(s.refusal.status, 414);
	free(s.bytes);
}

static void
a_head_is_judged_alike_byte_by_byte(void **state)
{
	static const char *const texts[] = {
	    "\r\n\r\nPOST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
	    "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "GET / HTTP/1.1\nHost: a\r\n\r\n",
	    "\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	    "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sample whole = read_text(texts[i]);
		struct head_scan scan = {.seen = 0};
		size_t end = 0;

		for (size_t n = 1; n <= strlen(texts[i]) && end == 0 && scan.refusal.status == 0;
		     n++) {
			char *copy = malloc(n);

			memcpy(copy, texts[i], n);
			end = head_end(&scan, copy, n);
			free(copy);
		}
		if (end == 0) { /* refused at the first bad byte */
			assert_int_equal(scan.refusal.status, whole.refusal.status);
			assert_int_not_equal(scan.refusal.status, 0);
		} else {
			assert_int_equal(end, whole.end);
			assert_int_equal(scan.start, whole.scan.start);
			assert_int_equal(whole.refusal.status, 0);
		}
		free(whole.bytes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_head_is_taken_apart),
	    cmocka_unit_test(an_absolute_target_replaces_the_host),
	    cmocka_unit_test(options_of_the_whole_server_is_an_asterisk),
	    cmocka_unit_test(what_follows_from_the_fields),
	    cmocka_unit_test(empty_lines_before_a_request_are_skipped),
	    cmocka_unit_test(what_is_ambiguous_or_not_served_is_refused),
	    cmocka_unit_test(a_nul_is_refused_before_the_head_is_complete),
	    cmocka_unit_test(a_hundred_fields_are_read_and_no_more),
	    cmocka_unit_test(lengths_are_bounded),
	    cmocka_unit_test(a_head_is_judged_alike_byte_by_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
