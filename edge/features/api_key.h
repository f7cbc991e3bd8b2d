/* API keys (api_key.c). */
#ifndef MANA_FEATURE_API_KEY_H
#define MANA_FEATURE_API_KEY_H

#include "routes.h"

extern const struct schema api_key_create_schema, api_key_validate_schema;

#endif
