/* See deliver.h. */
#include "http/deliver.h"

#include <stdlib.h>
#include <time.h>

#include "config.h"
#include "http/answer.h"
#include "http/client.h"
#include "http/private.h"
#include "http/unread.h"
#include "log.h"

enum {
	CHUNK_LINE_BYTES = 20,
	/* A smaller answer is tried in any case: the kernel takes it from a client that reads. */
	CERTAIN_BYTES = 64 * 1024
};

struct parts {
	struct iovec parts[UNREAD_PARTS_MAX];
	int count;
	char chunk_line[CHUNK_LINE_BYTES];
};

static void add(struct parts *all, struct str bytes);
static void add_head(struct parts *all, struct request *r);
static void add_chunk(struct parts *all, struct str data);
static struct answer_frame frame_of(const struct request *r);
static void give_up(struct response *response, int status, const char *retry_after);
static void cut(struct client *c);

void
deliver_answer(struct request *r)
{
	struct response *response = &r->private->response;
	struct client *c = r->private->client;
	struct parts all = {.count = 0};

	if (response->broken)
		give_up(response, 500, NULL);
	if (!response->head_sent && response->body.len > CERTAIN_BYTES &&
	    deliver_is_full(r, response->body.len))
		give_up(response, 503, "5");
	log_answer(r, response->status, loop_now_ms() - r->private->started_ms, response->reason);
	if (response->head_sent && !response->complete) {
		cut(c);
		return;
	}
	if (!response->head_sent) {
		add_head(&all, r);
		if (!r->is_head)
			add(&all, response->body);
	} else if (!c->is_http_1_0) {
		if (response->body.len > 0)
			add_chunk(&all, response->body);
		add(&all, STR("0\r\n\r\n"));
	} else {
		add(&all, response->body);
	}
	client_answered(c, unread_send(&c->out, c->socket.fd, r->private->ip, all.parts, all.count,
			       loop_now_ms()));
}

void
deliver_piece(struct request *r, struct str piece)
{
	struct response *response = &r->private->response;
	struct client *c = r->private->client;
	struct parts all = {.count = 0};

	if (!response->head_sent) {
		response->status = 200;
		response->is_streamed = true;
		add_head(&all, r);
		response->status = 0; /* until it is complete */
		response->head_sent = true;
	}
	if (c->is_http_1_0)
		add(&all, piece);
	else
		add_chunk(&all, piece);
	client_sent_piece(c, unread_send(&c->out, c->socket.fd, r->private->ip, all.parts,
				 all.count, loop_now_ms()));
}

bool
deliver_is_full(const struct request *r, size_t length)
{
	return unread_is_full(r->private->ip, length);
}

static void
add(struct parts *all, struct str bytes)
{
	if (bytes.len > 0)
		all->parts[all->count++] =
		    (struct iovec){.iov_base = (void *)bytes.p, .iov_len = bytes.len};
}

static void
add_head(struct parts *all, struct request *r)
{
	struct buf head = arena_buf(&r->arena, answer_head_size(r));
	struct answer_frame frame = frame_of(r);

	if (frame.keep_seconds == 0)
		r->private->client->closes = true;
	answer_head(&head, r, &frame, time(NULL));
	if (!buf_ok(&head))
		abort(); /* answer_head_size is wrong */
	add(all, buf_view(&head));
}

static void
add_chunk(struct parts *all, struct str data)
{
	int length = snprintf(all->chunk_line, sizeof(all->chunk_line), "%zx\r\n", data.len);

	add(all, (struct str){.p = all->chunk_line, .len = (size_t)length});
	add(all, data);
	add(all, STR("\r\n"));
}

/* To HTTP/1.0 the end of a streamed body is the end of the connection, which closes in any case. */
static struct answer_frame
frame_of(const struct request *r)
{
	const struct client *c = r->private->client;
	struct answer_frame frame = {
	    .length = r->private->response.body.len, .keep_seconds = client_keep_seconds(c)};

	if (r->private->response.is_streamed)
		frame.body = c->is_http_1_0 ? ANSWER_TO_END : ANSWER_CHUNKED;
	return frame;
}

/* Another answer, of which nothing can fail. */
static void
give_up(struct response *response, int status, const char *retry_after)
{
	*response = (struct response){.status = status,
	    .content_type = "text/plain;charset=UTF-8",
	    .body = str_from(answer_phrase(status)),
	    .head_sent = response->head_sent};
	if (retry_after != NULL)
		response->headers[response->headers_count++] =
		    (struct header){.name = STR("retry-after"), .value = str_from(retry_after)};
}

/* So that nobody takes half a body for a whole one: to HTTP/1.0 an orderly end would be the end of
 * the body. */
static void
cut(struct client *c)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};

	if (c->is_http_1_0)
		(void)setsockopt(c->socket.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	client_close(c);
}
