/*
 * Cross-origin requests with credentials, from listed origins only (Fetch standard, section 3.2).
 */
#ifndef MANA_CORS_H
#define MANA_CORS_H

#include "http/request.h"

/* Adds the headers that every answer carries. */
void cors_headers(struct request *r);
/* Answers a preflight. */
enum step cors_preflight(struct request *r);

#endif
