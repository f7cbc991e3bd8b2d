/*
 * Reading and writing of cookies (RFC 6265): their names with prefixes (RFC 6265bis section 4.1.3)
 * and their attributes. cookies.def lists them; keys/signing.h signs them.
 */
#ifndef MANA_COOKIE_H
#define MANA_COOKIE_H

#include "buf.h"
#include "config.h"
#include "http/cookie_names.h"

/* The short name of a cookie, "two_factor"; it labels the key that signs the cookie. */
struct str cookie_short_name(enum cookie cookie);
/* The cookie of a short name; COOKIE_COUNT if none has it. */
enum cookie cookie_by_name(struct str short_name) MUST_USE;
/* Appends the full name of a cookie. */
void cookie_name(struct buf *out, const struct config *c, enum cookie cookie);
/* The value of the next cookie of a name in *rest, a Cookie header, as sent; STR_NONE: no more. */
struct str cookie_next(struct str *rest, struct str full_name);
/* Appends a Set-Cookie value; the value is sent as given. max_age_seconds below 0: none. */
void cookie_write(struct buf *out, const struct config *c, enum cookie cookie, struct str value,
    int max_age_seconds);

#endif
