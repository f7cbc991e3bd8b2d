/* Waiting authorization requests, signed into a query (oidc_request.h). */
#include "features/oidc_request.h"

#include "base64.h"
#include "config.h"
#include "db/db.h"
#include "features/oidc_authorize.h"
#include "field.h"
#include "gates/page_query.h"
#include "http/reply.h"
#include "pages/form_post.h"
#include "pages/refusal.h"

enum {
	MESSAGE_BYTES = 256,
	SIGNATURE_ROOM = 3 * BASE64_LENGTH(DIGEST_BYTES) + 8,
	SESSION_COOKIE_CHARS = 14 /* "session_token " and the mark of a fresh token */
};

static bool session_was_opened(const struct request *r);
static enum step answer(struct request *r);
static bool is_refused(const struct request *r);

bool
oidc_request_read(struct request *r, struct str *input)
{
	struct buf memory, json, message = arena_buf(&r->arena, MESSAGE_BYTES);
	struct field_output out = {.memory = &memory, .input = &json, .message = &message};

	if (r->waiting == NULL)
		return false;
	memory = arena_buf(&r->arena, FIELD_MEMORY_EXTRA);
	json = arena_buf(&r->arena, 6 * r->waiting->text.len + FIELD_MEMORY_EXTRA);
	out.target = arena_alloc(&r->arena, oidc_authorize_schema.size);
	if (field_read_form(&out, oidc_authorize_schema.fields, "query", &r->waiting->form) !=
	    FIELD_VALID)
		return false;
	*input = buf_view(&json);
	return true;
}

enum step
oidc_continue_as_signed_in(struct request *r, struct str input)
{
	if (!session_was_opened(r))
		return reply_relay(r);
	if (!reply_relay_cookies(r))
		return reply_error(r, ERR_INTERNAL);
	/* from here on the request is that of the session which it has just opened */
	r->caller.session_token = (struct str){.p = r->caller.fresh.chars, .len = TOKEN_CHARS};
	r->caller.session_digest = r->caller.fresh_digest;
	return db_call(
	    r, CALL_OIDC_CONTINUE, answer, db_text(r, input), db_text(r, config.base_url));
}

static bool
session_was_opened(const struct request *r)
{
	struct str cookies = row_text(r->answer, 0, REPLY_COOKIES);

	return row_count(r->answer) == 1 && row_text(r->answer, 0, REPLY_REFUSAL).p == NULL &&
	       cookies.len >= SESSION_COOKIE_CHARS + 1 &&
	       str_starts(cookies, STR("session_token \x01"));
}

static enum step
answer(struct request *r)
{
	return r->form != NULL ? reply_relay(r) : oidc_answer_json(r);
}

/* Only the column sign_query says that the location is a hosted page; its text does not.
 */
struct str
oidc_answer_location(struct request *r)
{
	struct str location = row_text(r->answer, 0, REPLY_LOCATION), path, query;
	struct buf out, signed_query;

	if (!row_bool(r->answer, 0, REPLY_SIGN_QUERY) || !str_cut(&path, &query, location, '?'))
		return location;
	signed_query = arena_buf(&r->arena, query.len + SIGNATURE_ROOM);
	buf_str(&signed_query, query);
	page_query_sign(&signed_query, query);
	out = arena_buf(&r->arena, location.len + SIGNATURE_ROOM);
	buf_str(&out, path);
	buf_char(&out, '?');
	buf_str(&out, buf_view(&signed_query));
	return buf_view(&out);
}

/* No page could carry the request on: page_query_read would refuse what we hand out. */
static bool
is_too_long(const struct request *r, struct str location)
{
	return location.len > PAGE_QUERY_BYTES_MAX && row_bool(r->answer, 0, REPLY_SIGN_QUERY) &&
	       !str_starts(location, STR("/form-post?"));
}

enum step
oidc_answer_redirect(struct request *r)
{
	struct str location = row_count(r->answer) == 1 ? oidc_answer_location(r) : STR_NONE;

	if (is_too_long(r, location))
		return refusal_show(r, ERR_OAUTH_INVALID_REQUEST, STR_NONE);
	if (location.p == NULL && is_refused(r) && refusal_is_shown(r))
		return refusal_show(r, ERR_OAUTH_INVALID_REQUEST, STR_NONE);
	if (location.p == NULL)
		return reply_relay(r);
	if (!reply_relay_cookies(r))
		return reply_error(r, ERR_INTERNAL);
	return oidc_answer_browser(r, 302);
}

/* An error in the body of an answer (RFC 6749, section 5.2). */
static bool
is_refused(const struct request *r)
{
	return row_count(r->answer) == 1 && row_text(r->answer, 0, REPLY_REFUSAL).p == NULL &&
	       row_int(r->answer, 0, REPLY_STATUS, 200) >= 400;
}

enum step
oidc_answer_browser(struct request *r, int status)
{
	struct str location = oidc_answer_location(r), path, query;
	struct form *answer;
	struct buf memory;

	if (!row_bool(r->answer, 0, REPLY_SIGN_QUERY) || !str_cut(&path, &query, location, '?') ||
	    !str_equal(path, STR("/form-post")))
		return reply_redirect(r, status, location);
	answer = arena_alloc(&r->arena, sizeof(*answer));
	memory = arena_buf(&r->arena, query.len + 1);
	if (form_read(answer, &memory, query) != FORM_OK)
		return reply_error(r, ERR_INTERNAL);
	return form_post_show(r, answer);
}

enum step
oidc_answer_json(struct request *r)
{
	struct str location = row_count(r->answer) == 1 ? oidc_answer_location(r) : STR_NONE;
	struct buf body;

	if (is_too_long(r, location))
		return reply_refusal(
		    r, ERR_OAUTH_INVALID_REQUEST, STR("the request is too long"), 0);
	if (location.p == NULL)
		return reply_relay(r);
	if (!reply_relay_cookies(r))
		return reply_error(r, ERR_INTERNAL);
	body = arena_buf(&r->arena, 6 * location.len + 64);
	buf_str(&body, STR("{\"redirect\":true,\"url\":"));
	buf_json_str(&body, location);
	buf_char(&body, '}');
	return reply_json(r, 200, buf_view(&body));
}

enum step
oidc_invalid_signature(struct request *r)
{
	if (r->form != NULL)
		return reply_error(r, ERR_OAUTH_INVALID_REQUEST);
	return reply_json(r, 400, STR("{\"error\":\"invalid_signature\"}"));
}
