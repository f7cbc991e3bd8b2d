/* Blocks of malloc, each at least BLOCK_BYTES; see arena.h. */
#include "arena.h"

#include <sodium.h>
#include <stdalign.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 8192 };

struct arena_block {
	struct arena_block *older;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char bytes[];
};

void *
arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *block = a->blocks;
	size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	void *piece;

	if (rounded < size)
		abort();
	if (block == NULL || block->size - block->used < rounded) {
		size_t room = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;

		block = calloc(1, sizeof(*block) + room);
		if (block == NULL)
			abort();
		block->size = room;
		block->older = a->blocks;
		a->blocks = block;
	}
	piece = block->bytes + block->used;
	block->used += rounded;
	return piece;
}

struct str
arena_copy(struct arena *a, struct str s)
{
	char *copy;

	if (s.p == NULL)
		return STR_NONE;
	copy = arena_alloc(a, s.len + 1);
	memcpy(copy, s.p, s.len);
	return (struct str){.p = copy, .len = s.len};
}

const char *
arena_cstr(struct arena *a, struct str s)
{
	return arena_copy(a, s).p;
}

struct buf
arena_buf(struct arena *a, size_t size)
{
	return (struct buf){.p = arena_alloc(a, size), .size = size};
}

void
arena_release(struct arena *a)
{
	while (a->blocks != NULL) {
		struct arena_block *older = a->blocks->older;

		sodium_memzero(a->blocks->bytes, a->blocks->used);
		free(a->blocks);
		a->blocks = older;
	}
}
