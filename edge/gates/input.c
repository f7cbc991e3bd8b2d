/*
 * Bodies and queries by the schema of their route, with Better Auth's words for what is no JSON,
 * not allowed or not valid. What a handler sees is valid; what SQL sees is only what the schema
 * names.
 */
#include "config.h"
#include "field.h"
#include "gates/gates.h"
#include "gates/page_query.h"
#include "http/match.h"
#include "http/private.h"
#include "http/reply.h"
#include "routes.h"
#include "uri.h"
#include "utf8.h"

enum { MESSAGE_BYTES = 1024, CONTENT_TYPE_SHOWN = 100, NAME_SHOWN = 64 };

static const struct str form_type = {.p = "application/x-www-form-urlencoded", .len = 33};
static const struct str json_type = {.p = "application/json", .len = 16};

static bool read_captures(struct request *r);
static bool has_required_field(const struct schema *schema);
static bool read_fields(struct request *r, struct str text, bool is_form, const char *prefix);
static bool read_form(struct request *r, struct str text, enum field_result *result);
static bool is_repeated(struct request *r, const char *prefix, struct buf *message);
static void find_waiting(struct request *r, const struct field *fields);
static bool content_type_is_allowed(struct request *r, bool *is_form);
static bool is_type(struct str header, struct str type);
static enum error unreadable(const struct request *r);
static void add_captures(struct request *r);
static void name_subject(struct request *r);
static bool targets_are_trusted(struct request *r, const struct field *fields);
static enum error target_error(const char *name);
static bool refuse(struct request *r, enum error e, struct str message);

bool
gate_input(struct request *r)
{
	bool in_query = r->method == METHOD_GET || (r->method == METHOD_DELETE && r->body.len == 0);
	bool is_form = in_query;

	if (!read_captures(r))
		return false;
	if (!utf8_is_encoded_text(r->query))
		return refuse(r, unreadable(r), STR("the query is not UTF-8 text"));
	if (!in_query) {
		bool sql_judges = r->route->flags & ROUTE_SQL_JUDGES;

		if (r->body.len == 0 && (sql_judges || !has_required_field(r->route->schema)))
			is_form = true; /* an empty one, whatever Content-Type says of it */
		else if (!sql_judges && !content_type_is_allowed(r, &is_form))
			return false;
	}
	if (!in_query && is_form && !utf8_is_encoded_text(r->body))
		return refuse(r, unreadable(r), STR("the body is not UTF-8 text"));
	if ((!in_query || r->route->schema != NULL || r->route->flags & ROUTE_PAGE) &&
	    !read_fields(r, in_query ? r->query : r->body, is_form, in_query ? "query" : "body"))
		return false;
	add_captures(r);
	name_subject(r);
	return true;
}

/* Decodes them; what does not decode to UTF-8 text without controls names nothing. */
static bool
read_captures(struct request *r)
{
	for (int i = 0; i < REQUEST_CAPTURES_MAX && r->captures[i].p != NULL; i++) {
		struct buf decoded = arena_buf(&r->arena, r->captures[i].len + 1);

		if (!uri_decode(&decoded, r->captures[i], URI_COMPONENT))
			return refuse(r, ERR_NOT_FOUND, STR_NONE);
		r->captures[i] = buf_view(&decoded);
		for (size_t c = 0; c < r->captures[i].len; c++)
			if (r->captures[i].p[c] < ' ' || r->captures[i].p[c] > '~')
				return refuse(r, ERR_NOT_FOUND, STR_NONE);
	}
	return true;
}

static bool
has_required_field(const struct schema *schema)
{
	if (schema != NULL)
		for (const struct field *f = schema->fields; f->name != NULL; f++)
			if (f->flags & FIELD_REQUIRED)
				return true;
	return false;
}

