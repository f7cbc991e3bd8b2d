/*
 * The database client: connections in libpq's pipeline mode on the event loop. A call is one
 * prepared statement and one Sync, hence one transaction; results come in the order of the calls.
 * Losing a connection fails what is under way on it, whose outcome is unknown; nothing is sent
 * twice. It is made again after growing pauses, varied so that workers do not march in step.
 */
#include <sodium.h>
#include <stdlib.h>

#include "config.h"
#include "db/connection.h"
#include "log.h"
#include "loop.h"

enum {
	CONNECTIONS_MAX = 16,
	UNDER_WAY_MAX = 1024, /* calls on one connection; beyond, the database is as good as away */
	PAUSE_FIRST_MS = 50,
	PAUSE_MAX_MS = 500,
	PAUSE_DOUBLINGS_MAX = 4,
	PATIENCE_MS =
	    1500, /* of a call that finds no connection, so that a short absence is not noticed */
	WAITING_MAX = 512,
	FAILURES_PER_LINE = 20 /* in the log, while the database is away */
};

static struct connection connections[CONNECTIONS_MAX];
static int connections_count;
static struct line waiting[POOL_SLOW + 1]; /* not sent yet, for want of a connection */

static bool send_call(struct connection *c, struct request *r);
static void send_waiting(enum call_pool pool);
static void expire_waiting(enum call_pool pool, uint64_t now_ms);
static struct connection *pick(enum call_pool pool);
static void on_ready(struct loop_watch *watch);
static void read_results(struct connection *c);
static bool read_result(struct connection *c);
static void keep_result(struct connection *c, struct db_call_state *call, PGresult *result);
static void lose(struct connection *c, const char *why);
static void append(struct line *line, struct request *r);
static struct request *take(struct line *line);
static bool is_overdue(const struct line *line, uint64_t now_ms);

void
pipeline_start(void)
{
	connections_count = (int)(config.db_pipelines + config.db_slow_connections);
	for (int i = 0; i < connections_count; i++) {
		struct connection *c = &connections[i];

		c->watch.fd = -1;
		c->watch.ready = on_ready;
		c->pool = i < config.db_pipelines ? POOL_FAST : POOL_SLOW;
		connection_open(c);
	}
}

bool
db_ready(void)
{
	return pick(POOL_FAST) != NULL;
}

bool
pipeline_send(struct request *r)
{
	enum call_pool pool = calls[r->private->call.call].pool;
	struct connection *c = pick(pool);

	if (c != NULL)
		return send_call(c, r);
	if (waiting[pool].count == WAITING_MAX)
		return false;
	r->private->call.deadline_ms = loop_now_ms() + PATIENCE_MS;
	append(&waiting[pool], r);
	return true;
}

static bool
send_call(struct connection *c, struct request *r)
{
	struct db_call_state *call = &r->private->call;
	const struct op_arguments *a = call->arguments;

	call->preparing = !c->prepared[call->call];
	if ((call->preparing && PQsendPrepare(c->pg, calls[call->call].name, calls[call->call].sql,
				    0, NULL) != 1) ||
	    PQsendQueryPrepared(c->pg, calls[call->call].name, a->count, a->values, a->lengths,
		a->formats, 0) != 1 ||
	    PQpipelineSync(c->pg) != 1) {
		c->trouble = "a call could not be sent";
		return false;
	}
	c->prepared[call->call] = true;
	call->deadline_ms = loop_now_ms() + connection_timeout_ms(c);
	append(&c->sent, r);
	connection_flush(c);
	return true;
}

/* A connection is ready, or was: what has waited for one is sent first. */
static void
send_waiting(enum call_pool pool)
{
	struct connection *c;

	while (waiting[pool].first != NULL && (c = pick(pool)) != NULL) {
		struct request *r = take(&waiting[pool]);

		if (!send_call(c, r))
			op_ended(r);
	}
}

/* The ready connection with the least under way. */
static struct connection *
pick(enum call_pool pool)
{
	struct connection *best = NULL;

	for (int i = 0; i < connections_count; i++) {
		struct connection *c = &connections[i];

		if (c->state == READY && c->trouble == NULL && c->pool == pool &&
		    c->sent.count < UNDER_WAY_MAX &&
		    (best == NULL || c->sent.count < best->sent.count))
			best = c;
	}
	return best;
}

