/* The times of a JWT, as JSON: current means that all three hold, at this second and not long
 * before or behind it. */
#include "fuzz.h"

#include "json.h"
#include "numeric_date.h"

enum { CLAIMS_BYTES = 1024, CLAIMS_DEPTH = 2 };

static const int64_t now = 1800000000;

static void
check_member(const json_t *claims, const char *name)
{
	double written = json_number_value(json_object_get(claims, name));
	int64_t seconds;

	if (!numeric_date(&seconds, json_object_get(claims, name))) {
		REQUIRE(seconds == 0);
		return;
	}
	REQUIRE(seconds >= 0 && seconds <= 253402300799);
	REQUIRE(written - (double)seconds >= 0 && written - (double)seconds < 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct json_limits limits = {.bytes = CLAIMS_BYTES, .depth = CLAIMS_DEPTH};
	int64_t expires, at;
	json_t *claims;

	if (!json_read(&claims, (struct str){(const char *)data, size}, limits))
		return 0;
	check_member(claims, "exp");
	check_member(claims, "iat");
	check_member(claims, "nbf");
	if (numeric_dates_current(&expires, claims, now)) {
		REQUIRE(expires > now && numeric_dates_begun(claims, now));
		REQUIRE(!numeric_dates_current(&at, claims, expires));
		REQUIRE(numeric_dates_current(&at, claims, expires - 1) && at == expires);
	}
	if (json_object_get(claims, "iat") != NULL && numeric_dates_begun(claims, now))
		REQUIRE(numeric_date(&at, json_object_get(claims, "iat")) &&
			at <= now + NUMERIC_DATE_SKEW_SECONDS);
	json_decref(claims);
	return 0;
}
