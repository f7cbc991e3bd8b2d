/*
 * The token endpoint and what is done with tokens (oidc_token.h). SQL is given digests of codes,
 * tokens and verifiers, and answers with the finished body; the id_token in it is signed by
 * reply_relay.
 */
#include "features/oidc_token.h"

#include "config.h"
#include "features/oidc_access_jwt.h"
#include "features/oidc_client_auth.h"
#include "http/reply.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

enum { VERIFIER_MIN = 43, VERIFIER_MAX = 128 };

/* RFC 6749, section 3.2: "Request and response parameters MUST NOT be included more than once." */
struct token_fields {
	struct oidc_client_fields client;
	struct str code_verifier;
};
static const struct field token_field_table[] = {
    {"grant_type", FIELD_STRING, 0, ONLY_SQL, .max = 64},
    {"code", FIELD_TOKEN, 0, ONLY_SQL, .max = 512},
    {"redirect_uri", FIELD_STRING, 0, ONLY_SQL, .max = 2048},
    {"code_verifier", FIELD_TOKEN, 0, .offset = offsetof(struct token_fields, code_verifier),
	.max = 512},
    {"refresh_token", FIELD_TOKEN, 0, ONLY_SQL, .max = 512},
    {"scope", FIELD_STRING, 0, ONLY_SQL, .max = 1024},
    {"resource", FIELD_STRING, 0, ONLY_SQL, .max = 512},
    OIDC_CLIENT_FIELDS(struct token_fields),
    {NULL},
};
const struct schema oidc_token_schema = {token_field_table, sizeof(struct token_fields)};

struct introspect_fields {
	struct oidc_client_fields client;
	struct str token;
};
static const struct field introspect_field_table[] = {
    {"token", FIELD_TOKEN, 0, .offset = offsetof(struct introspect_fields, token), .max = 8192},
    {"token_type_hint", FIELD_STRING, 0, ONLY_SQL, .max = 64},
    OIDC_CLIENT_FIELDS(struct introspect_fields),
    {NULL},
};
const struct schema oidc_introspect_schema = {
    introspect_field_table, sizeof(struct introspect_fields)};

struct userinfo_fields {
	struct str access_token;
};
static const struct field userinfo_field_table[] = {
    {"access_token", FIELD_STRING, FIELD_SECRET | FIELD_SUBJECT,
	.offset = offsetof(struct userinfo_fields, access_token), .max = 8192},
    {NULL},
};
const struct schema oidc_userinfo_schema = {userinfo_field_table, sizeof(struct userinfo_fields)};

static bool verifier_is_sound(struct str verifier);
static enum step token_wanted(struct request *r);
static enum step introspection_wanted(struct request *r);
static enum step revocation_wanted(struct request *r);
static enum step userinfo_found(struct request *r);

enum step
oidc_token(struct request *r)
{
	const struct token_fields *in = r->fields;

	request_state(r, sizeof(struct oidc_client));
	if (in->code_verifier.p != NULL && !verifier_is_sound(in->code_verifier))
		return reply_json(r, 400,
		    STR("{\"error_description\":\"code verification failed\","
			"\"error\":\"invalid_grant\"}"));
	return oidc_client_identify(r, &in->client, token_wanted);
}

/* RFC 7636, section 4.1: "with a minimum length of 43 characters and a maximum length of 128
 * characters", of unreserved ones. */
static bool
verifier_is_sound(struct str verifier)
{
	if (verifier.len < VERIFIER_MIN || verifier.len > VERIFIER_MAX)
		return false;
	for (size_t i = 0; i < verifier.len; i++) {
		char c = str_lower(verifier.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			strchr("-._~", c) != NULL))
			return false;
	}
	return true;
}

static enum step
token_wanted(struct request *r)
{
	const struct oidc_client *c = r->state;

	return db_call(r, CALL_OIDC_TOKEN, oidc_client_answer, db_text(r, r->input),
	    db_text(r, config.base_url), OIDC_CLIENT_ARGUMENTS(r, c));
}

enum step
oidc_introspect(struct request *r)
{
	const struct introspect_fields *in = r->fields;

	request_state(r, sizeof(struct oidc_client));
	return oidc_client_identify(r, &in->client, introspection_wanted);
}

static enum step
introspection_wanted(struct request *r)
{
	const struct introspect_fields *in = r->fields;
	const struct oidc_client *c = r->state;

	return db_call(r, CALL_OIDC_INTROSPECT, oidc_client_answer, db_text(r, r->input),
	    db_text(r, config.base_url), OIDC_CLIENT_ARGUMENTS(r, c),
	    db_text(r, oidc_access_jwt_read(r, in->token)));
}

enum step
oidc_revoke(struct request *r)
{
	const struct introspect_fields *in = r->fields;

	request_state(r, sizeof(struct oidc_client));
	return oidc_client_identify(r, &in->client, revocation_wanted);
}

static enum step
revocation_wanted(struct request *r)
{
	const struct introspect_fields *in = r->fields;
	const struct oidc_client *c = r->state;

	return db_call(r, CALL_OIDC_REVOKE, oidc_client_answer, db_text(r, r->input),
	    OIDC_CLIENT_ARGUMENTS(r, c), db_text(r, oidc_access_jwt_read(r, in->token)));
}

/* RFC 6750, section 2: in the header, or in the form of a POST; never in the query. */
enum step
oidc_userinfo(struct request *r)
{
	const struct userinfo_fields *in = r->method == METHOD_POST ? r->fields : NULL;
	struct str header = request_header(r, STR("authorization"));
	struct digest *digest = request_state(r, sizeof(*digest));
	struct str token = request_credentials(r, STR("bearer"));

	if (header.p == NULL && in != NULL)
		token = in->access_token;
	if (token.len == 0) {
		/* section 3.1: without credentials the answer "SHOULD NOT include an error code" in
		 * the header */
		reply_header(r, "www-authenticate", STR("Bearer"));
		return reply_json(r, 401,
		    STR("{\"error_description\":\"access token not "
			"found\",\"error\":\"invalid_request\"}"));
	}
	digest_sha256(digest, token);
	return db_call(r, CALL_OIDC_USERINFO, userinfo_found, db_bytes(digest->bytes, DIGEST_BYTES),
	    db_text(r, config.base_url), db_text(r, oidc_access_jwt_read(r, token)));
}

static enum step
userinfo_found(struct request *r)
{
	switch (row_int(r->answer, 0, REPLY_STATUS, 200)) {
	case 401:
		reply_header(r, "www-authenticate",
		    STR("Bearer error=\"invalid_token\", error_description=\"Invalid access "
			"token\""));
		break;
	case 403:
		reply_header(r, "www-authenticate",
		    STR("Bearer error=\"insufficient_scope\", scope=\"openid\""));
		break;
	}
	return reply_relay(r);
}
