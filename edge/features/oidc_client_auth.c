/* Client authentication (oidc_client_auth.h). */
#include "features/oidc_client_auth.h"

#include <time.h>

#include "base64.h"
#include "config.h"
#include "http/reply.h"
#include "json.h"
#include "numeric_date.h"
#include "jws.h"
#include "uri.h"
#include "utf8.h"

enum { BASIC_BYTES_MAX = 1024, ASSERTION_LIFE_MAX = 3600, DEPTH = 4 };

static bool read_basic(struct request *r, struct oidc_client *c);
static void take_secret(struct oidc_client *c, struct str secret);
static bool assertion_names_client(struct request *r, struct oidc_client *c);
static enum step keys_found(struct request *r);
static bool assertion_is_good(struct request *r, struct oidc_client *c, struct str jwks);
static bool claims_are_good(struct request *r, struct oidc_client *c, const json_t *claims);
static bool audience_is_ours(const json_t *audience);
static enum step refuse(struct request *r, int status, const char *error, const char *description);

enum step
oidc_client_identify(struct request *r, const struct oidc_client_fields *in, step_fn *next)
{
	struct oidc_client *c = r->state;
	struct str header = request_header(r, STR("authorization"));
	bool has_assertion = in->assertion.p != NULL || in->assertion_type.p != NULL;

	c->next = next;
	c->id = in->client_id;
	if ((header.p != NULL) + (in->client_secret.p != NULL) + has_assertion > 1)
		/* RFC 6749, section 2.3: "The client MUST NOT use more than one authentication
		 * method in each request." */
		return refuse(
		    r, 400, "invalid_request", "more than one way of client authentication");
	if (header.p != NULL) {
		c->method = STR("client_secret_basic");
		if (!read_basic(r, c))
			return refuse(
			    r, 401, "invalid_client", "the Authorization header is malformed");
		if (in->client_id.p != NULL && !str_equal(in->client_id, c->id))
			return refuse(r, 400, "invalid_request", "two clients are named");
		return next(r);
	}
	if (has_assertion) {
		c->method = STR("private_key_jwt");
		c->assertion = in->assertion;
		if (!str_equal(in->assertion_type,
			STR("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")) ||
		    !assertion_names_client(r, c))
			return refuse(r, 401, "invalid_client", "the assertion is malformed");
		return db_call(r, CALL_OIDC_CLIENT_KEYS, keys_found, db_text(r, c->id));
	}
	if (in->client_secret.p != NULL) {
		c->method = STR("client_secret_post");
		take_secret(c, in->client_secret);
	} else if (in->client_id.p != NULL) {
		c->method = STR("none");
	}
	return next(r);
}

/* RFC 6749, section 2.3.1: "The client identifier is encoded using the
 * "application/x-www-form-urlencoded" encoding algorithm [..] and the encoded value is used as the
 * username; the client password is encoded using the same algorithm". */
static bool
read_basic(struct request *r, struct oidc_client *c)
{
	char memory[BASIC_BYTES_MAX];
	struct str pair, id, secret, encoded = request_credentials(r, STR("basic"));
	struct buf decoded_id = arena_buf(&r->arena, BASIC_BYTES_MAX),
		   decoded_secret = arena_buf(&r->arena, BASIC_BYTES_MAX);
	size_t count;
	bool ok;

	if (encoded.p == NULL || !base64_decode(memory, &count, sizeof(memory), encoded))
		return false;
	pair = (struct str){.p = memory, .len = count};
	ok = str_cut(&id, &secret, pair, ':') && uri_decode(&decoded_id, id, URI_FORM) &&
	     uri_decode(&decoded_secret, secret, URI_FORM) && decoded_id.len > 0;
	explicit_bzero(memory, sizeof(memory));
	if (!ok)
		return false;
	c->id = buf_view(&decoded_id);
	take_secret(c, buf_view(&decoded_secret));
	return utf8_is_text(c->id);
}

static void
take_secret(struct oidc_client *c, struct str secret)
{
	digest_sha256(&c->secret, secret);
	c->has_secret = true;
}

