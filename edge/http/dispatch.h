/*
 * From a request that was read to its answer: the router, the gates, the handler. Knows no
 * connection.
 */
#ifndef MANA_DISPATCH_H
#define MANA_DISPATCH_H

#include "http/head.h"
#include "http/request.h"

/* Takes what the head says, and whose request it is: peer is the address of the socket. The slices
 * of the head must live as long as r. head NULL: none was understood. */
void dispatch_begin(struct request *r, const struct head *head, const char *peer);
/* Copies the body. */
void dispatch_body(struct request *r, struct str body);
/* Serves it: deliver_answer follows, at once or later. */
void dispatch_run(struct request *r);
/* Answers a request that is not understood. */
void dispatch_refuse(struct request *r, struct refusal refusal);

#endif
