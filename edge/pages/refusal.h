/*
 * Refusals as pages. What a person sees must not be JSON: neither where a form of a hosted page was
 * sent, nor where a browser was led to an endpoint that programs call, too.
 */
#ifndef MANA_REFUSAL_H
#define MANA_REFUSAL_H

#include "error.h"
#include "http/request.h"

/* Whether a refusal of this request is shown as a page. */
bool refusal_is_shown(const struct request *r);
/* Answers with the page. `detail`: what is wrong with the input, as programs are told it; STR_NONE:
 * nothing more is known. */
enum step refusal_show(struct request *r, enum error e, struct str detail);

#endif
