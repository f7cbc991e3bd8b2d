/*
 * Who is calling: the signature of the session cookie, of the access JWT, or the service key.
 * Whether the session still lives is not asked here; the database answers that in the call that
 * does the work.
 */
#include <time.h>

#include "config.h"
#include "gates/gates.h"
#include "http/reply.h"
#include "json.h"
#include "keys/signing.h"
#include "numeric_date.h"
#include "routes.h"

enum { CLAIMS_DEPTH = 4 };

static bool by_cookie(struct request *r);
static bool by_bearer(struct request *r, const char **problem);
static struct str session_reference(struct request *r, const json_t *claims);
static bool claims_are_current(const json_t *claims, struct str audience);
static struct str expected_audience(const struct request *r);
static bool by_service_key(struct request *r);
static bool refuse(struct request *r, enum error e, const char *message);

bool
gate_authenticate(struct request *r)
{
	const char *problem = NULL;

	switch (r->route->access) {
	case ACCESS_PUBLIC:
		(void)by_cookie(r);
		return true;
	case ACCESS_SESSION:
		return by_cookie(r) || refuse(r, ERR_UNAUTHORIZED, NULL);
	case ACCESS_EITHER:
		if (request_header(r, STR("authorization")).p == NULL)
			return by_cookie(r) || refuse(r, ERR_UNAUTHORIZED, NULL);
		return by_bearer(r, &problem) || refuse(r, ERR_UNAUTHORIZED, problem);
	case ACCESS_BEARER:
		return by_bearer(r, &problem) || refuse(r, ERR_UNAUTHORIZED, problem);
	case ACCESS_ADMIN:
		if (!by_bearer(r, &problem))
			return refuse(r, ERR_UNAUTHORIZED, problem);
		return str_equal(r->caller.role, STR("admin")) || refuse(r, ERR_FORBIDDEN, NULL);
	case ACCESS_SERVICE:
		return by_service_key(r) ||
		       refuse(r, ERR_UNAUTHORIZED, "Invalid or missing service key");
	}
	return refuse(r, ERR_INTERNAL, NULL);
}

static bool
by_cookie(struct request *r)
{
	const struct session_token *token = request_session_token(r);

	if (token == NULL)
		return false;
	r->caller.session_token = (struct str){.p = token->chars, .len = TOKEN_CHARS};
	token_digest(&r->caller.session_digest, r->caller.session_token);
	return true;
}

static bool
by_bearer(struct request *r, const char **problem)
{
	struct str token = request_credentials(r, STR("bearer"));
	struct str claims;

	*problem = "Missing or invalid Authorization header";
	if (token.p == NULL)
		return false;
	*problem = "Invalid or expired token";
	return bearer_read(r, token, &claims);
}

bool
bearer_read(struct request *r, struct str token, struct str *text)
{
	struct buf memory = arena_buf(&r->arena, token.len + 1);
	json_t *claims = NULL;
	bool ok = signing_verify(&memory, token) &&
		  json_read(&claims, buf_view(&memory),
		      (struct json_limits){.bytes = JWT_BYTES_MAX, .depth = CLAIMS_DEPTH}) &&
		  claims_are_current(claims, expected_audience(r));

	*text = buf_view(&memory);
	if (ok) {
		r->caller.session_token = STR_NONE; /* of two credentials the token decides */
		r->caller.user_id = arena_copy(&r->arena, json_member_str(claims, "sub"));
		r->caller.session_reference = session_reference(r, claims);
		r->caller.email = arena_copy(&r->arena, json_member_str(claims, "email"));
		r->caller.role = arena_copy(&r->arena, json_member_str(claims, "role"));
	}
	json_decref(claims);
	return ok;
}

/* A token of version 1.0 has no proof: its reference is the id alone. */
static struct str
session_reference(struct request *r, const json_t *claims)
{
	struct str id = json_member_str(claims, "sid"),
		   proof = json_member_str(claims, "sid_proof");
	struct buf out = arena_buf(&r->arena, id.len + proof.len + 2);

	buf_str(&out, id);
	if (proof.len > 0) {
		buf_char(&out, '.');
		buf_str(&out, proof);
	}
	return buf_view(&out);
}

/* A token that other services see does not open the vault, and one for the vault opens nothing
 * else. */
static struct str
expected_audience(const struct request *r)
{
	if (r->route->errors == ERRORS_VAULT && config.vault_audience.len > 0)
		return config.vault_audience;
	return config.jwt_audience;
}

/* RFC 7519 section 4.1. An id_token of ours has auth_time, a client's access token client_id, which
 * an access JWT never has: whatever a client or a resource is called, nobody gets in with what was
 * meant for it. */
static bool
claims_are_current(const json_t *claims, struct str audience)
{
	int64_t expires;

	if (!str_equal(json_member_str(claims, "iss"), config.jwt_issuer) ||
	    !str_equal(json_member_str(claims, "aud"), audience))
		return false;
	if (!numeric_dates_current(&expires, claims, (int64_t)time(NULL)))
		return false;
	return json_object_get(claims, "auth_time") == NULL &&
	       json_object_get(claims, "client_id") == NULL &&
	       json_member_str(claims, "sub").len > 0 && json_member_str(claims, "sid").len > 0;
}

static bool
by_service_key(struct request *r)
{
	r->caller.service =
	    service_keys_find(&config.service_keys, request_header(r, STR("x-service-key")));
	return r->caller.service.p != NULL;
}

static bool
refuse(struct request *r, enum error e, const char *message)
{
	if (r->route->access != ACCESS_SESSION && e == ERR_UNAUTHORIZED &&
	    r->route->access != ACCESS_SERVICE)
		reply_header(r, "www-authenticate", STR("Bearer"));
	(void)reply_refusal(r, e, str_from(message), 0);
	return false;
}
