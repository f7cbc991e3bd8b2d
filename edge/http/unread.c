/* See unread.h. What is unread is counted in each tick; in between, only what is added. */
#include <kore/kore.h>
#include <kore/http.h>

#include "config.h"
#include "http/unread.h"
#include "log.h"

enum { WHOLE_ANSWER_FACTOR = 10 /* UNREAD_SECONDS that a client may take for all of an answer */ };

static size_t unread_total;

static size_t unread_of(const struct connection *c);
static size_t count_all(void);
static bool has_stalled(struct client_link *link, size_t bytes, uint64_t now_ms);

bool
unread_flushed(struct connection *c)
{
	if (TAILQ_EMPTY(&c->send_queue))
		return true;
	if (!net_send_flush(c)) {
		kore_connection_disconnect(c);
		return false;
	}
	return TAILQ_EMPTY(&c->send_queue) && c->state == CONN_STATE_ESTABLISHED;
}

bool
unread_is_full(size_t more)
{
	size_t max = (size_t)config.unread_max_bytes;

	if (unread_total + more <= max)
		return false;
	unread_total = count_all(); /* what was added may have been sent */
	return unread_total + more > max;
}

void
unread_added(size_t bytes)
{
	unread_total += bytes;
}

void
unread_piece_taken(struct connection *c)
{
	struct client_link *link = c->hdlr_extra;

	link->unread_bytes = 0;
}

void
unread_tick(uint64_t now_ms)
{
	struct connection *c, *next;
	size_t total = 0;

	for (c = TAILQ_FIRST(&connections); c != NULL; c = next) {
		size_t bytes;

		next = TAILQ_NEXT(c, list);
		if (c->proto != CONN_PROTO_HTTP || c->hdlr_extra == NULL)
			continue;
		bytes = unread_of(c);
		total += bytes;
		if (!has_stalled(c->hdlr_extra, bytes, now_ms))
			continue;
		log_event(
		    LOG_WARNING_LEVEL, "http", "a client did not read its answer", NULL, NULL);
		kore_connection_disconnect(c);
	}
	unread_total = total;
}

static bool
has_stalled(struct client_link *link, size_t bytes, uint64_t now_ms)
{
	uint64_t patience_ms = (uint64_t)config.unread_seconds * 1000;

	if (bytes == 0) {
		link->unread_bytes = 0;
		return false;
	}
	if (link->unread_bytes == 0)
		link->unread_since_ms = link->read_on_ms = now_ms;
	else if (bytes != link->unread_bytes)
		link->read_on_ms = now_ms;
	link->unread_bytes = bytes;
	return now_ms - link->read_on_ms >= patience_ms ||
	       now_ms - link->unread_since_ms >= WHOLE_ANSWER_FACTOR * patience_ms;
}

static size_t
count_all(void)
{
	struct connection *c;
	size_t total = 0;

	TAILQ_FOREACH(c, &connections, list)
	if (c->proto == CONN_PROTO_HTTP)
		total += unread_of(c);
	return total;
}

static size_t
unread_of(const struct connection *c)
{
	struct netbuf *nb;
	size_t bytes = 0;

	TAILQ_FOREACH(nb, &c->send_queue, list)
	bytes += nb->b_len - nb->s_off;
	return bytes;
}
