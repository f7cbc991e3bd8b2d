/*
 * Memory that lives as long as one request or background task and is wiped when it is given back.
 * There is no freeing of single pieces. Running out of memory ends the process: its successor is
 * there in a moment.
 */
#ifndef MANA_ARENA_H
#define MANA_ARENA_H

#include "buf.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* the youngest first */
};

/* Zeroed memory, aligned for anything. */
void *arena_alloc(struct arena *a, size_t size);
/* A copy of s, with a NUL behind it that is not counted. STR_NONE stays STR_NONE. */
struct str arena_copy(struct arena *a, struct str s);
/* The same as a C string; NULL for STR_NONE. */
const char *arena_cstr(struct arena *a, struct str s);
/* An empty builder over `size` fresh bytes. */
struct buf arena_buf(struct arena *a, size_t size);
/* Wipes and gives back everything. */
void arena_release(struct arena *a);

#endif
