/* What handlers may ask of a request, and how its steps are driven; see request.h. */
#include "http/request.h"

#include <sodium.h>
#include <stdlib.h>

#include "form.h"
#include "http/cookie.h"
#include "http/private.h"
#include "keys/signing.h"
#include "uri.h"

enum { COOKIE_NAME_BYTES = 96 };

struct whole {
	struct request request; /* first */
	struct request_private private;
};

static struct str sent_cookie(struct request *r, enum cookie cookie);

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
		dispatch_finished(r);
}

void
request_abandon(struct request *r)
{
	r->private->transport = NULL;
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

const struct session_token *
request_session_token(struct request *r)
{
	struct str sent = sent_cookie(r, COOKIE_SESSION);
	struct session_token *token = arena_alloc(&r->arena, sizeof(*token));

	return sent.p != NULL && signing_session_read(token, sent) ? token : NULL;
}

struct str
request_cookie(struct request *r, enum cookie cookie)
{
	struct str sent = sent_cookie(r, cookie), value;

	if (sent.p == NULL || !signing_cookie_read(&value, cookie_short_name(cookie), sent))
		return STR_NONE;
	return value;
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

/* Percent-decoded; STR_NONE if absent or malformed. */
static struct str
sent_cookie(struct request *r, enum cookie cookie)
{
	char memory[COOKIE_NAME_BYTES];
	struct buf full_name = BUF_ON(memory), value;
	struct str sent;

	cookie_name(&full_name, &config, cookie);
	sent = cookie_find(request_header(r, STR("cookie")), buf_view(&full_name));
	if (sent.p == NULL || !buf_ok(&full_name))
		return STR_NONE;
	value = arena_buf(&r->arena, sent.len + 1);
	return uri_decode(&value, sent, URI_COMPONENT) ? buf_view(&value) : STR_NONE;
}
