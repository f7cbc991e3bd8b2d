/* Tokens that clients hand back, as if their signature verified: header, newline, claims. A hint at
 * logout is an id_token of ours that names a user and a client; an access JWT of a client is
 * current, ours, and of its type. */
#include "fuzz.h"

#include <time.h>

#include "base64.h"
#include "edge_request.h"
#include "features/oidc_access_jwt.h"
#include "features/oidc_hint.h"
#include "json.h"
#include "jws.h"
#include "keys/signing.h"

enum { NOW = 1800000000, TOKEN_BYTES = 8192, PART_BYTES = 2700 };

static const struct route route = {.method = METHOD_GET, .path = "/"};

time_t __wrap_time(time_t *out);
bool __wrap_signing_verify(struct buf *claims, struct str token);
bool __wrap_signing_verify_token(struct buf *claims, struct str token);

time_t
__wrap_time(time_t *out)
{
	return NOW;
}

bool
__wrap_signing_verify(struct buf *claims, struct str token)
{
	return false; /* it remembers tokens by another way of the same */
}

bool
__wrap_signing_verify_token(struct buf *claims, struct str token)
{
	struct jwt jwt;

	return jwt_parse(&jwt, token) && jws_payload(claims, &jwt);
}

static struct str
member(const json_t *claims, const char *name)
{
	return json_member_str(claims, name);
}

static void
check(struct request *r, struct str header, struct str text, struct str token)
{
	struct str access = oidc_access_jwt_read(r, token);
	struct oidc_hint hint;
	bool is_hint = oidc_hint_read(r, &hint, token);
	json_t *claims;

	if (!is_hint && access.p == NULL)
		return;
	REQUIRE(json_read(&claims, text, (struct json_limits){.bytes = PART_BYTES, .depth = 4}));
	REQUIRE(str_equal(member(claims, "iss"), STR("https://auth.mana.test")));
	if (is_hint) {
		REQUIRE(json_object_get(claims, "auth_time") != NULL);
		REQUIRE(hint.sub.len > 0 && str_equal(hint.sub, member(claims, "sub")));
		REQUIRE(hint.client_id.len > 0 && str_equal(hint.client_id, member(claims, "aud")));
		REQUIRE(str_equal(hint.sid, member(claims, "sid")));
	}
	if (access.p != NULL) {
		REQUIRE(str_equal(access, text));
		REQUIRE(json_number_value(json_object_get(claims, "exp")) > NOW);
		REQUIRE(memmem(header.p, header.len, "typ", 3) != NULL || str_has(header, '\\'));
	}
	json_decref(claims);
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
	struct str text = {(const char *)data, size}, header, claims;
	char memory[TOKEN_BYTES];
	struct buf token = BUF_ON(memory);
	struct request *r;

	if (!str_cut(&header, &claims, text, '\n') || header.len > PART_BYTES ||
	    claims.len > PART_BYTES)
		return 0;
	r = edge_request(&route);
	base64url_encode(&token, header.p, header.len);
	buf_char(&token, '.');
	base64url_encode(&token, claims.p, claims.len);
	buf_str(&token, STR(".AAAA"));
	check(r, header, claims, buf_view(&token));
	edge_request_end(r);
	return 0;
}
