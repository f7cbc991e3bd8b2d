/*
 * How an answer reaches its client: whole, or a body in pieces while it is made (reply_stream in
 * reply.h), chunked (RFC 9112 section 7.1), to HTTP/1.0 until the connection closes. One piece is
 * in memory at a time: the next one is made when the client has taken this one.
 */
#ifndef MANA_DELIVER_H
#define MANA_DELIVER_H

#include "http/request.h"

/* Sends the answer that r has, logs it, and gives r back. */
void deliver_answer(struct request *r);
/* Sends the head, if it is not out yet, and a piece; the request is resumed when it is sent. */
void deliver_piece(struct request *r, struct str piece);
/* Whether a body so long is more than may be kept for the client, should it not read. */
bool deliver_is_full(const struct request *r, size_t length);

#endif
