/*
 * What every worker does by itself, at intervals: background.c has the table. A task is a request
 * that nobody sent; it starts with its first step and ends with reply_nobody, or when a call or a
 * job fails. One task of a row at a time.
 */
#ifndef MANA_BACKGROUND_H
#define MANA_BACKGROUND_H

#include "http/request.h"

struct background {
	const char *name;
	unsigned int
	    interval_ms; /* between the end of one and the start of the next; varied by a quarter */
	step_fn *first;
};

/* Starts the task of this first step at once, or once more when it is under way. */
void background_wake(step_fn *first);
/* Whether a task is under way. */
bool background_busy(void);
/* Called by the tick: starts what is due. */
void background_run(uint64_t now_ms);

#endif
