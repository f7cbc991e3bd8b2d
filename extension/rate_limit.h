/* Counting requests in shared memory, for all edges together. */
#ifndef MANA_RATE_LIMIT_H
#define MANA_RATE_LIMIT_H

/* Asks for shared memory; only while shared_preload_libraries is loaded. Defines
 * mana_auth.rate_limit. */
extern void rate_limit_init(void);

#endif
