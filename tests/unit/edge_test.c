/* The edge's pure parts: finding a route, cookies, how errors look, tokens seen before. */
#include "check.h"

#include "http/cookie.h"
#include "http/error_body.h"
#include "http/match.h"
#include "keys/seen.h"

static const struct route table[] = {
    {.method = METHOD_GET, .path = "/a"},
    {.method = METHOD_POST, .path = "/a"},
    {.method = METHOD_GET, .path = "/a/:id"},
    {.method = METHOD_DELETE, .path = "/a/:id/b/:other"},
};

static const struct route *
find(struct str captures[static REQUEST_CAPTURES_MAX], unsigned int *allowed, enum method method,
    const char *path)
{
	return match_route(
	    captures, allowed, table, sizeof(table) / sizeof(table[0]), method, str_from(path));
}

static void
a_route_is_found_by_method_and_path(void **state)
{
	struct str captures[REQUEST_CAPTURES_MAX];
	unsigned int allowed;

	assert_ptr_equal(find(captures, &allowed, METHOD_GET, "/a"), &table[0]);
	assert_ptr_equal(find(captures, &allowed, METHOD_POST, "/a"), &table[1]);
	assert_ptr_equal(find(captures, &allowed, METHOD_GET, "/a/x"), &table[2]);
	assert_str_is(captures[0], "x");
	assert_null(captures[1].p);
	assert_ptr_equal(find(captures, &allowed, METHOD_DELETE, "/a/x/b/y%2Fz"), &table[3]);
	assert_str_is(captures[0], "x");
	assert_str_is(captures[1], "y%2Fz");
	assert_str_is(match_capture_name(table[3].path, 0), "id");
	assert_str_is(match_capture_name(table[3].path, 1), "other");
	assert_null(match_capture_name(table[3].path, 2).p);
}

static void
a_path_that_only_looks_alike_is_not_found(void **state)
{
	static const char *const paths[] = {"", "/", "/A", "/a/", "//a", "/a//", "/a/x/", "/%61",
	    "/a/x/b", "/a/x/b/", "/a/x/b/y/", "/a/../a", "/ab"};
	struct str captures[REQUEST_CAPTURES_MAX];
	unsigned int allowed;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_null(find(captures, &allowed, METHOD_GET, paths[i]));
		assert_int_equal(allowed, 0);
	}
}

static void
a_wrong_method_is_told_the_right_ones(void **state)
{
	struct str captures[REQUEST_CAPTURES_MAX];
	unsigned int allowed;

	assert_null(find(captures, &allowed, METHOD_PUT, "/a"));
	assert_int_equal(allowed, 1U << METHOD_GET | 1U << METHOD_POST);
}

static struct str
first_cookie(struct str header, const char *name)
{
	return cookie_next(&header, str_from(name));
}

static void
cookies_are_found_by_their_whole_name(void **state)
{
	struct str header =
	    STR("xmana.t=0; mana.tt=1;mana.t=a.b==/+; mana.t=second; flag; name=M\xc3\xbcller");

	assert_str_is(first_cookie(header, "mana.t"), "a.b==/+");
	assert_str_is(first_cookie(header, "mana.tt"), "1");
	assert_str_is(first_cookie(header, "name"), "M\xc3\xbcller");
	assert_str_is(first_cookie(STR("mana.t="), "mana.t"), "");
	assert_null(first_cookie(header, "mana").p);
	assert_null(first_cookie(header, "flag").p);
	assert_null(first_cookie(header, "Mana.t").p);
	assert_null(first_cookie(STR_NONE, "mana.t").p);
}

static void
each_cookie_of_a_name_is_found(void **state)
{
	struct str rest = STR("a=1; b=2; a=; c=3;; a=4");

	assert_str_is(cookie_next(&rest, STR("a")), "1");
	assert_str_is(cookie_next(&rest, STR("a")), "");
	assert_str_is(cookie_next(&rest, STR("a")), "4");
	assert_null(cookie_next(&rest, STR("a")).p);
	assert_null(cookie_next(&rest, STR("a")).p);
}

