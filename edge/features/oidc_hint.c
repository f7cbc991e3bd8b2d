/* Hints (oidc_hint.h): our signature, our issuer, and the form of an id_token, so that an access
 * JWT is none. */
#include "features/oidc_hint.h"

#include <time.h>

#include "config.h"
#include "json.h"
#include "keys/signing.h"
#include "numeric_date.h"

enum { CLAIMS_DEPTH = 4 };

bool
oidc_hint_read(struct request *r, struct oidc_hint *out, struct str id_token)
{
	struct buf memory = arena_buf(&r->arena, id_token.len + 1);
	json_t *claims = NULL;
	bool ok;

	*out = (struct oidc_hint){.sub = STR_NONE};
	ok = signing_verify_token(&memory, id_token) &&
	     json_read(&claims, buf_view(&memory),
		 (struct json_limits){.bytes = JWT_BYTES_MAX, .depth = CLAIMS_DEPTH}) &&
	     str_equal(json_member_str(claims, "iss"), config.base_url) &&
	     json_object_get(claims, "auth_time") != NULL &&
	     numeric_dates_begun(claims, (int64_t)time(NULL)); /* it may have expired */
	if (ok) {
		out->sub = arena_copy(&r->arena, json_member_str(claims, "sub"));
		out->sid = arena_copy(&r->arena, json_member_str(claims, "sid"));
		out->client_id = arena_copy(&r->arena, json_member_str(claims, "aud"));
	}
	json_decref(claims);
	return ok && out->sub.len > 0 && out->client_id.len > 0;
}
