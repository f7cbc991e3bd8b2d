/*
 * Whose vault a call may touch. A call holds its user for the rest of the transaction, so that
 * erasure comes before it or after it: otherwise its row would stay in the trail under an id that
 * was promised to be gone.
 */
#include "postgres.h"

#include "compat.h"
#include "fmgr.h"
#include "identity.h"
#include "lock.h"
#include "seam.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "vault_session.h"

PG_FUNCTION_INFO_V1(mana_vault_session);
PG_FUNCTION_INFO_V1(mana_vault_hold);

static bool find_session(struct row *session, const struct caller *caller);

/* auth.vault_session(caller) */
Datum
mana_vault_session(PG_FUNCTION_ARGS)
{
	struct caller caller;
	struct row session;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	caller_read(&caller, PG_GETARG_HEAPTUPLEHEADER(0));
	if (!vault_session(&session, &caller))
		PG_RETURN_NULL();
	return row_datum(&session);
}

bool
vault_session(struct row *session, const struct caller *caller)
{
	Datum user_id = caller->values[CALLER_USER_ID];

	if (caller->nulls[CALLER_USER_ID]) { /* a cookie does not say whose it is */
		if (!find_session(session, caller))
			return false;
		user_id = session->values[SESSION_USER_ID];
	}
	lock_share(LOCK_USER_VAULT, lock_key(DatumGetTextPP(user_id)));
	if (!find_session(session, caller))
		return false;
	identity_assume(TextDatumGetCString(session->values[SESSION_USER_ID]));
	return true;
}

static bool
find_session(struct row *session, const struct caller *caller)
{
	bool found;

	PushActiveSnapshot(GetTransactionSnapshot()); /* not that of before a lock was waited for */
	found = session_find(session, caller);
	PopActiveSnapshot();
	return found;
}

/* auth.vault_hold(user_id): waits for the calls of a user, and lets none begin until the commit. */
Datum
mana_vault_hold(PG_FUNCTION_ARGS)
{
	lock_hold(LOCK_USER_VAULT, lock_key(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}
