/* The same headers for every route but those that are navigated to; see cors.h. */
#include "http/cors.h"

#include "config.h"
#include "http/reply.h"
#include "origin.h"
#include "routes.h"

enum { ORIGIN_BYTES = 512 };

/* As a browser writes it: what is answered must equal what it sent. */
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
	bool is_navigated = r->route != NULL && (r->route->flags & ROUTE_NAVIGATED);

	reply_header(r, "vary",
	    r->method == METHOD_OPTIONS ? STR("Origin, Access-Control-Request-Headers")
					: STR("Origin"));
	if (origin.p != NULL && !is_navigated && is_listed(origin))
		reply_header(r, "access-control-allow-origin", origin);
	reply_header(r, "access-control-allow-credentials", STR("true"));
	reply_header(
	    r, "access-control-expose-headers", STR("Set-Cookie,set-auth-jwt,Content-Disposition"));
}

enum step
cors_preflight(struct request *r)
{
	reply_header(r, "access-control-allow-methods", STR("GET,HEAD,PUT,POST,DELETE,PATCH"));
	reply_header(r, "access-control-allow-headers",
	    STR("Content-Type,Authorization,X-Service-Key,X-App-Id"));
	return reply_empty(r, 204);
}
