/*
 * The public API, a line an endpoint: routes.c.
 */
#ifndef MANA_ROUTES_H
#define MANA_ROUTES_H

#include "db/calls.h"
#include "field.h"
#include "http/request.h"

/* Who may call. There is no default: ROUTE() does not compile without it. */
enum access {
	ACCESS_PUBLIC = 1, /* anybody; a session cookie is passed on if there is one */
	ACCESS_SESSION,    /* session cookie */
	ACCESS_BEARER,     /* access JWT */
	ACCESS_EITHER,     /* access JWT or session cookie */
	ACCESS_ADMIN,      /* access JWT of role admin */
	ACCESS_SERVICE,    /* X-Service-Key */
};

/* How errors look (the five shapes of the API). */
enum error_shape {
	ERRORS_BETTER_AUTH = 1, /* {"message","code"} */
	ERRORS_V1,              /* {"error":CODE,"code":CODE,"message","status",..} */
	ERRORS_VAULT,           /* {"error":text,"code"} */
	ERRORS_ME,              /* {"error","message"} */
	ERRORS_ADMIN,           /* {"error": what the status means,"message"} */
	ERRORS_OAUTH,           /* {"error","error_description"} */
	ERRORS_PLAIN,           /* text/plain */
};

enum route_flag {
	ROUTE_CACHEABLE = 1, /* the handler says Cache-Control itself */
	ROUTE_FORM = 2,      /* takes a form beside JSON */
	ROUTE_FORM_ONLY = 4, /* takes a form only */
	ROUTE_LOGIN = 8, /* signs in or up: origin is checked for browsers without cookies, too */
	ROUTE_ANY_ORIGIN = 16, /* called from other sites by design (OAuth token endpoint) */
	ROUTE_AUTH_JWT = 32, /* set-auth-jwt: the claims of the reply are signed into this header */
	ROUTE_SQL_JUDGES =
	    128, /* what is not valid counts as {}: SQL refuses it, and writes its trail */
	ROUTE_BARE_401 = 256, /* a 401 without a body, where Better Auth sends none */
	ROUTE_NAVIGATED =
	    512, /* a browser comes here itself: no script of another origin may read it */
	ROUTE_HOSTED = 8192,  /* takes the form of a hosted page: refuses with a page */
	ROUTE_PEOPLE = 16384, /* refuses a browser that navigates with a page */
	ROUTE_ANY_READER =
	    1024,              /* a page of any origin may read the answer; no cookie counts here */
	ROUTE_PAGE = 2048,     /* a hosted page: its query is parsed, and may be a signed one */
	ROUTE_REPEATED = 4096, /* the handler refuses a form that repeats a name */
	ROUTE_WITHOUT_KEYS = 64, /* answered before the worker has its secrets and signing keys */
};

struct schema {
	const struct field *fields;
	size_t size; /* of the struct they fill; 0 if only SQL wants them */
};

struct route {
	enum method method;
	const char *path; /* segments; ":name" captures one */
	enum access access;
	const char *rate; /* class of the database's limits; NULL: not counted */
	enum error_shape errors;
	const struct schema
	    *schema;      /* of the body, of the query with GET and DELETE; NULL: neither is read */
	step_fn *handler; /* NULL: relay */
	enum call call;   /* that is relayed; CALL_NONE: with a handler */
	unsigned int flags;
};

extern const struct route routes[];
extern const size_t routes_count;

#endif
