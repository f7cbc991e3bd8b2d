/*
 * What a service answers that was asked to forget a user. Pure.
 */
#ifndef MANA_ERASURE_ANSWER_H
#define MANA_ERASURE_ANSWER_H

#include <stdint.h>

#include "str.h"

enum { ERASURE_ANSWER_BYTES = 16384 };

/* Whether nothing is left there; *count is how much there was, 0 where the answer does not say, or
 * says a negative number. 404 and 410 mean it as well, but only in the service's own words (a JSON
 * object): a server without such a route answers 404, too, and has forgotten nothing. `status` 0:
 * there was no answer. */
bool erasure_is_done(int64_t *count, int status, struct str body) MUST_USE;

#endif
