/*
 * An append-only text builder over memory of the caller. Overflow is remembered, not fatal: append
 * freely, then ask buf_ok once. Nothing is ever written beyond `size`.
 */
#ifndef MANA_BUF_H
#define MANA_BUF_H

#include <stdint.h>

#include "str.h"

struct buf {
	char *p;       /* the caller's memory */
	size_t size;   /* its bytes */
	size_t len;    /* bytes written */
	bool overflow; /* something did not fit; from then on nothing is appended */
};

#define BUF_ON(array) ((struct buf){.p = (array), .size = sizeof(array)})

/* Appends one byte. */
void buf_char(struct buf *b, char c);
/* Appends a slice; all of it or, on overflow, nothing. */
void buf_str(struct buf *b, struct str s);
/* Appends a decimal number. */
void buf_int(struct buf *b, int64_t n);
/* Appends bytes as lower-case hexadecimal. */
void buf_hex(struct buf *b, const void *bytes, size_t count);
/* Appends s as a JSON string with its quotes (RFC 8259 section 7); s must be UTF-8. */
void buf_json_str(struct buf *b, struct str s);
/* Appends s percent-encoded like encodeURIComponent (all but A-Za-z0-9 and -_.!~*'()). */
void buf_uri(struct buf *b, struct str s);
/* What has been written, as a slice into the caller's memory. */
struct str buf_view(const struct buf *b);
/* Whether everything fitted. */
bool buf_ok(const struct buf *b) MUST_USE;
/* Ends the text with a NUL (not counted in len) for a C border; NULL on overflow. */
const char *buf_cstr(struct buf *b) MUST_USE;
/* Wipes all of the caller's memory and starts over. */
void buf_wipe(struct buf *b);

#endif
