/*
 * Asking one source after the other (erasure.h). A claimed source is leased; when this worker dies
 * the lease ends, and another one asks again, which does no harm. What fails is due again after a
 * pause, so that who waits for the answer does not wait for that.
 */
#include "jobs/erasure.h"

#include <stdio.h>
#include <unistd.h>

#include "background.h"
#include "config.h"
#include "http/reply.h"
#include "jobs/erasure_answer.h"
#include "jobs/http_fetch.h"
#include "jobs/job.h"

enum {
	DEADLINE_MS = 5000,
	LEASE_SECONDS = 20, /* beyond the deadline, and two time-outs of the sync database */
	URL_BYTES = 1024,
	WORKER_BYTES = 64
};

struct erasing {
	char worker[WORKER_BYTES]; /* who holds the lease */
	struct str only;           /* the erasure that is waited for; STR_NONE: any */
	struct str id;
	struct str source;
	struct http_fetch fetch;
};

/* A service that is asked by HTTP to forget a user. */
struct service {
	struct str name;
	const struct str *url;
	struct str path; /* the user's id is put behind it */
};

enum start_column { ERASURE_ID = REPLY_CLAIMS + 1 };
enum claim_column { ID, SOURCE, USER_ID };

static const struct service services[] = {
    {{.p = "credits", .len = 7}, &config.credits_url,
	{.p = "/api/v1/internal/credits/balance/", .len = 33}},
    {{.p = "subscriptions", .len = 13}, &config.subscriptions_url,
	{.p = "/api/v1/internal/subscriptions/", .len = 31}},
};

static struct erasing *state_make(struct request *r);
static enum step started(struct request *r);
static enum step claim(struct request *r);
static enum step claimed(struct request *r);
static enum step sync_found(struct request *r);
static enum step ask(struct request *r, const struct service *service, struct str user_id);
static enum step answered(struct request *r);
static enum step failed(struct request *r, struct str reason);
static enum step reported(struct request *r);
static const struct service *service_find(struct str name);

enum step
erasure_run_due(struct request *r)
{
	state_make(r);
	return claim(r);
}

enum step
erasure_start(struct request *r, struct db_arg challenge, struct db_arg output, struct db_arg token,
    struct db_arg callback_url)
{
	struct erasing *s = state_make(r);

	return db_call(r, CALL_ERASURE_START, started, challenge, output, token, callback_url,
	    db_text(r, str_from(s->worker)), db_int(r, LEASE_SECONDS));
}

enum step
erasure_start_for(struct request *r, struct db_arg user_id)
{
	struct erasing *s = state_make(r);

	return db_call(r, CALL_ADMIN_USER_ERASE, started, user_id, db_text(r, str_from(s->worker)),
	    db_int(r, LEASE_SECONDS));
}

static enum step
started(struct request *r)
{
	struct erasing *s = r->state;

	s->only = arena_copy(&r->arena, row_text(r->answer, 0, ERASURE_ID));
	if (s->only.p == NULL) /* refused, or a mail was promised */
		return reply_relay(r);
	if (!reply_relay_cookies(r))
		return reply_error(r, ERR_INTERNAL);
	return claim(r);
}

/* In the place of the state of whoever was at it before. */
static struct erasing *
state_make(struct request *r)
{
	struct erasing *s = arena_alloc(&r->arena, sizeof(*s));

	(void)snprintf(s->worker, sizeof(s->worker), "%ld-%s", (long)getpid(), r->id); /* fits */
	r->state = s;
	return s;
}

static enum step
claim(struct request *r)
{
	const struct erasing *s = r->state;

	return db_call(r, CALL_ERASURE_CLAIM, claimed, db_text(r, str_from(s->worker)),
	    db_int(r, LEASE_SECONDS), db_text(r, s->only));
}

static enum step
claimed(struct request *r)
{
	struct erasing *s = r->state;
	struct db_arg worker = db_text(r, str_from(s->worker));

	if (row_count(r->answer) == 0 && s->only.p == NULL)
		return db_call(r, CALL_ERASURE_ECHO, reply_nobody);
	if (row_count(r->answer) == 0)
		return db_call(r, CALL_ERASURE_REPORT, reply_relay, db_text(r, s->only), worker);
	s->id = arena_copy(&r->arena, row_text(r->answer, 0, ID));
	s->source = arena_copy(&r->arena, row_text(r->answer, 0, SOURCE));
	if (str_equal(s->source, STR("sync")))
		return db_call(r, CALL_ERASURE_SYNC_FIND, sync_found, db_text(r, s->id), worker);
	if (str_equal(s->source, STR("auth")))
		return db_call(r, CALL_ERASURE_AUTH, reported, db_text(r, s->id), worker);
	return ask(r, service_find(s->source), row_text(r->answer, 0, USER_ID));
}

static enum step
sync_found(struct request *r)
{
	const struct erasing *s = r->state;

	if (!row_bool(r->answer, 0, 0))
		return reported(r);
	return db_call(r, CALL_ERASURE_SYNC_DELETE, reported, db_text(r, s->id),
	    db_text(r, str_from(s->worker)));
}

static enum step
ask(struct request *r, const struct service *service, struct str user_id)
{
	struct erasing *s = r->state;
	struct buf url = arena_buf(&r->arena, URL_BYTES);

	if (service == NULL || service->url->len == 0)
		return failed(r, STR("this edge does not know the service"));
	buf_str(&url, *service->url);
	buf_str(&url, service->path);
	buf_uri(&url, user_id);
	http_fetch_prepare(r, &s->fetch, "DELETE", buf_view(&url), ERASURE_ANSWER_BYTES);
	http_fetch_header(&s->fetch, "x-service-key", config.service_keys.items[0].key);
	http_fetch_header(&s->fetch, "x-app-id", STR("mana-auth"));
	http_fetch_header(&s->fetch, "idempotency-key", s->id);
	s->fetch.deadline_ms = DEADLINE_MS;
	return job_run(r, JOB_HTTP, http_fetch_work, &s->fetch, answered);
}

static enum step
answered(struct request *r)
{
	struct erasing *s = r->state;
	int64_t count;

	if (erasure_is_done(&count, s->fetch.status, buf_view(&s->fetch.reply)))
		return db_call(r, CALL_ERASURE_DONE, reported, db_text(r, s->id),
		    db_text(r, s->source), db_text(r, str_from(s->worker)), db_int(r, count));
	if (s->fetch.status != 0) {
		buf_str(&s->fetch.reason, STR("answered "));
		buf_int(&s->fetch.reason, s->fetch.status);
	}
	return failed(r, buf_view(&s->fetch.reason));
}

static enum step
failed(struct request *r, struct str reason)
{
	const struct erasing *s = r->state;

	return db_call(r, CALL_ERASURE_FAILED, reported, db_text(r, s->id), db_text(r, s->source),
	    db_text(r, str_from(s->worker)), db_text(r, reason));
}

/* The next source: in fresh memory where nobody waits. */
static enum step
reported(struct request *r)
{
	const struct erasing *s = r->state;

	if (s->only.p != NULL)
		return claim(r);
	background_wake(erasure_run_due);
	return reply_nobody(r);
}

static const struct service *
service_find(struct str name)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (str_equal(name, services[i].name))
			return &services[i];
	return NULL;
}
