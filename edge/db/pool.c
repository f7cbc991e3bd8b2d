/*
 * The connections of a worker; see pool.h. Those of reads and writes are kept open, as is one for
 * slow calls. The others are opened when a call waits: most of the time nobody is blocked, and a
 * backend costs some megabytes. Until one connection has tried every statement, only the calls are
 * sent that a worker starts with.
 */
#include "db/pool.h"

#include "config.h"

enum {
	UNDER_WAY_MAX = 1024, /* calls on one connection; beyond, the database is as good as away */
	STUCK_MS = 100 /* a pipeline whose server works on one call for longer gets no more */
};

struct connection pool[POOL_CONNECTIONS_MAX];
int pool_count;

static bool matches; /* the database knows every statement */

static struct connection *add(enum lane lane, int64_t count, int64_t kept);
static bool is_open(const struct connection *c, enum lane lane);
static bool needs_no_check(enum call call);
static struct connection *least_loaded(enum lane lane, const struct request *r);
static bool is_stuck(const struct connection *c);
static bool all_are_stuck(enum lane lane);

void
pool_start(void (*ready)(struct loop_watch *watch))
{
	(void)add(LANE_SLOW, config.db_slow_connections, 1);
	(void)add(LANE_READ, config.db_pipelines, config.db_pipelines);
	add(LANE_WRITE, config.db_write_pipelines, config.db_write_pipelines)->checks = true;
	(void)add(LANE_PATIENT, config.db_patient_connections, 0);
	for (int i = 0; i < pool_count; i++) {
		pool[i].watch.fd = -1;
		pool[i].watch.ready = ready;
	}
	connection_open(&pool[0]);
}

/* The last one that is added. */
static struct connection *
add(enum lane lane, int64_t count, int64_t kept)
{
	for (int64_t i = 0; i < count; i++)
		pool[pool_count++] = (struct connection){.lane = lane, .is_optional = i >= kept};
	return &pool[pool_count - 1];
}

void
pool_ready(const struct connection *c)
{
	if (c->checks)
		matches = true;
}

void
pool_open_kept(void)
{
	for (int i = 0; i < pool_count; i++)
		if (pool[i].state == CLOSED && !pool[i].is_optional && pool[i].failures == 0)
			connection_open(&pool[i]);
}

/* After a restart the database may be another one. */
void
pool_lost(const struct connection *c)
{
	bool some_left = false;

	for (int i = 0; i < pool_count; i++)
		some_left = some_left || pool[i].state == READY;
	if (c->mismatched || !some_left)
		matches = false;
}

void
pool_check_again(void)
{
	for (int i = 0; i < pool_count; i++)
		if (pool[i].checks && pool[i].state == READY)
			pool[i].retiring = "the statements are tried again";
}

void
pool_want(enum lane lane, int waiting)
{
	struct connection *closed = NULL;

	for (int i = 0; i < pool_count; i++) {
		struct connection *c = &pool[i];

		if (c->lane != lane)
			continue;
		if (c->state == CONNECTING || c->state == PREPARING)
			waiting--;
		else if (closed == NULL && c->state == CLOSED && c->is_optional &&
			 loop_now_ms() >= c->deadline_ms)
			closed = c;
	}
	if (closed != NULL && waiting > 0)
		connection_open(closed);
}

/* A connection of the lane; of the other pipelined lane while all of its own are stuck. */
struct connection *
pool_pick(const struct request *r)
{
	enum lane lane = r->private->call.lane;
	struct connection *c;

	if ((!matches && !needs_no_check(r->private->call.call)) || !lane_has_room(r))
		return NULL;
	c = least_loaded(lane, r);
	if (c == NULL && lane_is_quick(lane) && all_are_stuck(lane))
		c = least_loaded(lane == LANE_READ ? LANE_WRITE : LANE_READ, r);
	return c;
}

static bool
needs_no_check(enum call call)
{
	return call == CALL_SIGNING_KEYS || call == CALL_EDGE_SECRET;
}

/* The ready connection with the least under way, on which the subject has room. */
static struct connection *
least_loaded(enum lane lane, const struct request *r)
{
	int max = lane_is_pipelined(lane) ? UNDER_WAY_MAX : 1;
	struct connection *best = NULL;

	for (int i = 0; i < pool_count; i++) {
		struct connection *c = &pool[i];

		if (is_open(c, lane) && c->sent.count < max && !is_stuck(c) &&
		    c->of_subject[r->private->call.subject] < lane_share(lane) &&
		    (best == NULL || c->sent.count < best->sent.count))
			best = c;
	}
	return best;
}

static bool
is_open(const struct connection *c, enum lane lane)
{
	return c->lane == lane && c->state == READY && c->trouble == NULL && c->retiring == NULL;
}

static bool
is_stuck(const struct connection *c)
{
	return c->sent.first != NULL && loop_now_ms() - c->head_since_ms > STUCK_MS;
}

/* False when there is none. */
static bool
all_are_stuck(enum lane lane)
{
	bool some = false, all = true;

	for (int i = 0; i < pool_count; i++)
		if (is_open(&pool[i], lane)) {
			some = true;
			all = all && is_stuck(&pool[i]);
		}
	return some && all;
}

bool
pool_has(enum lane lane)
{
	for (int i = 0; matches && i < pool_count; i++)
		if (is_open(&pool[i], lane))
			return true;
	return false;
}

bool
db_ready(void)
{
	return pool_has(LANE_READ) && pool_has(LANE_WRITE);
}

bool
pipeline_has_failed(void)
{
	for (int i = 0; i < pool_count; i++)
		if (pool[i].failures > 0)
			return true;
	return false;
}
