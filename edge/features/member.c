/*
 * Members of organizations: what the relayed routes take (member.h).
 */
#include "features/member.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

enum { ID_MAX = 64, NAME_MAX = 255, ROLES_BYTES_MAX = 1024, PERMISSIONS_BYTES_MAX = 4096 };

static const char *const columns[] = {"id", "organizationId", "userId", "role", "createdAt", NULL};
static const char *const directions[] = {"asc", "desc", NULL};
static const char *const operators[] = {"eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in",
    "contains", "starts_with", "ends_with", NULL};

static const struct field list_fields[] = {
    {"organizationId", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {"organizationSlug", FIELD_STRING, 0, ONLY_SQL, .max = NAME_MAX},
    {"limit", FIELD_INT, 0, ONLY_SQL, .min = 0},
    {"offset", FIELD_INT, 0, ONLY_SQL, .min = 0},
    {"sortBy", FIELD_ENUM, 0, ONLY_SQL, .options = columns},
    {"sortDirection", FIELD_ENUM, 0, ONLY_SQL, .options = directions},
    {"filterField", FIELD_ENUM, 0, ONLY_SQL, .options = columns},
    {"filterValue", FIELD_STRING, 0, ONLY_SQL, .max = ROLES_BYTES_MAX},
    {"filterOperator", FIELD_ENUM, 0, ONLY_SQL, .options = operators},
    {NULL},
};
const struct schema member_list_schema = {list_fields, 0};

static const struct field role_fields[] = {
    {"userId", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {"organizationId", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {"organizationSlug", FIELD_STRING, 0, ONLY_SQL, .max = NAME_MAX},
    {NULL},
};
const struct schema member_role_schema = {role_fields, 0};

static const struct field update_role_fields[] = {
    {"role", FIELD_STRINGS, FIELD_REQUIRED, ONLY_SQL, .max = ROLES_BYTES_MAX},
    {"memberId", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = ID_MAX},
    {"organizationId", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {NULL},
};
const struct schema member_update_role_schema = {update_role_fields, 0};

static const struct field remove_fields[] = {
    {"memberIdOrEmail", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = NAME_MAX},
    {"organizationId", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {NULL},
};
const struct schema member_remove_schema = {remove_fields, 0};

static const struct field leave_fields[] = {
    {"organizationId", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = ID_MAX},
    {NULL},
};
const struct schema member_leave_schema = {leave_fields, 0};

static const struct field has_permission_fields[] = {
    {"permission", FIELD_ANY, 0, ONLY_SQL, .max = PERMISSIONS_BYTES_MAX},
    {"permissions", FIELD_ANY, 0, ONLY_SQL, .max = PERMISSIONS_BYTES_MAX},
    {"organizationId", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {NULL},
};
const struct schema member_has_permission_schema = {has_permission_fields, 0};
