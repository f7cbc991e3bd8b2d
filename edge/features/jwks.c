/*
 * The published signing keys (RFC 7517). Resource servers fetch them every few minutes, each.
 */
#include "features/jwks.h"

#include "http/reply.h"
#include "keys/signing.h"

enum step
jwks(struct request *r)
{
	struct str tag = STR_NONE, document = signing_jwks(&tag);

	if (document.p == NULL)
		return reply_refusal(r, ERR_SERVICE_UNAVAILABLE, STR_NONE, 1);
	/* five minutes: what signing keys are announced for reckons with it
	 * (auth.signing_keys_good_for) */
	return reply_json_cacheable(r, document, tag, STR("public, max-age=300"));
}
