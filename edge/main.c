/*
 * The module that Kore loads: start of a worker, the tick, the drain at its end, and the system
 * calls that it may make. The configuration that names these functions is written by launcher.c.
 */
#include <kore/kore.h>
#pragma GCC visibility push(default) /* Kore finds these by dlsym */
#include <kore/hooks.h>
#pragma GCC visibility pop
#include <kore/http.h>
#include <kore/seccomp.h>

#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "background.h"
#include "config.h"
#include "http/unread.h"
#include "db/op.h"
#include "jobs/threads.h"
#include "json.h"
#include "keys/signing.h"
#include "log.h"
#include "loop.h"
#include "mail/smtp.h"
#include "signals.h"

enum {
	TICK_MS = 200,
	/* Clients are told 503 instead of waiting for the database: while it is away, and in any
	   case. */
	ACCEPT_WITHOUT_DATABASE_MS = 1000,
	ACCEPT_AT_LATEST_MS = 5000,
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
static void drain_begin(void);
static bool drained(void);
static void on_listener(void *listener, int error);
static void accept_later(void);

static bool
    *refused; /* shared by all processes: a worker has found that the service must not run */
static volatile sig_atomic_t stopping;
static u_int64_t drain_until_ms;  /* 0: not draining */
static u_int64_t accept_at_ms;    /* 0: connections are accepted */
static u_int32_t connections_max; /* Kore's limit, which is 0 while none are accepted */
static bool listeners_parked;     /* not watched while none are accepted */

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
	kore_seccomp_filter("mana-auth", allowed, KORE_FILTER_LEN(allowed));
}

void
kore_worker_configure(void)
{
	struct kore_server *server;
	struct listener *listener;

	signals_take(on_stop);
	LIST_FOREACH(server, &kore_servers, list)
	LIST_FOREACH(listener, &server->listeners, list)
	listener->evt.handle = on_listener;
	accept_later();
	signing_start();
	threads_start();
	pipeline_start();
	background_run(kore_time_ms()); /* signing keys are asked for with the first connection */
	kore_timer_add(tick, TICK_MS, NULL, 0);
}

/*
 * Deadlines, reconnecting, background tasks, the drain. It has to run for another reason, too:
 * without a timer Kore's loop sleeps for ever when nothing comes, and its own time-outs never end a
 * silent connection.
 */
static void
tick(void *arg, u_int64_t now)
{
	(void)arg;
	if (accept_at_ms != 0 &&
	    (now >= accept_at_ms ||
		(pipeline_has_failed() &&
		    now >= accept_at_ms - ACCEPT_AT_LATEST_MS + ACCEPT_WITHOUT_DATABASE_MS)))
		loop_accept();
	if (stopping && drain_until_ms == 0)
		drain_begin();
	pipeline_tick(now);
	unread_tick(now);
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

/* New connections are refused, in all workers at once, for they share the socket; what has begun is
 * finished. */
static void
drain_begin(void)
{
	struct kore_server *server;
	struct listener *listener;

	drain_until_ms = kore_time_ms() + (u_int64_t)config.drain_seconds * 1000;
	http_keepalive_time = 0; /* answers say Connection: close from now on */
	LIST_FOREACH(server, &kore_servers, list)
	LIST_FOREACH(listener, &server->listeners, list)
	(void)shutdown(listener->fd, SHUT_RD);
	log_event(LOG_INFO_LEVEL, "worker", "stopping", NULL, NULL);
}

static bool
drained(void)
{
	struct connection *c;

	if (http_request_count > 0 || background_busy() || threads_busy())
		return false;
	TAILQ_FOREACH(c, &connections, list)
	if (c->proto == CONN_PROTO_HTTP && !TAILQ_EMPTY(&c->send_queue))
		return false;
	return true;
}

/*
 * A new worker has no signing keys and perhaps no secret of cookies. Clients are better served by
 * the other workers meanwhile: with a limit of no connections Kore does not take its lock of
 * listeners. An only worker takes it in any case; see on_listener.
 */
static void
accept_later(void)
{
	connections_max = worker_max_connections;
	worker_max_connections = 0;
	accept_at_ms = kore_time_ms() + ACCEPT_AT_LATEST_MS;
}

void
loop_accept(void)
{
	if (accept_at_ms == 0)
		return;
	accept_at_ms = 0;
	worker_max_connections = connections_max;
	if (listeners_parked)
		kore_platform_enable_accept();
	listeners_parked = false;
}

/* Kore would end the process when a shut socket reports an error. Edge-triggered, it reports it
 * once. */
static void
on_listener(void *arg, int error)
{
	static bool quiet;
	struct listener *listener = arg;

	if (!error && !stopping && accept_at_ms == 0) {
		kore_listener_accept(arg, error);
		return;
	}
	if (!error &&
	    !stopping) { /* level-triggered: the loop would turn until the keys are there */
		if (!listeners_parked)
			kore_platform_disable_accept();
		listeners_parked = true;
		return;
	}
	stopping = 1;
	if (!quiet)
		kore_platform_event_schedule(listener->fd, EPOLLIN | EPOLLET, 0, listener);
	quiet = true;
}
