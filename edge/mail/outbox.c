/*
 * The outbox, seen from the worker that sends. A claimed mail is leased: when this worker dies, the
 * lease ends and another one sends it, under the same Message-ID. Nothing is deleted before the
 * server has accepted the mail, and nothing is lost when it refuses: SQL keeps the reason.
 */
#include "mail/outbox.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "background.h"
#include "config.h"
#include "db/db.h"
#include "http/reply.h"
#include "jobs/job.h"
#include "log.h"
#include "loop.h"
#include "mail/mail.h"
#include "mail/message.h"
#include "mail/smtp.h"

enum {
	ALERT_MS = 10 * 60 * 1000,
	LEASE_SECONDS = 45, /* beyond the deadlines of smtp_send */
	WORKER_BYTES = 64
};

struct sending {
	char worker[WORKER_BYTES]; /* who holds the lease */
	struct str outbox_id;
	struct mail mail;
	struct smtp_server server;
	struct buf message;
	struct buf reason;
	enum smtp_result result;
};

enum column { ID, KIND, RECIPIENT, LOCALE, ARGS, MESSAGE_ID };

/* As auth_api.outbox_failed knows them. */
static const struct str verdicts[] = {
    [SMTP_FAILED] = {.p = "retry", .len = 5},
    [SMTP_MISCONFIGURED] = {.p = "configuration", .len = 13},
    [SMTP_REFUSED] = {.p = "refused", .len = 7},
};

static enum step claimed(struct request *r);
static void deliver(void *state);
static enum step delivered(struct request *r);
static void failure_log(const struct sending *s);
static enum step reported(struct request *r);
static struct str column_copy(struct request *r, enum column column);
static struct str helo_name(void);

enum step
outbox_send_due(struct request *r)
{
	struct sending *s = request_state(r, sizeof(*s));

	if (config.smtp_host.len == 0)
		return reply_nobody(r);
	(void)snprintf(s->worker, sizeof(s->worker), "%ld-%s", (long)getpid(), r->id); /* fits */
	return db_call(r, CALL_OUTBOX_CLAIM, claimed, db_text(r, str_from(s->worker)), db_int(r, 1),
	    db_int(r, LEASE_SECONDS));
}

static enum step
claimed(struct request *r)
{
	struct sending *s = r->state;

	if (row_count(r->answer) == 0)
		return reply_nobody(r);
	s->outbox_id = column_copy(r, ID);
	s->mail = (struct mail){
	    .kind = column_copy(r, KIND),
	    .recipient = column_copy(r, RECIPIENT),
	    .locale = column_copy(r, LOCALE),
	    .args = column_copy(r, ARGS),
	    .id = column_copy(r, MESSAGE_ID),
	    .from = config.smtp_from,
	    .base_url = config.base_url,
	    .date = time(NULL),
	};
	if (s->mail.locale.len == 0) /* of an imported user, say */
		s->mail.locale = config.fallback_language;
	s->server = (struct smtp_server){
	    .host = config.smtp_host,
	    .port = config.smtp_port,
	    .user = config.smtp_user,
	    .password = config.smtp_password,
	    .tls = config.smtp_tls,
	    .insecure_tls = config.smtp_insecure_tls,
	    .helo_name = helo_name(),
	};
	s->message = arena_buf(&r->arena, MAIL_BYTES_MAX);
	s->reason = arena_buf(&r->arena, SMTP_REASON_BYTES);
	return job_run(r, JOB_NETWORK, deliver, s, delivered);
}

/* On the thread. */
static void
deliver(void *state)
{
	struct sending *s = state;

	if (!mail_write(&s->message, &s->reason, &s->mail)) {
		s->result = SMTP_REFUSED;
		return;
	}
	s->result = smtp_send(&s->server, message_address(s->mail.from), s->mail.recipient,
	    buf_view(&s->message), &s->reason);
}

static enum step
delivered(struct request *r)
{
	struct sending *s = r->state;

	if (s->result == SMTP_ACCEPTED)
		return db_call(r, CALL_OUTBOX_DONE, reported, db_text(r, s->outbox_id),
		    db_text(r, str_from(s->worker)));
	failure_log(s);
	return db_call(r, CALL_OUTBOX_FAILED, reported, db_text(r, s->outbox_id),
	    db_text(r, str_from(s->worker)), db_text(r, buf_view(&s->reason)),
	    db_text(r, verdicts[s->result]));
}

/* The reason is for those who may read the outbox: servers like to repeat the address. What needs
 * an operator fails for every mail, so one line in ALERT_MS is enough. */
static void
failure_log(const struct sending *s)
{
	static uint64_t quiet_until_ms;
	uint64_t now_ms = loop_now_ms();

	if (s->result == SMTP_MISCONFIGURED && now_ms >= quiet_until_ms) {
		quiet_until_ms = now_ms + ALERT_MS;
		log_event(LOG_ERROR_LEVEL, "outbox",
		    "the mail server refuses our configuration: see last_error of "
		    "auth.outbox_overview",
		    s->mail.kind.p, s->outbox_id.p);
	} else if (s->result == SMTP_REFUSED) {
		log_event(LOG_ERROR_LEVEL, "outbox", "a mail was refused for good", s->mail.kind.p,
		    s->outbox_id.p);
	} else {
		log_event(LOG_WARNING_LEVEL, "outbox",
		    "a mail was not accepted, and is tried again", s->mail.kind.p, s->outbox_id.p);
	}
}

/* The next mail, if there is one, in fresh memory; a server that refuses us is not asked in a row.
 */
static enum step
reported(struct request *r)
{
	const struct sending *s = r->state;

	if (s->result != SMTP_MISCONFIGURED)
		background_wake(outbox_send_due);
	return reply_nobody(r);
}

static struct str
column_copy(struct request *r, enum column column)
{
	return arena_copy(&r->arena, row_text(r->answer, 0, (int)column));
}

/* The host of BASE_URL: scheme://host[:port]. */
static struct str
helo_name(void)
{
	struct str scheme, rest, host, port;

	if (!str_cut(&scheme, &rest, config.base_origin, ':'))
		return STR("localhost");
	(void)str_cut(&host, &port, str_skip(rest, 2), ':'); /* host is all of it without a port */
	return host;
}
