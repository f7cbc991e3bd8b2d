/*
 * The connections of a worker: how many each lane has, when they are opened, and which one takes a
 * call.
 */
#ifndef MANA_POOL_H
#define MANA_POOL_H

#include "db/connection.h"

enum { POOL_CONNECTIONS_MAX = 128 /* four lanes of at most 32 */ };

extern struct connection pool[POOL_CONNECTIONS_MAX];
extern int pool_count;

/* Makes the table and opens the first connection; `ready` is told of their sockets. */
void pool_start(void (*ready)(struct loop_watch *watch));
/* Opens those of the others that are kept, unless they were opened before. The first one fetches
 * the keys without which nobody is served, and is not to share the processors while it does. */
void pool_open_kept(void);
/* A connection has become ready. */
void pool_ready(const struct connection *c);
/* A connection has been lost. */
void pool_lost(const struct connection *c);
/* A statement did not prepare: all are tried again. */
void pool_check_again(void);
/* `waiting` calls of a lane wait: opens an optional connection, if more wait than are opening. */
void pool_want(enum lane lane, int waiting);
/* The connection for a call; NULL: it has to wait. */
struct connection *pool_pick(const struct request *r);
/* Whether a call of the lane could be sent now, or behind others. */
bool pool_has(enum lane lane);

#endif
