/*
 * The module that Kore loads: start of a worker, the tick, the drain at its end, and the system
 * calls that it may make. The configuration that names these functions is written by launcher.c.
 */
#include <kore/kore.h>
#pragma GCC visibility push(default) /* Kore finds these by dlsym */
#include <kore/hooks.h>
#pragma GCC visibility pop
#include <kore/seccomp.h>

#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "background.h"
#include "config.h"
#include "db/op.h"
#include "http/client.h"
#include "jobs/threads.h"
#include "json.h"
#include "keys/signing.h"
#include "listen.h"
#include "log.h"
#include "loop.h"
#include "mail/smtp.h"
#include "signals.h"

enum {
	TICK_MS = 200,
	EXIT_REFUSED = 78 /* EX_CONFIG */
};

/* Beside Kore's list, found by running the tests with Kore's seccomp_tracing. Nothing here starts a
 * program or reaches another process. */
static struct sock_filter allowed[] = {
    /* threads, and glibc 2.36 below them */
    KORE_SYSCALL_ALLOW(clone3),
    KORE_SYSCALL_ALLOW(rseq),
    KORE_SYSCALL_ALLOW(set_robust_list),
    KORE_SYSCALL_ALLOW(eventfd2),
    KORE_SYSCALL_ALLOW(sched_yield),
    KORE_SYSCALL_ALLOW(sched_getaffinity),
    KORE_SYSCALL_ALLOW(gettid),
    KORE_SYSCALL_ALLOW(tgkill),
    KORE_SYSCALL_ALLOW(mremap),
    KORE_SYSCALL_ALLOW(prlimit64),
    KORE_SYSCALL_ALLOW(sysinfo),
    /* locked memory */
    KORE_SYSCALL_ALLOW(mlock),
    KORE_SYSCALL_ALLOW(mlock2), /* OpenSSL's secure heap */
    KORE_SYSCALL_ALLOW(munlock),
    /* libpq and libcurl: names, sockets, certificates */
    KORE_SYSCALL_ALLOW(newfstatat),
    KORE_SYSCALL_ALLOW(getdents64),
    KORE_SYSCALL_ALLOW(uname),
    KORE_SYSCALL_ALLOW(getgid),
    KORE_SYSCALL_ALLOW(getegid),
    KORE_SYSCALL_ALLOW(getppid),
    KORE_SYSCALL_ALLOW(connect),
    KORE_SYSCALL_ALLOW(accept4),
    KORE_SYSCALL_ALLOW(getpeername),
    KORE_SYSCALL_ALLOW(socketpair),
    KORE_SYSCALL_ALLOW(pipe2),
    KORE_SYSCALL_ALLOW(shutdown),
    KORE_SYSCALL_ALLOW(sendmsg),
    KORE_SYSCALL_ALLOW(recvmsg),
    KORE_SYSCALL_ALLOW(sendmmsg),
    KORE_SYSCALL_ALLOW_ARG(
	socket, 0, AF_NETLINK), /* which addresses the machine has (getaddrinfo) */
    KORE_SYSCALL_ALLOW(bind),
};

static void tick(void *arg, u_int64_t now);
static void on_stop(int signal);
static void on_shut(void);
static void drain_begin(void);
static bool drained(void);

static bool
    *refused; /* shared by all processes: a worker has found that the service must not run */
static volatile sig_atomic_t stopping;
static u_int64_t drain_until_ms; /* 0: not draining */

static const struct listen_events listen_events = {.accepted = client_accepted, .shut = on_shut};

/* Kore writes its log to standard output, which is buffered fully when it is no terminal. */
static void __attribute__((constructor)) line_buffer(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
}

/* For the parent, which ends with a status that says so. */
void
loop_stop_service(void)
{
	*refused = true;
	kore_shutdown();
}

/* In the parent, before workers are forked. */
void
kore_parent_configure(int argc, char **argv)
{
	static char nowhere[] = "/proc/self/none";

	(void)argc;
	(void)argv;
	json_wipe_freed();
	if (sodium_init() < 0)
		fatal("libsodium does not start");
	if (!config_read(stderr))
		fatal("the environment is refused");
	if (!smtp_initialise())
		fatal("libcurl does not start");
	refused =
	    mmap(NULL, sizeof(*refused), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (refused == MAP_FAILED)
		fatal("no shared memory");
	signals_hold_over_forks();
	tzset(); /* else the first worker that formats a time reads a file, which it may not */
	kore_pidfile = nowhere;        /* it is a file in memory, which Kore could not remove */
	(void)mallopt(M_ARENA_MAX, 1); /* threads that hash a password need no heap of their own */
}

/* In the parent, after its workers. */
void
kore_parent_teardown(void)
{
	if (*refused)
		exit(EXIT_REFUSED);
}

void
kore_seccomp_hook(void)
{
	signals_follow_parent();
	kore_seccomp_filter("mana-auth", allowed, KORE_FILTER_LEN(allowed));
}

void
kore_worker_configure(void)
{
	signals_take(on_stop);
	listen_prepare(&listen_events);
	signing_start();
	threads_start();
	pipeline_start();
	background_run(kore_time_ms()); /* signing keys are asked for with the first connection */
	kore_timer_add(tick, TICK_MS, NULL, 0);
}

/*
 * Deadlines, reconnecting, background tasks, the drain. It has to run for another reason, too:
 * without a timer Kore's loop sleeps for ever when nothing comes.
 */
static void
tick(void *arg, u_int64_t now)
{
	(void)arg;
	listen_tick(now);
	if (stopping && drain_until_ms == 0)
		drain_begin();
	pipeline_tick(now);
	clients_tick(now);
	log_flush();
	if (drain_until_ms == 0)
		background_run(now);
	else if (drained() || now >= drain_until_ms) {
		log_flush();
		_exit(0);
	}
}

static void
on_stop(int signal)
{
	(void)signal;
	stopping = 1;
}

/* Another worker drains already. */
static void
on_shut(void)
{
	stopping = 1;
}

/* New connections are refused; what has begun is finished. */
static void
drain_begin(void)
{
	drain_until_ms = kore_time_ms() + (u_int64_t)config.drain_seconds * 1000;
	clients_drain();
	listen_end();
	log_event(LOG_INFO_LEVEL, "worker", "stopping", NULL, NULL);
}

static bool
drained(void)
{
	return !clients_busy() && !background_busy() && !threads_busy();
}
