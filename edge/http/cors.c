/* The same headers for every route but those that are navigated to; see cors.h. */
#include "http/cors.h"

#include "config.h"
#include "http/match.h"
#include "http/reply.h"
#include "origin.h"
#include "routes.h"

enum { ORIGIN_BYTES = 512 };

/* As a browser writes it: what is answered must equal what it sent. */
static unsigned int flags_asked(const struct request *r);

static bool
is_listed(struct str origin)
{
	char memory[ORIGIN_BYTES];
	struct buf normal = BUF_ON(memory);

	if (!origin_of(&normal, origin) || !str_equal(buf_view(&normal), origin))
		return false;
	if (str_equal(origin, config.base_origin))
		return true;
	for (size_t i = 0; i < config.cors_origins.count; i++)
		if (origin_matches(origin, config.cors_origins.items[i]))
			return true;
	return false;
}

void
cors_headers(struct request *r)
{
	struct str origin = request_header(r, STR("origin"));
	unsigned int flags = flags_asked(r);
	bool listed = is_listed(origin);

	reply_header(r, "vary",
	    r->method == METHOD_OPTIONS ? STR("Origin, Access-Control-Request-Headers")
					: STR("Origin"));
	if (origin.p != NULL && !listed && (flags & ROUTE_ANY_READER)) {
		reply_header(r, "access-control-allow-origin", STR("*"));
		reply_header(r, "access-control-expose-headers",
		    STR("WWW-Authenticate,Retry-After,X-Request-Id"));
		return;
	}
	if (origin.p != NULL && listed && !(flags & ROUTE_NAVIGATED))
		reply_header(r, "access-control-allow-origin", origin);
	reply_header(r, "access-control-allow-credentials", STR("true"));
	reply_header(
	    r, "access-control-expose-headers", STR("Set-Cookie,set-auth-jwt,Content-Disposition"));
}

/* The flags of the route, of a preflight those of the one that it is about. */
static unsigned int
flags_asked(const struct request *r)
{
	struct str captures[REQUEST_CAPTURES_MAX],
	    method = request_header(r, STR("access-control-request-method"));
	const struct route *route = r->route;
	unsigned int allowed;

	if (r->method == METHOD_OPTIONS)
		for (enum method m = METHOD_GET; route == NULL && m <= METHOD_DELETE; m++)
			if (str_equal(method, str_from(match_method_name(m))))
				route = match_route(
				    captures, &allowed, routes, routes_count, m, r->path);
	return route != NULL ? route->flags : 0;
}

enum step
cors_preflight(struct request *r)
{
	reply_header(r, "access-control-allow-methods", STR("GET,HEAD,PUT,POST,DELETE,PATCH"));
	reply_header(r, "access-control-allow-headers",
	    STR("Content-Type,Authorization,X-Service-Key,X-App-Id"));
	return reply_empty(r, 204);
}
