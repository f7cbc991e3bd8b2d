/*
 * Calls to other services that the database has promised (auth.outbound_calls), sent until they are
 * accepted.
 */
#ifndef MANA_OUTBOUND_H
#define MANA_OUTBOUND_H

#include "http/request.h"

/* A background task: one call to mana-credits that is due, if there is one. */
step_fn outbound_send_due;

#endif
