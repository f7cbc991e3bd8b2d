/*
 * Answers that clients have not read yet: what the kernel does not take is kept, and bounded. A
 * client that reads nothing for UNREAD_SECONDS is disconnected. A worker keeps at most
 * UNREAD_MAX_BYTES, and for one client address (one /64 of IPv6) a quarter of that or one answer:
 * what would go beyond is not kept, and the connection is cut.
 */
#ifndef MANA_UNREAD_H
#define MANA_UNREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "http/client_ip.h"

enum { UNREAD_PARTS_MAX = 8 };

enum unread_result {
	UNREAD_NONE,     /* all has been sent */
	UNREAD_SOME,     /* the rest is kept */
	UNREAD_TOO_MUCH, /* the rest may not be kept */
	UNREAD_BROKEN,   /* the client is gone */
};

/* The rest of an answer. Zeroed before its first use. */
struct unread {
	char *bytes;
	size_t sent, count, size;
	char network[CLIENT_IP_BYTES]; /* of the client */
	uint64_t since_ms;             /* when keeping began */
	uint64_t read_on_ms;           /* when the client was last seen to read */
	TAILQ_ENTRY(unread) others;
};

/* Whether so much more for the client at ip is too much. */
bool unread_is_full(const char *ip, size_t more);
/* Sends behind what is kept, and keeps what the kernel does not take. */
enum unread_result unread_send(struct unread *u, int fd, const char *ip, const struct iovec *parts,
    int count, uint64_t now_ms);
/* Sends on. */
enum unread_result unread_flush(struct unread *u, int fd, uint64_t now_ms);
/* Whether the client has not read for too long, or takes too long for all of it. */
bool unread_has_stalled(const struct unread *u, uint64_t now_ms);
/* Wipes and forgets what is kept. */
void unread_drop(struct unread *u);

#endif