static bool
read_fields(struct request *r, struct str text, bool is_form, const char *prefix)
{
	static const struct field no_fields[] = {{.name = NULL}};
	static const struct schema no_schema = {.fields = no_fields};
	const struct schema *schema = r->route->schema != NULL ? r->route->schema : &no_schema;
	struct buf memory = arena_buf(&r->arena, 2 * text.len + FIELD_MEMORY_EXTRA);
	struct buf input = arena_buf(&r->arena, 6 * text.len + FIELD_MEMORY_EXTRA);
	struct buf message = arena_buf(&r->arena, MESSAGE_BYTES);
	/* RFC 6749, section 3.1: "Parameters sent without a value MUST be treated as if they were
	 * omitted from the request." */
	struct field_output out = {.memory = &memory,
	    .input = &input,
	    .message = &message,
	    .subject = &r->private->subject,
	    .empty_is_omitted = r->route->errors == ERRORS_OAUTH};
	bool v1 = r->route->errors != ERRORS_BETTER_AUTH;
	enum field_result result;

	if (schema->size > 0)
		r->fields = arena_alloc(&r->arena, schema->size);
	out.target = r->fields;
	if (!is_form)
		result = field_read_json(&out, schema->fields, prefix, text);
	else if (read_form(r, text, &result) && is_repeated(r, prefix, &message))
		result = FIELD_INVALID;
	else if (result == FIELD_VALID)
		result = field_read_form(&out, schema->fields, prefix, r->sent);
	if (result != FIELD_VALID && r->route->flags & ROUTE_SQL_JUDGES) {
		r->input = STR("{}");
		return true;
	}
	switch (result) {
	case FIELD_VALID:
		r->input = buf_view(&input);
		find_waiting(r, schema->fields);
		return targets_are_trusted(r, schema->fields);
	case FIELD_INVALID:
		return refuse(r, v1 ? ERR_VALIDATION : ERR_VALIDATION_ERROR, buf_view(&message));
	case FIELD_MALFORMED:
		return refuse(r, unreadable(r),
		    unreadable(r) == ERR_VALIDATION ? STR("Invalid JSON body") : STR_NONE);
	case FIELD_TOO_LARGE:
		return refuse(r, unreadable(r), STR("Request body is too complex"));
	}
	return refuse(r, ERR_INTERNAL, STR_NONE);
}

static enum error
unreadable(const struct request *r)
{
	return r->route->errors == ERRORS_V1 ? ERR_VALIDATION : ERR_BAD_REQUEST;
}

/* The one place that parses a form or a query. */
static bool
read_form(struct request *r, struct str text, enum field_result *result)
{
	struct form *form = arena_alloc(&r->arena, sizeof(*form));
	struct buf memory = arena_buf(&r->arena, text.len + 1);

	r->sent = form;
	switch (form_read(form, &memory, text)) {
	case FORM_OK:
		*result = FIELD_VALID;
		return true;
	case FORM_MALFORMED:
		*result = FIELD_MALFORMED;
		return false;
	case FORM_TOO_LARGE:
		break;
	}
	*result = FIELD_TOO_LARGE;
	return false;
}

/* RFC 6749, section 3.1: "Request and response parameters MUST NOT be included more than once." No
 * form of this service has a name twice, so that no two readers can take different values. The
 * query of a hosted page lists its signed names by repeating ba_param. */
static bool
is_repeated(struct request *r, const char *prefix, struct buf *message)
{
	bool is_page = r->route->flags & ROUTE_PAGE;
	struct str name = form_repeated(r->sent, is_page ? STR("ba_param") : STR_NONE);

	if (name.p == NULL || r->route->flags & ROUTE_REPEATED)
		return false;
	name.len = name.len < NAME_SHOWN ? name.len : 0;
	buf_char(message, '[');
	buf_str(message, str_from(prefix));
	buf_char(message, '.');
	buf_str(message, name);
	buf_str(message, STR("] Invalid input: given more than once"));
	return true;
}

/* A signed authorization request: the query of a page itself, or what a body gives as oauth_query.
 * The forms of pages carry it also to routes whose schema does not name it. */
static void
find_waiting(struct request *r, const struct field *fields)
{
	struct str text = STR_NONE;

	if (r->route->flags & ROUTE_PAGE)
		r->waiting = page_query_of(r, r->sent);
	if (r->method == METHOD_POST)
		text = form_value(r->sent, STR("oauth_query"));
	for (const struct field *f = fields; text.p == NULL && f->name != NULL; f++)
		if (strcmp(f->name, "oauth_query") == 0 && f->offset != FIELD_NOWHERE)
			memcpy(&text, (const char *)r->fields + f->offset, sizeof(text));
	if (text.p != NULL)
		r->waiting = page_query_read(r, text);
}

