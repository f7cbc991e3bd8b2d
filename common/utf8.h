/*
 * Text from outside on its way to PostgreSQL, logs and mails, which take UTF-8 without U+0000 only
 * (RFC 3629; overlong forms and surrogates are no UTF-8).
 */
#ifndef MANA_UTF8_H
#define MANA_UTF8_H

#include "buf.h"

/* Whether s is UTF-8 and has no NUL. */
bool utf8_is_text(struct str s);
/* The same of what s is once its percent-encoded bytes are decoded; other "%" stand for themselves.
 */
bool utf8_is_encoded_text(struct str s);
/* Appends s with U+FFFD in the place of each byte that is no UTF-8, and of each NUL; takes at most
 * 3 * s.len bytes. */
void utf8_mask(struct buf *out, struct str s);

#endif
