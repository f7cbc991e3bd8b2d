/*
 * Administration of users: what the relayed routes of /api/v1/admin take.
 */
#ifndef MANA_FEATURE_ADMIN_H
#define MANA_FEATURE_ADMIN_H

#include "routes.h"

extern const struct schema admin_user_list_schema, admin_tier_schema, admin_role_schema,
    admin_event_list_schema;

#endif
