/* A row of auth.reply as an answer: BODY, newline, then a line for each cookie. No marker of a
 * token stays in a body, all else stays as it is, and no cookie can add a header or an attribute.
 */
#include "fuzz.h"

#include <libpq-fe.h>

#include "edge_request.h"
#include "http/private.h"
#include "http/reply.h"
#include "json.h"

enum { MARKER_LAST = 3 };

static const struct route route = {
    .method = METHOD_GET, .path = "/", .access = ACCESS_PUBLIC, .errors = ERRORS_V1};

static PGresult *
row_of(struct str body, struct str cookies)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[REPLY_COLUMNS];

	memset(columns, 0, sizeof(columns));
	for (int i = 0; i < REPLY_COLUMNS; i++)
		columns[i].name = (char *)"c";
	REQUIRE(result != NULL && PQsetResultAttrs(result, REPLY_COLUMNS, columns));
	for (int i = 0; i < REPLY_COLUMNS; i++)
		REQUIRE(PQsetvalue(result, 0, i, NULL, -1));
	REQUIRE(PQsetvalue(result, 0, REPLY_BODY, (char *)body.p, (int)body.len));
	if (cookies.p != NULL)
		REQUIRE(PQsetvalue(result, 0, REPLY_COOKIES, (char *)cookies.p, (int)cookies.len));
	return result;
}

/* 01 is the fresh token; without a presented one or claims, 02 and 03 stand for nothing. */
static void
check_body(const struct request *r, struct str body)
{
	struct str sent = edge_answer_body(r);
	size_t at = 0;

	for (size_t i = 0; i < body.len; i++) {
		if (body.p[i] == 1) {
			REQUIRE(at + TOKEN_CHARS <= sent.len &&
				memcmp(sent.p + at, r->caller.fresh.chars, TOKEN_CHARS) == 0);
			at += TOKEN_CHARS;
		} else {
			REQUIRE(at < sent.len && sent.p[at] == body.p[i]);
			at++;
		}
	}
	REQUIRE(at == sent.len);
}

static void
check_cookies(const struct request *r)
{
	const struct response *response = &r->private->response;

	for (int i = 0; i < response->headers_count; i++) {
		struct str value = response->headers[i].value, pair, rest;
		int attributes = 0;

		REQUIRE(str_equal(response->headers[i].name, STR("set-cookie")));
		for (size_t c = 0; c < value.len; c++)
			REQUIRE(value.p[c] >= ' ' && value.p[c] <= '~');
		REQUIRE(str_ends(value, STR("; Path=/; HttpOnly; Secure; SameSite=Lax")));
		REQUIRE(str_starts(value, STR("__Secure-mana.")) ||
			str_starts(value, STR("__Host-mana.")));
		for (bool more = true; more; attributes++)
			more = str_cut(&pair, &rest, value, ';'), value = rest;
		REQUIRE(attributes == 5 || attributes == 6); /* with Max-Age */
	}
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
	struct str text = {(const char *)data, size}, body, cookies;
	struct request *r = edge_request(&route);

	(void)str_cut(&body, &cookies, text, '\n');
	token_random(&r->caller.fresh);
	r->private->call.result = row_of(body, cookies);
	r->answer = (const struct db_answer *)r->private->call.result;
	REQUIRE(reply_relay(r) == STEP_DONE);
	if (edge_status(r) == 200) {
		check_body(r, body);
		check_cookies(r);
	} else {
		REQUIRE(edge_status(r) == 500);
	}
	edge_request_end(r);
	return 0;
}
