/* From bytes to a request: a head, its body, or a refusal; see client.h. */
#include <errno.h>

#include "config.h"
#include "http/client.h"
#include "http/dispatch.h"
#include "http/private.h"

enum {
	READ_AHEAD_BYTES = 4096, /* behind a body: chunk framing, or the next request */
	EMPTY_LINES_BYTES = 2 * HEAD_EMPTY_LINES_MAX + 2
};

static void take_head(struct client *c, size_t end);
static bool read_chunks(struct client *c);
static void serve(struct client *c, size_t body_length);

bool
client_receive(struct client *c, size_t max)
{
	ssize_t count;
	size_t room;

	if (!c->readable || !receive_grow(&c->in, max))
		return false;
	room = c->in.size - c->in.count;
	do
		count = recv(c->socket.fd, c->in.bytes + c->in.count, room, MSG_DONTWAIT);
	while (count == -1 && errno == EINTR);
	if (count > 0) {
		c->in.count += (size_t)count;
		c->readable = (size_t)count == room || c->ended;
		return true;
	}
	c->readable = false;
	if (count == 0 || errno != EAGAIN)
		client_close(c); /* in the middle of a request nobody waits for its answer */
	else if (c->in.count == 0)
		receive_release(&c->in);
	return false;
}

bool
client_read_head(struct client *c)
{
	size_t end = c->in.count > 0 ? head_end(&c->scan, c->in.bytes, c->in.count) : 0;

	if (c->scan.refusal.status != 0) {
		client_refuse(c, request_new(), c->scan.refusal);
		return true;
	}
	if (end > 0) {
		take_head(c, end);
		return true;
	}
	if (c->phase == CLIENT_IDLE && c->in.count > 0)
		client_enter(c, CLIENT_HEAD, (uint64_t)config.header_timeout_seconds * 1000);
	return client_receive(c, HEAD_BYTES_MAX + EMPTY_LINES_BYTES);
}

static void
take_head(struct client *c, size_t end)
{
	static const char go_ahead[] = "HTTP/1.1 100 Continue\r\n\r\n";
	static struct head head;
	const struct iovec part = {(void *)go_ahead, sizeof(go_ahead) - 1};
	struct request *r = request_new();
	struct str bytes = arena_copy(
	    &r->arena, (struct str){.p = c->in.bytes + c->scan.start, .len = end - c->scan.start});
	struct refusal refusal =
	    head_read(&head, (char *)bytes.p, bytes.len, (size_t)config.body_max_bytes);

	receive_drop(&c->in, 0, end);
	c->scan = (struct head_scan){.seen = 0};
	c->is_http_1_0 = head.is_http_1_0;
	c->closes = c->closes || head.closes;
	dispatch_begin(r, &head, c->peer);
	if (refusal.status != 0) {
		client_refuse(c, r, refusal);
		return;
	}
	r->private->client = c;
	c->request = r;
	c->is_chunked = head.is_chunked;
	c->body_length = head.is_chunked ? 0 : head.length;
	c->chunks = (struct chunk_reader){.state = 0};
	client_enter(c, CLIENT_BODY, (uint64_t)config.body_timeout_seconds * 1000);
	if (head.expects_continue && c->in.count == 0 && (head.is_chunked || head.length > 0) &&
	    unread_send(&c->out, c->socket.fd, r->private->ip, &part, 1, loop_now_ms()) >
		UNREAD_SOME)
		client_close(c);
}

bool
client_read_body(struct client *c)
{
	if (c->is_chunked)
		return read_chunks(c);
	if (c->in.count < c->body_length)
		return client_receive(c, c->body_length + READ_AHEAD_BYTES);
	serve(c, c->body_length);
	return true;
}

/* Decoded in place: first what the body has so far, then what has not been looked at. */
static bool
read_chunks(struct client *c)
{
	size_t body_max = (size_t)config.body_max_bytes;
	size_t raw = c->in.count - c->body_length;
	struct chunk_progress p;

	if (raw == 0)
		return client_receive(c, body_max + READ_AHEAD_BYTES);
	p = chunk_read(&c->chunks, c->in.bytes + c->body_length, raw, body_max);
	c->body_length += p.data;
	receive_drop(&c->in, c->body_length, p.used - p.data);
	if (p.refusal.status != 0) {
		client_refuse(c, c->request, p.refusal);
		return true;
	}
	if (c->chunks.is_complete)
		serve(c, c->body_length);
	return true;
}

static void
serve(struct client *c, size_t body_length)
{
	struct str body = {.p = c->in.bytes, .len = body_length};

	if (body_length > 0)
		dispatch_body(c->request, body);
	receive_drop(&c->in, 0, body_length);
	if (c->in.count == 0)
		receive_release(&c->in);
	client_enter(c, CLIENT_SERVING, 0);
	dispatch_run(c->request);
}

void
client_refuse(struct client *c, struct request *r, struct refusal refusal)
{
	r->private->client = c;
	if (r->ip.p == NULL)
		dispatch_begin(r, NULL, c->peer);
	c->request = r;
	c->closes = true;
	client_enter(c, CLIENT_SERVING, 0);
	dispatch_refuse(r, refusal);
}
