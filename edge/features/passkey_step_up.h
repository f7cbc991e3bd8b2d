/* What step-up authentication takes of passkeys; passkey.c. */
#ifndef MANA_PASSKEY_STEP_UP_H
#define MANA_PASSKEY_STEP_UP_H

#include "http/request.h"

/* POST /api/v1/auth/step-up with the answer of an authenticator to passkey_step_up_options. */
enum step passkey_step_up(struct request *r, struct str response);

#endif
