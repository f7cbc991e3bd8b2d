/* The phases of a connection; see client.h. */
#include "http/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "http/private.h"
#include "listen.h"
#include "log.h"

enum {
	LINGER_READ_BYTES = 4096,
	TURN_REQUESTS = 32, /* pipelined ones of one client, before others have their turn */
	LINGER_MS = 1000,
	LINGER_BYTES_MAX = 1024 * 1024,
	KEEPALIVE_LESS_SECONDS = 1 /* than we wait: a client does not send while we close */
};

TAILQ_HEAD(client_list, client);

static struct client_list clients = TAILQ_HEAD_INITIALIZER(clients);
static struct client_list closed = TAILQ_HEAD_INITIALIZER(closed);
static struct client_list soon = TAILQ_HEAD_INITIALIZER(soon);
static int soon_count;
static bool woken; /* run_soon will be called */
static int serving;
static bool draining;

static void on_change(struct loop_socket *socket, unsigned int changes);
static void on_writable(struct client *c);
static bool is_reset(const struct client *c);
static void go_on(struct client *c);
static bool step(struct client *c);
static void hang_up(struct client *c);
static bool drop_input(struct client *c);
static void later(struct client *c);
static void run_soon(void);
static void wake(void);
static void not_soon(struct client *c);
static void expire(struct client *c);

void
client_accepted(int fd, const struct sockaddr_storage *peer)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	c->socket = (struct loop_socket){.fd = fd, .changed = on_change};
	if (peer->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->sin_addr, c->peer,
		    sizeof(c->peer));
	else if (peer->ss_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)peer)->sin6_addr, c->peer,
		    sizeof(c->peer));
	TAILQ_INSERT_TAIL(&clients, c, others);
	client_enter(c, CLIENT_IDLE, (uint64_t)config.header_timeout_seconds * 1000);
	loop_watch_socket(&c->socket);
}

static void
on_change(struct loop_socket *socket, unsigned int changes)
{
	struct client *c = (struct client *)socket;

	if (changes & (LOOP_READABLE | LOOP_ENDED))
		c->readable = true;
	if (changes & LOOP_ENDED)
		c->ended = true;
	if ((changes & LOOP_ENDED) && c->phase == CLIENT_SERVING && is_reset(c)) {
		client_close(c);
		return;
	}
	if ((changes & (LOOP_WRITABLE | LOOP_ENDED)) && c->out.count > 0)
		on_writable(c);
	go_on(c);
}

static void
on_writable(struct client *c)
{
	switch (unread_flush(&c->out, c->socket.fd, loop_now_ms())) {
	case UNREAD_SOME:
		return;
	case UNREAD_NONE:
		if (c->wants_more) {
			c->wants_more = false;
			request_resume(c->request);
		} else if (c->phase == CLIENT_IDLE) {
			client_enter(
			    c, CLIENT_IDLE, (uint64_t)config.header_timeout_seconds * 1000);
			if (c->closes)
				hang_up(c);
		}
		return;
	case UNREAD_TOO_MUCH:
	case UNREAD_BROKEN:
		client_close(c);
	}
}

/* A client that has sent everything may have shut its side, and waits for the answer (RFC 9112
 * section 9.6); one that has closed both looks the same until we write. */
