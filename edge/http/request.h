/*
 * A request, as its handlers see it. A handler is a chain of small steps, each of which ends in
 *
 *	return db_call(r, CALL_X, next_step, args...);       (db/db.h)
 *	return job_run(r, JOB_HASH, work, state, next_step); (jobs/job.h)
 *	return reply_*(r, ...);                              (http/reply.h)
 *
 * A background task (background.h) is a request that nobody sent: the same steps, and no answer to
 *give.
 *
 * Everything a request points to lives in its arena until its last step is over, also when the
 *client has left: then what is under way is awaited, and the steps behind it do not run.
 */
#ifndef MANA_REQUEST_H
#define MANA_REQUEST_H

#include "arena.h"
#include "digest.h"
#include "error.h"
#include "http/cookie_names.h"
#include "token.h"

enum step {
	STEP_WAIT, /* the next step runs when what was started has ended */
	STEP_DONE, /* answered */
};

struct form;
struct page_query;
struct request;
typedef enum step step_fn(struct request *r);

/* How the form of a hosted page is answered: with a page or a redirect instead of JSON. */
struct form_page {
	enum step (*refused)(struct request *r, enum error e, int retry_after_seconds);
	step_fn *granted; /* a row of auth.reply is in r->answer, its cookies are set */
};

enum method {
	METHOD_NONE, /* of a request that was not understood */
	METHOD_GET,
	METHOD_POST,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_DELETE,
	METHOD_OPTIONS, /* HEAD arrives as GET */
};

enum { REQUEST_ID_CHARS = 32, REQUEST_CAPTURES_MAX = 3 };

/* Who is calling, as far as the edge can tell. Whether the session lives is decided by the
 * database, in each call. */
struct caller {
	struct str session_token; /* presented in the cookie, signature verified; STR_NONE: none */
	struct digest session_digest; /* its SHA-256 */
	struct session_token
	    fresh; /* made with the first call of the database, should that open a session */
	struct digest fresh_digest;
	struct str user_id;           /* sub of a verified access JWT; STR_NONE: none */
	struct str session_reference; /* its sid and sid_proof, joined by a dot: the database
					 verifies the proof */
	struct str email;             /* its email */
	struct str role;              /* its role */
	struct str service;           /* whose service key was shown; STR_NONE: none */
};

struct request {
	char id[REQUEST_ID_CHARS + 1]; /* in the logs, in X-Request-Id, in the audit */
	enum method method;
	bool is_head;    /* a HEAD, which takes nothing: single-use tokens stay as they are */
	struct str path; /* as sent, without the query */
	struct str
	    query; /* as sent, without the "?"; empty if there was none. For gate_input only */
	struct str body;       /* as sent. For gate_input only */
	struct str ip;         /* of the client, behind the trusted proxies; STR_NONE: unknown */
	struct str user_agent; /* by request_header_text; STR_NONE if there was none */
	const struct route *route; /* its row of routes.c; NULL in a background task */
	struct str captures[REQUEST_CAPTURES_MAX]; /* what stood for ":name" in the path, decoded */
	struct caller caller;
	struct str token_audience; /* of the access JWT in the reply; STR_NONE: JWT_AUDIENCE */
	void
	    *fields; /* the struct of the route's body schema, filled and valid; NULL without one */
	const struct form
	    *sent; /* the form or the query, as gate_input parsed it; empty where the
		      body is JSON or the route reads nothing. No name is given twice */
	const struct page_query *waiting; /* the authorization request that waits behind a page, see
					     gates/page_query.h; NULL: none, or not signed by us */
	struct str
	    input; /* JSON object for SQL: what the schema let through, and the captures by name */
	void *state;                    /* a handler's own, from request_state */
	const struct form_page *form;   /* NULL: answered as the route says */
	const struct db_answer *answer; /* of the last db_call, until the next one; see db/row.h */
	struct arena arena;
	struct request_private *private; /* http/, db/, jobs/ */
};

/* Zeroed state for a handler; the same memory each time. */
void *request_state(struct request *r, size_t size);
/* A header of the request by its name in lower case, as sent: opaque octets (RFC 9110
 * section 5.5). STR_NONE if absent; the first of several, but all Cookie lines in one. */
struct str request_header(const struct request *r, struct str name);
/* The same to be stored or shown, at most 512 bytes of it: octets that are not printable ASCII
 * become "?", for a value need not be UTF-8, which PostgreSQL and JSON demand. */
struct str request_header_text(struct request *r, struct str name);
/* What follows the scheme in Authorization (RFC 9110 section 11.4): "bearer", without regard to
 * case; STR_NONE if there is none, or of another scheme. */
struct str request_credentials(const struct request *r, struct str scheme);
/* The session token of the session cookie; NULL if there is none that this service has signed. */
const struct session_token *request_session_token(struct request *r);
/* The value of another signed cookie, without its signature; STR_NONE if it is absent, or not
 * signed under this name. */
struct str request_cookie(struct request *r, enum cookie cookie);
/* SHA-256 of the token in such a cookie, as the database keeps it; NULL without one. */
const struct digest *request_cookie_digest(struct request *r, enum cookie cookie);

#endif
