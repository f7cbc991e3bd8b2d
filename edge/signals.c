/* Holding signals back over a fork; see signals.h. */
#include "signals.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static const int stopping[] = {SIGTERM, SIGINT, SIGQUIT};
static sigset_t held, before;
static pid_t parent;

static void hold(void);
static void let_go(void);

void
signals_hold_over_forks(void)
{
	parent = getpid();
	(void)signal(SIGHUP, SIG_IGN);
	sigemptyset(&held);
	sigaddset(&held, SIGHUP); /* Kore's handler is there for a moment in a new worker */
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
	(void)signal(SIGHUP, SIG_IGN); /* and forgets one that was held */
	(void)sigprocmask(SIG_UNBLOCK, &held, NULL);
}

void
signals_follow_parent(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
		_exit(0); /* it has died before */
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
