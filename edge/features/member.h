/*
 * Members of organizations: what the relayed routes take. The rules are sql/functions/member.sql's.
 */
#ifndef MANA_FEATURE_MEMBER_H
#define MANA_FEATURE_MEMBER_H

#include "routes.h"

extern const struct schema member_list_schema, member_role_schema, member_update_role_schema,
    member_remove_schema, member_leave_schema, member_has_permission_schema;

#endif
