/*
 * Step-up authentication: renewing the proof of identity of a session.
 */
#ifndef MANA_STEP_UP_H
#define MANA_STEP_UP_H

#include "routes.h"

extern const struct schema step_up_schema, step_up_mail_schema;

/* POST /api/v1/auth/step-up {password} or {code} or {token} */
enum step step_up(struct request *r);

#endif
