/*
 * Replies of a mail server (RFC 5321 section 4.2, RFC 3463, RFC 4954): the last refusal, kept for
 * the log and the dead letter, and whose fault it is. Pure.
 */
#ifndef MANA_SMTP_REPLY_H
#define MANA_SMTP_REPLY_H

#include "str.h"

enum { SMTP_REFUSAL_BYTES = 256 };

/* What the server answers to: its greeting, our introduction and login (EHLO, STARTTLS, AUTH), the
 * sender, the recipient, or the message. */
enum smtp_phase {
	SMTP_AT_GREETING,
	SMTP_AT_LOGIN,
	SMTP_AT_SENDER,
	SMTP_AT_RECIPIENT,
	SMTP_AT_MESSAGE
};

enum smtp_result {
	SMTP_ACCEPTED,
	SMTP_FAILED,        /* try again later */
	SMTP_MISCONFIGURED, /* try again later; an operator has to correct our configuration */
	SMTP_REFUSED        /* the server will not take this mail, ever */
};

struct smtp_refusal {
	char text[SMTP_REFUSAL_BYTES]; /* printable ASCII, not NUL-terminated */
	size_t len;                    /* 0: nothing was refused */
};

/* Where a command of ours leads; a line that is none of them (QUIT, a response to a challenge of
 * AUTH) leaves the phase. */
enum smtp_phase smtp_phase_after(enum smtp_phase phase, struct str command);
/* Keeps a line of the server if it refuses (4xx or 5xx), in the place of the one before; other
 * lines change nothing. Bytes that are not printable are left out, and so is what does not fit. */
void smtp_refusal_keep(struct smtp_refusal *refusal, struct str line);
/* What a refusal means for the mail. A 4xx is temporary. Of the 5xx, what the server says before it
 * has seen a recipient, and whatever concerns our login, our sender or our rights (530, 535, 503
 * and the enhanced codes 5.7.x, 5.1.7, 5.1.8), is our configuration; the rest is final. */
enum smtp_result smtp_judge(enum smtp_phase phase, const struct smtp_refusal *refusal);

#endif
