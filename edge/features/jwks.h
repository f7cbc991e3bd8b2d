/*
 * The published signing keys.
 */
#ifndef MANA_FEATURE_JWKS_H
#define MANA_FEATURE_JWKS_H

#include "routes.h"

/* GET /api/auth/jwks and /api/v1/auth/jwks */
enum step jwks(struct request *r);

#endif
