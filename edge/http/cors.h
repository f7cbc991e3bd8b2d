/*
 * Cross-origin requests (Fetch standard, section 3.2): with credentials from listed origins only.
 *
 * Pages of all origins may read what the routes with ROUTE_ANY_READER answer, without credentials.
 * Those are the documents and endpoints that browser clients of OAuth call themselves (OAuth 2.0
 * for Browser-Based Apps, section 6.3.2; RFC 9700, section 2.6). None of them looks at a cookie:
 * what they answer depends on what the client sends, so a page learns nothing that a program would
 * not. An origin is therefore not compared with the redirect URIs of clients, which a preflight
 * could not name anyway.
 */
#ifndef MANA_CORS_H
#define MANA_CORS_H

#include "http/request.h"

/* Adds the headers that every answer carries. */
void cors_headers(struct request *r);
/* Answers a preflight. */
enum step cors_preflight(struct request *r);

#endif
