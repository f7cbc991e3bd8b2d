/*
 * What there is about a user (GDPR, article 15), for the user: GET /me/data. For an admin: GET and
 * DELETE /admin/users/:id/data. And what mana-credits knows of them, which the export wants, too.
 */
#ifndef MANA_GDPR_H
#define MANA_GDPR_H

#include "http/request.h"

/* GET /api/v1/me/data and /api/v1/admin/users/:id/data */
step_fn gdpr_data;
/* DELETE /api/v1/admin/users/:id/data */
step_fn gdpr_erase_user;

/* Asks mana-credits, if there is one and the caller's session lives; then the next step. Takes the
 * state of the request. */
enum step gdpr_ask_credits(struct request *r, step_fn *then);
/* What it said, for auth.gdpr_summary; STR_NONE: there is none. */
struct str gdpr_credits(const struct request *r);

#endif
