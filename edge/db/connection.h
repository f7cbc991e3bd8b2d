/*
 * One connection to the database: how it is made and gets ready. What travels on it is
 * pipeline.c's.
 */
#ifndef MANA_CONNECTION_H
#define MANA_CONNECTION_H

#include "db/lane.h"
#include "db/op.h"
#include "loop.h"

/* Lines of the log while the database is away: one for so many failures. */
enum { FAILURES_PER_LINE = 20 };

enum state { CLOSED, CONNECTING, PREPARING, READY };

/* Calls in the order in which they came. */
struct line {
	struct request *first, *last;
	int count;
};

struct connection {
	struct loop_watch watch; /* first: see loop.h */
	PGconn *pg;
	enum state state;
	enum lane lane;
	uint64_t deadline_ms; /* CLOSED: when to connect; CONNECTING, PREPARING: when to give up */
	int failures;         /* in a row */
	int answers;          /* results seen while PREPARING */
	bool prepared[CALL_COUNT]; /* or about to be, by what was sent before */
	bool at_end;               /* the last thing read was the NULL behind results */
	const char
	    *trouble; /* why it is to be lost, which is not done in the middle of a call to us */
	struct line sent;       /* calls under way */
	uint64_t head_since_ms; /* the first of them is the one that the server works on */
};

/* Begins to connect. Failing sets `trouble`. */
void connection_open(struct connection *c);
/* Its socket is ready while CONNECTING; in the end it is PREPARING. */
void connection_go_on(struct connection *c);
/* A result while PREPARING; in the end it is READY. */
void connection_prepare_got(struct connection *c, const PGresult *result);
/* Sends what libpq holds; asks the loop for the rest. */
void connection_flush(struct connection *c);
/* How long a call on it may take. */
uint64_t connection_timeout_ms(const struct connection *c);

#endif
