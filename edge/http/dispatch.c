/* The way of a request; see dispatch.h. */
#include "http/dispatch.h"

#include "config.h"
#include "db/db.h"
#include "gates/gates.h"
#include "http/answer.h"
#include "http/client.h"
#include "http/cors.h"
#include "http/match.h"
#include "http/private.h"
#include "http/reply.h"
#include "keys/signing.h"
#include "loop.h"
#include "routes.h"

enum { RETRY_SECONDS = 1, REFUSAL_BYTES = 160 };

static struct hops hops_of(struct request *r);
static enum method method_of(struct str name);
static struct str joined(struct request *r, struct str name, struct str separator);
static enum step run(struct request *r);
static enum step not_found(struct request *r, unsigned int allowed);

void
dispatch_begin(struct request *r, const struct head *head, const char *peer)
{
	struct request_private *p = r->private;
	struct header *headers;
	struct str cookies;

	p->started_ms = loop_now_ms();
	if (head != NULL) {
		headers =
		    arena_alloc(&r->arena, sizeof(*headers) * (size_t)(head->fields_count + 1));
		memcpy(headers, head->fields, sizeof(*headers) * (size_t)head->fields_count);
		p->headers = headers;
		p->headers_count = head->fields_count;
		/* RFC 6265bis section 5.8.3: a browser may send several lines. */
		cookies = joined(r, STR("cookie"), STR("; "));
		for (int i = 0; i < p->headers_count; i++)
			if (str_equal(headers[i].name, STR("cookie")))
				headers[i].value = cookies;
		r->method = method_of(head->method);
		r->is_head = str_equal(head->method, STR("HEAD"));
		r->path = head->path;
		if (head->query.p != NULL)
			r->query = head->query;
		r->user_agent = request_header_text(r, STR("user-agent"));
	}
	client_ip(p->ip, peer, hops_of(r), &config.trusted_proxies);
	r->ip = p->ip[0] != '\0' ? str_from(p->ip) : STR_NONE;
}

/* A proxy may add its own line behind the client's (RFC 9110 section 5.3). */
static struct hops
hops_of(struct request *r)
{
	struct hops hops = {.header = HOPS_X_FORWARDED_FOR};

	if (config.proxy_header != PROXY_FORWARDED)
		hops.list = joined(r, STR("x-forwarded-for"), STR(","));
	if (hops.list.p == NULL && config.proxy_header != PROXY_X_FORWARDED_FOR)
		hops = (struct hops){joined(r, STR("forwarded"), STR(",")), HOPS_FORWARDED};
	return hops;
}

static enum method
method_of(struct str name)
{
	if (str_equal(name, STR("HEAD")))
		return METHOD_GET;
	for (enum method m = METHOD_GET; m <= METHOD_OPTIONS; m++)
		if (str_equal(name, str_from(match_method_name(m))))
			return m;
	return METHOD_NONE;
}

/* All lines of a name as one value; STR_NONE: there is none. */
static struct str
joined(struct request *r, struct str name, struct str separator)
{
	const struct request_private *p = r->private;
	struct str first = STR_NONE;
	struct buf all = {.size = 0};
	size_t size = 0;
	int count = 0;

	for (int i = 0; i < p->headers_count; i++) {
		if (!str_equal(p->headers[i].name, name))
			continue;
		size += p->headers[i].value.len + separator.len;
		if (count++ == 0)
			first = p->headers[i].value;
	}
	if (count < 2)
		return first;
	all = arena_buf(&r->arena, size);
	for (int i = 0; i < p->headers_count; i++) {
		if (!str_equal(p->headers[i].name, name))
			continue;
		if (all.len > 0)
			buf_str(&all, separator);
		buf_str(&all, p->headers[i].value);
	}
	return buf_view(&all);
}

void
dispatch_body(struct request *r, struct str body)
{
	r->body = arena_copy(&r->arena, body);
}

void
dispatch_run(struct request *r)
{
	request_stepped(r, run(r));
}

void
dispatch_refuse(struct request *r, struct refusal refusal)
{
	struct buf body = arena_buf(&r->arena, REFUSAL_BYTES);

	r->private->response.reason = refusal.reason;
	buf_int(&body, refusal.status);
	buf_char(&body, ' ');
	buf_str(&body, str_from(answer_phrase(refusal.status)));
	buf_str(&body, STR(": "));
	buf_str(&body, str_from(refusal.reason));
	request_stepped(r, reply_text(r, refusal.status, buf_view(&body)));
}

/* Route, CORS, gates, handler. */
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
	if (client_serving_count() > CLIENT_SERVED_MAX)
		return reply_refusal(r, ERR_SERVICE_UNAVAILABLE, STR_NONE, RETRY_SECONDS);
	if (!(r->route->flags & ROUTE_WITHOUT_KEYS) && !signing_ready()) {
		signing_refetch(); /* without keys no cookie can be verified either */
		return reply_refusal(r, ERR_SERVICE_UNAVAILABLE, STR_NONE, RETRY_SECONDS);
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
