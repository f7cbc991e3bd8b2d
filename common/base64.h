/*
 * Base64 (RFC 4648): standard with padding (section 4), URL-safe without (section 5), and base32
 * for otpauth URIs (section 6). Decoding is strict and canonical: no white space, no stray bits,
 * exactly the right padding.
 */
#ifndef MANA_BASE64_H
#define MANA_BASE64_H

#include "buf.h"

#define BASE64_LENGTH(bytes)    (((bytes) + 2) / 3 * 4)
#define BASE64URL_LENGTH(bytes) (((bytes)*4 + 2) / 3)

/* Appends the standard form with padding. */
void base64_encode(struct buf *out, const void *bytes, size_t count);
/* Appends the URL-safe form without padding. */
void base64url_encode(struct buf *out, const void *bytes, size_t count);
/* Appends base32 without padding, as otpauth URIs want it. */
void base32_encode(struct buf *out, const void *bytes, size_t count);
/* Decodes into out (size bytes); *count is the length. False and wiped out if not canonical or too
 * long. */
bool base64_decode(void *out, size_t *count, size_t size, struct str text) MUST_USE;
/* The same for the URL-safe form; padding is refused. */
bool base64url_decode(void *out, size_t *count, size_t size, struct str text) MUST_USE;

#endif
