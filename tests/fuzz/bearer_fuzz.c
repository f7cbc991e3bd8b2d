/* Access JWTs in an Authorization header, as if their signature verified: the token stands there as
 * its claims. What is let in is current, for us, and no id_token or token of a client; a token for
 * the vault opens the vault alone. */
#include "fuzz.h"

#include <time.h>

#include "config.h"
#include "edge_request.h"
#include "gates/gates.h"
#include "json.h"
#include "keys/signing.h"
#include "numeric_date.h"

enum { NOW = 1800000000, HEADER_BYTES = 4200 };

static const struct route ordinary = {
    .method = METHOD_GET, .path = "/", .access = ACCESS_BEARER, .errors = ERRORS_V1};
static const struct route vault = {
    .method = METHOD_GET, .path = "/", .access = ACCESS_BEARER, .errors = ERRORS_VAULT};
static const struct route admin = {
    .method = METHOD_GET, .path = "/", .access = ACCESS_ADMIN, .errors = ERRORS_ADMIN};

time_t __wrap_time(time_t *out);
bool __wrap_signing_verify(struct buf *claims, struct str token);

time_t
__wrap_time(time_t *out)
{
	return NOW;
}

bool
__wrap_signing_verify(struct buf *claims, struct str token)
{
	buf_str(claims, token);
	return true;
}

static void
check_claims(const struct request *r, struct str text, struct str audience)
{
	json_t *claims;
	int64_t expires;
	struct str id, proof;

	REQUIRE(json_read(&claims, text, (struct json_limits){.bytes = HEADER_BYTES, .depth = 4}));
	REQUIRE(str_equal(json_member_str(claims, "iss"), STR("https://auth.mana.test")));
	REQUIRE(str_equal(json_member_str(claims, "aud"), audience));
	REQUIRE(numeric_dates_current(&expires, claims, NOW));
	REQUIRE(json_object_get(claims, "auth_time") == NULL &&
		json_object_get(claims, "client_id") == NULL);
	REQUIRE(r->caller.user_id.len > 0 &&
		str_equal(r->caller.user_id, json_member_str(claims, "sub")));
	id = json_member_str(claims, "sid");
	proof = json_member_str(claims, "sid_proof");
	REQUIRE(id.len > 0 && str_starts(r->caller.session_reference, id));
	REQUIRE(r->caller.session_reference.len == id.len + (proof.len > 0 ? proof.len + 1 : 0));
	REQUIRE(r->caller.session_token.p == NULL);
	json_decref(claims);
}

static bool
try(struct str header, const struct route *route, struct str audience)
{
	struct request *r = edge_request(route);
	struct str sent;
	bool passes;

	edge_header(r, "authorization", header);
	sent = request_header(r, STR("authorization"));
	passes = gate_authenticate(r);
	if (passes) {
		REQUIRE(sent.len > 7 && str_equal_nocase((struct str){sent.p, 7}, STR("bearer ")));
		check_claims(r, str_skip(sent, 7), audience);
		REQUIRE(route->access != ACCESS_ADMIN || str_equal(r->caller.role, STR("admin")));
	} else {
		REQUIRE(edge_status(r) == 401 ||
			(route->access == ACCESS_ADMIN && edge_status(r) == 403));
	}
	edge_request_end(r);
	return passes;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	edge_start();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str header = {(const char *)data, size};
	bool passes;

	config.vault_audience = STR("");
	passes = try(header, &ordinary, STR("mana"));
	REQUIRE(try(header, &vault, STR("mana")) == passes);
	REQUIRE(!try(header, &admin, STR("mana")) || passes);
	config.vault_audience = STR("vault");
	passes = try(header, &ordinary, STR("mana"));
	REQUIRE(!(try(header, &vault, STR("vault")) && passes));
	return 0;
}