static bool
is_reset(const struct client *c)
{
	char byte;

	return recv(c->socket.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 && errno != EAGAIN &&
	       errno != EINTR;
}

/* As far as the bytes that are there lead. An answer that is given while this runs does not start
 * it a second time. */
static void
go_on(struct client *c)
{
	int turns = 0;

	if (c->going)
		return;
	c->going = true;
	while (step(c))
		if (c->phase == CLIENT_IDLE && c->in.count > 0 && ++turns == TURN_REQUESTS) {
			later(c);
			break;
		}
	c->going = false;
}

/* Whether another step may follow. */
static bool
step(struct client *c)
{
	switch (c->phase) {
	case CLIENT_IDLE:
	case CLIENT_HEAD:
		return c->out.count == 0 && client_read_head(c);
	case CLIENT_BODY:
		return client_read_body(c);
	case CLIENT_LINGER:
		return drop_input(c);
	case CLIENT_SERVING:
	case CLIENT_CLOSED:
		break;
	}
	return false;
}

int
client_keep_seconds(const struct client *c)
{
	return c->closes || draining ? 0
				     : (int)config.header_timeout_seconds - KEEPALIVE_LESS_SECONDS;
}

void
client_answered(struct client *c, enum unread_result sent)
{
	struct request *r = c->request;

	c->closes = c->closes || draining;
	c->request = NULL;
	request_release(r);
	if (sent == UNREAD_TOO_MUCH)
		log_event(
		    LOG_WARNING_LEVEL, "http", "a client did not read its answer", "no room", NULL);
	if (sent == UNREAD_TOO_MUCH || sent == UNREAD_BROKEN) {
		client_close(c);
		return;
	}
	client_enter(c, CLIENT_IDLE,
	    sent == UNREAD_SOME ? 0 : (uint64_t)config.header_timeout_seconds * 1000);
	if (c->closes && sent == UNREAD_NONE)
		hang_up(c);
	go_on(c);
}

/* The step that has made the piece is not over yet: what follows from it comes later. */
void
client_sent_piece(struct client *c, enum unread_result sent)
{
	c->wants_more = true;
	if (sent == UNREAD_TOO_MUCH)
		log_event(
		    LOG_WARNING_LEVEL, "http", "a client did not read its answer", "no room", NULL);
	c->broken = sent == UNREAD_TOO_MUCH || sent == UNREAD_BROKEN;
	if (sent != UNREAD_SOME)
		later(c);
}

/* Bytes that come before the client sees the end would make the kernel reset the connection, and
 * take the answer away from the client (RFC 9112 section 9.6). So its end is waited for. */
static void
hang_up(struct client *c)
{
	(void)shutdown(c->socket.fd, SHUT_WR);
	client_enter(c, CLIENT_LINGER, LINGER_MS);
	go_on(c);
}

static bool
drop_input(struct client *c)
{
	receive_drop(&c->in, 0, c->in.count);
	if (!client_receive(c, LINGER_READ_BYTES))
		return false;
	c->lingered += c->in.count;
	if (c->lingered > LINGER_BYTES_MAX)
		client_close(c);
	return c->phase != CLIENT_CLOSED;
}

void
client_close(struct client *c)
{
	struct request *r = c->request;

	if (c->phase == CLIENT_CLOSED)
		return;
	client_enter(c, CLIENT_CLOSED, 0);
	c->request = NULL;
	(void)close(c->socket.fd);
	c->socket.fd = -1;
	listen_closed();
	receive_release(&c->in);
	unread_drop(&c->out);
	not_soon(c);
	TAILQ_REMOVE(&clients, c, others);
	TAILQ_INSERT_TAIL(&closed, c, others);
	if (r != NULL)
		request_abandon(r);
}

void
client_enter(struct client *c, enum client_phase phase, uint64_t milliseconds)
{
	serving += (phase == CLIENT_SERVING) - (c->phase == CLIENT_SERVING);
	c->phase = phase;
	c->deadline_ms = milliseconds > 0 ? loop_now_ms() + milliseconds : 0;
}

static void
later(struct client *c)
{
	if (c->is_soon)
		return;
	c->is_soon = true;
	soon_count++;
	TAILQ_INSERT_TAIL(&soon, c, soon);
	wake();
}

/* Those that ask for another turn meanwhile have it after the events of others. */
static void
run_soon(void)
{
	struct client *c;

	woken = false;
	for (int turns = soon_count; turns > 0 && (c = TAILQ_FIRST(&soon)) != NULL; turns--) {
		not_soon(c);
		if (c->broken) {
			client_close(c);
		} else if (c->wants_more) {
			c->wants_more = false;
			request_resume(c->request);
		} else {
			go_on(c);
		}
	}
	if (soon_count > 0)
		wake();
}

static void
wake(void)
{
	if (!woken)
		loop_soon(run_soon);
	woken = true;
}

static void
not_soon(struct client *c)
{
	if (!c->is_soon)
		return;
	c->is_soon = false;
	soon_count--;
	TAILQ_REMOVE(&soon, c, soon);
}

int
client_serving_count(void)
{
	return serving;
}

bool
clients_busy(void)
{
	const struct client *c;

	TAILQ_FOREACH(c, &clients, others)
	if (c->out.count > 0 || (c->phase != CLIENT_IDLE && c->phase != CLIENT_HEAD))
		return true;
	return false;
}

void
clients_drain(void)
{
	draining = true;
}

void
clients_tick(uint64_t now_ms)
{
	struct client *c, *next;

	while ((c = TAILQ_FIRST(&closed)) != NULL) {
		TAILQ_REMOVE(&closed, c, others);
		free(c);
	}
	for (c = TAILQ_FIRST(&clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, others);
		if (unread_has_stalled(&c->out, now_ms)) {
			log_event(LOG_WARNING_LEVEL, "http", "a client did not read its answer",
			    NULL, NULL);
			client_close(c);
		} else if (c->deadline_ms != 0 && now_ms >= c->deadline_ms) {
			expire(c);
		}
	}
}

/* A request that has begun is told 408 (RFC 9110 section 15.5.9). */
static void
expire(struct client *c)
{
	if (c->phase == CLIENT_HEAD)
		client_refuse(c, request_new(),
		    (struct refusal){.status = 408, .reason = "the head did not come in time"});
	else if (c->phase == CLIENT_BODY)
		client_refuse(c, c->request,
		    (struct refusal){.status = 408, .reason = "the body did not come in time"});
	else
		client_close(c);
}
