/* Commits that no session setting weakens; see durable.h. */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "compat.h"
#include "durable.h"
#include "errors.h"
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/lwlock.h"
#include "utils/guc.h"

/* The commit that durable_confirm asks about. */
static bool has_written;
static int waits_for; /* index of WalSndCtl->lsn */

void
durable_require(void)
{
	if (synchronous_commit < SYNCHRONOUS_COMMIT_ON)
		(void)set_config_option("synchronous_commit", "on", PGC_USERSET, PGC_S_SESSION,
		    GUC_ACTION_LOCAL, true, 0, false);
	ForceSyncCommit();
	has_written = TransactionIdIsValid(GetTopTransactionIdIfAny());
	waits_for = synchronous_commit == SYNCHRONOUS_COMMIT_REMOTE_APPLY ? SYNC_REP_WAIT_APPLY
									  : SYNC_REP_WAIT_FLUSH;
}

/* The conditions of SyncRepWaitForLSN, which returns nothing. */
void
durable_confirm(void)
{
	XLogRecPtr replicated;

	if (!has_written || max_wal_senders == 0 || SyncRepStandbyNames == NULL ||
	    SyncRepStandbyNames[0] == '\0')
		return;
	LWLockAcquire(SyncRepLock, LW_SHARED);
	replicated = WalSndCtl->lsn[waits_for];
	LWLockRelease(SyncRepLock);
	if (replicated < XactLastCommitEnd)
		ereport(ERROR, errcode(MANA_ERRCODE(503)),
		    errmsg("the audit row is not replicated to a synchronous standby"),
		    errdetail_internal("{\"code\":\"SERVICE_UNAVAILABLE\"}"),
		    errhint("A key is disclosed only after its audit row is on the standbys that "
			    "synchronous_standby_names requires."));
}
