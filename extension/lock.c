/* Locks of the service; see lock.h. */
#include "postgres.h"

#include "common/hashfn.h"
#include "compat.h"
#include "fmgr.h"
#include "lock.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(mana_lock_hold);
PG_FUNCTION_INFO_V1(mana_lock_try);

/* pg_advisory_lock(bigint) sets 1 and pg_advisory_lock(integer, integer) sets 2 in this field
 * (adt/lockfuncs.c). */
#define NOT_REACHABLE_BY_SQL 3

static LockAcquireResult acquire(enum lock_class of, uint32 key, LOCKMODE mode, bool dont_wait);
static LOCKTAG tag_of(enum lock_class of, uint32 key);

/* auth.lock_hold(name) */
Datum
mana_lock_hold(PG_FUNCTION_ARGS)
{
	lock_hold(LOCK_NAMED, lock_key(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/* auth.lock_try(name) */
Datum
mana_lock_try(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(acquire(LOCK_NAMED, lock_key(PG_GETARG_TEXT_PP(0)), ExclusiveLock, true) !=
		       LOCKACQUIRE_NOT_AVAIL);
}

void
lock_share(enum lock_class of, uint32 key)
{
	(void)acquire(of, key, ShareLock, false);
}

void
lock_hold(enum lock_class of, uint32 key)
{
	(void)acquire(of, key, ExclusiveLock, false);
}

void
lock_wait_for_holders(enum lock_class of, uint32 key)
{
	LOCKTAG tag = tag_of(of, key);

	(void)LockAcquire(&tag, ExclusiveLock, false, false);
	(void)LockRelease(&tag, ExclusiveLock, false);
}

uint32
lock_key(const text *name)
{
	return DatumGetUInt32(
	    hash_any((const unsigned char *)VARDATA_ANY(name), (int)VARSIZE_ANY_EXHDR(name)));
}

static LockAcquireResult
acquire(enum lock_class of, uint32 key, LOCKMODE mode, bool dont_wait)
{
	LOCKTAG tag = tag_of(of, key);

	return LockAcquire(&tag, mode, false, dont_wait);
}

static LOCKTAG
tag_of(enum lock_class of, uint32 key)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32)of, key, NOT_REACHABLE_BY_SQL);
	return tag;
}
