/*
 * Sending a call on a connection that was picked for it; what becomes of it is pipeline.c's.
 */
#ifndef MANA_PIPELINE_H
#define MANA_PIPELINE_H

#include "db/connection.h"

/* False: the connection is to be lost, and the call was not sent. */
bool pipeline_send_on(struct connection *c, struct request *r) MUST_USE;

#endif
