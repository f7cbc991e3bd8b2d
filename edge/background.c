/* The table of background tasks, and the clock that starts them; see background.h. */
#include "background.h"

#include <sodium.h>

#include "config.h"
#include "http/private.h"
#include "features/oidc_client.h"
#include "jobs/erasure.h"
#include "jobs/outbound.h"
#include "keys/signing.h"
#include "loop.h"
#include "mail/outbox.h"
#include "sweep.h"

struct background_state {
	uint64_t due_ms;
	bool running;
	bool woken;  /* while it was running: once more */
	bool failed; /* it ended without reply_nobody */
};

/* clang-format off */
static const struct background backgrounds[] = {
	{"signing keys", 60000, signing_fetch},
	{"outbox",        1000, outbox_send_due},
	{"outbound",      1000, outbound_send_due},
	{"erasures",      1000, erasure_run_due},
	{"clients",    3600000, oidc_clients_configure},
	{"sweep",        60000, sweep_expired},
};
/* clang-format on */

enum {
	COUNT = sizeof(backgrounds) / sizeof(backgrounds[0]),
	RETRY_MS =
	    500 /* after a task that could not do its work: until the database is there, say */
};

static struct background_state states[COUNT];

static bool is_wanted(const struct background *task);
static void start(int i);
static uint64_t varied(unsigned int interval_ms);

void
background_run(uint64_t now_ms)
{
	for (int i = 0; i < COUNT; i++)
		if (is_wanted(&backgrounds[i]) && !states[i].running && now_ms >= states[i].due_ms)
			start(i);
}

static bool
is_wanted(const struct background *task)
{
	bool sends_mail = task->first == outbox_send_due;

	return config.mail_sender == MAIL_ON || sends_mail == (config.mail_sender == MAIL_ONLY);
}

void
background_wake(step_fn *first)
{
	for (int i = 0; i < COUNT; i++) {
		if (backgrounds[i].first != first)
			continue;
		states[i].woken = true;
		states[i].due_ms = 0; /* the next tick starts it */
	}
}

bool
background_busy(void)
{
	for (int i = 0; i < COUNT; i++)
		if (states[i].running)
			return true;
	return false;
}

static void
start(int i)
{
	struct request *r = request_new();

	states[i].running = true;
	states[i].woken = false;
	states[i].failed = true; /* until it says otherwise by reply_nobody */
	r->private->background = &states[i];
	request_stepped(r, backgrounds[i].first(r));
}

void
background_finished(struct request *r)
{
	struct background_state *s = r->private->background;
	int i = (int)(s - states);
	unsigned int pause_ms = s->failed && backgrounds[i].interval_ms > RETRY_MS
				    ? RETRY_MS
				    : backgrounds[i].interval_ms;

	s->running = false;
	s->due_ms = s->woken ? 0 : loop_now_ms() + varied(pause_ms);
	request_release(r);
}

void
background_succeeded(struct request *r)
{
	if (r->private->background != NULL)
		r->private->background->failed = false;
}

/* Between three and five quarters of it. */
static uint64_t
varied(unsigned int interval_ms)
{
	return interval_ms - interval_ms / 4 + randombytes_uniform(interval_ms / 2 + 1);
}
