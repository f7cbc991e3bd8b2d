/*
 * The head of an answer: status line and fields (RFC 9112 section 4, RFC 9110 sections 6.6.1 and
 * 8.6). Every answer goes through here, a refusal of the parser, too: request id, security headers,
 * framing.
 */
#ifndef MANA_ANSWER_H
#define MANA_ANSWER_H

#include <time.h>

#include "http/request.h"

enum answer_body {
	ANSWER_LENGTH,  /* Content-Length says it; a status that has no body has none */
	ANSWER_CHUNKED, /* RFC 9112 section 7.1 */
	ANSWER_TO_END   /* the end of the connection, for HTTP/1.0 */
};

struct answer_frame {
	enum answer_body body;
	size_t length;
	int keep_seconds; /* 0: the connection is closed behind it */
};

/* Bytes that answer_head writes at most. */
size_t answer_head_size(const struct request *r);
/* Appends the head of r's response. */
void
answer_head(struct buf *out, const struct request *r, const struct answer_frame *frame, time_t now);
/* The phrase behind a status; "" for one that is not used here. */
const char *answer_phrase(int status);

#endif
