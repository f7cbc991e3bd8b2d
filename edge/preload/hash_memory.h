/* Memory for password hashes that is not given back between two of them. */
#ifndef MANA_HASH_MEMORY_H
#define MANA_HASH_MEMORY_H

#include <stdbool.h>

/*
 * From here on, or no longer, what this thread maps is kept when it is unmapped, wiped, for the
 * next mapping of the same size: one at a time. Weak: without the library (hash_memory.c) they are
 * NULL and hashes cost more.
 */
__attribute__((weak)) void hash_memory_keep(bool on);
/* Gives back what this thread keeps. */
__attribute__((weak)) void hash_memory_release(void);

#endif
