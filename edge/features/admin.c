/*
 * Administration of users: what the relayed routes take (admin.h).
 */
#include "features/admin.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

enum { PAGE_MAX = 1000000, LIMIT_MAX = 100, EVENTS_MAX = 200, ID_MAX = 64, SEARCH_MAX = 100 };

static const struct field user_list_fields[] = {
    {"page", FIELD_INT, 0, ONLY_SQL, .min = 1, .max = PAGE_MAX},
    {"limit", FIELD_INT, 0, ONLY_SQL, .min = 1, .max = LIMIT_MAX},
    {"search", FIELD_STRING, 0, ONLY_SQL, .max = SEARCH_MAX},
    {"tier", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {"after", FIELD_STRING, 0, ONLY_SQL, .min = 1, .max = ID_MAX},
    {NULL},
};
const struct schema admin_user_list_schema = {user_list_fields, 0};

/* Whatever it is that is no tier, SQL says which there are. */
static const struct field tier_fields[] = {
    {"tier", FIELD_ANY, 0, ONLY_SQL, .max = 1024},
    {NULL},
};
const struct schema admin_tier_schema = {tier_fields, 0};

static const char *const roles[] = {"user", "admin", NULL};
static const struct field role_fields[] = {
    {"role", FIELD_ENUM, FIELD_REQUIRED, ONLY_SQL, .options = roles},
    {NULL},
};
const struct schema admin_role_schema = {role_fields, 0};

static const struct field event_list_fields[] = {
    {"limit", FIELD_INT, 0, ONLY_SQL, .min = 1, .max = EVENTS_MAX},
    {"type", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {"before", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {NULL},
};
const struct schema admin_event_list_schema = {event_list_fields, 0};
