/*
 * GET /me/data: mana-credits is asked by a thread, in bounded time, and once the session is known
 * to live; SQL joins what it said with everything else (auth.gdpr_summary). A service that is away
 * costs the answer its numbers and says so, never the answer.
 */
#include "features/gdpr.h"

#include "config.h"
#include "db/db.h"
#include "http/reply.h"
#include "jobs/http_fetch.h"
#include "jobs/job.h"
#include "json.h"
#include "uri.h"

enum { REPLY_BYTES = 16384, URL_BYTES = 512, CREDITS_DEPTH = 4 };

static enum step session_found(struct request *r);
static enum step credits_answered(struct request *r);
static struct str credits_of(const struct http_fetch *f);
static bool is_object(struct str text);

enum step
gdpr_data(struct request *r)
{
	return db_call(r, CALL_SESSION_IS_LIVE, session_found);
}

static enum step
session_found(struct request *r)
{
	struct http_fetch *f = request_state(r, sizeof(*f));
	struct buf url = arena_buf(&r->arena, URL_BYTES);

	if (!row_bool(r->answer, 0, 0))
		return reply_refusal(r, ERR_UNAUTHORIZED, STR("Invalid or expired token"), 0);
	if (config.credits_url.len == 0)
		return db_call(r, CALL_GDPR_DATA, reply_relay, db_null());
	buf_str(&url, config.credits_url);
	buf_str(&url, STR("/api/v1/internal/credits/balance/"));
	buf_uri(&url, r->caller.user_id);
	http_fetch_prepare(r, f, "GET", buf_view(&url), REPLY_BYTES);
	http_fetch_header(f, "x-service-key", config.service_keys.items[0].key);
	http_fetch_header(f, "x-app-id", STR("mana-auth"));
	return job_run(r, JOB_HTTP, http_fetch_work, f, credits_answered);
}

static enum step
credits_answered(struct request *r)
{
	return db_call(r, CALL_GDPR_DATA, reply_relay, db_text(r, credits_of(r->state)));
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
