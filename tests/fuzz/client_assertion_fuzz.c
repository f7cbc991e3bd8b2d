/* The claims of a client's assertion (RFC 7523, section 3), as if its signature verified. An
 * assertion that is taken names one client twice, is for us, ends within the hour, and has an id.
 */
#include "fuzz.h"

#include <libpq-fe.h>
#include <time.h>

#include "base64.h"
#include "edge_request.h"
#include "features/oidc_client_auth.h"
#include "json.h"
#include "jws.h"

enum {
	NOW = 1800000000,
	ASSERTION_BYTES = 8192,
	CLAIMS_BYTES = 4096,
	SECONDS_MAX = 3600,
	JTI_BYTES = 256
};

static const struct route route = {.method = METHOD_POST, .path = "/", .errors = ERRORS_OAUTH};
static PGresult *keys;
static bool reached;

time_t __wrap_time(time_t *out);
bool __wrap_jws_verify(struct buf *payload, const struct jwt *token, struct str jwks);
enum step __wrap_db_call_with(
    struct request *r, enum call call, step_fn *next, const struct db_arg *args, size_t count);

time_t
__wrap_time(time_t *out)
{
	return NOW;
}

bool
__wrap_jws_verify(struct buf *payload, const struct jwt *token, struct str jwks)
{
	return jws_payload(payload, token);
}

/* Every client has keys. */
enum step
__wrap_db_call_with(
    struct request *r, enum call call, step_fn *next, const struct db_arg *args, size_t count)
{
	REQUIRE(call == CALL_OIDC_CLIENT_KEYS && count == 2 && args[1].value != NULL);
	r->answer = (const struct db_answer *)keys;
	return next(r);
}

static enum step
identified(struct request *r)
{
	reached = true;
	return STEP_DONE;
}

static bool
is_us(const json_t *audience)
{
	struct str text = {json_string_value(audience), json_string_length(audience)};

	return json_is_string(audience) &&
	       (str_equal(text, STR("https://auth.mana.test")) ||
		   str_equal(text, STR("https://auth.mana.test/api/auth/oauth2/token")));
}

/* A list may hold lists: one of all is enough. */
static bool
names_us(const json_t *audience)
{
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)audience, i, one) if (is_us(one)) return true;
	return is_us(audience);
}

static void
check_claims(struct str text, const struct oidc_client *c)
{
	const json_t *claims;
	json_t *json;
	double expires;

	REQUIRE(json_read(&json, text, (struct json_limits){.bytes = CLAIMS_BYTES, .depth = 4}));
	claims = json;
	expires = json_number_value(json_object_get(claims, "exp"));
	REQUIRE(c->id.len > 0 && str_equal(json_member_str(claims, "iss"), c->id));
	REQUIRE(str_equal(json_member_str(claims, "sub"), c->id) &&
		names_us(json_object_get(claims, "aud")));
	REQUIRE(
	    expires > NOW && expires < NOW + SECONDS_MAX + 1 && c->expires_at == (int64_t)expires);
	REQUIRE(c->jti.len > 0 && c->jti.len <= JTI_BYTES &&
		str_equal(json_member_str(claims, "jti"), c->jti));
	json_decref(json);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	PGresAttDesc column = {.name = "jwks", .typlen = -1};

	edge_start();
	keys = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	REQUIRE(
	    keys != NULL && PQsetResultAttrs(keys, 1, &column) && PQsetvalue(keys, 0, 0, "{}", 2));
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	char memory[ASSERTION_BYTES];
	struct buf assertion = BUF_ON(memory);
	struct oidc_client_fields in = {
	    .assertion_type = STR("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")};
	struct request *r = edge_request(&route);

	buf_str(&assertion, STR("eyJhbGciOiJFZERTQSJ9."));
	base64url_encode(&assertion, data, size);
	buf_str(&assertion, STR(".AAAA"));
	in.assertion = buf_view(&assertion);
	reached = false;
	request_state(r, sizeof(struct oidc_client));
	REQUIRE(oidc_client_identify(r, &in, identified) == STEP_DONE);
	REQUIRE(reached || edge_status(r) == 401);
	if (reached)
		check_claims(text, r->state);
	r->answer = NULL;
	edge_request_end(r);
	return 0;
}
