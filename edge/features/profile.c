/*
 * The profile that the apps edit (profile.h). SQL judges the types: what is of another one is
 * skipped.
 */
#include "features/profile.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

static const struct field profile_fields[] = {
    {"name", FIELD_ANY, FIELD_NAME, ONLY_SQL, .max = 1024},
    {"image", FIELD_ANY, 0, ONLY_SQL, .max = 2048},
    {"feedbackShowRealName", FIELD_ANY, 0, ONLY_SQL, .max = 64},
    {NULL},
};
const struct schema profile_schema = {profile_fields, 0};
