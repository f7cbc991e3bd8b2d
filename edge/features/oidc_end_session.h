/*
 * The end of a session at a relying party's wish (OpenID Connect RP-Initiated Logout 1.0).
 */
#ifndef MANA_OIDC_END_SESSION_H
#define MANA_OIDC_END_SESSION_H

#include "routes.h"

extern const struct schema oidc_end_session_schema;

/* GET and POST /api/auth/oauth2/end-session (and its older name endsession) */
enum step oidc_end_session(struct request *r);
/* POST /api/auth/oauth2/end-session/confirm: the user has pressed the button of our page */
enum step oidc_end_session_confirm(struct request *r);

#endif
