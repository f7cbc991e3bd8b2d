/*
 * Authorization requests, consents and continuations (oidc_authorize.h). SQL decides; here it is
 * made sure that what comes back is what once left.
 */
#include "features/oidc_authorize.h"

#include "config.h"
#include "db/db.h"
#include "features/oidc_hint.h"
#include "features/oidc_request.h"
#include "gates/gates.h"
#include "http/reply.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

struct authorize_fields {
	struct str id_token_hint;
};
static const struct field authorize_field_table[] = {
    {"client_id", FIELD_STRING, 0, ONLY_SQL, .max = 128},
    {"response_type", FIELD_STRING, 0, ONLY_SQL, .max = 64},
    {"redirect_uri", FIELD_STRING, 0, ONLY_SQL, .max = 2048},
    {"scope", FIELD_STRING, 0, ONLY_SQL, .max = 1024},
    {"state", FIELD_STRING, 0, ONLY_SQL, .max = 8000},
    {"nonce", FIELD_STRING, 0, ONLY_SQL, .max = 512},
    {"resource", FIELD_STRING, 0, ONLY_SQL, .max = 512},
    {"prompt", FIELD_STRING, 0, ONLY_SQL, .max = 64},
    {"max_age", FIELD_STRING, 0, ONLY_SQL, .max = 16},
    {"login_hint", FIELD_STRING, 0, ONLY_SQL, .max = 320},
    {"ui_locales", FIELD_STRING, 0, ONLY_SQL, .max = 128},
    {"response_mode", FIELD_STRING, 0, ONLY_SQL, .max = 32},
    {"code_challenge", FIELD_STRING, 0, ONLY_SQL, .max = 128},
    {"code_challenge_method", FIELD_STRING, 0, ONLY_SQL, .max = 16},
    {"request", FIELD_STRING, 0, ONLY_SQL},
    {"request_uri", FIELD_STRING, 0, ONLY_SQL, .max = 2048},
    {"exp", FIELD_STRING, 0, ONLY_SQL, .max = 16},
    {"ba_iat", FIELD_STRING, 0, ONLY_SQL, .max = 16},
    {"id_token_hint", FIELD_STRING, FIELD_SECRET,
	.offset = offsetof(struct authorize_fields, id_token_hint)},
    {NULL},
};
const struct schema oidc_authorize_schema = {
    authorize_field_table, sizeof(struct authorize_fields)};

struct consent_fields {
	enum field_bool accept;
	struct str scope;
	struct str oauth_query;
};
static const struct field consent_field_table[] = {
    {"accept", FIELD_BOOL, FIELD_REQUIRED, .offset = offsetof(struct consent_fields, accept)},
    {"scope", FIELD_STRING, 0, .offset = offsetof(struct consent_fields, scope), .max = 1024},
    {"oauth_query", FIELD_STRING, FIELD_SECRET,
	.offset = offsetof(struct consent_fields, oauth_query)},
    {NULL},
};
const struct schema oidc_consent_schema = {consent_field_table, sizeof(struct consent_fields)};

static const struct field continue_field_table[] = {
    {"oauth_query", FIELD_STRING, FIELD_SECRET,
	.offset = offsetof(struct consent_fields, oauth_query)},
    {NULL},
};
const struct schema oidc_continue_schema = {continue_field_table, sizeof(struct consent_fields)};

static struct str repeated(struct request *r);
static enum step missing_query(struct request *r);
static step_fn *answer_for(struct request *r);

enum step
oidc_authorize(struct request *r)
{
	const struct authorize_fields *in = r->fields;
	struct oidc_hint hint = {.sub = STR_NONE};

	if (r->method == METHOD_GET && request_is_subresource(r))
		return reply_refusal(r, ERR_OAUTH_INVALID_REQUEST,
		    STR("the authorization endpoint must be navigated to"), 0);
	if (in->id_token_hint.len > 0 && !oidc_hint_read(r, &hint, in->id_token_hint))
		hint.sub = STR(""); /* nobody: who is signed in is not whom the client means */
	return db_call(r, CALL_OIDC_AUTHORIZE, answer_for(r), db_text(r, r->input),
	    db_text(r, config.base_url), db_text(r, hint.sub), db_text(r, repeated(r)));
}

/* RFC 6749, section 3.1: "Request and response parameters MUST NOT be included more than once." The
 * first that is; STR_NONE: none. */
static struct str
repeated(struct request *r)
{
	struct str name = form_repeated(r->sent, STR_NONE);

	for (const struct field *f = authorize_field_table; f->name != NULL; f++)
		if (str_equal(name, str_from(f->name)))
			return name;
	return name.p != NULL ? STR("a parameter") : STR_NONE;
}

/* A script cannot follow a redirect to another page: it is told where to go. Only one of our own
 * pages can read that (RFC 9700, section 2.6: CORS "MUST NOT be supported at the authorization
 * endpoint"). */
static step_fn *
answer_for(struct request *r)
{
	return str_equal(request_header(r, STR("sec-fetch-mode")), STR("cors"))
		   ? oidc_answer_json
		   : oidc_answer_redirect;
}

enum step
oidc_consent(struct request *r)
{
	const struct consent_fields *in = r->fields;
	struct str input;

	if (in->oauth_query.len == 0)
		return missing_query(r);
	if (!oidc_request_read(r, &input))
		return oidc_invalid_signature(r);
	return db_call(r, CALL_OIDC_CONSENT, r->form != NULL ? reply_relay : oidc_answer_json,
	    db_text(r, input), db_text(r, config.base_url), db_bool(in->accept == FIELD_TRUE),
	    db_text(r, in->scope));
}

enum step
oidc_continue(struct request *r)
{
	const struct consent_fields *in = r->fields;
	struct str input;

	if (in->oauth_query.len == 0)
		return missing_query(r);
	if (!oidc_request_read(r, &input))
		return oidc_invalid_signature(r);
	return db_call(r, CALL_OIDC_CONTINUE, oidc_answer_json, db_text(r, input),
	    db_text(r, config.base_url));
}

static enum step
missing_query(struct request *r)
{
	if (r->form != NULL)
		return reply_error(r, ERR_OAUTH_INVALID_REQUEST);
	return reply_json(r, 400,
	    STR("{\"error_description\":\"missing oauth query\",\"error\":\"invalid_request\"}"));
}
