/*
 * One connection to the database: how it is made and gets ready. What travels on it is
 * pipeline.c's.
 */
#ifndef MANA_CONNECTION_H
#define MANA_CONNECTION_H

#include "db/lane.h"
#include "db/line.h"
#include "db/op.h"
#include "loop.h"

/* Lines of the log while the database is away: one for so many failures. */
enum { FAILURES_PER_LINE = 20 };

enum state { CLOSED, CONNECTING, PREPARING, READY };

struct connection {
	struct loop_watch watch; /* first: see loop.h */
	PGconn *pg;
	enum state state;
	enum lane lane;
	bool is_optional;     /* opened when a call needs it, closed when none has for a while */
	bool checks;          /* tries every statement before it is ready */
	bool mismatched;      /* the database does not know a statement that was tried */
	uint64_t deadline_ms; /* CLOSED: when to connect; CONNECTING, PREPARING: when to give up */
	int failures;         /* in a row */
	int answers;          /* results seen while PREPARING, as if every statement were tried */
	bool prepared[CALL_COUNT]; /* or about to be, by what was sent before */
	bool at_end;               /* the last thing read was the NULL behind results */
	bool limits_sent;          /* their result comes before that of the call */
	const char
	    *trouble; /* why it is to be lost, which is not done in the middle of a call to us */
	const char *retiring; /* why it gets no more calls, and is lost behind its last one */
	struct line sent;     /* calls under way */
	uint8_t of_subject[LANE_SUBJECTS]; /* how many of them are a subject's */
	uint64_t head_since_ms; /* the first of them is the one that the server works on; without
				   one: when the last ended */
};

/* Begins to connect. Failing sets `trouble`. */
void connection_open(struct connection *c);
/* Its socket is ready while CONNECTING; in the end it is PREPARING. */
void connection_go_on(struct connection *c);
/* A result while PREPARING; in the end it is READY. */
void connection_prepare_got(struct connection *c, const PGresult *result);
/* Closes it; what was under way on it is still in `sent`. */
void connection_close(struct connection *c);
/* Sends what libpq holds; asks the loop for the rest. */
void connection_flush(struct connection *c);
/* How long a call on it may take. */
uint64_t connection_timeout_ms(const struct connection *c);

#endif
