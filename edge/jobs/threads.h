/*
 * The threads behind job.h.
 */
#ifndef MANA_THREADS_H
#define MANA_THREADS_H

#include <stdbool.h>

/* Once in each worker. */
void threads_start(void);
/* Whether jobs wait or run. */
bool threads_busy(void);

#endif
