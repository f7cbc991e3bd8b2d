/*
 * Answers that clients do not read: they are kept in memory by Kore. A client that reads nothing
 * for UNREAD_SECONDS is disconnected; a worker that keeps more than UNREAD_MAX_BYTES takes no
 * requests; a connection is not read from before its last answer has been sent.
 */
#ifndef MANA_UNREAD_H
#define MANA_UNREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;

/* What we keep of a client's connection; Kore frees it with the connection. */
struct client_link {
	bool busy; /* a request is being served: the next one is not read before its answer is sent
		    */
	bool refused;          /* nothing more is read */
	bool delete_with_body; /* the request that Kore takes for a PUT is a DELETE */
	size_t unread_bytes;   /* as the last tick has seen it */
	uint64_t read_on_ms;   /* when the client was last seen to read */
	uint64_t unread_since_ms;
};

/* Sends what can be sent; whether nothing is left. */
bool unread_flushed(struct connection *c);
/* Whether so many bytes more are too many for this worker. */
bool unread_is_full(size_t more);
/* An answer was handed to Kore. */
void unread_added(size_t bytes);
/* The client has read a piece of a streamed answer. */
void unread_piece_taken(struct connection *c);
/* Counts, and disconnects clients that do not read. */
void unread_tick(uint64_t now_ms);

#endif
