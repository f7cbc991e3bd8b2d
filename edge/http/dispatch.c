/*
 * Between Kore and the service: the guarded reading of a connection, one catch-all route into our
 * own table, the gates, the answer. Kore runs on_request again when a sleeping request is woken,
 * and on_free possibly twice.
 */
#include <kore/kore.h>
#include <kore/http.h>

#include <arpa/inet.h>
#include <sodium.h>

#include "config.h"
#include "db/db.h"
#include "gates/gates.h"
#include "http/cors.h"
#include "http/guard.h"
#include "http/match.h"
#include "http/private.h"
#include "http/reply.h"
#include "http/stream.h"
#include "http/unread.h"
#include "keys/signing.h"
#include "log.h"
#include "loop.h"
#include "routes.h"

#define FOR_KORE __attribute__((visibility("default")))

enum {
	USER_AGENT_BYTES_MAX = 512,
	LINGER_READS = 16,
	UNREAD_RETRY_SECONDS = 5,
	UNREAD_ANSWER_BYTES = 256 * 1024 /* a smaller answer is sent in any case */
};

/* Named in the configuration that launcher.c writes; found by Kore with dlsym. */
FOR_KORE void on_accept(struct connection *c);
FOR_KORE int on_request(struct http_request *req);

static int on_read(struct connection *c, size_t *bytes);
static bool say_length(struct netbuf *nb, size_t *bytes);
static void refuse(struct connection *c, int status);
static struct request *begin(struct http_request *req);
static void read_head(struct request *r, struct http_request *req);
static void read_address(struct request *r, const struct connection *c);
static struct hops hops_of(struct request *r);
static struct str header_list(struct request *r, struct str name);
static enum step run(struct request *r);
static enum step not_found(struct request *r, unsigned int allowed);
static int send_answer(struct request *r, struct http_request *req);
static const char *hsts(void);
static void on_free(struct http_request *req);

void
on_accept(struct connection *c)
{
	c->proto = CONN_PROTO_HTTP;
	c->read = on_read;
	c->hdlr_extra = kore_calloc(1, sizeof(struct client_link));
	c->idle_timer.length = (u_int64_t)http_keepalive_time * 1000;
	net_recv_queue(c, http_header_max, NETBUF_CALL_CB_ALWAYS, http_header_recv);
}

