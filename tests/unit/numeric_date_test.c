/* The times of a JWT: NumericDates with and without a fraction, and how far clocks may be apart. */
#include "check.h"

#include <jansson.h>

#include "numeric_date.h"

enum { NOW = 1700000000 };

static bool
current(const char *text)
{
	json_t *claims = json_loads(text, 0, NULL);
	int64_t expires;
	bool ok;

	assert_non_null(claims);
	ok = numeric_dates_current(&expires, claims, NOW);
	json_decref(claims);
	return ok;
}

static void
a_token_is_current_between_its_times(void **state)
{
	assert_true(current("{\"exp\":1700000001}"));
	assert_false(current("{\"exp\":1700000000}"));
	assert_false(current("{}"));
	assert_true(current("{\"exp\":1700000900,\"iat\":1700000000,\"nbf\":1700000000}"));
	assert_true(current("{\"exp\":1700000900,\"iat\":1700000060}"));
	assert_false(current("{\"exp\":1700000900,\"iat\":1700000061}"));
	assert_false(current("{\"exp\":1700009000,\"iat\":1700007200}")); /* two hours */
	assert_true(current("{\"exp\":1700000900,\"nbf\":1700000060}"));
	assert_false(current("{\"exp\":1700000900,\"nbf\":1700000061}"));
}

static void
a_date_may_have_a_fraction(void **state)
{
	assert_true(current("{\"exp\":1700000001.5,\"iat\":1699999999.25}"));
	assert_false(current("{\"exp\":1700000000.5}"));
	assert_true(current("{\"exp\":1.7000009e9}"));
}

static void
what_is_no_date_is_refused(void **state)
{
	static const char *const bad[] = {
	    "\"1700000900\"", "null", "true", "-1", "1e300", "[]", "{}", "253402300800"};
	char text[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "{\"exp\":%s}", bad[i]);
		assert_false(current(text));
		snprintf(text, sizeof(text), "{\"exp\":1700000900,\"iat\":%s}", bad[i]);
		assert_false(current(text));
		snprintf(text, sizeof(text), "{\"exp\":1700000900,\"nbf\":%s}", bad[i]);
		assert_false(current(text));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_token_is_current_between_its_times),
	    cmocka_unit_test(a_date_may_have_a_fraction),
	    cmocka_unit_test(what_is_no_date_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
