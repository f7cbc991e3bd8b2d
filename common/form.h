/*
 * Forms and query strings (application/x-www-form-urlencoded, URL standard section 5): parsed once,
 * into decoded names and values, and written in one canonical form. Nothing searches their text.
 */
#ifndef MANA_FORM_H
#define MANA_FORM_H

#include "buf.h"

enum { FORM_PAIRS_MAX = 64 };

struct form_pair {
	struct str name, value; /* decoded, UTF-8 */
};

struct form {
	struct form_pair pairs[FORM_PAIRS_MAX]; /* in their order; they point into `memory` */
	size_t count;
};

enum form_result {
	FORM_OK,
	FORM_MALFORMED, /* a % without two hex digits, or no UTF-8 */
	FORM_TOO_LARGE, /* more than FORM_PAIRS_MAX pairs, or more than memory holds */
};

/* Reads a text; `memory` of its size suffices. Empties the form on failure. */
enum form_result form_read(struct form *out, struct buf *memory, struct str text) MUST_USE;
/* The value of a name; STR_NONE if absent. Of a name that is repeated the first value: callers
 * refuse such forms (form_repeated). */
struct str form_value(const struct form *form, struct str name);
/* The first name that is given more than once; STR_NONE: none. `list` may be repeated (STR_NONE: no
 * name may). */
struct str form_repeated(const struct form *form, struct str list);
/* Appends name=value, both encoded as the URL standard's serializer does, after a & unless the
 * buffer is empty. */
void form_append(struct buf *out, struct str name, struct str value);

#endif
