/* Access tokens of ours that are JWTs (RFC 9068), where a client brings one back. */
#ifndef MANA_OIDC_ACCESS_JWT_H
#define MANA_OIDC_ACCESS_JWT_H

#include "http/request.h"

/*
 * The claims, as JSON for SQL, of a token that we have signed for a resource and that is not over
 * (RFC 9068, section 4). Which resource, and whether its grant still lives, is not asked here.
 * STR_NONE: it is no such thing.
 */
struct str oidc_access_jwt_read(struct request *r, struct str token);

#endif
