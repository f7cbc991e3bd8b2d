/* Holding signals back over a fork; see signals.h. */
#include "signals.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

static const int stopping[] = {SIGTERM, SIGINT, SIGQUIT};
static sigset_t held, before;

static void hold(void);
static void let_go(void);

void
signals_hold_over_forks(void)
{
	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(stopping) / sizeof(stopping[0]); i++)
		sigaddset(&held, stopping[i]);
	if (pthread_atfork(hold, let_go, NULL) != 0)
		abort();
}

void
signals_take(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(stopping) / sizeof(stopping[0]); i++)
		(void)sigaction(stopping[i], &action, NULL);
	(void)sigprocmask(SIG_UNBLOCK, &held, NULL);
}

static void
hold(void)
{
	(void)sigprocmask(SIG_BLOCK, &held, &before);
}

/* In the parent; the child goes on without them. */
static void
let_go(void)
{
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}
