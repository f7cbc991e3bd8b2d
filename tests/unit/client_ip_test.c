/* Whose request it is behind proxies (X-Forwarded-For, Forwarded), and which network that is. */
#include "check.h"

#include "http/client_ip.h"

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

static void
a_network_of_ipv6_is_what_one_customer_has(void **state)
{
	static const struct {
		const char *ip, *network;
	} cases[] = {
	    {"192.0.2.1", "192.0.2.1"},
	    {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
	    {"2001:db8:1:2::9", "2001:db8:1:2::"},
	    {"::1", "::"},
	    {"", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[CLIENT_IP_BYTES];

		client_ip_network(out, cases[i].ip);
		assert_string_equal(out, cases[i].network);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_trusted_proxies_are_believed),
	    cmocka_unit_test(forwarded_is_read_from_the_right),
	    cmocka_unit_test(a_network_of_ipv6_is_what_one_customer_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
