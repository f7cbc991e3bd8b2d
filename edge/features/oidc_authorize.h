/*
 * The authorization endpoint (OpenID Connect Core, section 3.1.2), and what its pages post when the
 * user has signed in or agreed.
 */
#ifndef MANA_OIDC_AUTHORIZE_H
#define MANA_OIDC_AUTHORIZE_H

#include "routes.h"

extern const struct schema oidc_authorize_schema, oidc_consent_schema, oidc_continue_schema;

/* GET and POST /api/auth/oauth2/authorize */
enum step oidc_authorize(struct request *r);
/* POST /api/auth/oauth2/consent */
enum step oidc_consent(struct request *r);
/* POST /api/auth/oauth2/continue */
enum step oidc_continue(struct request *r);

#endif
