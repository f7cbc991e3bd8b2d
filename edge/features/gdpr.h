/*
 * What there is about a user, for the user (GDPR, article 15): GET /me/data. And what mana-credits
 * knows of them, which the export wants, too.
 */
#ifndef MANA_GDPR_H
#define MANA_GDPR_H

#include "http/request.h"

step_fn gdpr_data;

/* Asks mana-credits, if there is one and the caller's session lives; then the next step. Takes the
 * state of the request. */
enum step gdpr_ask_credits(struct request *r, step_fn *then);
/* What it said, for auth.gdpr_summary; STR_NONE: there is none. */
struct str gdpr_credits(const struct request *r);

#endif
