/*
 * The text form of the key ring: one `id:base64` per key, the first one active. Free of PostgreSQL,
 * so that the unit tests run the parser under the sanitizers.
 */
#ifndef MANA_KEK_RING_H
#define MANA_KEK_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "kek.h"

#define KEK_PROBLEM_CHARS 96

struct ring {
	int count;
	struct kek keys[KEK_RING_MAX];
};

/* Why a text is not a key ring. It names the key by its number and never quotes the text. */
struct ring_problem {
	char detail[KEK_PROBLEM_CHARS];
	const char *hint; /* NULL: none */
};

enum ring_zero_key { RING_REFUSES_ZERO_KEY, RING_ALLOWS_ZERO_KEY };

/*
 * Reads the keys of a text of `len` bytes, which need not end with a separator or a NUL. Spaces and
 * carriage returns at the end of a key are ignored, and so are empty lines. `ring` must be zeroed;
 * it is incomplete when the result is false, and `problem` then says why.
 */
extern bool ring_parse(struct ring *ring, struct ring_problem *problem, const char *text,
    size_t len, char separator, enum ring_zero_key zero_key);

#endif
