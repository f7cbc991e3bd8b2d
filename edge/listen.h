/*
 * New connections: taken when the worker can serve them, left to other workers until then, refused
 * when it stops. Kore's lock of listeners spreads them over the workers.
 */
#ifndef MANA_LISTEN_H
#define MANA_LISTEN_H

#include <stdint.h>
#include <sys/socket.h>

struct listen_events {
	/* A connected, non-blocking socket: the receiver's from now on. */
	void (*accepted)(int fd, const struct sockaddr_storage *peer);
	/* Another worker has shut the socket that all share. */
	void (*shut)(void);
};

/* In a new worker, which accepts nothing yet: its keys are missing. */
void listen_prepare(const struct listen_events *events);
/* Accepts from now on. */
void listen_begin(void);
/* Accepts at the latest after some seconds, and sooner when the database is away: clients are told
 * 503 instead of waiting. */
void listen_tick(uint64_t now_ms);
/* Refuses new connections, in all workers at once, for they share the socket. */
void listen_end(void);
/* A connection that was accepted is closed. */
void listen_closed(void);

#endif
