/*
 * Promised calls, seen from the worker that sends: the sister of mail/outbox.c. A claimed call is
 * leased; when this worker dies, the lease ends and another one sends it, with the same
 * Idempotency-Key. What the other service can never take is dead at once; everything else is tried
 * again with growing pauses.
 */
#include "jobs/outbound.h"

#include <stdio.h>
#include <unistd.h>

#include "background.h"
#include "config.h"
#include "db/db.h"
#include "http/reply.h"
#include "jobs/http_fetch.h"
#include "jobs/job.h"
#include "log.h"

enum {
	DEADLINE_MS = 10000,
	LEASE_SECONDS = 30, /* beyond the deadline */
	REPLY_BYTES = 16384,
	URL_BYTES = 1024,
	WORKER_BYTES = 64
};

struct calling {
	char worker[WORKER_BYTES]; /* who holds the lease */
	struct str id;
	struct str path;
	struct http_fetch fetch;
};

enum column { ID, PATH, BODY };

static enum step claimed(struct request *r);
static enum step answered(struct request *r);
static enum step reported(struct request *r);
static bool accepted(int status);
static bool refused_for_good(int status);
static struct str column_copy(struct request *r, enum column column);

enum step
outbound_send_due(struct request *r)
{
	struct calling *s = request_state(r, sizeof(*s));

	if (config.credits_url.len == 0)
		return reply_nobody(r);
	(void)snprintf(s->worker, sizeof(s->worker), "%ld-%s", (long)getpid(), r->id); /* fits */
	return db_call(r, CALL_OUTBOUND_CLAIM, claimed, db_text(r, STR("credits")),
	    db_text(r, str_from(s->worker)), db_int(r, 1), db_int(r, LEASE_SECONDS));
}

static enum step
claimed(struct request *r)
{
	struct calling *s = r->state;
	struct buf url = arena_buf(&r->arena, URL_BYTES);

	if (row_count(r->answer) == 0)
		return reply_nobody(r);
	s->id = column_copy(r, ID);
	buf_str(&url, config.credits_url);
	s->path = column_copy(r, PATH);
	buf_str(&url, s->path);
	http_fetch_prepare(r, &s->fetch, "POST", buf_view(&url), REPLY_BYTES);
	http_fetch_header(&s->fetch, "x-service-key", config.service_keys.items[0].key);
	http_fetch_header(&s->fetch, "x-app-id", STR("mana-auth"));
	http_fetch_header(&s->fetch, "idempotency-key", s->id);
	s->fetch.body = column_copy(r, BODY);
	s->fetch.deadline_ms = DEADLINE_MS;
	return job_run(r, JOB_HTTP, http_fetch_work, &s->fetch, answered);
}

static enum step
answered(struct request *r)
{
	struct calling *s = r->state;
	struct http_fetch *f = &s->fetch;

	if (accepted(f->status))
		return db_call(r, CALL_OUTBOUND_DONE, reported, db_text(r, s->id),
		    db_text(r, str_from(s->worker)));
	if (f->status != 0) {
		buf_str(&f->reason, STR("answered "));
		buf_int(&f->reason, f->status);
	}
	log_event(refused_for_good(f->status) ? LOG_ERROR_LEVEL : LOG_WARNING_LEVEL, "outbound",
	    refused_for_good(f->status) ? "a call was refused for good"
					: "a call was not accepted, and is tried again",
	    s->path.p, buf_cstr(&f->reason));
	return db_call(r, CALL_OUTBOUND_FAILED, reported, db_text(r, s->id),
	    db_text(r, str_from(s->worker)), db_text(r, buf_view(&f->reason)),
	    db_bool(refused_for_good(f->status)));
}

/* The next call, if there is one, in fresh memory. */
static enum step
reported(struct request *r)
{
	background_wake(outbound_send_due);
	return reply_nobody(r);
}

static bool
accepted(int status)
{
	return status >= 200 && status < 300;
}

/* The body itself is refused. A wrong key, a path that is not there yet or a limit (401, 403, 404,
 * 429) are for somebody to mend. */
static bool
refused_for_good(int status)
{
	return status == 400 || status == 409 || status == 410 || status == 413 || status == 415 ||
	       status == 422;
}

static struct str
column_copy(struct request *r, enum column column)
{
	return arena_copy(&r->arena, row_text(r->answer, 0, (int)column));
}