static bool
content_type_is_allowed(struct request *r, bool *is_form)
{
	struct str given = request_header_text(r, STR("content-type"));
	bool json_too = !(r->route->flags & ROUTE_FORM_ONLY);
	bool form_too = r->route->flags & (ROUTE_FORM | ROUTE_FORM_ONLY);
	struct buf message = arena_buf(&r->arena, MESSAGE_BYTES);

	*is_form = form_too && is_type(given, form_type);
	if (*is_form || (json_too && is_type(given, json_type)))
		return true;
	if (given.p == NULL) {
		buf_str(&message, STR("Content-Type is required"));
	} else {
		given.len = given.len < CONTENT_TYPE_SHOWN ? given.len : CONTENT_TYPE_SHOWN;
		buf_str(&message, STR("Content-Type \""));
		buf_str(&message, given);
		buf_str(&message, STR("\" is not allowed"));
	}
	buf_str(&message, STR(". Allowed types: "));
	if (form_too)
		buf_str(&message, form_type);
	if (form_too && json_too)
		buf_str(&message, STR(", "));
	if (json_too)
		buf_str(&message, json_type);
	return refuse(r, ERR_UNSUPPORTED_MEDIA_TYPE, buf_view(&message));
}

/* The media type without its parameters (RFC 9110 section 8.3.1). */
static bool
is_type(struct str header, struct str type)
{
	struct str media, parameters;

	if (header.p == NULL)
		return false;
	(void)str_cut(&media, &parameters, header, ';');
	while (media.len > 0 && media.p[media.len - 1] == ' ')
		media.len--;
	return str_equal_nocase(media, type);
}

/* Puts what the path said into the input, last: it wins over a field of the same name. */
static void
add_captures(struct request *r)
{
	struct buf input;

	if (r->captures[0].p == NULL)
		return;
	input = arena_buf(&r->arena, r->input.len + 6 * r->path.len + FIELD_MEMORY_EXTRA);
	buf_str(&input, (struct str){.p = r->input.p, .len = r->input.len - 1});
	for (int i = 0; i < REQUEST_CAPTURES_MAX && r->captures[i].p != NULL; i++) {
		if (input.len > 1)
			buf_char(&input, ',');
		buf_json_str(&input, match_capture_name(r->route->path, i));
		buf_char(&input, ':');
		buf_json_str(&input, r->captures[i]);
	}
	buf_char(&input, '}');
	r->input = buf_view(&input);
}

/* Whom an anonymous request is about, where no field says so: whoever began what its cookie goes on
 * with, the bearer of a token, the client that authenticates itself, or what the path names. */
static void
name_subject(struct request *r)
{
	struct str *subject = &r->private->subject;

	if (r->caller.user_id.len > 0 || r->caller.session_token.len > 0)
		return;
	if (subject->len == 0)
		*subject = request_cookie(r, COOKIE_TWO_FACTOR);
	if (subject->len == 0)
		*subject = request_cookie(r, COOKIE_PASSKEY);
	if (subject->len == 0)
		*subject = request_header(r, STR("authorization"));
	if (subject->len == 0)
		*subject = r->captures[0];
}

/* No redirect to a place that is not ours. */
static bool
targets_are_trusted(struct request *r, const struct field *fields)
{
	for (const struct field *f = fields; f->name != NULL; f++) {
		struct str url;

		if (f->kind != FIELD_URL || f->offset == FIELD_NOWHERE)
			continue;
		memcpy(&url, (const char *)r->fields + f->offset, sizeof(url));
		if (url.p == NULL || target_is_trusted(url))
			continue;
		return refuse(r, target_error(f->name), STR_NONE);
	}
	return true;
}

static enum error
target_error(const char *name)
{
	static const struct {
		const char *name;
		enum error e;
	} errors[] = {
	    {"redirectTo", ERR_INVALID_REDIRECT_URL},
	    {"errorCallbackURL", ERR_INVALID_ERROR_CALLBACK_URL},
	    {"newUserCallbackURL", ERR_INVALID_NEW_USER_CALLBACK_URL},
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].e;
	return ERR_INVALID_CALLBACK_URL;
}

static bool
refuse(struct request *r, enum error e, struct str message)
{
	(void)reply_refusal(r, e, message, 0);
	return false;
}
