/* Paths against the table of routes: METHOD as a digit, then the path. A row that matches has the
 * path's segments, its captures are whole segments, and a path without such a row has its methods.
 */
#include "fuzz.h"

#include "http/match.h"

static void
check_row(const struct route *row, const struct str captures[static REQUEST_CAPTURES_MAX],
    struct str path)
{
	struct str pattern = str_from(row->path), wanted, given;
	int taken = 0;

	while (pattern.p != NULL) {
		REQUIRE(path.p != NULL);
		(void)str_cut(&wanted, &pattern, pattern, '/');
		(void)str_cut(&given, &path, path, '/');
		if (!str_starts(wanted, STR(":"))) {
			REQUIRE(str_equal(wanted, given));
			continue;
		}
		REQUIRE(given.len > 0 && captures[taken].p == given.p &&
			captures[taken].len == given.len);
		REQUIRE(str_equal(match_capture_name(row->path, taken), str_skip(wanted, 1)));
		taken++;
	}
	REQUIRE(path.p == NULL);
	for (; taken < REQUEST_CAPTURES_MAX; taken++)
		REQUIRE(captures[taken].p == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str captures[REQUEST_CAPTURES_MAX], path;
	const struct route *row;
	unsigned int allowed, methods;
	enum method method;

	if (size < 2)
		return 0;
	method = METHOD_GET + data[0] % METHOD_OPTIONS;
	path = (struct str){(const char *)data + 1, size - 1};
	row = match_route(captures, &allowed, routes, routes_count, method, path);
	if (row != NULL) {
		REQUIRE(row->method == method);
		check_row(row, captures, path);
		return 0;
	}
	REQUIRE((allowed & 1U << method) == 0);
	for (enum method other = METHOD_GET; other <= METHOD_OPTIONS; other++) {
		bool is_allowed = (allowed & 1U << other) != 0;

		row = match_route(captures, &methods, routes, routes_count, other, path);
		REQUIRE((row != NULL) == is_allowed);
	}
	return 0;
}
