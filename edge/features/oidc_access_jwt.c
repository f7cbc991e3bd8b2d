/* Reading access tokens that are JWTs (oidc_access_jwt.h). */
#include "features/oidc_access_jwt.h"

#include <time.h>

#include "config.h"
#include "json.h"
#include "keys/signing.h"
#include "numeric_date.h"

enum { CLAIMS_DEPTH = 4 };

/* The first remembers what it has verified, and knows EdDSA only; the second knows all. */
struct str
oidc_access_jwt_read(struct request *r, struct str token)
{
	struct buf memory = arena_buf(&r->arena, token.len + 1);
	json_t *claims = NULL;
	int64_t expires;
	struct jwt jwt;
	bool ok;

	ok = jwt_parse(&jwt, token) && jwt_is_of_type(&jwt, STR("at+jwt")) &&
	     (signing_verify(&memory, token) || signing_verify_token(&memory, token)) &&
	     json_read(&claims, buf_view(&memory),
		 (struct json_limits){.bytes = JWT_BYTES_MAX, .depth = CLAIMS_DEPTH}) &&
	     str_equal(json_member_str(claims, "iss"), config.base_url) &&
	     numeric_dates_current(&expires, claims, (int64_t)time(NULL));
	json_decref(claims);
	return ok ? buf_view(&memory) : STR_NONE;
}
