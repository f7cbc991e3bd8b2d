/*
 * Organizations: what the relayed routes take (organization.h).
 */
#include "features/organization.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

enum {
	ID_MAX = 64,
	NAME_MAX = 255,
	LOGO_MAX = 16384, /* a URL, or a small picture itself as one */
	METADATA_BYTES_MAX = 16384,
	OFFSET_MAX = 1000000
};

static const struct field create_fields[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED | FIELD_NAME | FIELD_SINGLE_SCRIPT, ONLY_SQL, .min = 1,
	.max = NAME_MAX},
    {"slug", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .min = 1, .max = NAME_MAX},
    {"logo", FIELD_STRING, FIELD_NULLABLE, ONLY_SQL, .max = LOGO_MAX},
    {"metadata", FIELD_JSON, 0, ONLY_SQL, .max = METADATA_BYTES_MAX},
    {"keepCurrentActiveOrganization", FIELD_BOOL, 0, ONLY_SQL},
    {NULL},
};
const struct schema organization_create_schema = {create_fields, 0};

static const struct field check_slug_fields[] = {
    {"slug", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = NAME_MAX},
    {NULL},
};
const struct schema organization_check_slug_schema = {check_slug_fields, 0};

static const struct field data_fields[] = {
    {"name", FIELD_STRING, FIELD_NAME | FIELD_SINGLE_SCRIPT, ONLY_SQL, .min = 1, .max = NAME_MAX},
    {"slug", FIELD_STRING, 0, ONLY_SQL, .min = 1, .max = NAME_MAX},
    {"logo", FIELD_STRING, FIELD_NULLABLE, ONLY_SQL, .max = LOGO_MAX},
    {"metadata", FIELD_JSON, 0, ONLY_SQL, .max = METADATA_BYTES_MAX},
    {NULL},
};
static const struct field update_fields[] = {
    {"data", FIELD_OBJECT, FIELD_REQUIRED, ONLY_SQL, .members = data_fields},
    {"organizationId", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {NULL},
};
const struct schema organization_update_schema = {update_fields, 0};

static const struct field delete_fields[] = {
    {"organizationId", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = ID_MAX},
    {NULL},
};
const struct schema organization_delete_schema = {delete_fields, 0};

static const struct field choice_fields[] = {
    {"organizationId", FIELD_STRING, FIELD_NULLABLE, ONLY_SQL, .max = ID_MAX},
    {"organizationSlug", FIELD_STRING, 0, ONLY_SQL, .max = NAME_MAX},
    {NULL},
};
const struct schema organization_choice_schema = {choice_fields, 0};

static const struct field get_fields[] = {
    {"organizationId", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {"organizationSlug", FIELD_STRING, 0, ONLY_SQL, .max = NAME_MAX},
    {NULL},
};
const struct schema organization_get_schema = {get_fields, 0};

static const struct field get_full_fields[] = {
    {"organizationId", FIELD_STRING, 0, ONLY_SQL, .max = ID_MAX},
    {"organizationSlug", FIELD_STRING, 0, ONLY_SQL, .max = NAME_MAX},
    {"membersLimit", FIELD_INT, 0, ONLY_SQL, .min = 1, .max = OFFSET_MAX},
    {NULL},
};
const struct schema organization_get_full_schema = {get_full_fields, 0};
