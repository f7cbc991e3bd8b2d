/* Signed queries of pages: QUERY, newline, what a stranger appends. Without our signature nothing
 * is read; with it, each signed parameter keeps its value, and no other is read. */
#include "fuzz.h"

#include "edge_request.h"
#include "gates/page_query.h"

enum { QUERY_BYTES = 4096, SIGNED_BYTES = 8 * QUERY_BYTES };

static const struct str list = {.p = "ba_param", .len = 8};
static const struct route route = {.method = METHOD_GET, .path = "/login"};

/* Signs the pairs, as SQL lists and writes them; false: not a request that we would sign. */
static bool
sign(struct buf *out, struct form *signed_pairs, struct str query)
{
	static char memory[QUERY_BYTES];
	struct buf m = BUF_ON(memory);

	if (form_read(signed_pairs, &m, query) != FORM_OK || signed_pairs->count == 0 ||
	    2 * signed_pairs->count + 2 > FORM_PAIRS_MAX ||
	    form_repeated(signed_pairs, STR_NONE).p != NULL ||
	    form_value(signed_pairs, list).p != NULL ||
	    form_value(signed_pairs, STR("sig")).p != NULL)
		return false;
	for (size_t i = 0; i < signed_pairs->count; i++)
		form_append(out, signed_pairs->pairs[i].name, signed_pairs->pairs[i].value);
	for (size_t i = 0; i < signed_pairs->count; i++)
		form_append(out, list, signed_pairs->pairs[i].name);
	form_append(out, list, list);
	page_query_sign(out, buf_view(out));
	return buf_ok(out);
}

static void
check_signed(const struct form *pairs, struct str text, struct str added)
{
	static char memory[SIGNED_BYTES];
	struct request *r = edge_request(&route);
	struct buf longer = BUF_ON(memory);
	const struct page_query *query = page_query_read(r, text);

	REQUIRE(text.len > 8192 || query != NULL);
	buf_str(&longer, text);
	buf_char(&longer, '&');
	buf_str(&longer, added);
	query = buf_ok(&longer) ? page_query_read(r, buf_view(&longer)) : NULL;
	if (query != NULL) {
		REQUIRE(query->form.count == pairs->count && str_equal(query->text, text));
		for (size_t i = 0; i < pairs->count; i++)
			REQUIRE(str_equal(
			    page_query_value(query, pairs->pairs[i].name), pairs->pairs[i].value));
	}
	edge_request_end(r);
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
	static char memory[SIGNED_BYTES];
	static struct form pairs;
	struct str text = {(const char *)data, size}, query, added;
	struct buf out = BUF_ON(memory);
	struct request *r;

	if (size > QUERY_BYTES)
		return 0;
	r = edge_request(&route);
	REQUIRE(page_query_read(r, text) == NULL);
	edge_request_end(r);
	if (!str_cut(&query, &added, text, '\n'))
		added = STR("");
	if (sign(&out, &pairs, query))
		check_signed(&pairs, buf_view(&out), added);
	return 0;
}
