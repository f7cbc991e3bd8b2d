/*
 * Connections: bytes that come at once, and the same bytes in pieces, get the same answers; and
 * whatever comes, and however late an answer is, nothing is used behind its end or leaked. The
 * first byte of the input says how long the pieces are. The path of a request says how it is
 * answered: at once, later, in pieces, or with more than a socket takes.
 */
#include "fuzz.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "edge_request.h"
#include "http/client.h"
#include "http/dispatch.h"
#include "http/private.h"
#include "http/reply.h"
#include "listen.h"

enum { BIG_BYTES = 400 * 1024, PIECES = 3, OUTPUT_MAX = 8 * 1024 * 1024 };

static struct loop_socket *watched;
static void (*soon)(void);
static uint64_t now_ms;
static int open_connections;
static struct request *later; /* one connection: one request at a time */

/* What Kore does otherwise. */
void
loop_watch_socket(struct loop_socket *s)
{
	watched = s;
}

void
loop_soon(void (*act)(void))
{
	REQUIRE(soon == NULL);
	soon = act;
}

uint64_t
loop_now_ms(void)
{
	return now_ms;
}

void
listen_closed(void)
{
	open_connections--;
}

static enum step
echo(struct request *r)
{
	struct buf body = arena_buf(&r->arena, r->path.len + r->query.len + r->body.len + 64);

	buf_int(&body, r->method);
	buf_char(&body, ' ');
	buf_str(&body, r->path);
	buf_char(&body, '?');
	buf_str(&body, r->query);
	buf_char(&body, ' ');
	buf_int(&body, r->private->headers_count);
	buf_char(&body, ' ');
	buf_str(&body, r->body);
	return reply_text(r, 200, buf_view(&body));
}

static enum step
big(struct request *r)
{
	struct buf body = arena_buf(&r->arena, BIG_BYTES);

	memset(body.p, 'b', BIG_BYTES);
	body.len = BIG_BYTES;
	return reply_text(r, 200, buf_view(&body));
}

static enum step
piece(struct request *r)
{
	int *count = request_state(r, sizeof(*count));
	struct str text = STR("a piece of a body that is made while it is sent");

	return ++*count < PIECES ? reply_stream(r, text, piece) : reply_stream_end(r, text);
}

static enum step
serve_later(struct request *r)
{
	REQUIRE(later == NULL);
	r->private->next = echo;
	r->private->waiting = true;
	later = r;
	return STEP_WAIT;
}

void __wrap_dispatch_run(struct request *r);
void
__wrap_dispatch_run(struct request *r)
{
	char how = r->path.len > 1 ? r->path.p[1] : '\0';

	request_stepped(r, how == 'l'   ? serve_later(r)
			   : how == 'b' ? big(r)
			   : how == 's' ? piece(r)
					: echo(r));
}

/* The side of the client. */
struct peer {
	int fd;
	char *output;
	size_t count;
};

static void
read_output(struct peer *peer)
{
	ssize_t n;

	while (peer->count < OUTPUT_MAX && (n = recv(peer->fd, peer->output + peer->count,
						OUTPUT_MAX - peer->count, MSG_DONTWAIT)) > 0)
		peer->count += (size_t)n;
}

/* Until nothing happens any more. */
static void
turn(struct peer *peer, unsigned int changes)
{
	size_t before;

	do {
		before = peer->count;
		if (watched->fd != -1)
			watched->changed(watched, changes | LOOP_WRITABLE);
		changes = 0;
		while (soon != NULL) {
			void (*act)(void) = soon;

			soon = NULL;
			act();
		}
		if (later != NULL) {
			struct request *r = later;

			later = NULL;
			request_resume(r);
		}
		read_output(peer);
	} while (peer->count != before || soon != NULL || later != NULL);
}

static void
converse(struct peer *peer, const char *bytes, size_t count, size_t length)
{
	struct sockaddr_storage address = {.ss_family = AF_INET};
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	peer->fd = fds[1];
	peer->count = 0;
	open_connections++;
	client_accepted(fds[0], &address);
	for (size_t at = 0; at < count; at += length) {
		size_t n = count - at < length ? count - at : length;

		if (watched->fd == -1 || send(peer->fd, bytes + at, n, MSG_NOSIGNAL) != (ssize_t)n)
			break;
		turn(peer, LOOP_READABLE);
	}
	(void)shutdown(peer->fd, SHUT_WR);
	turn(peer, LOOP_READABLE | LOOP_ENDED);
	close(peer->fd);
	now_ms += 1000000;
	clients_tick(now_ms);
	REQUIRE(open_connections == 0 && soon == NULL && later == NULL);
	REQUIRE(client_serving_count() == 0);
	clients_tick(now_ms); /* frees it */
}

static void
wipe_after(struct str text, const char *name, size_t length)
{
	char *at = memmem(text.p, text.len, name, strlen(name));

	if (at != NULL)
		memset(at + strlen(name), '0', length);
}

/* What may differ: ids, times, whether a client was asked to go on, and which of two faults was
 * found first. All ordinary answers are 200. */
static size_t
normal(char *text, size_t count)
{
	static const char go_ahead[] = "HTTP/1.1 100 Continue\r\n\r\n", start[] = "HTTP/1.1 ";
	char *at = text;

	while (
	    at < text + count && (at = memmem(at, count - (size_t)(at - text), start, 9)) != NULL) {
		struct str rest = {.p = at, .len = count - (size_t)(at - text)};

		if (str_starts(rest, STR("HTTP/1.1 100 Continue\r\n\r\n"))) {
			memmove(at, at + sizeof(go_ahead) - 1, rest.len - sizeof(go_ahead) + 1);
			count -= sizeof(go_ahead) - 1;
			continue;
		}
		if (!str_starts(rest, STR("HTTP/1.1 200 "))) {
			REQUIRE(memmem(at, rest.len, "connection: close\r\n", 19) != NULL);
			return (size_t)(at - text);
		}
		wipe_after(rest, "x-request-id: ", REQUEST_ID_CHARS);
		wipe_after(rest, "date: ", 29);
		at += 9;
	}
	return count;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	edge_start();
	config.access_log = false;
	config.body_max_bytes = 2000;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct peer whole, parts;
	const char *bytes = (const char *)data + 1;

	if (size < 2)
		return 0;
	if (whole.output == NULL) {
		whole.output = malloc(OUTPUT_MAX);
		parts.output = malloc(OUTPUT_MAX);
	}
	converse(&whole, bytes, size - 1, size - 1);
	converse(&parts, bytes, size - 1, 1 + data[0] % 64);
	whole.count = normal(whole.output, whole.count);
	parts.count = normal(parts.output, parts.count);
	REQUIRE(whole.count == parts.count);
	REQUIRE(memcmp(whole.output, parts.output, whole.count) == 0);
	return 0;
}
