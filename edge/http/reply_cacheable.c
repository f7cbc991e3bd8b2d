/* Documents that clients keep (reply.h): sent again only when they have changed. */
#include "http/reply.h"

#include "str.h"

static bool is_known(struct str known, struct str tag);

enum step
reply_json_cacheable(struct request *r, struct str body, struct str tag, struct str policy)
{
	reply_header(r, "cache-control", policy);
	reply_header(r, "etag", tag);
	if (is_known(request_header(r, STR("if-none-match")), tag))
		return reply_empty(r, 304);
	return reply_json(r, 200, body);
}

/* RFC 9110, section 13.1.2: a list of entity tags, or "*". "A recipient MUST use the weak
 * comparison function when comparing entity tags for If-None-Match". */
static bool
is_known(struct str known, struct str tag)
{
	struct str one;
	bool more = known.len > 0;

	while (more) {
		more = str_cut(&one, &known, known, ',');
		while (str_starts(one, STR(" ")) || str_starts(one, STR("\t")))
			one = str_skip(one, 1);
		while (one.len > 0 && (one.p[one.len - 1] == ' ' || one.p[one.len - 1] == '\t'))
			one.len--;
		if (str_starts(one, STR("W/")))
			one = str_skip(one, 2);
		if (str_equal(one, tag) || str_equal(one, STR("*")))
			return true;
	}
	return false;
}
