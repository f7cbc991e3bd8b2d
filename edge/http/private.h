/*
 * The part of a request that features do not see: what it waits for, its answer, and who gets that.
 */
#ifndef MANA_REQUEST_PRIVATE_H
#define MANA_REQUEST_PRIVATE_H

#include <stdint.h>

#include "background.h"
#include "db/calls.h"
#include "http/client_ip.h"
#include "http/head.h"
#include "http/request.h"

enum { REPLY_HEADERS_MAX = 24 };

struct response {
	int status;               /* 0: none yet */
	const char *content_type; /* NULL: no body */
	struct str body;
	struct header headers[REPLY_HEADERS_MAX];
	int headers_count;
	bool broken; /* a header could not be sent: the answer becomes a 500 */

	const char
	    *reason; /* why a request was refused before it had a route, for the log; or NULL */

	bool is_streamed; /* the body is sent while it is made */
	bool head_sent;   /* of it */
	bool complete;    /* its last piece is `body` */
};

/* A call that waits, or is under way on a database connection; db/. */
struct db_call_state {
	struct request *next; /* behind it in the same line */
	enum call call;
	struct op_arguments *arguments;
	int lane;                  /* enum lane of db/lane.h */
	uint16_t subject;          /* whose calls are counted together, as a number of db/lane.c */
	uint16_t network;          /* of the client, as such a number */
	bool subject_is_shared;    /* it is the network */
	bool is_anonymous;         /* no session and no user */
	uint64_t deadline_ms;      /* of the call, however often it is sent */
	uint64_t waiting_since_ms; /* for a connection, or for another call of the subject */
	struct pg_result
	    *result;         /* libpq's; NULL: the connection was lost and the outcome is unknown */
	bool preparing;      /* its statement is prepared with it, and that result comes first */
	int lost_statements; /* connections that had not got its statement any more */
	bool mismatched;     /* the database does not know its statement */
	bool given_up;       /* a place of a line whose request has been answered */
};

struct request_private {
	const struct header *headers; /* in the arena */
	int headers_count;
	char ip[CLIENT_IP_BYTES];
	uint64_t started_ms;

	step_fn *next; /* runs when what is awaited has ended */
	bool waiting;
	bool counted;       /* in its rate class; and the fresh token is made */
	bool abandoned;     /* the client has left: no further step runs */
	bool refusal_shown; /* as a page, once */

	struct str subject; /* of an anonymous request: the address, token, client or object that it
			       names; STR_NONE: none */
	struct db_call_state call;
	struct request *next_job;
	void (*job)(void *state);
	void *job_state;
	int job_pool;

	struct response response;
	struct client *client; /* NULL in a background task or once the client has left */
	struct background_state *background; /* NULL in a request */
};

/* A new request without content; with an id. */
struct request *request_new(void);
/* Runs the next step after a wait, or gives the request back when its client has left meanwhile. */
void request_resume(struct request *r);
/* Takes a step's result: hands a finished request to whom it belongs. */
void request_stepped(struct request *r, enum step step);
/* The client has left: what is awaited holds the request, else it is given back now. */
void request_abandon(struct request *r);
/* Wipes and frees it. */
void request_release(struct request *r);

/* background.c: the task is over; and before, that it has done its work. */
void background_finished(struct request *r);
void background_succeeded(struct request *r);
/* db/row.c: forgets the last answer. */
void db_answer_clear(struct request *r);

#endif
