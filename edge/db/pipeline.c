/*
 * The database client: connections in libpq's pipeline mode on the event loop. A call is one
 * prepared statement and one Sync, hence one transaction; results come in the order of the calls.
 * Losing a connection fails what is under way on it, whose outcome is unknown; a call is sent again
 * only when the database has said that it did nothing. A connection is made again after growing
 * pauses, varied so that workers do not march in step.
 */
#include <sodium.h>
#include <stdlib.h>

#include "config.h"
#include "db/pipeline.h"
#include "db/pool.h"
#include "db/result.h"
#include "db/settings.h"
#include "db/waiting.h"
#include "log.h"
#include "loop.h"

enum {
	PAUSE_FIRST_MS = 50,
	PAUSE_MAX_MS = 500,
	PAUSE_DOUBLINGS_MAX = 4,
	LIMIT_CHARS = 12,
	GRACE_MS = 500, /* beyond its statement_timeout, for the server to say so */
	IDLE_MS = 60000 /* until an optional connection is closed */
};

static bool send_limits(struct connection *c, const struct db_call_state *call);
static void tend(struct connection *c, uint64_t now_ms);
static void give_up(struct connection *c, uint64_t now_ms);
static void on_ready(struct loop_watch *watch);
static void read_results(struct connection *c);
static bool read_result(struct connection *c);
static void limits_got(struct connection *c, const PGresult *result);
static void end_call(struct connection *c);
static bool goes_on(struct connection *c, struct request *r);
static bool is_being_prepared(const struct connection *c, enum call call);
static bool does_not_match(const struct db_call_state *call);
static void keep_result(struct connection *c, struct db_call_state *call, PGresult *result);
static void lose(struct connection *c, const char *why);
static void ended(struct request *r);

void
pipeline_start(void)
{
	pool_start(on_ready);
}

bool
pipeline_send(struct request *r)
{
	struct db_call_state *call = &r->private->call;
	struct connection *c;

	lane_choose(r);
	call->deadline_ms =
	    loop_now_ms() + (uint64_t)(call->lane == LANE_SLOW ? config.db_slow_timeout_ms
							       : config.db_query_timeout_ms);
	c = pool_pick(r);
	return c != NULL ? pipeline_send_on(c, r) : waiting_add(r);
}

bool
pipeline_send_on(struct connection *c, struct request *r)
{
	struct db_call_state *call = &r->private->call;
	const struct op_arguments *a = call->arguments;
	/* behind a transaction pooler the next transaction may meet another server connection */
	bool is_kept = config.db_pooler != POOLER_TRANSACTION;
	const char *name = is_kept ? calls[call->call].name : "";

	call->preparing = !is_kept || !c->prepared[call->call];
	if (!send_limits(c, call) ||
	    (call->preparing && PQsendPrepare(c->pg, name, calls[call->call].sql, 0, NULL) != 1) ||
	    PQsendQueryPrepared(c->pg, name, a->count, a->values, a->lengths, a->formats, 0) != 1 ||
	    PQpipelineSync(c->pg) != 1) {
		c->trouble = "a call could not be sent";
		return false;
	}
	c->prepared[call->call] = true;
	if (c->sent.first == NULL)
		c->head_since_ms = loop_now_ms();
	line_append(&c->sent, r);
	c->of_subject[call->subject]++;
	lane_enter(r);
	connection_flush(c);
	return true;
}

/* What is left of its time, and how long it may wait for a lock in this turn. In a transaction of
 * its own, since a procedure that commits does not run behind another statement; so not behind a
 * pooler, which is to see one Sync at a time. */
static bool
send_limits(struct connection *c, const struct db_call_state *call)
{
	uint64_t now_ms = loop_now_ms();
	int left_ms = now_ms < call->deadline_ms ? (int)(call->deadline_ms - now_ms) : 1;
	int turn_ms = lane_turn_ms(c->lane, waiting_count(c->lane));
	char left[LIMIT_CHARS], turn[LIMIT_CHARS];
	const char *const values[] = {left, turn};

	if (lane_is_quick(c->lane) || config.db_pooler != POOLER_NONE)
		return true;
	snprintf(left, sizeof(left), "%d", left_ms);
	snprintf(turn, sizeof(turn), "%d", turn_ms < left_ms ? turn_ms : left_ms);
	c->limits_sent = true;
	return PQsendQueryParams(c->pg, settings_limits_sql, 2, NULL, values, NULL, NULL, 0) == 1 &&
	       PQpipelineSync(c->pg) == 1;
}

void
pipeline_tick(uint64_t now_ms)
{
	for (int i = 0; i < pool_count; i++)
		tend(&pool[i], now_ms);
	for (enum lane lane = LANE_READ; lane < LANE_COUNT; lane++) {
		waiting_expire(lane, now_ms);
		waiting_send(lane);
	}
}

