/* Logout (oidc_end_session.h): the hint is verified here, the rest is decided in SQL. */
#include "features/oidc_end_session.h"

#include "config.h"
#include "db/db.h"
#include "features/oidc_hint.h"
#include "features/oidc_request.h"
#include "gates/gates.h"
#include "http/reply.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

struct end_session_fields {
	struct str id_token_hint;
};
static const struct field end_session_field_table[] = {
    {"id_token_hint", FIELD_STRING, FIELD_SECRET | FIELD_SUBJECT,
	.offset = offsetof(struct end_session_fields, id_token_hint), .max = 8192},
    {"client_id", FIELD_STRING, 0, ONLY_SQL, .max = 128},
    {"post_logout_redirect_uri", FIELD_STRING, 0, ONLY_SQL, .max = 2048},
    {"state", FIELD_STRING, 0, ONLY_SQL, .max = 8000},
    {NULL},
};
const struct schema oidc_end_session_schema = {
    end_session_field_table, sizeof(struct end_session_fields)};

static enum step end(struct request *r, bool confirmed);

enum step
oidc_end_session(struct request *r)
{
	return end(r, false);
}

enum step
oidc_end_session_confirm(struct request *r)
{
	return end(r, true);
}

static enum step
end(struct request *r, bool confirmed)
{
	const struct end_session_fields *in = r->fields;
	struct oidc_hint hint = {.sub = STR_NONE};

	if (in->id_token_hint.len > 0 && !oidc_hint_read(r, &hint, in->id_token_hint))
		return reply_refusal(r, ERR_OAUTH_INVALID_REQUEST, STR("invalid id_token_hint"), 0);
	if (r->method == METHOD_GET && request_is_subresource(r))
		hint = (struct oidc_hint){.sub = STR_NONE}; /* nothing ends; the page asks first */
	return db_call(r, CALL_OIDC_END_SESSION, oidc_answer_redirect, db_text(r, r->input),
	    db_text(r, config.base_url), db_text(r, hint.client_id), db_text(r, hint.sub),
	    db_text(r, hint.sid), db_bool(confirmed));
}
