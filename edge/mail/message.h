/*
 * A mail as bytes (RFC 5322, MIME): text and HTML as alternatives, quoted-printable, headers in
 * RFC 2047 encoded words where they are not plain ASCII. Pure.
 */
#ifndef MANA_MESSAGE_H
#define MANA_MESSAGE_H

#include <time.h>

#include "buf.h"

struct message {
	struct str from; /* "Name <address>" or an address */
	struct str to;   /* an address */
	struct str id;   /* left part of the Message-ID, the same in each try */
	struct str language;
	struct str subject; /* UTF-8; control bytes become spaces */
	struct str text;    /* UTF-8, lines end with \n */
	struct str html;
	time_t date;
};

/* How many bytes suffice for a message whose three texts have `bytes` bytes together. */
#define MESSAGE_SIZE(bytes) ((bytes)*4 + 4096)

/* Appends the message. False on overflow, or when `from` or `to` is no plain address. */
bool message_write(struct buf *out, const struct message *m) MUST_USE;
/* The address within "Name <address>"; STR_NONE if it is not plain ASCII of the form a@b. */
struct str message_address(struct str mailbox);

#endif
