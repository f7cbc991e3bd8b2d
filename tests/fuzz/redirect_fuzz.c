/* Where a browser may be sent, and whose Origin may act: what is trusted leads, read by libcurl's
 * URL parser against our own address, to a host of ours and to no other. */
#include "fuzz.h"

#include <curl/curl.h>

#include "edge_request.h"
#include "gates/gates.h"
#include "http/request.h"

enum { URL_BYTES = 4200 };

static bool
part_is(CURLU *url, CURLUPart part, const char *wanted)
{
	char *text = NULL;
	bool is = curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		  strcasecmp(text, wanted) == 0;

	curl_free(text);
	return is;
}

static bool
host_is_below(CURLU *url, struct str suffix)
{
	char *text = NULL;
	bool is = curl_url_get(url, CURLUPART_HOST, &text, 0) == CURLUE_OK &&
		  str_from(text).len > suffix.len;

	for (size_t i = 0; is && i < suffix.len; i++)
		is = str_lower(text[strlen(text) - suffix.len + i]) == suffix.p[i];
	curl_free(text);
	return is;
}

/* The origins of edge_start, and nothing else. */
static void
require_ours(struct str target)
{
	static const struct str below = {.p = ".mana.test", .len = 10};
	char memory[URL_BYTES], *user = NULL;
	struct buf text = BUF_ON(memory);
	CURLU *url = curl_url();
	const char *cstr;

	buf_str(&text, target);
	cstr = buf_cstr(&text);
	REQUIRE(url != NULL && cstr != NULL);
	REQUIRE(
	    curl_url_set(url, CURLUPART_URL, "https://auth.mana.test/login?x=y", 0) == CURLUE_OK);
	if (curl_url_set(url, CURLUPART_URL, cstr, 0) == CURLUE_OK) {
		bool https =
		    part_is(url, CURLUPART_SCHEME, "https") &&
		    part_is(url, CURLUPART_PORT, "443") &&
		    (part_is(url, CURLUPART_HOST, "mana.test") || host_is_below(url, below));
		bool local = part_is(url, CURLUPART_SCHEME, "http") &&
			     part_is(url, CURLUPART_HOST, "localhost") &&
			     part_is(url, CURLUPART_PORT, "5173");

		REQUIRE(https || local);
		REQUIRE(curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_NO_USER);
	}
	curl_url_cleanup(url);
}

/* A form of another site: never let through. */
static void
check_origin(struct str origin)
{
	static const struct route route = {
	    .method = METHOD_POST, .path = "/", .access = ACCESS_SESSION};
	struct request *r = edge_request(&route);

	edge_header(r, "cookie", STR("mana.session_token=x"));
	edge_header(r, "origin", origin);
	if (gate_same_origin(r))
		require_ours(request_header(r, STR("origin")));
	else
		REQUIRE(edge_status(r) == 403);
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
	struct str text = {(const char *)data, size};

	if (size >= URL_BYTES)
		return 0;
	if (target_is_trusted(text))
		require_ours(text);
	check_origin(text);
	return 0;
}
