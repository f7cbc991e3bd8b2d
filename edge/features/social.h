/*
 * Signing in through other services, of which this one has none: the routes answer what Better Auth
 * answers without a provider, so that a client that offers one says so and goes on.
 */
#ifndef MANA_SOCIAL_H
#define MANA_SOCIAL_H

#include "http/request.h"
#include "routes.h"

extern const struct schema social_schema;
extern const struct schema social_callback_schema;
extern const struct schema social_account_schema;

/* POST /sign-in/social, /link-social. */
step_fn social_provider_not_found;
/* GET and POST /callback/:provider. */
step_fn social_callback;

#endif
