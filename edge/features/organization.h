/*
 * Organizations: what the relayed routes take. The rules are sql/functions/organization.sql's.
 */
#ifndef MANA_FEATURE_ORGANIZATION_H
#define MANA_FEATURE_ORGANIZATION_H

#include "routes.h"

extern const struct schema organization_create_schema, organization_check_slug_schema,
    organization_update_schema, organization_delete_schema, organization_choice_schema,
    organization_get_schema, organization_get_full_schema;

#endif
