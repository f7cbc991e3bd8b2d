/*
 * A connection of a client, from accept to close: its requests one after the other (RFC 9112
 * section 9). Bytes are read, a head and a body put together, the request is served, its answer
 * sent, and only then the next one is looked at. Knows neither Kore nor what is served.
 *
 *	IDLE -> HEAD -> BODY -> SERVING -> IDLE | LINGER -> closed
 */
#ifndef MANA_CLIENT_H
#define MANA_CLIENT_H

#include <sys/queue.h>
#include <sys/socket.h>

#include "http/chunk.h"
#include "http/client_ip.h"
#include "http/head.h"
#include "http/receive.h"
#include "http/unread.h"
#include "loop.h"

enum client_phase {
	CLIENT_IDLE, /* nothing of a request has come; of the last answer something may be left */
	CLIENT_HEAD, /* the first byte has */
	CLIENT_BODY, /* the head is understood */
	CLIENT_SERVING, /* the request is complete: it has its answer still to come */
	CLIENT_LINGER,  /* all is sent: what still comes is dropped for a moment */
	CLIENT_CLOSED   /* kept until no event of it can be under way */
};

struct client {
	struct loop_socket socket; /* first */
	enum client_phase phase;
	uint64_t deadline_ms; /* of the phase; 0: none */

	struct receive in;
	bool readable; /* there may be more to read */
	bool ended;    /* the client sends nothing more behind that */
	struct head_scan scan;
	struct request *request; /* from its head on until it is answered */
	bool is_http_1_0;
	bool is_chunked;
	size_t body_length;
	struct chunk_reader chunks;
	size_t lingered;

	struct unread out;
	bool closes;     /* behind the answer */
	bool wants_more; /* a streamed body: its next piece, when this one is sent */
	bool broken;     /* closed as soon as nothing of it is under way */

	bool going; /* in client_go_on */
	bool is_soon;
	char peer[CLIENT_IP_BYTES];
	TAILQ_ENTRY(client) others; /* or those that are closed */
	TAILQ_ENTRY(client) soon;
};

enum { CLIENT_SERVED_MAX = 1024 /* requests that a worker serves at one time; 503 beyond */ };

/* Takes over a connected socket. */
void client_accepted(int fd, const struct sockaddr_storage *peer);
/* How many requests are being served. */
int client_serving_count(void);
/* Whether something is under way that a stopping worker should finish. */
bool clients_busy(void);
/* Answers close their connection from now on. */
void clients_drain(void);
/* Time-outs; and gives back what is closed. */
void clients_tick(uint64_t now_ms);

/* Between client.c, which has the phases, client_read.c and deliver.c. */

/* Enters a phase, which ends so many milliseconds later at the latest; 0: whenever. */
void client_enter(struct client *c, enum client_phase phase, uint64_t milliseconds);
/* Receives bytes, up to so many in the buffer. False: nothing has come, or the connection is
 * closed.
 */
bool client_receive(struct client *c, size_t max);
/* Reads on in a phase; whether another step may follow. */
bool client_read_head(struct client *c);
bool client_read_body(struct client *c);
/* Answers a request that is not understood: what follows it cannot be understood, either. */
void client_refuse(struct client *c, struct request *r, struct refusal refusal);

/* Seconds that an idle connection is kept, as its client is told; 0: it is closed. */
int client_keep_seconds(const struct client *c);
/* The answer was given to the socket, as `sent` says; the request is over. */
void client_answered(struct client *c, enum unread_result sent);
/* A piece of a body was. */
void client_sent_piece(struct client *c, enum unread_result sent);
/* Closes at once; a request that is under way is abandoned. */
void client_close(struct client *c);

#endif
