/*
 * The event loop as the database client and the threads see it; loop.c knows Kore.
 */
#ifndef MANA_LOOP_H
#define MANA_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* A watched descriptor. Must be static memory: events of a batch may come after it was forgotten.
 */
struct loop_watch {
	char event[64]; /* Kore's, found by address: first */
	int fd;         /* -1: none */
	bool for_writing;
	void (*ready)(struct loop_watch *w);
};

/* Watches fd for reading, and for writing too while asked for; level-triggered. Call again to
 * change the wish. */
void loop_watch_read(struct loop_watch *w, int fd);
void loop_watch_both(struct loop_watch *w, int fd);
/* Stops watching; closing is the caller's. */
void loop_forget(struct loop_watch *w);
/* The same for a descriptor that has been closed, which Kore must not be told: it would give up. */
void loop_forget_closed(struct loop_watch *w);
enum loop_change { LOOP_READABLE = 1, LOOP_WRITABLE = 2, LOOP_ENDED = 4 };

/* A connected socket. What has changed is said once (edge-triggered): read, and write, until there
 * is no more. LOOP_ENDED: the peer will send nothing behind what can be read, or has reset the
 * connection. The memory must outlive the events of one turn of the loop. */
struct loop_socket {
	char event[64]; /* Kore's, found by address: first */
	int fd;         /* -1: closed; nothing is said any more */
	void (*changed)(struct loop_socket *s, unsigned int changes);
};

/* Watches s->fd until it is closed. */
void loop_watch_socket(struct loop_socket *s);
/* Calls act once, from the loop, as soon as the events of this turn are handled. */
void loop_soon(void (*act)(void));
/* Ends the whole service, all workers of it, with a status that says: starting again will not help.
 */
void loop_stop_service(void);
/* Milliseconds of a clock that only goes forward. */
uint64_t loop_now_ms(void);

#endif
