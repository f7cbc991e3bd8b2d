/*
 * Calls that are not sent yet, for want of a connection or of their turn, in a line for each lane.
 */
#ifndef MANA_WAITING_H
#define MANA_WAITING_H

#include "db/lane.h"

/* Lets a call wait in its lane, until its deadline at the longest. False: too many wait. */
bool waiting_add(struct request *r) MUST_USE;
/* A connection is ready, or a call has ended: sends those whose turn it is. */
void waiting_send(enum lane lane);
/* Ends those whose time is over, and those that the database has been away for too long for. Wants
 * connections for the others. */
void waiting_expire(enum lane lane, uint64_t now_ms);
int waiting_count(enum lane lane);

#endif
