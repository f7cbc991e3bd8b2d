/*
 * The times of a JWT (RFC 7519 section 4.1.4 to 4.1.6) against a clock. A NumericDate may have a
 * fraction.
 */
#ifndef MANA_NUMERIC_DATE_H
#define MANA_NUMERIC_DATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* How far two clocks may be apart. */
enum { NUMERIC_DATE_SKEW_SECONDS = 60 };

/* Seconds since 1970, a fraction cut off. False, and 0: no number, negative, or after the year
 * 9999. */
bool numeric_date(int64_t *seconds, const json_t *value) __attribute__((warn_unused_result));
/* Whether iat and nbf, where present, are not in the future but for the skew. */
bool numeric_dates_begun(const json_t *claims, int64_t now) __attribute__((warn_unused_result));
/* Whether exp has not passed, and iat and nbf, where present, are not in the future but for the
 * skew. False as well if exp is absent or one of them is no NumericDate. *expires is exp. */
bool numeric_dates_current(int64_t *expires, const json_t *claims, int64_t now)
    __attribute__((warn_unused_result));

#endif