/* Not trusted yet: it says whose keys to ask for. */
static bool
assertion_names_client(struct request *r, struct oidc_client *c)
{
	struct buf claims = arena_buf(&r->arena, c->assertion.len + 1);
	json_t *object = NULL;
	struct str issuer;
	struct jwt jwt;
	bool ok = jwt_parse(&jwt, c->assertion) && jws_payload(&claims, &jwt) &&
		  json_read(&object, buf_view(&claims),
		      (struct json_limits){.bytes = JWT_BYTES_MAX, .depth = DEPTH});

	issuer = ok ? arena_copy(&r->arena, json_member_str(object, "iss")) : STR_NONE;
	json_decref(object);
	if (issuer.len == 0 || (c->id.p != NULL && !str_equal(c->id, issuer)))
		return false;
	c->id = issuer;
	return true;
}

static enum step
keys_found(struct request *r)
{
	struct oidc_client *c = r->state;
	struct str jwks = row_text(r->answer, 0, 0);

	if (jwks.p == NULL || !assertion_is_good(r, c, jwks))
		return refuse(r, 401, "invalid_client", "invalid client_assertion");
	return c->next(r);
}

static bool
assertion_is_good(struct request *r, struct oidc_client *c, struct str jwks)
{
	struct buf text = arena_buf(&r->arena, c->assertion.len + 1);
	json_t *claims = NULL;
	struct jwt jwt;
	bool ok = jwt_parse(&jwt, c->assertion) && jws_verify(&text, &jwt, jwks) &&
		  json_read(&claims, buf_view(&text),
		      (struct json_limits){.bytes = JWT_BYTES_MAX, .depth = DEPTH}) &&
		  claims_are_good(r, c, claims);

	json_decref(claims);
	return ok;
}

/* RFC 7523, section 3: iss and sub are the client, aud is ours, exp has not passed and is near, jti
 * names it. */
static bool
claims_are_good(struct request *r, struct oidc_client *c, const json_t *claims)
{
	int64_t expires, now = (int64_t)time(NULL);

	if (!str_equal(json_member_str(claims, "iss"), c->id) ||
	    !str_equal(json_member_str(claims, "sub"), c->id) ||
	    !audience_is_ours(json_object_get(claims, "aud")) ||
	    !numeric_dates_current(&expires, claims, now) || expires > now + ASSERTION_LIFE_MAX)
		return false;
	c->jti = arena_copy(&r->arena, json_member_str(claims, "jti"));
	c->expires_at = expires;
	return c->jti.len > 0 && c->jti.len <= 256;
}

/* The issuer, or the token endpoint, which is what older libraries send; alone or in a list. */
static bool
audience_is_ours(const json_t *audience)
{
	static const struct str endpoint = {.p = "/api/auth/oauth2/token", .len = 22};
	struct str text;
	const json_t *one;
	size_t i;

	if (json_is_array(audience)) {
		json_array_foreach(
		    audience, i, one) if (json_is_string(one) && audience_is_ours(one)) return true;
		return false;
	}
	if (!json_is_string(audience))
		return false;
	text = (struct str){json_string_value(audience), json_string_length(audience)};
	if (str_equal(text, config.base_url))
		return true;
	return str_starts(text, config.base_url) &&
	       str_equal(str_skip(text, config.base_url.len), endpoint);
}

enum step
oidc_client_answer(struct request *r)
{
	/* RFC 6749, section 5.2: the response "MUST [..] include the "WWW-Authenticate" response
	 * header field matching the authentication scheme used by the client" */
	if (row_int(r->answer, 0, REPLY_STATUS, 200) == 401)
		reply_header(r, "www-authenticate", STR("Basic"));
	return reply_relay(r);
}

static enum step
refuse(struct request *r, int status, const char *error, const char *description)
{
	struct buf body = arena_buf(&r->arena, 256);

	buf_str(&body, STR("{\"error_description\":"));
	buf_json_str(&body, str_from(description));
	buf_str(&body, STR(",\"error\":"));
	buf_json_str(&body, str_from(error));
	buf_char(&body, '}');
	if (status == 401)
		reply_header(r, "www-authenticate", STR("Basic"));
	return reply_json(r, status, buf_view(&body));
}
