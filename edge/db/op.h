/*
 * Between db.c (what a request asks, and what the answer means) and pipeline.c (connections).
 */
#ifndef MANA_OP_H
#define MANA_OP_H

#include <libpq-fe.h>

#include "db/db.h"
#include "http/private.h"

enum {
	OP_ARGUMENTS_MAX = 24,
	OP_RATE_CLASS = 7 /* argument of auth_api.caller, in calls that are not CALL_OWN */
};

struct op_arguments {
	const char *values[OP_ARGUMENTS_MAX];
	int lengths[OP_ARGUMENTS_MAX];
	int formats[OP_ARGUMENTS_MAX];
	int count;
};

/* Starts connecting; once in each worker. */
void pipeline_start(void);
/* Whether a connection has been lost, or could not be made, since it was ready last. */
bool pipeline_has_failed(void);
/* Deadlines and reconnecting. */
void pipeline_tick(uint64_t now_ms);
/* Sends r->private->call on a connection of its lane (lane.h), or keeps it until it has its turn;
 * op_ended follows, once, before the call's time is over (DB_QUERY_TIMEOUT_MS, DB_SLOW_TIMEOUT_MS).
 * False: nothing was sent, and too many wait, of its subject or of all. */
bool pipeline_send(struct request *r) MUST_USE;

/* The call of r has its result, or never will. */
void op_ended(struct request *r);

#endif
