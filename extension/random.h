/* Random ids, also for other parts of the extension. */
#ifndef MANA_RANDOM_H
#define MANA_RANDOM_H

#include "fmgr.h"

/* The function of SQL: random_id(length integer). */
extern Datum mana_random_id(PG_FUNCTION_ARGS);

#endif
