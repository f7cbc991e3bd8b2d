/*
 * API keys: what the relayed routes take (api_key.h). A key that is shown to us goes on to the
 * database as its digest.
 */
#include "features/api_key.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

enum {
	NAME_MAX = 100,
	SCOPE_MAX = 64,
	SCOPES_BYTES_MAX = 2048,
	KEY_MAX = 200,
	TEN_YEARS = 3660 * 86400
};

static const struct field create_fields[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED | FIELD_NAME, ONLY_SQL, .min = 1, .max = NAME_MAX},
    {"expiresIn", FIELD_INT, FIELD_NULLABLE, ONLY_SQL, .min = 60, .max = TEN_YEARS},
    {"scopes", FIELD_STRINGS, 0, ONLY_SQL, .max = SCOPES_BYTES_MAX},
    {NULL},
};
const struct schema api_key_create_schema = {create_fields, 0};

static const struct field validate_fields[] = {
    {"apiKey", FIELD_TOKEN, FIELD_REQUIRED, ONLY_SQL, .max = KEY_MAX},
    {"scope", FIELD_STRING, FIELD_NULLABLE, ONLY_SQL, .max = SCOPE_MAX},
    {NULL},
};
const struct schema api_key_validate_schema = {validate_fields, 0};
