/* Answers; see reply.h. The bytes leave in deliver.c. */
#include "http/reply.h"

#include <assert.h>

#include "config.h"
#include "http/cookie.h"
#include "http/deliver.h"
#include "http/private.h"
#include "keys/signing.h"
#include "log.h"

enum {
	COOKIE_SIGNATURE_BYTES = 64,
	COOKIE_ATTRIBUTES_BYTES = 192,
	FULL_RETRY_SECONDS = 5 /* until clients have read their answers, or are cut */
};

static bool has_header(const struct request *r, struct str name);
static enum step finish(struct request *r, int status, const char *content_type, struct str body);
static bool is_field_value(struct str value);
static void
send_cookie(struct request *r, enum cookie cookie, struct str value, int max_age_seconds);

void
reply_header(struct request *r, const char *name, struct str value)
{
	struct response *response = &r->private->response;

	if (r->private->background != NULL)
		return;
	if (!is_field_value(value) || response->headers_count == REPLY_HEADERS_MAX) {
		log_request_event(r, LOG_ERROR_LEVEL, "reply", "a header was not sent", name, NULL);
		response->broken = true;
		return;
	}
	response->headers[response->headers_count++] =
	    (struct header){.name = str_from(name), .value = arena_copy(&r->arena, value)};
}

/* RFC 9110 section 5.5: no controls, so that no value can end its line. */
static bool
is_field_value(struct str value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f)
			return false;
	return true;
}

void
reply_session_cookie(struct request *r, const struct session_token *token, int max_age_seconds)
{
	struct buf value = arena_buf(&r->arena, TOKEN_CHARS + COOKIE_SIGNATURE_BYTES);

	signing_session_cookie(&value, token);
	send_cookie(r, COOKIE_SESSION, buf_view(&value), max_age_seconds);
}

void
reply_cookie(struct request *r, enum cookie cookie, struct str value, int max_age_seconds)
{
	struct buf signed_value = arena_buf(&r->arena, value.len + COOKIE_SIGNATURE_BYTES);

	signing_cookie(&signed_value, cookie_short_name(cookie), value);
	send_cookie(r, cookie, buf_view(&signed_value), max_age_seconds);
}

void
reply_cookie_delete(struct request *r, enum cookie cookie)
{
	send_cookie(r, cookie, STR(""), 0);
}

static void
send_cookie(struct request *r, enum cookie cookie, struct str value, int max_age_seconds)
{
	struct buf line = arena_buf(
	    &r->arena, 3 * value.len + config.cookie_domain.len + COOKIE_ATTRIBUTES_BYTES);
	struct buf encoded = arena_buf(&r->arena, 3 * value.len + 1);

	buf_uri(&encoded, value);
	cookie_write(&line, &config, cookie, buf_view(&encoded), max_age_seconds);
	reply_header(r, "set-cookie", buf_view(&line));
}

enum step
reply_json(struct request *r, int status, struct str body)
{
	return finish(r, status, "application/json", body);
}

enum step
reply_stream(struct request *r, struct str piece, step_fn *next)
{
	struct response *response = &r->private->response;

	assert(piece.len > 0);
	if (r->is_head)
		response->is_streamed = true; /* it has the fields that a GET would have */
	if (r->is_head || response->broken)
		return reply_stream_end(r, STR_NONE);
	if (!response->head_sent && deliver_is_full(r, piece.len))
		return reply_refusal(r, ERR_SERVICE_UNAVAILABLE, STR_NONE, FULL_RETRY_SECONDS);
	response->content_type = "application/json";
	r->private->next = next;
	deliver_piece(r, piece);
	return STEP_WAIT;
}

enum step
reply_stream_end(struct request *r, struct str piece)
{
	r->private->response.complete = !r->private->response.broken;
	return reply_json(r, 200, piece);
}

enum step
reply_empty(struct request *r, int status)
{
	return finish(r, status, NULL, STR_NONE);
}

enum step
reply_text(struct request *r, int status, struct str body)
{
	return finish(r, status, "text/plain;charset=UTF-8", body);
}

enum step
reply_html(struct request *r, int status, struct str body, struct str policy)
{
	reply_header(r, "content-security-policy", policy);
	if (!has_header(r, STR("referrer-policy")))
		reply_header(r, "referrer-policy",
		    STR("same-origin")); /* none at all makes the Origin of forms null */
	reply_header(r, "x-frame-options", STR("DENY"));
	return finish(r, status, "text/html; charset=utf-8", body);
}

static bool
has_header(const struct request *r, struct str name)
{
	const struct response *response = &r->private->response;

	for (int i = 0; i < response->headers_count; i++)
		if (str_equal(response->headers[i].name, name))
			return true;
	return false;
}

enum step
reply_script(struct request *r, struct str body)
{
	return finish(r, 200, "text/javascript; charset=utf-8", body);
}

enum step
reply_redirect(struct request *r, int status, struct str location)
{
	reply_header(r, "location", location);
	return reply_empty(r, status);
}

enum step
reply_nobody(struct request *r)
{
	background_succeeded(r);
	return STEP_DONE;
}

static enum step
finish(struct request *r, int status, const char *content_type, struct str body)
{
	struct response *response = &r->private->response;

	response->status = status;
	response->content_type = content_type;
	response->body = body;
	return STEP_DONE;
}
