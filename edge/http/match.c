/* The table of routes, searched segment by segment; see match.h. */
#include "http/match.h"

static bool
path_matches(struct str captures[static REQUEST_CAPTURES_MAX], struct str pattern, struct str path);
static bool next_segment(struct str *segment, struct str *rest);

const struct route *
match_route(struct str captures[static REQUEST_CAPTURES_MAX], unsigned int *allowed,
    const struct route *table, size_t count, enum method method, struct str path)
{
	*allowed = 0;
	for (size_t i = 0; i < count; i++) {
		if (!path_matches(captures, str_from(table[i].path), path))
			continue;
		if (table[i].method == method)
			return &table[i];
		*allowed |= 1U << table[i].method;
	}
	return NULL;
}

static bool
path_matches(struct str captures[static REQUEST_CAPTURES_MAX], struct str pattern, struct str path)
{
	struct str wanted, given;
	int taken = 0;

	for (int i = 0; i < REQUEST_CAPTURES_MAX; i++)
		captures[i] = STR_NONE;
	if (memchr(pattern.p, ':', pattern.len) == NULL)
		return str_equal(pattern, path);
	while (next_segment(&wanted, &pattern)) {
		if (!next_segment(&given, &path))
			return false;
		if (wanted.len > 0 && wanted.p[0] == ':') {
			if (given.len == 0 || taken == REQUEST_CAPTURES_MAX)
				return false;
			captures[taken++] = given;
		} else if (!str_equal(wanted, given)) {
			return false;
		}
	}
	return path.p == NULL;
}

/* Takes what follows a "/" up to the next; false at the end. */
static bool
next_segment(struct str *segment, struct str *rest)
{
	struct str tail;

	if (rest->p == NULL)
		return false;
	(void)str_cut(segment, &tail, *rest, '/');
	*rest = tail;
	return true;
}

struct str
match_capture_name(const char *pattern, int n)
{
	struct str rest = str_from(pattern), segment;

	while (next_segment(&segment, &rest))
		if (segment.len > 0 && segment.p[0] == ':' && n-- == 0)
			return str_skip(segment, 1);
	return STR_NONE;
}

const char *
match_method_name(enum method method)
{
	static const char *const names[] = {[METHOD_NONE] = NULL,
	    [METHOD_GET] = "GET",
	    [METHOD_POST] = "POST",
	    [METHOD_PUT] = "PUT",
	    [METHOD_PATCH] = "PATCH",
	    [METHOD_DELETE] = "DELETE",
	    [METHOD_OPTIONS] = "OPTIONS"};

	return names[method];
}