void
pipeline_tick(uint64_t now_ms)
{
	for (int i = 0; i < connections_count; i++) {
		struct connection *c = &connections[i];

		if (c->trouble != NULL)
			lose(c, c->trouble);
		else if (c->state == CLOSED && now_ms >= c->deadline_ms)
			connection_open(c);
		else if ((c->state == CONNECTING || c->state == PREPARING) &&
			 now_ms >= c->deadline_ms)
			lose(c, "no connection in time");
		else if (is_overdue(&c->sent, now_ms))
			lose(c, "no result in time");
	}
	for (enum call_pool pool = POOL_FAST; pool <= POOL_SLOW; pool++)
		expire_waiting(pool, now_ms);
}

static void
expire_waiting(enum call_pool pool, uint64_t now_ms)
{
	while (is_overdue(&waiting[pool], now_ms))
		op_ended(take(&waiting[pool]));
}

static void
on_ready(struct loop_watch *watch)
{
	struct connection *c = (struct connection *)watch;
	bool closed;

	if (c->state == CONNECTING) {
		connection_go_on(c);
		if (c->trouble != NULL)
			lose(c, c->trouble);
		return;
	}
	closed = PQconsumeInput(c->pg) != 1;
	read_results(c); /* what the server said before it hung up counts */
	if (closed && c->trouble == NULL)
		c->trouble = "the connection was closed";
	if (c->trouble != NULL)
		lose(c, c->trouble);
	else if (c->state != CLOSED)
		connection_flush(c);
}

static void
read_results(struct connection *c)
{
	while (c->trouble == NULL && PQisBusy(c->pg) == 0 && read_result(c))
		;
}

/* False when there is none for now. A call's results end with a NULL, which its Sync follows. */
static bool
read_result(struct connection *c)
{
	PGresult *result = PQgetResult(c->pg);
	struct request *r = c->sent.first;

	if (result == NULL) {
		bool first_in_a_row = !c->at_end;

		c->at_end = true;
		return first_in_a_row;
	}
	c->at_end = false;
	if (c->state == PREPARING) {
		connection_prepare_got(c, result);
		PQclear(result);
		if (c->state == READY)
			send_waiting(c->pool);
	} else if (r == NULL) {
		PQclear(result); /* a notice of the server's end: it closes the connection next */
	} else if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
		keep_result(c, &r->private->call, result);
	} else {
		PQclear(result);
		op_ended(take(&c->sent));
	}
	return true;
}

/* The first result of a call may be that of preparing it: only its error is of interest, and then
 * the call itself was skipped. */
static void
keep_result(struct connection *c, struct db_call_state *call, PGresult *result)
{
	if (call->preparing && PQresultStatus(result) != PGRES_COMMAND_OK)
		c->prepared[call->call] = false;
	if (call->preparing && PQresultStatus(result) == PGRES_COMMAND_OK)
		call->preparing = false;
	else if (call->result == NULL) {
		call->result = (struct pg_result *)result;
		return;
	}
	PQclear(result);
}

/* Plans the next try, then fails what was under way. */
static void
lose(struct connection *c, const char *why)
{
	struct line lost = c->sent;
	int doublings = c->failures < PAUSE_DOUBLINGS_MAX ? c->failures : PAUSE_DOUBLINGS_MAX;
	uint32_t pause_ms = PAUSE_FIRST_MS << doublings;

	if (pause_ms > PAUSE_MAX_MS)
		pause_ms = PAUSE_MAX_MS;
	if (c->failures % FAILURES_PER_LINE == 0)
		log_event(LOG_ERROR_LEVEL, "database", "connection lost", why,
		    PQerrorMessage(c->pg) != why ? PQerrorMessage(c->pg) : NULL);
	if (PQsocket(c->pg) != -1)
		loop_forget(&c->watch);
	else
		loop_forget_closed(&c->watch); /* libpq has closed it, at the end of what it read */
	PQfinish(c->pg);
	c->pg = NULL;
	c->state = CLOSED;
	c->trouble = NULL;
	c->deadline_ms = loop_now_ms() + pause_ms / 2 + randombytes_uniform(pause_ms / 2);
	c->failures++;
	c->sent = (struct line){.first = NULL};
	while (lost.first != NULL) {
		struct request *r = take(&lost);

		PQclear((PGresult *)r->private->call.result);
		r->private->call.result = NULL;
		op_ended(r);
	}
}

static void
append(struct line *line, struct request *r)
{
	r->private->call.next = NULL;
	if (line->first == NULL)
		line->first = r;
	else
		line->last->private->call.next = r;
	line->last = r;
	line->count++;
}

static struct request *
take(struct line *line)
{
	struct request *r = line->first;

	line->first = r->private->call.next;
	line->count--;
	return r;
}

static bool
is_overdue(const struct line *line, uint64_t now_ms)
{
	return line->first != NULL && now_ms >= line->first->private->call.deadline_ms;
}
