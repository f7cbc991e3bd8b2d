/*
 * A promised mail (a row of auth.outbox) made into a message: template, link, layout. Pure.
 */
#ifndef MANA_MAIL_H
#define MANA_MAIL_H

#include <time.h>

#include "buf.h"

enum { MAIL_BYTES_MAX = 128 * 1024 };

struct mail {
	struct str kind; /* a row of kinds.def */
	struct str recipient;
	struct str locale; /* de or en, also as de-AT; others read German */
	struct str args;   /* JSON object of strings for the template */
	struct str id;     /* left part of the Message-ID */
	struct str from;   /* SMTP_FROM */
	struct str base_url;
	time_t date;
};

/* Appends the message. False, with a reason, if it can never be sent: unknown kind, args that lack
 * a value of the template, an address that is none. */
bool mail_write(struct buf *out, struct buf *reason, const struct mail *mail) MUST_USE;

#endif
