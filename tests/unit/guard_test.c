/* Framing (RFC 9112): which bytes reach the HTTP parser. And whose request it is behind proxies. */
#include "check.h"

#include "http/client_ip.h"
#include "http/guard.h"

#define BODY_MAX 1000

static int
status_of(const char *bytes)
{
	return guard_check(bytes, strlen(bytes), BODY_MAX).status;
}

static void
ordinary_requests_pass(void **state)
{
	struct guard_verdict verdict;
	static const char get[] = "GET /x?y=%20 HTTP/1.1\r\nHost: a\r\n\r\n";

	verdict = guard_check(get, sizeof(get) - 1, BODY_MAX);
	assert_int_equal(verdict.status, 0);
	assert_true(verdict.complete);
	verdict = guard_check(get, sizeof(get) - 3, BODY_MAX);
	assert_int_equal(verdict.status, 0);
	assert_false(verdict.complete);
	assert_int_equal(
	    status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"), 0);
	assert_int_equal(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"), 0);
}

static void
what_is_ambiguous_is_refused(void **state)
{
	static const struct {
		int status;
		const char *bytes;
	} cases[] = {
	    {400, "GET / HTTP/1.1\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHostile: evil\r\nHost: a\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n"},
	    {400, "GET / HTTP/1.1\nHost: a\n\n"},
	    {400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"},
	    {400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"},
	    {400, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n"},
	    {400,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
	    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc"},
	    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"},
	    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc"},
	    {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	    {501,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\ntransfer-encoding: x\r\n\r\n"},
	    {413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (status_of(cases[i].bytes) != cases[i].status)
			fail_msg("%d instead of %d for: %s", status_of(cases[i].bytes),
			    cases[i].status, cases[i].bytes);
	assert_int_equal(
	    guard_check("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 30, BODY_MAX).status, 400);
}

static void
no_line_is_dropped_silently(void **state)
{
	char bytes[4096] = "GET / HTTP/1.1\r\nHost: a\r\n";

	for (int i = 0; i < 30; i++)
		strncat(bytes, "X-H: v\r\n", sizeof(bytes) - strlen(bytes) - 1);
	strncat(bytes, "\r\n", sizeof(bytes) - strlen(bytes) - 1);
	assert_int_equal(status_of(bytes), 431);
}

static void
a_head_without_end_is_refused(void **state)
{
	static char bytes[GUARD_HEAD_MAX + 1];

	memset(bytes, 'a', sizeof(bytes) - 1);
	memcpy(bytes, "GET / HTTP/1.1\r\nHost: ", 22);
	assert_int_equal(guard_check(bytes, GUARD_HEAD_MAX, BODY_MAX).status, 431);
}

static void
a_cut_request_is_judged_alike_byte_by_byte(void **state)
{
	static const char whole[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

	for (size_t len = 1; len < sizeof(whole); len++)
		assert_int_equal(guard_check(whole, len, BODY_MAX).status, 0);
}

static void
only_trusted_proxies_are_believed(void **state)
{
	const struct config_list none = {.count = 0},
				 proxies = {
				     .items = {STR("10.0.0.0/8"), STR("fd00::/8")}, .count = 2};
	static const struct {
		bool trusting;
		const char *peer, *forwarded, *client;
	} cases[] = {
	    {false, "192.0.2.1", "198.51.100.9", "192.0.2.1"},
	    {true, "192.0.2.1", "198.51.100.9", "192.0.2.1"},
	    {true, "10.1.2.3", "198.51.100.9", "198.51.100.9"},
	    {true, "10.1.2.3", "203.0.113.1, 198.51.100.9", "198.51.100.9"},
	    {true, "10.1.2.3", "203.0.113.1, 198.51.100.9, 10.0.0.7", "198.51.100.9"},
	    {true, "10.1.2.3", "spoofed", "10.1.2.3"},
	    {true, "10.1.2.3", "", "10.1.2.3"},
	    {true, "fd00::1", "2001:db8::7", "2001:db8::7"},
	    /* ports and brackets, as Azure, IIS and HAProxy write them */
	    {true, "10.1.2.3", "198.51.100.9:4711", "198.51.100.9"},
	    {true, "10.1.2.3", "203.0.113.1:1, 198.51.100.9:2, 10.0.0.7:3", "198.51.100.9"},
	    {true, "10.1.2.3", "[2001:db8::7]", "2001:db8::7"},
	    {true, "10.1.2.3", "[2001:db8::7]:443", "2001:db8::7"},
	    {true, "10.1.2.3", "[2001:DB8:0::7]:_x.Y-9", "2001:db8::7"},
	    {true, "10.1.2.3", "[::ffff:198.51.100.9]:80", "198.51.100.9"},
	    /* no address: the client is the proxy that added it */
	    {true, "10.1.2.3", "198.51.100.9, unknown", "10.1.2.3"},
	    {true, "10.1.2.3", "198.51.100.9, _hidden", "10.1.2.3"},
	    {true, "10.1.2.3", "198.51.100.9, 10.0.0.7, unknown, 10.0.0.8", "10.0.0.8"},
	    {true, "10.1.2.3", "198.51.100.9,", "10.1.2.3"},
	    {true, "10.1.2.3", "198.51.100.9:", "10.1.2.3"},
	    {true, "10.1.2.3", "198.51.100.9:123456", "10.1.2.3"},
	    {true, "10.1.2.3", "198.51.100.9:80:81", "10.1.2.3"},
	    {true, "10.1.2.3", "[198.51.100.9]", "10.1.2.3"},
	    {true, "10.1.2.3", "[2001:db8::7", "10.1.2.3"},
	    {true, "10.1.2.3", "[2001:db8::7]443", "10.1.2.3"},
	    {true, "10.1.2.3", "[2001:db8::7]:", "10.1.2.3"},
	    {true, "10.1.2.3", "[2001:db8::7]:_", "10.1.2.3"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[CLIENT_IP_BYTES];

		client_ip(out, cases[i].peer,
		    (struct hops){str_from(cases[i].forwarded), HOPS_X_FORWARDED_FOR},
		    cases[i].trusting ? &proxies : &none);
		assert_string_equal(out, cases[i].client);
	}
}

static void
forwarded_is_read_from_the_right(void **state)
{
	const struct config_list proxies = {
	    .items = {STR("10.0.0.0/8"), STR("fd00::/8")}, .count = 2};
	static const struct {
		const char *forwarded, *client;
	} cases[] = {
	    /* the examples of RFC 7239, sections 4, 6 and 7 */
	    {"for=\"_gazonk\"", "10.1.2.3"},
	    {"For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"},
	    {"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"},
	    {"for=192.0.2.43, for=198.51.100.17", "198.51.100.17"},
	    {"for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown", "10.1.2.3"},
	    {"for=_hidden, for=_SEVKISEK", "10.1.2.3"},
	    {"for=192.0.2.43, for=\"[fd00::9]\";proto=https", "192.0.2.43"},
	    {"for=\"192.0.2.43:47011\"", "192.0.2.43"},
	    {"by=203.0.113.43;FOR=192.0.2.60 ; host=\"a;b,c\"", "192.0.2.60"},
	    {"for=192.0.2.43:4711", "192.0.2.43"}, /* must be quoted; some do not */
	    /* a quote that a client opened does not reach into what proxies added */
	    {"for=\", for=198.51.100.17", "198.51.100.17"},
	    {"for=1.2.3.4;host=\"x, for=198.51.100.17;by=\"[fd00::9]\"", "198.51.100.17"},
	    /* unreadable: the client is the proxy that added it */
	    {"for=192.0.2.43, proto=https", "10.1.2.3"},
	    {"for=192.0.2.43;for=192.0.2.44", "10.1.2.3"}, {"for=\"192.0.2.43\\\"\"", "10.1.2.3"},
	    {"for=\"192.0.2.43", "10.1.2.3"}, {"for=", "10.1.2.3"}, {"192.0.2.43", "10.1.2.3"},
	    {"for=2001:db8::7", "2001:db8::7"}, /* without its brackets it is an address, too */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[CLIENT_IP_BYTES];

		client_ip(out, "10.1.2.3",
		    (struct hops){str_from(cases[i].forwarded), HOPS_FORWARDED}, &proxies);
		if (strcmp(out, cases[i].client) != 0)
			fail_msg("%s: %s", cases[i].forwarded, out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ordinary_requests_pass),
	    cmocka_unit_test(what_is_ambiguous_is_refused),
	    cmocka_unit_test(no_line_is_dropped_silently),
	    cmocka_unit_test(a_head_without_end_is_refused),
	    cmocka_unit_test(a_cut_request_is_judged_alike_byte_by_byte),
	    cmocka_unit_test(only_trusted_proxies_are_believed),
	    cmocka_unit_test(forwarded_is_read_from_the_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
