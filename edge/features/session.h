/*
 * What of sessions is more than a relayed call.
 */
#ifndef MANA_FEATURE_SESSION_H
#define MANA_FEATURE_SESSION_H

#include "routes.h"

extern const struct schema get_session_schema;

/* POST /api/auth/get-session: exists to say that it is not enabled, as Better Auth does. */
enum step get_session_by_post(struct request *r);
/* GET /api/auth/ok */
enum step ok(struct request *r);

#endif
