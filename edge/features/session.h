/*
 * What of sessions is more than a relayed call.
 */
#ifndef MANA_FEATURE_SESSION_H
#define MANA_FEATURE_SESSION_H

#include "routes.h"

extern const struct schema get_session_schema;
extern const struct schema session_validate_schema, session_token_schema;
extern const struct schema session_refresh_schema;

/* POST /api/auth/get-session: exists to say that it is not enabled, as Better Auth does. */
enum step get_session_by_post(struct request *r);
/* GET /api/auth/token: an access JWT for JWT_AUDIENCE, or for VAULT_AUDIENCE if ?audience= asks for
 * it. */
enum step session_token_issue(struct request *r);
/* POST /api/v1/auth/validate: whether a token is an access JWT of ours whose session lives. */
enum step session_validate(struct request *r);
/* POST /api/v1/auth/refresh: the same successor for the same refresh token. */
enum step session_refresh(struct request *r);
/* POST /api/v1/auth/logout: the session of the cookie, of the access JWT, of the refresh token. */
enum step session_log_out(struct request *r);
/* GET /api/auth/ok */
enum step ok(struct request *r);

#endif
