/* A buffer that doubles; see receive.h. The one that was given back last serves the next request.
 */
#include "http/receive.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 4096 };

static char *spare; /* FIRST_BYTES, wiped; NULL: none */

static char *take_memory(size_t size);
static void give_memory(char *bytes, size_t size, size_t used);

bool
receive_grow(struct receive *in, size_t max)
{
	struct receive grown = {.count = in->count};

	if (in->count < in->size)
		return in->count < max;
	if (in->count >= max)
		return false;
	grown.size = in->size == 0 ? FIRST_BYTES : 2 * in->size;
	if (grown.size > max && max >= FIRST_BYTES)
		grown.size = max;
	grown.bytes = take_memory(grown.size);
	if (in->count > 0)
		memcpy(grown.bytes, in->bytes, in->count);
	if (in->bytes != NULL)
		give_memory(
		    in->bytes, in->size, in->count); /* not realloc, which would leave a copy */
	*in = grown;
	return true;
}

void
receive_drop(struct receive *in, size_t from, size_t count)
{
	size_t behind = in->count - from - count;

	if (count == 0)
		return;
	memmove(in->bytes + from, in->bytes + from + count, behind);
	sodium_memzero(in->bytes + from + behind, count);
	in->count -= count;
}

void
receive_release(struct receive *in)
{
	if (in->bytes == NULL)
		return;
	give_memory(in->bytes, in->size, in->count);
	*in = (struct receive){.count = 0};
}

static char *
take_memory(size_t size)
{
	char *bytes = spare;

	if (size == FIRST_BYTES && bytes != NULL) {
		spare = NULL;
		return bytes;
	}
	bytes = malloc(size);
	if (bytes == NULL)
		abort();
	return bytes;
}

/* Bytes beyond those in use were wiped when they left. */
static void
give_memory(char *bytes, size_t size, size_t used)
{
	sodium_memzero(bytes, used);
	if (size == FIRST_BYTES && spare == NULL)
		spare = bytes;
	else
		free(bytes);
}
