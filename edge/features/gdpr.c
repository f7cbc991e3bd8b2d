/*
 * A user's data: mana-credits is asked by a thread, in bounded time, and once the session is known
 * to live; SQL joins what it said with everything else (auth.gdpr_summary). A service that is away
 * costs the answer its numbers and says so, never the answer.
 */
#include "features/gdpr.h"

#include "config.h"
#include "db/db.h"
#include "http/reply.h"
#include "jobs/erasure.h"
#include "jobs/http_fetch.h"
#include "jobs/job.h"
#include "json.h"
#include "routes.h"

enum { REPLY_BYTES = 16384, URL_BYTES = 512, CREDITS_DEPTH = 4 };

struct asking {
	step_fn *then;
	struct http_fetch fetch;
	struct str credits;
};

static enum step session_found(struct request *r);
static enum step credits_answered(struct request *r);
static enum step data_ready(struct request *r);
static struct str subject(const struct request *r);
static struct str credits_of(const struct http_fetch *f);
static bool is_object(struct str text);

enum step
gdpr_data(struct request *r)
{
	return gdpr_ask_credits(r, data_ready);
}

static enum step
data_ready(struct request *r)
{
	struct db_arg credits = db_text(r, gdpr_credits(r));

	if (r->route->access == ACCESS_ADMIN)
		return db_call(
		    r, CALL_ADMIN_USER_DATA, reply_relay, db_text(r, subject(r)), credits);
	return db_call(r, CALL_GDPR_DATA, reply_relay, credits);
}

enum step
gdpr_erase_user(struct request *r)
{
	return erasure_start_for(r, db_text(r, subject(r)));
}

enum step
gdpr_ask_credits(struct request *r, step_fn *then)
{
	struct asking *s = request_state(r, sizeof(*s));

	s->then = then;
	return db_call(r, CALL_SESSION_IS_LIVE, session_found);
}

struct str
gdpr_credits(const struct request *r)
{
	const struct asking *s = r->state;

	return s->credits;
}

static enum step
session_found(struct request *r)
{
	struct asking *s = r->state;
	struct buf url = arena_buf(&r->arena, URL_BYTES);

	if (!row_bool(r->answer, 0, 0))
		return reply_refusal(r, ERR_UNAUTHORIZED, STR("Invalid or expired token"), 0);
	if (config.credits_url.len == 0)
		return s->then(r);
	buf_str(&url, config.credits_url);
	buf_str(&url, STR("/api/v1/internal/credits/balance/"));
	buf_uri(&url, subject(r));
	http_fetch_prepare(r, &s->fetch, "GET", buf_view(&url), REPLY_BYTES);
	http_fetch_header(&s->fetch, "x-service-key", config.service_keys.items[0].key);
	http_fetch_header(&s->fetch, "x-app-id", STR("mana-auth"));
	return job_run(r, JOB_HTTP, http_fetch_work, &s->fetch, credits_answered);
}

static enum step
credits_answered(struct request *r)
{
	struct asking *s = r->state;

	s->credits = credits_of(&s->fetch);
	return s->then(r);
}

/* Whom it is about: whom the path names, else the caller. */
static struct str
subject(const struct request *r)
{
	return r->route->access == ACCESS_ADMIN ? r->captures[0] : r->caller.user_id;
}

/* JSON for auth.gdpr_summary, whatever came. */
static struct str
credits_of(const struct http_fetch *f)
{
	if (f->status == 0)
		return STR("{\"unavailable\":\"unreachable\"}");
	if (f->status < 200 || f->status > 299)
		return STR("{\"unavailable\":\"refused\"}");
	return is_object(buf_view(&f->reply)) ? buf_view(&f->reply)
					      : STR("{\"unavailable\":\"failed\"}");
}

static bool
is_object(struct str text)
{
	json_t *json = NULL;
	bool ok = json_read(
	    &json, text, (struct json_limits){.bytes = REPLY_BYTES, .depth = CREDITS_DEPTH});

	ok = ok && json_is_object(json);
	json_decref(json);
	return ok;
}
