/* What handlers may ask of a request, and how its steps are driven; see request.h. */
#include "http/request.h"

#include <sodium.h>
#include <stdlib.h>

#include "form.h"
#include "http/cookie.h"
#include "http/deliver.h"
#include "http/octets.h"
#include "http/private.h"
#include "keys/signing.h"
#include "uri.h"

enum { COOKIE_NAME_BYTES = 96, HEADER_TEXT_BYTES_MAX = 512 };

struct whole {
	struct request request; /* first */
	struct request_private private;
};

static bool next_cookie(struct request *r, struct str *rest, enum cookie cookie, struct str *sent);

struct request *
request_new(void)
{
	static const struct form nothing = {.count = 0};
	struct whole *whole = calloc(1, sizeof(*whole));

	if (whole == NULL)
		abort();
	whole->request.private = &whole->private;
	token_random_chars(whole->request.id, REQUEST_ID_CHARS);
	whole->request.input = STR("{}");
	whole->request.query = STR("");
	whole->request.sent = &nothing;
	return &whole->request;
}

void
request_resume(struct request *r)
{
	struct request_private *p = r->private;

	p->waiting = false;
	if (p->abandoned)
		request_release(r);
	else
		request_stepped(r, p->next(r));
}

void
request_stepped(struct request *r, enum step step)
{
	if (step == STEP_WAIT)
		return;
	if (r->private->background != NULL)
		background_finished(r);
	else
		deliver_answer(r);
}

void
request_abandon(struct request *r)
{
	r->private->client = NULL;
	r->private->abandoned = true;
	if (!r->private->waiting)
		request_release(r);
}

void
request_release(struct request *r)
{
	struct arena arena = r->arena;

	db_answer_clear(r);
	sodium_memzero(r->private, sizeof(*r->private));
	sodium_memzero(r, sizeof(*r));
	arena_release(&arena);
	free(r);
}

void *
request_state(struct request *r, size_t size)
{
	if (r->state == NULL)
		r->state = arena_alloc(&r->arena, size);
	return r->state;
}

struct str
request_header(const struct request *r, struct str name)
{
	for (int i = 0; i < r->private->headers_count; i++)
		if (str_equal(r->private->headers[i].name, name))
			return r->private->headers[i].value;
	return STR_NONE;
}

struct str
request_header_text(struct request *r, struct str name)
{
	struct str value = request_header(r, name);
	size_t length = value.len < HEADER_TEXT_BYTES_MAX ? value.len : HEADER_TEXT_BYTES_MAX;
	struct buf out;

	if (value.p == NULL)
		return STR_NONE;
	out = arena_buf(&r->arena, length + 1);
	for (size_t i = 0; i < length; i++)
		buf_char(&out, value.p[i] >= ' ' && value.p[i] <= '~' ? value.p[i] : '?');
	return buf_view(&out);
}

struct str
request_credentials(const struct request *r, struct str scheme)
{
	struct str header = request_header(r, STR("authorization")), given, rest;

	if (!str_cut(&given, &rest, header, ' ') || !str_equal_nocase(given, scheme))
		return STR_NONE;
	return octets_trim(rest);
}

/* A sibling domain can set a cookie of the same name, and browsers then send both, in an order that
 * says nothing (RFC 6265bis section 5.8.3): the one that this service has signed counts. */
const struct session_token *
request_session_token(struct request *r)
{
	struct str rest = request_header(r, STR("cookie")), sent;
	struct session_token *token = arena_alloc(&r->arena, sizeof(*token));

	while (next_cookie(r, &rest, COOKIE_SESSION, &sent))
		if (sent.p != NULL && signing_session_read(token, sent))
			return token;
	return NULL;
}

struct str
request_cookie(struct request *r, enum cookie cookie)
{
	struct str rest = request_header(r, STR("cookie")), sent, value;

	while (next_cookie(r, &rest, cookie, &sent))
		if (sent.p != NULL && signing_cookie_read(&value, cookie_short_name(cookie), sent))
			return value;
	return STR_NONE;
}

const struct digest *
request_cookie_digest(struct request *r, enum cookie cookie)
{
	struct str token = request_cookie(r, cookie);
	struct digest *digest;

	if (token.len == 0)
		return NULL;
	digest = arena_alloc(&r->arena, sizeof(*digest));
	token_digest(digest, token);
	return digest;
}

/* Percent-decoded, STR_NONE where it is malformed; false: there is no other. */
static bool
next_cookie(struct request *r, struct str *rest, enum cookie cookie, struct str *sent)
{
	char memory[COOKIE_NAME_BYTES];
	struct buf full_name = BUF_ON(memory), value;
	struct str encoded;

	cookie_name(&full_name, &config, cookie);
	if (!buf_ok(&full_name))
		return false;
	encoded = cookie_next(rest, buf_view(&full_name));
	if (encoded.p == NULL)
		return false;
	value = arena_buf(&r->arena, encoded.len + 1);
	*sent = uri_decode(&value, encoded, URI_COMPONENT) ? buf_view(&value) : STR_NONE;
	return true;
}
