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
#include "db/result.h"
#include "log.h"
#include "loop.h"

enum {
	CONNECTIONS_MAX = 128, /* four lanes of at most 32 */
	UNDER_WAY_MAX = 1024, /* calls on one connection; beyond, the database is as good as away */
	PAUSE_FIRST_MS = 50,
	PAUSE_MAX_MS = 500,
	PAUSE_DOUBLINGS_MAX = 4,
	PATIENCE_MS =
	    1500, /* of a call that finds no connection, so that a short absence is not noticed */
	WAITING_MAX = 2048,
	STUCK_MS = 100 /* a pipeline whose server works on one call for longer gets no new ones */
};

static struct connection connections[CONNECTIONS_MAX];
static int connections_count;
static struct line waiting[LANE_COUNT]; /* not sent yet, for want of a connection or of its turn */

static bool send_call(struct connection *c, struct request *r);
static bool wait_in_line(struct request *r);
static void send_waiting(enum lane lane);
static void expire_waiting(enum lane lane, uint64_t now_ms);
static struct connection *pick(enum lane lane);
static struct connection *least_loaded(enum lane lane);
static bool is_stuck(const struct connection *c);
static bool has_connection(enum lane lane);
static bool send_patiently(struct request *r);
static void on_ready(struct loop_watch *watch);
static void read_results(struct connection *c);
static bool read_result(struct connection *c);
static void end_call(struct connection *c);
static void keep_result(struct connection *c, struct db_call_state *call, PGresult *result);
static void lose(struct connection *c, const char *why);
static void append(struct line *line, struct request *r);
static struct request *take(struct line *line);
static struct request *take_behind(struct line *line, struct request *before);
static bool is_overdue(const struct line *line, uint64_t now_ms);

void
pipeline_start(void)
{
	const int64_t counts[] = {[LANE_READ] = config.db_pipelines,
	    [LANE_WRITE] = config.db_write_pipelines,
	    [LANE_PATIENT] = config.db_patient_connections,
	    [LANE_SLOW] = config.db_slow_connections};

	for (enum lane lane = LANE_READ; lane < LANE_COUNT; lane++)
		for (int64_t i = 0; i < counts[lane]; i++) {
			struct connection *c = &connections[connections_count++];

			c->watch.fd = -1;
			c->watch.ready = on_ready;
			c->lane = lane;
			connection_open(c);
		}
}

bool
db_ready(void)
{
	return has_connection(LANE_READ) && has_connection(LANE_WRITE);
}

bool
pipeline_has_failed(void)
{
	for (int i = 0; i < connections_count; i++)
		if (connections[i].failures > 0)
			return true;
	return false;
}

bool
pipeline_send(struct request *r)
{
	struct connection *c;

	lane_choose(r);
	c = lane_has_room(r) ? pick(r->private->call.lane) : NULL;
	return c != NULL ? send_call(c, r) : wait_in_line(r);
}

static bool
wait_in_line(struct request *r)
{
	struct db_call_state *call = &r->private->call;
	struct line *line = &waiting[call->lane];

	if (line->count == WAITING_MAX || !lane_wait(r))
		return false;
	call->waiting_since_ms = loop_now_ms();
	call->deadline_ms = call->waiting_since_ms + (uint64_t)(call->lane == LANE_SLOW
								    ? config.db_slow_timeout_ms
								    : config.db_query_timeout_ms);
	append(line, r);
	return true;
}

static bool
send_call(struct connection *c, struct request *r)
{
	struct db_call_state *call = &r->private->call;
	const struct op_arguments *a = call->arguments;
	/* behind a transaction pooler the next transaction may meet another server connection */
	bool is_kept = config.db_pooler != POOLER_TRANSACTION;
	const char *name = is_kept ? calls[call->call].name : "";

	call->preparing = !is_kept || !c->prepared[call->call];
	if ((call->preparing && PQsendPrepare(c->pg, name, calls[call->call].sql, 0, NULL) != 1) ||
	    PQsendQueryPrepared(c->pg, name, a->count, a->values, a->lengths, a->formats, 0) != 1 ||
	    PQpipelineSync(c->pg) != 1) {
		c->trouble = "a call could not be sent";
		return false;
	}
	c->prepared[call->call] = true;
	if (c->sent.first == NULL)
		c->head_since_ms = loop_now_ms();
	call->deadline_ms = loop_now_ms() + connection_timeout_ms(c);
	append(&c->sent, r);
	lane_enter(r);
	connection_flush(c);
	return true;
}

