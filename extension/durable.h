/*
 * Commits that no session setting weakens. A key is disclosed after the commit of its audit row, so
 * this commit must survive a crash of the server and, where synchronous standbys are configured,
 * the loss of the server.
 */
#ifndef MANA_DURABLE_H
#define MANA_DURABLE_H

#include "postgres.h"

/*
 * Called in the transaction, before its commit: raises synchronous_commit to `on` for this
 * transaction where the session has less (off, local, remote_write); remote_apply stays.
 */
extern void durable_require(void);

/*
 * Called after the commit: ERROR MA503 when it waited for a synchronous standby and the wait was
 * cancelled, by a statement timeout or by a user. PostgreSQL only warns then: the row is on this
 * server, and a failover to the standby loses it.
 */
extern void durable_confirm(void);

#endif
