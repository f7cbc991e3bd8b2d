/*
 * Replies of a mail server (RFC 5321, section 4.2): the last refusal, kept for the log and the dead
 * letter. Pure.
 */
#ifndef MANA_SMTP_REPLY_H
#define MANA_SMTP_REPLY_H

#include "str.h"

enum { SMTP_REFUSAL_BYTES = 256 };

struct smtp_refusal {
	char text[SMTP_REFUSAL_BYTES]; /* printable ASCII, not NUL-terminated */
	size_t len;                    /* 0: nothing was refused */
};

/* Keeps a line of the server if it refuses (4xx or 5xx), in the place of the one before; other
 * lines change nothing. Bytes that are not printable are left out, and so is what does not fit. */
void smtp_refusal_keep(struct smtp_refusal *refusal, struct str line);
/* Whether a code says that the server will never take this mail. Of the 5xx, 530 does not: it means
 * that we should have logged in (RFC 4954, section 6). */
bool smtp_code_is_final(long code);

#endif
