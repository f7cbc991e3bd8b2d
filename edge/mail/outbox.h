/*
 * Sends what auth.outbox promises.
 */
#ifndef MANA_OUTBOX_H
#define MANA_OUTBOX_H

#include "http/request.h"

/* First step of the background task: claims the mail that is longest due, sends it, reports, and
 * wakes the task for the next one. */
enum step outbox_send_due(struct request *r);

#endif
