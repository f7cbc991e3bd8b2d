/*
 * What the provider says of itself (OpenID Connect Discovery 1.0; RFC 8414).
 */
#ifndef MANA_OIDC_DISCOVERY_H
#define MANA_OIDC_DISCOVERY_H

#include "routes.h"

/* GET /.well-known/openid-configuration and oauth-authorization-server, and below /api/auth */
enum step oidc_discovery(struct request *r);

#endif
