/*
 * Accept-Language (RFC 9110 section 12.5.4), read as browsers write it: the best one first.
 */
#include "http/locale.h"

struct str
locale_of(const struct request *r)
{
	struct str rest = request_header(r, STR("accept-language"));
	struct str range;

	while (rest.len > 0) {
		(void)str_cut(&range, &rest, rest, ','); /* the last one ends the list */
		while (str_starts(range, STR(" ")))
			range = str_skip(range, 1);
		if (range.len < 2)
			continue;
		range.len = 2;
		if (str_equal_nocase(range, STR("de")))
			return STR("de");
		if (str_equal_nocase(range, STR("en")))
			return STR("en");
	}
	return STR("de");
}
