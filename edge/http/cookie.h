/*
 * Cookies (RFC 6265) of the service: "mana." and a short name, "__Secure-" in front where BASE_URL
 * is https.
 */
#ifndef MANA_COOKIE_H
#define MANA_COOKIE_H

#include "buf.h"
#include "config.h"

/* Appends the full name of a cookie. */
void cookie_name(struct buf *out, const struct config *c, struct str name);
/* The value of a cookie in a Cookie header, as sent; STR_NONE if absent. The first of two wins. */
struct str cookie_find(struct str header, struct str full_name);
/* Appends a Set-Cookie value; the value is sent as given. max_age_seconds below 0: none. */
void cookie_write(struct buf *out, const struct config *c, struct str name, struct str value,
    int max_age_seconds);

#endif
