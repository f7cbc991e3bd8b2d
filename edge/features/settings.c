/*
 * Settings: what the relayed routes take (settings.h). What an app remembers is its own affair: any
 * object will do, of a size that a row can hold.
 */
#include "features/settings.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

enum { SETTINGS_BYTES_MAX = 1024 * 1024 /* the row knows better */, NAME_MAX = 100, TYPE_MAX = 32 };

static const struct field settings_fields[] = {
    {"settings", FIELD_WHOLE, FIELD_REQUIRED, ONLY_SQL, .max = SETTINGS_BYTES_MAX},
    {NULL},
};
const struct schema settings_schema = {settings_fields, 0};

static const struct field device_fields[] = {
    {"deviceName", FIELD_STRING, FIELD_NAME, ONLY_SQL, .max = NAME_MAX},
    {"deviceType", FIELD_STRING, 0, ONLY_SQL, .max = TYPE_MAX},
    {"settings", FIELD_JSON, 0, ONLY_SQL, .max = SETTINGS_BYTES_MAX},
    {NULL},
};
const struct schema settings_device_schema = {device_fields, 0};
