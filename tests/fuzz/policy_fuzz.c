/* Hosted pages: HEADING, newline, TEXT, newline, where the form leads. The page has our own
 * elements alone, and its policy our own directives, whatever the three say. */
#include "fuzz.h"

#include "edge_request.h"
#include "pages/hosted.h"

EMBED(fuzz_message_html, "pages/message.html");

static const struct route route = {
    .method = METHOD_GET, .path = "/login", .flags = ROUTE_PAGE | ROUTE_NAVIGATED};

static size_t
count(struct str text, char c)
{
	size_t found = 0;

	for (size_t i = 0; i < text.len; i++)
		found += text.p[i] == c;
	return found;
}

static struct request *
show(struct str heading, struct str text, struct str target)
{
	struct request *r = edge_request(&route);
	const struct template_value values[] = {
	    {.name = "heading", .value = heading},
	    {.name = "text", .value = text},
	    {.name = "link", .value = STR(""), .is_markup = true},
	};

	REQUIRE(hosted_show(r, 200, (struct embedded)EMBEDDED(fuzz_message_html), heading, target,
		    values, 3) == STEP_DONE);
	return r;
}

static void
check_policy(struct str policy, struct str plain)
{
	struct str more = str_skip(policy, plain.len);

	REQUIRE(str_starts(policy, plain) && !str_has(more, ';') && !str_has(more, '\'') &&
		!str_has(more, '*') && !str_has(more, ','));
	if (more.len > 0)
		REQUIRE(str_starts(more, STR(" https:")) && count(more, ' ') <= 2);
	for (size_t i = 0; i < more.len; i++)
		REQUIRE(more.p[i] >= ' ' && more.p[i] <= '~' && more.p[i] != '/');
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	edge_start();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size}, heading = edge_line(&rest),
		   text = edge_line(&rest);
	struct request *plain, *r;

	if (size > 2000)
		return 0;
	plain = show(STR("h"), STR("t"), STR_NONE);
	r = show(heading, text, rest);
	REQUIRE(edge_status(plain) == 200 && edge_status(r) == 200 && !edge_is_broken(r));
	REQUIRE(count(edge_answer_body(r), '<') == count(edge_answer_body(plain), '<'));
	REQUIRE(count(edge_answer_body(r), '>') == count(edge_answer_body(plain), '>'));
	REQUIRE(count(edge_answer_body(r), '"') == count(edge_answer_body(plain), '"'));
	check_policy(edge_answer_header(r, "content-security-policy"),
	    edge_answer_header(plain, "content-security-policy"));
	edge_request_end(plain);
	edge_request_end(r);
	return 0;
}
