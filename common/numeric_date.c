/* See numeric_date.h. */
#include "numeric_date.h"

#define LATEST 253402300799.0 /* the end of the year 9999 */

static bool is_past(const json_t *value, int64_t now);

bool
numeric_date(int64_t *seconds, const json_t *value)
{
	double number = json_is_number(value) ? json_number_value(value) : -1;

	*seconds = 0;
	if (!(number >= 0 && number <= LATEST)) /* nor NaN */
		return false;
	*seconds = (int64_t)number;
	return true;
}

bool
numeric_dates_current(int64_t *expires, const json_t *claims, int64_t now)
{
	return numeric_date(expires, json_object_get(claims, "exp")) && *expires > now &&
	       numeric_dates_begun(claims, now);
}

bool
numeric_dates_begun(const json_t *claims, int64_t now)
{
	return is_past(json_object_get(claims, "iat"), now) &&
	       is_past(json_object_get(claims, "nbf"), now);
}

/* Absent, or a date that has come. */
static bool
is_past(const json_t *value, int64_t now)
{
	int64_t at;

	return value == NULL || (numeric_date(&at, value) && at <= now + NUMERIC_DATE_SKEW_SECONDS);
}
