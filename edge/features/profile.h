/*
 * The profile that the apps edit: PATCH /api/v1/me/profile.
 */
#ifndef MANA_FEATURE_PROFILE_H
#define MANA_FEATURE_PROFILE_H

#include "routes.h"

extern const struct schema profile_schema;

#endif
