/* Calls that are not sent yet; see waiting.h. */
#include "db/waiting.h"

#include "db/pipeline.h"
#include "db/pool.h"
#include "loop.h"

enum {
	PATIENCE_MS =
	    1500, /* of a call that finds no connection, so that a short absence is not noticed */
	WAITING_MAX = 2048 /* in a lane */
};

static struct line waiting[LANE_COUNT];

static int requests_in(const struct line *line);
static bool move_blocked(void);
static struct request *
next_to_send(enum lane lane, struct request **before, struct connection **connection);

int
waiting_count(enum lane lane)
{
	return waiting[lane].count;
}

bool
waiting_add(struct request *r)
{
	struct db_call_state *call = &r->private->call;
	struct line *line = &waiting[call->lane];

	if (line->count == WAITING_MAX || !lane_wait(r))
		return false;
	call->waiting_since_ms = loop_now_ms();
	line_append(line, r);
	pool_want(call->lane, requests_in(line));
	return true;
}

/* Background tasks can wait: no connection is opened for them. */
static int
requests_in(const struct line *line)
{
	int count = 0;

	for (const struct request *r = line->first; r != NULL; r = r->private->call.next)
		count += r->private->background == NULL;
	return count;
}

void
waiting_send(enum lane lane)
{
	struct request *before, *r;
	struct connection *c;

	if (lane_is_quick(lane) && move_blocked())
		waiting_send(LANE_PATIENT);
	while ((r = next_to_send(lane, &before, &c)) != NULL) {
		line_take_behind(&waiting[lane], before);
		lane_wait_over(r);
		if (!pipeline_send_on(c, r))
			op_ended(r);
	}
}

/* Those of subjects that are blocked by now wait in the patient lane. Whether there were any. */
static bool
move_blocked(void)
{
	bool some = false;

	for (enum lane lane = LANE_READ; lane <= LANE_WRITE; lane++) {
		struct request *before = NULL, *r = waiting[lane].first, *next;

		for (; r != NULL; r = next) {
			next = r->private->call.next;
			if (!lane_is_blocked(r)) {
				before = r;
				continue;
			}
			line_take_behind(&waiting[lane], before);
			lane_wait_over(r);
			r->private->call.lane = LANE_PATIENT;
			some = true;
			if (!waiting_add(r))
				op_ended(r);
		}
	}
	return some;
}

/* The first for which there is a connection; where calls take turns, the one whose subject had its
 * last turn before the others. */
static struct request *
next_to_send(enum lane lane, struct request **before, struct connection **connection)
{
	struct request *best = NULL, *behind = NULL;

	for (struct request *r = waiting[lane].first; r != NULL;
	     behind = r, r = r->private->call.next) {
		struct connection *c = best == NULL || lane_precedes(r, best) ? pool_pick(r) : NULL;

		if (c == NULL)
			continue;
		best = r;
		*before = behind;
		*connection = c;
		if (lane_is_quick(lane))
			break;
	}
	return best;
}

void
waiting_expire(enum lane lane, uint64_t now_ms)
{
	bool is_away = !pool_has(lane);
	struct request *before = NULL, *r = waiting[lane].first, *next;

	for (; r != NULL; r = next) {
		const struct db_call_state *call = &r->private->call;

		next = call->next;
		if (now_ms < call->deadline_ms &&
		    (!is_away || now_ms - call->waiting_since_ms < PATIENCE_MS)) {
			before = r;
			continue;
		}
		line_take_behind(&waiting[lane], before);
		lane_wait_over(r);
		op_ended(r);
	}
	pool_want(lane, requests_in(&waiting[lane]));
}
