/*
 * Whose vault a call may touch. A call holds its user for the rest of the transaction, so that
 * erasure comes before it or after it: otherwise its row would stay in the trail under an id that
 * was promised to be gone.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "compat.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "identity.h"
#include "seam.h"
#include "session.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "vault_session.h"

PG_FUNCTION_INFO_V1(mana_vault_session);
PG_FUNCTION_INFO_V1(mana_vault_hold);

#define USER_LOCKS 0x7661756c /* class of advisory locks: "vaul" */

static HeapTupleHeader find_session(Datum caller);
static Datum lock_of(Datum user_id);

/* auth.vault_session(caller) */
Datum
mana_vault_session(PG_FUNCTION_ARGS)
{
	HeapTupleHeader session = PG_ARGISNULL(0) ? NULL : vault_session(PG_GETARG_DATUM(0));

	if (session == NULL)
		PG_RETURN_NULL();
	PG_RETURN_HEAPTUPLEHEADER(session);
}

HeapTupleHeader
vault_session(Datum caller)
{
	bool is_null;
	Datum user_id =
	    GetAttributeByNum(DatumGetHeapTupleHeader(caller), CALLER_USER_ID, &is_null);
	HeapTupleHeader session;

	if (is_null) { /* a cookie does not say whose it is */
		session = find_session(caller);
		if (session == NULL)
			return NULL;
		user_id = GetAttributeByName(session, "user_id", &is_null);
	}
	DirectFunctionCall2(
	    pg_advisory_xact_lock_shared_int4, Int32GetDatum(USER_LOCKS), lock_of(user_id));
	session = find_session(caller);
	if (session == NULL)
		return NULL;
	identity_assume(TextDatumGetCString(GetAttributeByName(session, "user_id", &is_null)));
	return session;
}

static HeapTupleHeader
find_session(Datum caller)
{
	Datum row;
	bool found;

	PushActiveSnapshot(GetTransactionSnapshot()); /* not that of before a lock was waited for */
	found = session_find(&row, DatumGetHeapTupleHeader(caller));
	PopActiveSnapshot();
	return found ? DatumGetHeapTupleHeader(row) : NULL;
}

/* auth.vault_hold(user_id): waits for the calls of a user, and lets none begin until the commit. */
Datum
mana_vault_hold(PG_FUNCTION_ARGS)
{
	DirectFunctionCall2(
	    pg_advisory_xact_lock_int4, Int32GetDatum(USER_LOCKS), lock_of(PG_GETARG_DATUM(0)));
	PG_RETURN_VOID();
}

static Datum
lock_of(Datum user_id)
{
	return DirectFunctionCall1Coll(hashtext, C_COLLATION_OID, user_id);
}
