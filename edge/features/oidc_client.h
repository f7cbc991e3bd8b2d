/*
 * Clients and consents over HTTP: relayed, with these fields.
 */
#ifndef MANA_OIDC_CLIENT_H
#define MANA_OIDC_CLIENT_H

#include "routes.h"

extern const struct schema oidc_client_create_schema, oidc_client_update_schema, oidc_client_schema,
    oidc_prelogin_schema, oidc_consent_id_schema, oidc_consent_update_schema;

/* POST /oauth2/public-client-prelogin */
enum step oidc_client_prelogin(struct request *r);

/* First step of the background task that writes the clients of the environment to the database. */
enum step oidc_clients_configure(struct request *r);

#endif
