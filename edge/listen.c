/* Accepting on Kore's listeners; see listen.h. */
#include <kore/kore.h>

#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "db/op.h"
#include "listen.h"

enum {
	/* Clients are told 503 instead of waiting for the database: while it is away, and in any
	   case. */
	WITHOUT_DATABASE_MS = 1000,
	AT_LATEST_MS = 5000
};

static void on_listener(void *listener, int error);
static void accept_some(struct listener *listener);

static const struct listen_events *told;
static u_int64_t begin_at_ms;     /* 0: connections are accepted */
static u_int32_t connections_max; /* Kore's limit, which is 0 while none are accepted */
static bool is_parked;            /* listeners are not watched while none are accepted */
static bool has_ended;

/*
 * With a limit of no connections Kore does not take its lock of listeners. An only worker takes it
 * in any case; see on_listener.
 */
void
listen_prepare(const struct listen_events *events)
{
	struct kore_server *server;
	struct listener *listener;

	told = events;
	LIST_FOREACH(server, &kore_servers, list)
	LIST_FOREACH(listener, &server->listeners, list)
	listener->evt.handle = on_listener;
	connections_max = worker_max_connections;
	worker_max_connections = 0;
	begin_at_ms = kore_time_ms() + AT_LATEST_MS;
}

void
listen_begin(void)
{
	if (begin_at_ms == 0)
		return;
	begin_at_ms = 0;
	worker_max_connections = connections_max;
	if (is_parked)
		kore_platform_enable_accept();
	is_parked = false;
}

void
listen_tick(uint64_t now_ms)
{
	if (begin_at_ms != 0 && (now_ms >= begin_at_ms ||
				    (pipeline_has_failed() && now_ms >= begin_at_ms - AT_LATEST_MS +
									    WITHOUT_DATABASE_MS)))
		listen_begin();
}

void
listen_end(void)
{
	struct kore_server *server;
	struct listener *listener;

	has_ended = true;
	LIST_FOREACH(server, &kore_servers, list)
	LIST_FOREACH(listener, &server->listeners, list)
	(void)shutdown(listener->fd, SHUT_RD);
}

void
listen_closed(void)
{
	worker_active_connections--;
}

/* Kore would end the process when a shut socket reports an error. Edge-triggered, it reports it
 * once. */
static void
on_listener(void *arg, int error)
{
	static bool quiet;
	struct listener *listener = arg;

	if (error || has_ended) {
		if (!quiet)
			kore_platform_event_schedule(listener->fd, EPOLLIN | EPOLLET, 0, listener);
		quiet = true;
		told->shut();
	} else if (begin_at_ms == 0) {
		accept_some(listener);
	} else { /* level-triggered: the loop would turn until the keys are there */
		if (!is_parked)
			kore_platform_disable_accept();
		is_parked = true;
	}
}

/* So many that another worker gets the lock in time. */
static void
accept_some(struct listener *listener)
{
	u_int32_t accepted = 0;
	int one = 1;

	while (worker_active_connections < worker_max_connections) {
		struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
		socklen_t length = sizeof(peer);
		int fd;

		if (worker_accept_threshold != 0 && accepted >= worker_accept_threshold) {
			kore_worker_make_busy();
			return;
		}
		fd = accept4(
		    listener->fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1)
			return;
		accepted++;
		worker_active_connections++;
		if (peer.ss_family != AF_UNIX)
			(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		told->accepted(fd, &peer);
	}
}
