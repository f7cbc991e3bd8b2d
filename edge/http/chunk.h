/*
 * A chunked body (RFC 9112 section 7.1), decoded in place while it comes. Pure. Lines end with CRLF
 * and nothing else; extensions and trailers are checked and dropped; their bytes are bounded.
 */
#ifndef MANA_CHUNK_H
#define MANA_CHUNK_H

#include "http/head.h"

enum {
	CHUNK_SIZE_DIGITS_MAX = 8,
	CHUNK_OVERHEAD_MAX = 16 * 1024, /* bytes that are not the body's, in advance of it */
	CHUNK_OVERHEAD_EACH = 16        /* granted for each chunk, and twice its length */
};

struct chunk_reader {
	int state; /* enum state of chunk.c */
	int digits;
	size_t size;   /* of the chunk; then, what is left of it */
	size_t length; /* of the body so far */
	size_t overhead;
	bool is_complete;
};

/* What a call has made of its bytes. */
struct chunk_progress {
	size_t used; /* of those given; all, unless the body is complete or refused */
	size_t data; /* bytes of the body, which are now the first ones */
	struct refusal refusal;
};

/* Reads on; `chunks` is zeroed before the first call. */
struct chunk_progress
chunk_read(struct chunk_reader *chunks, char *bytes, size_t count, size_t body_max);

#endif