static struct str
cookie_of(char memory[static 256], const struct config *c, const char *value, int max_age_seconds)
{
	struct buf out = {.p = memory, .size = 256};

	cookie_write(&out, c, COOKIE_SESSION, str_from(value), max_age_seconds);
	assert_true(buf_ok(&out));
	return buf_view(&out);
}

static void
cookies_have_the_attributes_that_clients_know(void **state)
{
	const struct config development = {.cookie_domain = STR("")};
	const struct config production = {
	    .production = true, .secure_cookies_prefix = true, .cookie_domain = STR(".mana.how")};
	char memory[256];

	assert_str_is(cookie_of(memory, &development, "v", 604800),
	    "mana.session_token=v; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax");
	assert_str_is(cookie_of(memory, &development, "v", -1),
	    "mana.session_token=v; Path=/; HttpOnly; SameSite=Lax");
	assert_str_is(cookie_of(memory, &development, "", 0),
	    "mana.session_token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax");
	assert_str_is(cookie_of(memory, &production, "v", 604800),
	    "__Secure-mana.session_token=v; Max-Age=604800; Domain=.mana.how; Path=/; HttpOnly; "
	    "Secure; SameSite=None");
}

static struct str
name_of(char memory[static 64], const struct config *c, enum cookie cookie)
{
	struct buf out = {.p = memory, .size = 64};

	cookie_name(&out, c, cookie);
	return buf_view(&out);
}

static void
a_cookie_is_bound_to_the_host_unless_a_domain_shares_it(void **state)
{
	const struct config http = {.cookie_domain = STR("")};
	const struct config alone = {.secure_cookies_prefix = true, .cookie_domain = STR("")};
	const struct config shared = {
	    .secure_cookies_prefix = true, .cookie_domain = STR(".mana.how")};
	char memory[64];

	assert_str_is(name_of(memory, &http, COOKIE_TWO_FACTOR), "mana.two_factor");
	assert_str_is(name_of(memory, &alone, COOKIE_TWO_FACTOR), "__Host-mana.two_factor");
	assert_str_is(name_of(memory, &alone, COOKIE_PASSKEY), "__Host-mana.better-auth-passkey");
	assert_str_is(name_of(memory, &shared, COOKIE_TWO_FACTOR), "__Secure-mana.two_factor");
	assert_str_is(name_of(memory, &alone, COOKIE_SESSION), "__Secure-mana.session_token");
}

static void
cookies_are_known_by_their_short_names(void **state)
{
	for (enum cookie cookie = 0; cookie < COOKIE_COUNT; cookie++)
		assert_int_equal(cookie_by_name(cookie_short_name(cookie)), cookie);
	assert_int_equal(cookie_by_name(STR("session")), COOKIE_COUNT);
	assert_int_equal(cookie_by_name(STR("")), COOKIE_COUNT);
}

