/*
 * Cross-site request forgery. What is not GET or OPTIONS and carries a cookie must name a trusted
 * origin (Origin, else Referer). Signing in and up is checked without a cookie, too, when the
 * request comes from a browser: nobody may sign a victim in to an account of theirs. A browser
 * without Sec-Fetch-* and Origin shows by its Referer. What has neither a cookie nor a browser's
 * headers (curl, an app) passes. A request whose credentials are in
 * headers of its own (JWT, service key) cannot be forged and is not looked at.
 */
#include "config.h"
#include "gates/gates.h"
#include "http/reply.h"
#include "routes.h"
#include "origin.h"
#include "uri.h"

enum { ORIGIN_BYTES = 512 };

static enum error check(struct request *r);
static enum error check_origin(struct str origin, struct str referer);

bool
gate_same_origin(struct request *r)
{
	enum error e = check(r);

	if (e == OK)
		return true;
	(void)reply_error(r, e);
	return false;
}

static enum error
check(struct request *r)
{
	struct str origin = request_header(r, STR("origin")),
		   referer = request_header(r, STR("referer"));
	struct str site = request_header(r, STR("sec-fetch-site")),
		   mode = request_header(r, STR("sec-fetch-mode"));
	bool is_browser =
	    site.p != NULL || mode.p != NULL || request_header(r, STR("sec-fetch-dest")).p != NULL;
	bool is_login = (r->route->flags & ROUTE_LOGIN) != 0;
	bool has_cookie = request_header(r, STR("cookie")).p != NULL;

	if (r->method == METHOD_GET || (r->route->flags & ROUTE_ANY_ORIGIN) ||
	    r->route->access == ACCESS_BEARER || r->route->access == ACCESS_ADMIN ||
	    r->route->access == ACCESS_SERVICE)
		return OK;
	if (r->route->access == ACCESS_EITHER && request_header(r, STR("authorization")).p != NULL)
		return OK; /* then the cookie is not looked at; see authenticate.c */
	if (has_cookie)
		return check_origin(origin, referer);
	if (!is_login)
		return OK;
	if (str_equal(site, STR("cross-site")) && str_equal(mode, STR("navigate")))
		return ERR_CROSS_SITE_NAVIGATION_LOGIN_BLOCKED;
	if (is_browser || origin.p != NULL || referer.len > 0)
		return check_origin(origin, referer);
	return OK;
}

static enum error
check_origin(struct str origin, struct str referer)
{
	char memory[ORIGIN_BYTES];
	struct buf normal = BUF_ON(memory);
	struct str from = origin.p != NULL ? origin : referer;

	if (from.len == 0 || str_equal(from, STR("null")))
		return ERR_MISSING_OR_NULL_ORIGIN;
	if (!origin_of(&normal, from) || !origin_is_trusted(buf_view(&normal)))
		return ERR_INVALID_ORIGIN;
	return OK;
}

bool
origin_is_trusted(struct str origin)
{
	for (size_t i = 0; i < config.trusted_origins.count; i++)
		if (origin_matches(origin, config.trusted_origins.items[i]))
			return true;
	return false;
}

bool
target_is_trusted(struct str url)
{
	char memory[ORIGIN_BYTES];
	struct buf origin = BUF_ON(memory);

	for (size_t i = 0; i < url.len; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~')
			return false;
	return uri_path_safe(url) ||
	       (origin_of(&origin, url) && origin_is_trusted(buf_view(&origin)));
}
