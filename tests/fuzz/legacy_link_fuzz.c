/* The claims of a verification link of the legacy service, as if its signature verified. A link
 * that is taken has its three claims, names an address, and was good for an hour that has begun. */
#include "fuzz.h"

#include <time.h>

#include "base64.h"
#include "config.h"
#include "db/db.h"
#include "edge_request.h"
#include "features/verify_email.h"
#include "json.h"
#include "jws.h"
#include "keys/signing.h"

enum { NOW = 1800000000, HOUR = 3600, SKEW = 60, TOKEN_BYTES = 8192, CLAIMS_BYTES = 4096 };

static const struct route route = {.method = METHOD_POST, .path = "/api/auth/verify-email"};
static char taken_email[CLAIMS_BYTES];
static long long taken_end;
static bool taken;

time_t __wrap_time(time_t *out);
bool __wrap_signing_legacy_link_read(struct buf *claims, const struct jwt *link);
enum step __wrap_db_call_with(
    struct request *r, enum call call, step_fn *next, const struct db_arg *args, size_t count);

time_t
__wrap_time(time_t *out)
{
	return NOW;
}

bool
__wrap_signing_legacy_link_read(struct buf *claims, const struct jwt *link)
{
	return jws_payload(claims, link);
}

enum step
__wrap_db_call_with(
    struct request *r, enum call call, step_fn *next, const struct db_arg *args, size_t count)
{
	taken = call == CALL_VERIFY_EMAIL_LEGACY;
	if (taken) {
		REQUIRE(count == 4 && args[1].value != NULL && args[2].value != NULL);
		REQUIRE(strlen(args[1].value) < sizeof(taken_email));
		memcpy(taken_email, args[1].value, strlen(args[1].value) + 1);
		taken_end = strtoll(args[2].value, NULL, 10);
	}
	return STEP_DONE;
}

static void
check_claims(struct str text)
{
	json_t *claims;
	struct str email;

	REQUIRE(json_read(&claims, text, (struct json_limits){.bytes = CLAIMS_BYTES, .depth = 4}));
	email = json_member_str(claims, "email");
	REQUIRE(json_object_size(claims) == 3 && email.len > 0);
	REQUIRE(str_equal(email, str_from(taken_email)));
	REQUIRE(json_integer_value(json_object_get(claims, "exp")) == taken_end);
	REQUIRE(json_integer_value(json_object_get(claims, "iat")) == taken_end - HOUR);
	REQUIRE(taken_end - HOUR <= NOW + SKEW);
	json_decref(claims);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	edge_start();
	config.legacy_links_until = NOW + 1;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char memory[TOKEN_BYTES];
	struct buf token = BUF_ON(memory);
	struct request *r;

	if (size > CLAIMS_BYTES - 1)
		return 0;
	r = edge_request(&route);
	buf_str(&token, STR("eyJhbGciOiJIUzI1NiJ9."));
	base64url_encode(&token, data, size);
	buf_str(&token, STR(".AAAA"));
	r->fields = arena_alloc(&r->arena, verify_email_schema.size);
	*(struct str *)r->fields = buf_view(&token); /* its first field */
	taken = false;
	REQUIRE(verify_email(r) == STEP_DONE);
	if (taken)
		check_claims((struct str){(const char *)data, size});
	edge_request_end(r);
	return 0;
}
