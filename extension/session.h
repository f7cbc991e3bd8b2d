/* The rows that nearly every request begins with, also for other parts of the extension. */
#ifndef MANA_SESSION_H
#define MANA_SESSION_H

#include "row.h"
#include "seam.h"

/* What is read of auth.sessions and of auth.users. */
enum session_column {
	SESSION_ID,
	SESSION_USER_ID,
	SESSION_CREATED_AT,
	SESSION_UPDATED_AT,
	SESSION_EXPIRES_AT,
	SESSION_REMEMBER_ME,
	SESSION_IP_ADDRESS,
	SESSION_USER_AGENT,
	SESSION_ACTIVE_ORGANIZATION_ID,
	SESSION_VAULT_GENERATION,
	SESSION_COLUMNS
};
enum user_column {
	USER_ID,
	USER_NAME,
	USER_EMAIL,
	USER_EMAIL_VERIFIED,
	USER_IMAGE,
	USER_ROLE,
	USER_ACCESS_TIER,
	USER_TWO_FACTOR_ENABLED,
	USER_CREATED_AT,
	USER_UPDATED_AT,
	USER_COLUMNS
};

/* auth.session_find for C: the live session of an auth.caller; false: there is none. */
extern bool session_find(struct row *session, const struct caller *caller);

/* auth.user_find for C. */
extern bool user_find(struct row *user, Datum id);

#endif
