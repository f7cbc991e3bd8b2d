/* Who opens a link in a mail, by the headers: one a line, in the order below. Prefetches, pages and
 * other sites never act. */
#include "fuzz.h"

#include "edge_request.h"
#include "gates/gates.h"
#include "origin.h"

enum { NAMES = 7 };

static const char *const names[NAMES] = {"accept", "sec-fetch-dest", "sec-fetch-mode",
    "sec-fetch-site", "origin", "sec-purpose", "x-moz"};
static const struct route route = {.method = METHOD_GET, .path = "/"};

static struct request *
request_of(struct str text)
{
	struct request *r = edge_request(&route);

	for (int i = 0; i < NAMES && text.p != NULL; i++) {
		struct str line = edge_line(&text);

		if (line.len > 0)
			edge_header(r, names[i], line);
	}
	return r;
}

static bool
is(const struct request *r, const char *name, struct str value)
{
	return str_equal(request_header(r, str_from(name)), value);
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
	struct str text = {(const char *)data, size};
	struct request *r = request_of(text);
	bool acts = mail_link_acts(r);

	if (acts) {
		struct str origin = request_header(r, STR("origin"));
		struct buf normal;
		char memory[512];

		REQUIRE(!request_is_subresource(r) && !is(r, "sec-fetch-mode", STR("navigate")));
		REQUIRE(request_header(r, STR("sec-fetch-dest")).p == NULL ||
			is(r, "sec-fetch-dest", STR("empty")));
		normal = (struct buf)BUF_ON(memory);
		if (origin.p != NULL)
			REQUIRE(origin_of(&normal, origin) && origin_is_trusted(buf_view(&normal)));
		else
			REQUIRE(!is(r, "sec-fetch-site", STR("cross-site")));
	}
	r->is_head = true;
	REQUIRE(!mail_link_acts(r) && request_is_subresource(r));
	r->is_head = false;
	edge_header(r, "purpose", STR("prefetch;prerender"));
	REQUIRE(!mail_link_acts(r) && request_is_subresource(r));
	edge_request_end(r);
	return 0;
}
