/*
 * An id_token that comes back as a hint (OpenID Connect Core, section 3.1.2.1; RP-Initiated
 * Logout).
 */
#ifndef MANA_OIDC_HINT_H
#define MANA_OIDC_HINT_H

#include "http/request.h"

struct oidc_hint {
	struct str sub, sid, client_id;
};

/* False if it is not an id_token that we have signed. That it has expired does not matter: "The OP
 * SHOULD accept ID Tokens when the RP identified by the ID Token's aud claim and/or sid claim has a
 * current session or had a recent session at the OP, even when the exp time has passed." */
bool oidc_hint_read(struct request *r, struct oidc_hint *out, struct str id_token) MUST_USE;

#endif