/* A connection is ready, or a call has ended: sends those whose turn it is, in their order. */
static void
send_waiting(enum lane lane)
{
	struct request *before = NULL, *r = waiting[lane].first, *next;
	bool some_blocked = false;

	for (; r != NULL; r = next) {
		struct connection *c;

		next = r->private->call.next;
		if (lane_is_pipelined(lane) && lane_is_blocked(r)) {
			take_behind(&waiting[lane], before);
			some_blocked = true;
			if (!send_patiently(r))
				op_ended(r);
			continue;
		}
		if (!lane_has_room(r)) {
			before = r;
			continue;
		}
		c = pick(lane);
		if (c == NULL)
			break;
		take_behind(&waiting[lane], before);
		lane_wait_over(r);
		if (!send_call(c, r))
			op_ended(r);
	}
	if (some_blocked)
		send_waiting(LANE_PATIENT);
}

/* A request that waited, and whose subject is blocked. */
static bool
send_patiently(struct request *r)
{
	lane_wait_over(r);
	r->private->call.lane = LANE_PATIENT;
	return wait_in_line(r);
}

/* A connection of the lane; of the other pipelined lane while all of its own are stuck. */
static struct connection *
pick(enum lane lane)
{
	struct connection *c = least_loaded(lane);

	if (c == NULL && lane_is_pipelined(lane) && has_connection(lane))
		c = least_loaded(lane == LANE_READ ? LANE_WRITE : LANE_READ);
	return c;
}

/* The ready connection with the least under way. */
static struct connection *
least_loaded(enum lane lane)
{
	int max = lane_is_pipelined(lane) ? UNDER_WAY_MAX : 1;
	struct connection *best = NULL;

	for (int i = 0; i < connections_count; i++) {
		struct connection *c = &connections[i];

		if (c->state == READY && c->trouble == NULL && c->lane == lane &&
		    c->sent.count < max && !is_stuck(c) &&
		    (best == NULL || c->sent.count < best->sent.count))
			best = c;
	}
	return best;
}

static bool
is_stuck(const struct connection *c)
{
	return c->sent.first != NULL && loop_now_ms() - c->head_since_ms > STUCK_MS;
}

static bool
has_connection(enum lane lane)
{
	for (int i = 0; i < connections_count; i++)
		if (connections[i].state == READY && connections[i].trouble == NULL &&
		    connections[i].lane == lane)
			return true;
	return false;
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
	for (enum lane lane = LANE_READ; lane < LANE_COUNT; lane++) {
		expire_waiting(lane, now_ms);
		send_waiting(lane);
	}
}

static void
expire_waiting(enum lane lane, uint64_t now_ms)
{
	bool is_away = !has_connection(lane);
	struct request *before = NULL, *r = waiting[lane].first, *next;

	for (; r != NULL; r = next) {
		const struct db_call_state *call = &r->private->call;

		next = call->next;
		if (now_ms < call->deadline_ms &&
		    (!is_away || now_ms - call->waiting_since_ms < PATIENCE_MS)) {
			before = r;
			continue;
		}
		take_behind(&waiting[lane], before);
		lane_wait_over(r);
		op_ended(r);
	}
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
		result_free(result);
		if (c->state == READY)
			send_waiting(c->lane);
	} else if (r == NULL) {
		result_free(
		    result); /* a notice of the server's end: it closes the connection next */
	} else if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
		keep_result(c, &r->private->call, result);
	} else {
		result_free(result);
		end_call(c);
	}
	return true;
}

/* The first call on the connection has its result. One that could not have its lock was undone, and
 * goes on where it can wait. */
static void
end_call(struct connection *c)
{
	struct request *r = take(&c->sent);
	struct db_call_state *call = &r->private->call;
	const char *state = PQresultErrorField((PGresult *)call->result, PG_DIAG_SQLSTATE);
	enum lane lane = (enum lane)call->lane;

	c->head_since_ms = loop_now_ms();
	lane_leave(r);
	if (lane_is_pipelined(c->lane) && state != NULL && strcmp(state, "55P03") == 0) {
		lane_blocked(r);
		if (wait_in_line(r)) {
			if (calls[call->call].kind != CALL_OWN)
				call->arguments->values[OP_RATE_CLASS] =
				    NULL; /* it has been counted */
			result_free((PGresult *)call->result);
			call->result = NULL;
			send_waiting(LANE_PATIENT);
			r = NULL;
		}
	}
	if (r != NULL)
		op_ended(r);
	if (waiting[lane].first != NULL)
		send_waiting(lane);
	if (c->lane != lane && waiting[c->lane].first != NULL)
		send_waiting(c->lane);
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
	result_free(result);
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

		result_free((PGresult *)r->private->call.result);
		r->private->call.result = NULL;
		lane_leave(r);
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

/* Takes the one behind `before`; NULL: the first. */
static struct request *
take_behind(struct line *line, struct request *before)
{
	struct request *r;

	if (before == NULL)
		return take(line);
	r = before->private->call.next;
	before->private->call.next = r->private->call.next;
	if (line->last == r)
		line->last = before;
	line->count--;
	return r;
}

static bool
is_overdue(const struct line *line, uint64_t now_ms)
{
	return line->first != NULL && now_ms >= line->first->private->call.deadline_ms;
}
