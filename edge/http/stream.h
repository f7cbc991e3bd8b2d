/*
 * A body that is sent while it is made (reply_stream in reply.h), on Kore's connection: chunked
 * (RFC 9112 section 7.1), to HTTP/1.0 until the connection closes. One piece is in memory at a
 * time: the next one is made when the client has taken this one.
 */
#ifndef MANA_STREAM_H
#define MANA_STREAM_H

#include "http/request.h"

struct http_request;

/* Sends the head, if it is not out yet, and a piece. */
void stream_send(struct request *r, struct str piece);
/* Whether the last piece has been taken since this was asked last. */
bool stream_taken(struct request *r);
/* Sends the last piece and the end. */
void stream_end(struct request *r);
/* The request goes: what is still being sent of it belongs to nobody. */
void stream_forget(struct request *r);

#endif
