/*
 * One mail to the mail server, by libcurl's SMTP (RFC 5321, STARTTLS RFC 3207, AUTH RFC 4954).
 * Blocks: call it on a thread.
 */
#ifndef MANA_SMTP_H
#define MANA_SMTP_H

#include "buf.h"
#include "config.h"
#include "mail/smtp_reply.h"

enum { SMTP_REASON_BYTES = 512 };

struct smtp_server {
	struct str host;
	int64_t port;
	struct str user; /* empty: no AUTH */
	struct str password;
	enum smtp_tls tls;
	bool insecure_tls;    /* certificates are not checked */
	struct str helo_name; /* our name in EHLO */
};

/* Hands a message to the server; deadlines of 10 s to connect and 30 s in all. On failure `reason`
 * (SMTP_REASON_BYTES) holds what went wrong and the server's last line. */
enum smtp_result smtp_send(const struct smtp_server *server, struct str from, struct str to,
    struct str message, struct buf *reason);
/* Once in a process, before the first thread. False if libcurl cannot start. */
bool smtp_initialise(void) MUST_USE;

#endif
