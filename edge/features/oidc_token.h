/*
 * Tokens: issued, looked at, revoked; and the user that an access token speaks for.
 */
#ifndef MANA_OIDC_TOKEN_H
#define MANA_OIDC_TOKEN_H

#include "routes.h"

extern const struct schema oidc_token_schema, oidc_introspect_schema, oidc_userinfo_schema;

/* POST /api/auth/oauth2/token */
enum step oidc_token(struct request *r);
/* POST /api/auth/oauth2/introspect */
enum step oidc_introspect(struct request *r);
/* POST /api/auth/oauth2/revoke */
enum step oidc_revoke(struct request *r);
/* GET and POST /api/auth/oauth2/userinfo */
enum step oidc_userinfo(struct request *r);

#endif