static void
tend(struct connection *c, uint64_t now_ms)
{
	give_up(c, now_ms);
	if (c->trouble != NULL)
		lose(c, c->trouble);
	else if (c->state == CLOSED && !c->is_optional && now_ms >= c->deadline_ms)
		connection_open(c);
	else if ((c->state == CONNECTING || c->state == PREPARING) && now_ms >= c->deadline_ms)
		lose(c, "no connection in time");
	else if (c->state == READY && c->sent.first == NULL && c->retiring != NULL)
		lose(c, c->retiring);
	else if (c->state == READY && c->sent.first == NULL && c->is_optional &&
		 now_ms - c->head_since_ms > IDLE_MS)
		connection_close(c);
	else if (c->sent.first != NULL &&
		 now_ms - c->head_since_ms > connection_timeout_ms(c) + GRACE_MS)
		lose(c, "no result in time");
}

/* Answers requests whose time is over. Their places in the line stay, for the results come. */
static void
give_up(struct connection *c, uint64_t now_ms)
{
	struct request *before = NULL, *r = c->sent.first, *place;

	for (; r != NULL; before = place, r = place->private->call.next) {
		place = r;
		if (r->private->call.given_up || now_ms < r->private->call.deadline_ms)
			continue;
		place = request_new();
		place->private->call = r->private->call;
		place->private->call.given_up = true;
		line_replace(&c->sent, before, r, place);
		r->private->call.result = NULL;
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
		if (c->state == READY) {
			pool_ready(c);
			for (enum lane lane = LANE_READ; lane < LANE_COUNT; lane++)
				waiting_send(lane); /* it may have been the one that checks */
		}
	} else if (r == NULL) {
		result_free(
		    result); /* a notice of the server's end: it closes the connection next */
	} else if (c->limits_sent) {
		limits_got(c, result);
		result_free(result);
	} else if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
		keep_result(c, &r->private->call, result);
	} else {
		result_free(result);
		end_call(c);
	}
	return true;
}

static void
limits_got(struct connection *c, const PGresult *result)
{
	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
		c->limits_sent = false;
	else if (PQresultStatus(result) != PGRES_TUPLES_OK)
		c->trouble = "the limits of a call are refused";
}

/* The first call on the connection has its result. */
static void
end_call(struct connection *c)
{
	struct request *r = line_take(&c->sent);
	struct db_call_state *call = &r->private->call;
	enum lane lane = (enum lane)call->lane;

	c->head_since_ms = loop_now_ms();
	c->of_subject[call->subject]--;
	lane_leave(r);
	if (call->given_up || !goes_on(c, r)) {
		call->mismatched = does_not_match(call);
		if (call->mismatched) {
			c->retiring = "a statement does not prepare any more";
			pool_check_again();
		}
		ended(r);
	}
	if (c->sent.first == NULL) {
		pool_open_kept();
		if (c->retiring != NULL)
			c->trouble = c->retiring;
	}
	waiting_send(lane);
	if (c->lane != lane)
		waiting_send(c->lane);
}

/*
 * Whether a call that was undone waits to be sent again, with what is left of its time: one that
 * could not have its lock goes on in turns; one whose statement the session has lost is sent with
 * it.
 */
static bool
goes_on(struct connection *c, struct request *r)
{
	struct db_call_state *call = &r->private->call;
	const char *state = PQresultErrorField((PGresult *)call->result, PG_DIAG_SQLSTATE);

	if (state == NULL || loop_now_ms() >= call->deadline_ms)
		return false;
	if (strcmp(state, "55P03") == 0) {
		if (!lane_blocked(r))
			return false;
		if (calls[call->call].kind != CALL_OWN)
			call->arguments->values[OP_RATE_CLASS] = NULL; /* it has been counted */
	} else if (strcmp(state, "26000") == 0 && call->lost_statements++ < POOL_CONNECTIONS_MAX) {
		c->prepared[call->call] = is_being_prepared(c, call->call);
	} else {
		return false;
	}
	if (!waiting_add(r))
		return false;
	result_free((PGresult *)call->result);
	call->result = NULL;
	waiting_send((enum lane)call->lane);
	return true;
}

static bool
is_being_prepared(const struct connection *c, enum call call)
{
	for (const struct request *r = c->sent.first; r != NULL; r = r->private->call.next)
		if (r->private->call.call == call && r->private->call.preparing)
			return true;
	return false;
}

/* Whether the database refused its statement as such, not what it did: it did not prepare, or not
 * again after a change of what it names (42, with a position in it; 0A000: its result has another
 * shape). */
static bool
does_not_match(const struct db_call_state *call)
{
	const PGresult *result = (const PGresult *)call->result;
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (state == NULL)
		return false;
	if (strcmp(state, "26000") == 0)
		return true;
	if (strcmp(state, "0A000") == 0)
		return PQresultErrorField(result, PG_DIAG_CONTEXT) == NULL;
	return strncmp(state, "42", 2) == 0 &&
	       (call->preparing || PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION) != NULL);
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
	connection_close(c);
	c->deadline_ms = loop_now_ms() + pause_ms / 2 + randombytes_uniform(pause_ms / 2);
	c->failures++;
	c->sent = (struct line){.first = NULL};
	memset(c->of_subject, 0, sizeof(c->of_subject));
	pool_lost(c);
	while (lost.first != NULL) {
		struct request *r = line_take(&lost);

		result_free((PGresult *)r->private->call.result);
		r->private->call.result = NULL;
		lane_leave(r);
		ended(r);
	}
}

static void
ended(struct request *r)
{
	if (r->private->call.given_up)
		request_release(r);
	else
		op_ended(r);
}
