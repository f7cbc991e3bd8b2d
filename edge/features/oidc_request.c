/* Waiting authorization requests, signed into a query (oidc_request.h). */
#include "features/oidc_request.h"

#include "base64.h"
#include "config.h"
#include "db/db.h"
#include "features/oidc_authorize.h"
#include "field.h"
#include "http/reply.h"
#include "keys/signing.h"
#include "uri.h"

enum {
	QUERY_BYTES_MAX = 8192,
	SIGNED_NAMES_MAX = 32,
	SIGNATURE_ROOM = 3 * BASE64_LENGTH(DIGEST_BYTES) + 8,
	SESSION_COOKIE_CHARS = 14 /* "session_token " and the mark of a fresh token */
};

struct names {
	struct str name[SIGNED_NAMES_MAX];
	int count;
};

static bool read_signed_names(struct names *names, struct str query);
static bool is_signed(const struct names *names, struct str name);
static bool signature_matches(struct request *r, struct str text, struct str signature);
static void append_pair(struct buf *out, struct str name, struct str value);
static bool session_was_opened(const struct request *r);
static enum step answer(struct request *r);

/* Clients may add parameters of their own to our page's query; `ba_param` names those that are
 * signed, and the signature covers it, too. */
bool
oidc_request_read(struct request *r, struct str *input, struct str oauth_query)
{
	struct str rest =
	    str_starts(oauth_query, STR("?")) ? str_skip(oauth_query, 1) : oauth_query;
	struct buf text = arena_buf(&r->arena, rest.len + 1),
		   request = arena_buf(&r->arena, rest.len + 1);
	struct buf memory = arena_buf(&r->arena, 2 * rest.len + FIELD_MEMORY_EXTRA);
	struct buf json = arena_buf(&r->arena, 6 * rest.len + FIELD_MEMORY_EXTRA);
	struct field_output out = {.memory = &memory, .input = &json};
	struct str name, value, signature = STR_NONE;
	struct names names = {.count = 0};
	struct buf message = arena_buf(&r->arena, 256);

	if (rest.len == 0 || rest.len > QUERY_BYTES_MAX || !read_signed_names(&names, rest))
		return false;
	while (uri_pair_next(&name, &value, &rest)) {
		if (str_equal(name, STR("sig")))
			signature = value;
		if (!is_signed(&names, name))
			continue;
		append_pair(&text, name, value);
		if (!str_equal(name, STR("ba_param")))
			append_pair(&request, name, value);
	}
	if (!signature_matches(r, buf_view(&text), signature))
		return false;
	out.message = &message;
	out.target = arena_alloc(&r->arena, oidc_authorize_schema.size);
	if (field_read_form(&out, oidc_authorize_schema.fields, "query", buf_view(&request)) !=
	    FIELD_VALID)
		return false;
	*input = buf_view(&json);
	return true;
}

static bool
read_signed_names(struct names *names, struct str query)
{
	struct str name, value;

	while (uri_pair_next(&name, &value, &query)) {
		if (!str_equal(name, STR("ba_param")))
			continue;
		if (names->count == SIGNED_NAMES_MAX)
			return false;
		names->name[names->count++] = value;
	}
	return names->count > 0;
}

static bool
is_signed(const struct names *names, struct str name)
{
	for (int i = 0; i < names->count; i++)
		if (str_equal(names->name[i], name))
			return true;
	return false;
}

static bool
signature_matches(struct request *r, struct str text, struct str signature)
{
	struct buf given = arena_buf(&r->arena, signature.len + 1);
	char memory[BASE64_LENGTH(DIGEST_BYTES) + 1];
	struct buf wanted = BUF_ON(memory);
	struct digest mac;

	if (signature.p == NULL || !uri_decode(&given, signature, URI_COMPONENT))
		return false;
	signing_page_query_mac(&mac, text);
	base64_encode(&wanted, mac.bytes, sizeof(mac.bytes));
	return digest_equal(buf_view(&wanted), buf_view(&given));
}

static void
append_pair(struct buf *out, struct str name, struct str value)
{
	if (out->len > 0)
		buf_char(out, '&');
	buf_str(out, name);
	buf_char(out, '=');
	buf_str(out, value);
}

struct str
oidc_query_value(struct request *r, struct str query, struct str wanted)
{
	struct str name, value;

	if (str_starts(query, STR("?")))
		query = str_skip(query, 1);
	while (uri_pair_next(&name, &value, &query)) {
		struct buf decoded;

		if (!str_equal(name, wanted))
			continue;
		decoded = arena_buf(&r->arena, value.len + 1);
		return uri_decode(&decoded, value, URI_FORM) ? buf_view(&decoded) : STR_NONE;
	}
	return STR_NONE;
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

/* Only the column sign_query tells that the location is a hosted page of ours; its text does not.
 */
struct str
oidc_answer_location(struct request *r)
{
	struct str location = row_text(r->answer, 0, REPLY_LOCATION), path, query;
	struct buf out;
	struct digest mac;
	char memory[BASE64_LENGTH(DIGEST_BYTES) + 1];
	struct buf signature = BUF_ON(memory);

	if (!row_bool(r->answer, 0, REPLY_SIGN_QUERY) || !str_cut(&path, &query, location, '?'))
		return location;
	signing_page_query_mac(&mac, query);
	base64_encode(&signature, mac.bytes, sizeof(mac.bytes));
	out = arena_buf(&r->arena, location.len + SIGNATURE_ROOM);
	buf_str(&out, location);
	buf_str(&out, STR("&sig="));
	buf_uri(&out, buf_view(&signature));
	return buf_view(&out);
}

enum step
oidc_answer_redirect(struct request *r)
{
	struct str location = row_count(r->answer) == 1 ? oidc_answer_location(r) : STR_NONE;

	if (location.p == NULL)
		return reply_relay(r);
	if (!reply_relay_cookies(r))
		return reply_error(r, ERR_INTERNAL);
	return reply_redirect(r, 302, location);
}

enum step
oidc_answer_json(struct request *r)
{
	struct str location = row_count(r->answer) == 1 ? oidc_answer_location(r) : STR_NONE;
	struct buf body;

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
