/* Settings (settings.c). */
#ifndef MANA_FEATURE_SETTINGS_H
#define MANA_FEATURE_SETTINGS_H

#include "routes.h"

extern const struct schema settings_schema, settings_device_schema;

#endif
