/*
 * The published signing keys (RFC 7517). Resource servers fetch them every few minutes, each.
 */
#include "features/jwks.h"

#include "http/reply.h"
#include "keys/signing.h"

enum step
jwks(struct request *r)
{
	if (!signing_ready())
		return reply_refusal(r, ERR_SERVICE_UNAVAILABLE, STR_NONE, 1);
	reply_header(r, "Cache-Control", STR("public, max-age=300, stale-if-error=3600"));
	return reply_json(r, 200, signing_jwks());
}
