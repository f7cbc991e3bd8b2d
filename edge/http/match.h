/*
 * Finding the route of a request. Paths are compared as sent, byte by byte: what is
 * percent-encoded, doubled or dotted matches no fixed segment. A ":name" takes one segment, which
 * is decoded.
 */
#ifndef MANA_MATCH_H
#define MANA_MATCH_H

#include "routes.h"

/* Fills captures (still encoded) and returns the row, or NULL; *allowed then has a bit (1 <<
 * method) for each method that the path has. */
const struct route *
match_route(struct str captures[static REQUEST_CAPTURES_MAX], unsigned int *allowed,
    const struct route *table, size_t count, enum method method, struct str path);
/* The name of the n-th capture in a pattern; STR_NONE if there are fewer. */
struct str match_capture_name(const char *pattern, int n);
/* GET, POST ...; NULL: none. */
const char *match_method_name(enum method method);

#endif
