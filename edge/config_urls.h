/* URLs, origins and domains of the environment: values that could never work are refused. */
#ifndef MANA_CONFIG_URLS_H
#define MANA_CONFIG_URLS_H

#include <stdio.h>

#include "config.h"

/* Checks BASE_URL and derives base_origin; brings cors_origins, webauthn_origins and the given
 * origins into the form of origin_matches, and joins trusted_origins; checks the URLs of other
 * services, the redirect URIs of Synapse and the domain of cookies. False after writing to
 * `problems` what is refused. */
bool config_urls_read(const struct config_list *more_trusted, FILE *problems) MUST_USE;

#endif
