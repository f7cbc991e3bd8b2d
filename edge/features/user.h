/*
 * A user's own account and sessions: what the relayed routes take.
 */
#ifndef MANA_FEATURE_USER_H
#define MANA_FEATURE_USER_H

#include "routes.h"

extern const struct schema user_update_schema, session_revoke_schema, email_change_schema,
    account_unlink_schema, email_schema, refresh_schema, security_events_schema;

/* POST /api/auth/change-email and /api/v1/auth/change-email, unless CHANGE_EMAIL=off */
enum step email_change(struct request *r);

#endif