/* Kore's read, with the guard between the bytes of a request head and the parser. */
static int
on_read(struct connection *c, size_t *bytes)
{
	bool is_head = c->rnb->cb == http_header_recv;
	struct client_link *link = c->hdlr_extra;
	struct guard_verdict verdict;
	int result;

	if (link->refused || (is_head && (link->busy || !unread_flushed(c)))) {
		c->evt.flags &= ~KORE_EVENT_READ; /* set again by send_answer */
		return KORE_RESULT_OK;
	}
	result = net_read(c, bytes);
	if (result != KORE_RESULT_OK || !(c->evt.flags & KORE_EVENT_READ) || *bytes == 0 ||
	    !is_head)
		return result;
	verdict = guard_check((const char *)c->rnb->buf, c->rnb->s_off + *bytes, http_body_max);
	if (verdict.lacks_length && verdict.status == 0 && !say_length(c->rnb, bytes))
		verdict.status = 431;
	if (verdict.status != 0) {
		refuse(c, verdict.status);
		return KORE_RESULT_OK;
	}
	if (!verdict.complete)
		return result;
	link->busy = true;
	link->delete_with_body = verdict.delete_with_body;
	if (verdict.delete_with_body)
		memcpy(c->rnb->buf, "PUT   ",
		    6); /* Kore splits at any number of blanks, and reads a body of PUT */
	if (verdict.expects_continue)
		net_send_queue(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	return result;
}

/* Puts "content-length: 0" before the end of the head, which is the end of what has come. False: no
 * room. */
static bool
say_length(struct netbuf *nb, size_t *bytes)
{
	static const char line[] = "content-length: 0\r\n\r\n";
	size_t end = nb->s_off + *bytes, more = sizeof(line) - 1 - 2;

	if (end + more > nb->b_len)
		return false;
	memcpy(nb->buf + end - 2, line, sizeof(line) - 1);
	*bytes += more;
	return true;
}

/* Answers without a request, and closes when that is sent. What the client still sends is read and
 * dropped for a moment, for bytes left unread would make the kernel reset the connection and take
 * the answer away. */
static void
refuse(struct connection *c, int status)
{
	static const char format[] =
	    "HTTP/1.1 %d %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
	struct client_link *link = c->hdlr_extra;
	char answer[160], dropped[4096];
	int length = snprintf(answer, sizeof(answer), format, status, http_status_text(status));

	link->refused = true;
	c->evt.flags &= ~KORE_EVENT_READ;
	net_send_queue(c, answer, (size_t)length);
	if (!net_send_flush(c)) {
		kore_connection_disconnect(c);
		return;
	}
	(void)shutdown(c->fd, SHUT_WR);
	for (int i = 0; i < LINGER_READS && recv(c->fd, dropped, sizeof(dropped), MSG_DONTWAIT) > 0;
	     i++)
		;
	kore_connection_disconnect(c);
}

int
on_request(struct http_request *req)
{
	struct request *r = req->hdlr_extra;

	if (r == NULL) {
		r = begin(req);
		request_stepped(r, run(r));
	}
	while (stream_taken(r))
		request_resume(r);
	if (r->private->response.status == 0) {
		http_request_sleep(req);
		return KORE_RESULT_RETRY;
	}
	return send_answer(r, req);
}

static struct request *
begin(struct http_request *req)
{
	struct request *r = request_new();

	r->private->transport = req;
	r->private->started_ms = loop_now_ms();
	req->hdlr_extra = r;
	req->flags |= HTTP_REQUEST_RETAIN_EXTRA; /* ours to free */
	req->onfree = on_free;
	read_head(r, req);
	read_address(r, req->owner);
	return r;
}

/* Copies, because Kore frees its own when the client leaves. */
static void
read_head(struct request *r, struct http_request *req)
{
	static const enum method methods[] = {[HTTP_METHOD_GET] = METHOD_GET,
	    [HTTP_METHOD_HEAD] = METHOD_GET,
	    [HTTP_METHOD_POST] = METHOD_POST,
	    [HTTP_METHOD_PUT] = METHOD_PUT,
	    [HTTP_METHOD_PATCH] = METHOD_PATCH,
	    [HTTP_METHOD_DELETE] = METHOD_DELETE,
	    [HTTP_METHOD_OPTIONS] = METHOD_OPTIONS};
	struct request_private *p = r->private;
	const struct client_link *link = req->owner->hdlr_extra;
	struct http_header *h;

	r->method = link->delete_with_body ? METHOD_DELETE : methods[req->method];
	r->is_head = req->method == HTTP_METHOD_HEAD;
	r->path = arena_copy(&r->arena, str_from(req->path));
	if (req->query_string != NULL)
		r->query = arena_copy(&r->arena, str_from(req->query_string));
	TAILQ_FOREACH(h, &req->req_headers, list)
	{
		struct str name = arena_copy(&r->arena, str_from(h->header));

		if (p->headers_count == HEADERS_MAX)
			break; /* the guard lets no more through */
		for (size_t i = 0; i < name.len; i++)
			((char *)name.p)[i] = str_lower(name.p[i]);
		p->headers[p->headers_count++] = (struct header){
		    .name = name, .value = arena_copy(&r->arena, str_from(h->value))};
	}
	r->user_agent = request_header(r, STR("user-agent"));
	if (r->user_agent.len > USER_AGENT_BYTES_MAX)
		r->user_agent.len = USER_AGENT_BYTES_MAX;
	if (req->http_body != NULL) {
		r->body =
		    arena_copy(&r->arena, (struct str){.p = (const char *)req->http_body->data,
					      .len = req->http_body_length});
		sodium_memzero(
		    req->http_body->data, req->http_body->length); /* a password, perhaps */
	}
}

static void
read_address(struct request *r, const struct connection *c)
{
	struct request_private *p = r->private;
	char peer[CLIENT_IP_BYTES] = "";

	if (c->family == AF_INET)
		(void)inet_ntop(AF_INET, &c->addr.ipv4.sin_addr, peer, sizeof(peer));
	else if (c->family == AF_INET6)
		(void)inet_ntop(AF_INET6, &c->addr.ipv6.sin6_addr, peer, sizeof(peer));
	client_ip(p->ip, peer, hops_of(r), &config.trusted_proxies);
	r->ip = p->ip[0] != '\0' ? str_from(p->ip) : STR_NONE;
}

static struct hops
hops_of(struct request *r)
{
	struct hops hops = {.header = HOPS_X_FORWARDED_FOR};

	if (config.proxy_header != PROXY_FORWARDED)
		hops.list = header_list(r, STR("x-forwarded-for"));
	if (hops.list.p == NULL && config.proxy_header != PROXY_X_FORWARDED_FOR)
		hops = (struct hops){header_list(r, STR("forwarded")), HOPS_FORWARDED};
	return hops;
}

/* All lines of a header as one list (RFC 9110 section 5.3): a proxy may add its own behind the
 * client's. */
static struct str
header_list(struct request *r, struct str name)
{
	const struct request_private *p = r->private;
	struct str list = STR_NONE;

	for (int i = 0; i < p->headers_count; i++) {
		const struct header *h = &p->headers[i];
		struct buf both;

		if (!str_equal(h->name, name))
			continue;
		if (list.p == NULL) {
			list = h->value;
			continue;
		}
		both = arena_buf(&r->arena, list.len + 1 + h->value.len);
		buf_str(&both, list);
		buf_char(&both, ',');
		buf_str(&both, h->value);
		list = buf_view(&both);
	}
	return list;
}

/* The way of a request: route, CORS, gates, handler. */
static enum step
run(struct request *r)
{
	unsigned int allowed;

	if (r->method != METHOD_OPTIONS)
		r->route =
		    match_route(r->captures, &allowed, routes, routes_count, r->method, r->path);
	cors_headers(r);
	if (r->method == METHOD_OPTIONS)
		return cors_preflight(r);
	if (r->route == NULL)
		return not_found(r, allowed);
	if (!(r->route->flags & ROUTE_WITHOUT_KEYS) && !signing_ready()) {
		signing_refetch(); /* without keys no cookie can be verified either */
		return reply_refusal(r, ERR_SERVICE_UNAVAILABLE, STR_NONE, 1);
	}
	if (!gate_same_origin(r) || !gate_authenticate(r) || !gate_input(r))
		return STEP_DONE;
	if (r->route->handler != NULL)
		return r->route->handler(r);
	return db_call(r, r->route->call, reply_relay);
}

/* Below /api/auth as Better Auth has it: 404 without a body, for a wrong method, too. */
static enum step
not_found(struct request *r, unsigned int allowed)
{
	char memory[64];
	struct buf methods = BUF_ON(memory);

	if (str_starts(r->path, STR("/api/auth/")))
		return reply_empty(r, 404);
	if (allowed == 0)
		return reply_text(r, 404, STR("404 Not Found"));
	for (enum method m = METHOD_GET; m <= METHOD_DELETE; m++)
		if (allowed & (1U << m)) {
			if (methods.len > 0)
				buf_str(&methods, STR(", "));
			buf_str(&methods, str_from(match_method_name(m)));
		}
	reply_header(r, "allow", buf_view(&methods));
	return reply_text(r, 405, STR("405 Method Not Allowed"));
}

void
dispatch_finished(struct request *r)
{
	http_request_wakeup(r->private->transport);
}

static int
send_answer(struct request *r, struct http_request *req)
{
	struct response *response = &r->private->response;
	struct client_link *link = req->owner->hdlr_extra;

	log_answer(
	    r, response->broken ? 500 : response->status, loop_now_ms() - r->private->started_ms);
	if (response->head_sent && !response->complete)
		return KORE_RESULT_ERROR; /* Kore closes */
	if (response->broken)
		*response = (struct response){.status = 500};
	if (!response->head_sent && response->body.len > UNREAD_ANSWER_BYTES &&
	    unread_is_full(response->body.len))
		*response = (struct response){.status = 503,
		    .headers = {{.name = STR("retry-after"), .value = STR("5")}},
		    .headers_count = 1};
	unread_added(response->body.len);
	link->busy = false;
	link->delete_with_body = false;
	req->owner->evt.flags |= KORE_EVENT_READ; /* what came meanwhile is read now */
	if (response->complete) {
		stream_end(r);
		return KORE_RESULT_OK;
	}
	dispatch_headers(r, req);
	http_response(req, response->status, response->body.p, response->body.len);
	return KORE_RESULT_OK;
}

void
dispatch_headers(struct request *r, struct http_request *req)
{
	const struct response *response = &r->private->response;

	if (response->content_type != NULL)
		http_response_header(req, "content-type", response->content_type);
	if (r->route == NULL || !(r->route->flags & ROUTE_CACHEABLE)) {
		http_response_header(req, "cache-control", "no-store");
		http_response_header(req, "pragma", "no-cache");
	}
	http_response_header(req, "x-content-type-options", "nosniff");
	if (!str_starts(str_from(response->content_type), STR("text/html"))) { /* no page */
		http_response_header(req, "content-security-policy",
		    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
		http_response_header(req, "referrer-policy", "no-referrer");
	}
	if (config.secure_cookies_prefix && config.hsts_seconds > 0)
		http_response_header(req, "strict-transport-security", hsts());
	http_response_header(req, "x-request-id", r->id);
	for (int i = 0; i < response->headers_count; i++)
		http_response_header(
		    req, response->headers[i].name.p, response->headers[i].value.p);
}

/* RFC 6797 section 6.1. A proxy passes it on; over plain HTTP browsers ignore it. */
static const char *
hsts(void)
{
	static char value[64];

	if (value[0] == '\0')
		snprintf(value, sizeof(value), "max-age=%lld%s", (long long)config.hsts_seconds,
		    config.hsts_subdomains ? "; includeSubDomains" : "");
	return value;
}

static void
on_free(struct http_request *req)
{
	struct request *r = req->hdlr_extra;

	if (r == NULL)
		return;
	req->hdlr_extra = NULL;
	if (req->headers != NULL)
		sodium_memzero(
		    req->headers, http_header_max); /* tokens; and the beginning of the body */
	stream_forget(r);
	request_abandon(r);
}
