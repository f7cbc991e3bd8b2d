/*
 * Locks of the service that last until the end of the transaction. They are advisory locks of a
 * class that SQL cannot name: any role that may connect can call pg_advisory_lock, but none can
 * take or hold one of these. pg_locks shows them as advisory, with objsubid 3.
 */
#ifndef MANA_LOCK_H
#define MANA_LOCK_H

#include "postgres.h"

/* What a lock is about; it needs no value of its own in pg_locks.objid for LOCK_AUDIT_WRITERS. */
enum lock_class {
	LOCK_NAMED,        /* auth.lock_hold, auth.lock_try: the hash of a name */
	LOCK_USER_VAULT,   /* the hash of a user id */
	LOCK_AUDIT_WRITERS /* 0 */
};

/* Waits as long as somebody holds the lock exclusively. */
extern void lock_share(enum lock_class of, uint32 key);

/* Waits as long as somebody holds the lock. */
extern void lock_hold(enum lock_class of, uint32 key);

/* Waits as long as somebody holds the lock, and does not keep it. */
extern void lock_wait_for_holders(enum lock_class of, uint32 key);

/* The key of a text: equal texts have equal keys, other texts rarely do. */
extern uint32 lock_key(const text *name);

#endif
