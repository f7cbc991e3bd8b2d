/*
 * Lanes: which connections a call may take, and how many calls of one subject are under way at
 * once, so that a slow or blocked call of one user delays nobody else.
 *
 * Calls share a connection in the lanes of reads and of writes, where each waits for a lock only
 * for a moment: all calls of one subject on one connection together for LANE_DELAY_MS at most. A
 * call that would wait longer is undone by the database and sent again in the patient lane, where a
 * call has a connection to itself for a turn and a subject one call at a time; for a while the
 * calls of that subject go there at once. When a turn ends without the lock, the call waits for
 * another one behind the other subjects, until its deadline.
 *
 * A subject is a session, a user, or what an anonymous request names (an address, a token), or else
 * the client's network.
 */
#ifndef MANA_LANE_H
#define MANA_LANE_H

#include <stdint.h>

#include "db/op.h"

enum lane {
	LANE_READ,    /* quick: calls that take no row locks as a rule */
	LANE_WRITE,   /* quick */
	LANE_PATIENT, /* one call at a time, in turns */
	LANE_SLOW,    /* one call at a time, which may take longer, in longer turns */
	LANE_COUNT,
};

enum { LANE_DELAY_MS = 50, LANE_TURN_MS = 500, LANE_SUBJECTS = 4096 };

/* Decides subject and lane of the request's call. */
void lane_choose(struct request *r);
/* Whether its calls wait for a lock for a moment only. */
bool lane_is_quick(enum lane lane);
/* Whether, besides, a connection carries many calls: not behind a pooler. */
bool lane_is_pipelined(enum lane lane);
const char *lane_name(enum lane lane);
/* How long a call waits for a lock, where no turn says otherwise. */
int lane_lock_ms(enum lane lane);
/* How long it waits for one in a turn, while `waiting` other calls wait for theirs. */
int lane_turn_ms(enum lane lane, int waiting);
/* How many calls of a subject may be under way on one connection. */
int lane_share(enum lane lane);
/* Whether its subject may have one more call under way in its lane. */
bool lane_has_room(const struct request *r);
/* Counts it as under way; and as ended, or lost. */
void lane_enter(const struct request *r);
void lane_leave(const struct request *r);
/* Whether the subject of one had its last turn before that of the other. */
bool lane_precedes(const struct request *r, const struct request *other);
/* Counts it as waiting to be sent; false: too many of its subject, or of the network of an
 * anonymous client, wait. */
bool lane_wait(const struct request *r) MUST_USE;
void lane_wait_over(const struct request *r);
/* It was blocked in its lane: it goes on in turns, as do those of its subject that follow. False:
 * its lane has no turns, and it has failed. */
bool lane_blocked(struct request *r) MUST_USE;
/* Whether it belongs in the patient lane by now. */
bool lane_is_blocked(const struct request *r);

#endif
