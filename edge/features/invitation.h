/*
 * Invitations into organizations. The rules are sql/functions/invitation.sql's.
 */
#ifndef MANA_FEATURE_INVITATION_H
#define MANA_FEATURE_INVITATION_H

#include "routes.h"

extern const struct schema invitation_create_schema, invitation_answer_schema,
    invitation_get_schema, invitation_list_schema, invitation_list_own_schema;

/* POST /api/auth/organization/invite-member */
enum step invitation_create(struct request *r);

#endif