static void
errors_have_the_shape_of_their_routes(void **state)
{
	static const struct {
		enum error_shape shape;
		const char *body;
	} cases[] = {
	    {ERRORS_BETTER_AUTH, "{\"message\":\"a \\\"b\\\"\",\"code\":\"ACCOUNT_LOCKED\"}"},
	    {ERRORS_V1, "{\"error\":\"ACCOUNT_LOCKED\",\"code\":\"ACCOUNT_LOCKED\",\"message\":\"a "
			"\\\"b\\\"\",\"status\":429,"
			"\"retryAfterSec\":7,\"remainingSeconds\":7}"},
	    {ERRORS_VAULT, "{\"error\":\"a \\\"b\\\"\",\"code\":\"ACCOUNT_LOCKED\"}"},
	    {ERRORS_ME,
		"{\"statusCode\":429,\"error\":\"a \\\"b\\\"\",\"message\":\"a \\\"b\\\"\"}"},
	    {ERRORS_ADMIN,
		"{\"statusCode\":429,\"error\":\"Too many requests\",\"message\":\"a \\\"b\\\"\","
		"\"code\":\"ACCOUNT_LOCKED\"}"},
	    {ERRORS_OAUTH, "{\"error\":\"invalid_request\",\"error_description\":\"a \\\"b\\\"\"}"},
	    {ERRORS_PLAIN, "a \"b\""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char memory[512];
		struct buf out = BUF_ON(memory);

		error_body(&out, cases[i].shape, error_info(ERR_ACCOUNT_LOCKED), STR("a \"b\""), 7,
		    STR_NONE);
		assert_str_is(buf_view(&out), cases[i].body);
	}
}

static void
details_of_an_error_follow_on_its_shape(void **state)
{
	static const struct {
		enum error_shape shape;
		const char *body;
	} cases[] = {
	    {ERRORS_BETTER_AUTH,
		"{\"message\":\"m\",\"code\":\"STEP_UP_REQUIRED\",\"methods\":[\"mail\"]}"},
	    {ERRORS_V1, "{\"error\":\"STEP_UP_REQUIRED\",\"code\":\"STEP_UP_REQUIRED\","
			"\"message\":\"m\",\"status\":403,\"methods\":[\"mail\"]}"},
	    {ERRORS_VAULT,
		"{\"error\":\"m\",\"code\":\"STEP_UP_REQUIRED\",\"methods\":[\"mail\"]}"},
	    {ERRORS_ME, "{\"statusCode\":403,\"error\":\"m\",\"message\":\"m\","
			"\"code\":\"STEP_UP_REQUIRED\",\"methods\":[\"mail\"]}"},
	    {ERRORS_ADMIN, "{\"statusCode\":403,\"error\":\"Forbidden\",\"message\":\"m\","
			   "\"code\":\"STEP_UP_REQUIRED\",\"methods\":[\"mail\"]}"},
	};
	char memory[512];
	struct buf out;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		out = (struct buf)BUF_ON(memory);
		error_body(&out, cases[i].shape, error_info(ERR_STEP_UP_REQUIRED), STR("m"), 0,
		    STR("{\"methods\":[\"mail\"]}"));
		assert_str_is(buf_view(&out), cases[i].body);
	}
	out = (struct buf)BUF_ON(memory);
	error_body(&out, ERRORS_VAULT, error_info(ERR_VAULT_LOCKED), STR("m"), 0, STR("{}"));
	assert_str_is(buf_view(&out), "{\"error\":\"m\",\"code\":\"VAULT_LOCKED\"}");
}

static void
only_the_very_same_token_was_seen_before(void **state)
{
	struct str token = STR("header.payload.signature");

	seen_forget();
	assert_false(seen_before(token));
	seen_remember(token);
	assert_true(seen_before(token));
	assert_false(seen_before(STR("header.payload.signaturf")));
	assert_false(seen_before(STR("header.payloae.signature")));
	assert_false(seen_before(STR("header.payload.signatur")));
	assert_false(seen_before(STR("")));
	seen_forget();
	assert_false(seen_before(token));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_route_is_found_by_method_and_path),
	    cmocka_unit_test(a_path_that_only_looks_alike_is_not_found),
	    cmocka_unit_test(a_wrong_method_is_told_the_right_ones),
	    cmocka_unit_test(cookies_are_found_by_their_whole_name),
	    cmocka_unit_test(each_cookie_of_a_name_is_found),
	    cmocka_unit_test(cookies_have_the_attributes_that_clients_know),
	    cmocka_unit_test(a_cookie_is_bound_to_the_host_unless_a_domain_shares_it),
	    cmocka_unit_test(cookies_are_known_by_their_short_names),
	    cmocka_unit_test(errors_have_the_shape_of_their_routes),
	    cmocka_unit_test(details_of_an_error_follow_on_its_shape),
	    cmocka_unit_test(only_the_very_same_token_was_seen_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
