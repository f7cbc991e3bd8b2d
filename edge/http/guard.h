/*
 * What may reach Kore's parser. Kore 4.1 loses pipelined requests, takes the body of a GET for the
 * next request, ignores Transfer-Encoding, matches "Host" by prefix and drops the lines behind the
 * 24th: so each request head is checked on the read path, before Kore sees it (RFC 9112
 * sections 2.2, 3, 5 and 6). What is ambiguous is refused.
 */
#ifndef MANA_GUARD_H
#define MANA_GUARD_H

#include <stdbool.h>
#include <stddef.h>

enum { GUARD_HEAD_MAX = 8192, GUARD_LINES_MAX = 24, GUARD_TARGET_MAX = 1996 };

struct guard_verdict {
	int status;            /* 0: so far good, else answer with this and close */
	bool complete;         /* the head has ended */
	bool expects_continue; /* Expect: 100-continue, and the body is still to come (RFC 9110
				  section 10.1.1) */
	bool lacks_length; /* a body may come, and none is announced: its length is 0; Kore would
			      answer 411 */
	bool delete_with_body; /* Kore reads no body of DELETE */
};

/* Judges the bytes of a request that have come so far. Pure. */
struct guard_verdict guard_check(const char *bytes, size_t count, size_t body_max);

#endif
