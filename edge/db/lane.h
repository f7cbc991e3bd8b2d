/*
 * Lanes: which connections a call may take, and how many calls of one subject are under way at
 * once, so that a slow or blocked call of one user delays nobody else.
 *
 * Calls share a connection in the lanes of reads and of writes, where each waits for a lock only
 * for a moment. A call that would wait longer is undone by the database and sent again in the
 * patient lane, where a call has a connection of its own and a subject one call at a time; for a
 * while the calls of that subject go there at once. A subject is a session, a user, an address that
 * an anonymous request names, or else the client's IP address.
 */
#ifndef MANA_LANE_H
#define MANA_LANE_H

#include <stdint.h>

#include "db/op.h"

enum lane {
	LANE_READ,    /* pipelined: calls that take no row locks as a rule */
	LANE_WRITE,   /* pipelined */
	LANE_PATIENT, /* one call at a time: it may wait for a lock as long as a call may take */
	LANE_SLOW,    /* one call at a time, which may take longer */
	LANE_COUNT,
};

/* How long a call waits for a lock in the pipelined lanes. */
enum { LANE_LOCK_MS = 50 };

/* Decides subject and lane of the request's call. */
void lane_choose(struct request *r);
bool lane_is_pipelined(enum lane lane);
const char *lane_name(enum lane lane);
/* Whether its subject may have one more call under way in its lane. */
bool lane_has_room(const struct request *r);
/* Counts it as under way; and as ended, or lost. */
void lane_enter(const struct request *r);
void lane_leave(const struct request *r);
/* Counts it as waiting to be sent; false: too many of its subject wait. */
bool lane_wait(const struct request *r) MUST_USE;
void lane_wait_over(const struct request *r);
/* Its subject is blocked in its lane: it goes on in the patient lane, as do those that follow. */
void lane_blocked(struct request *r);
/* Whether it belongs in the patient lane by now. */
bool lane_is_blocked(const struct request *r);

#endif
