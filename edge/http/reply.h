/*
 * Answers. This is the one place where bytes of a response are made: header values are checked,
 * cookies signed, CORS and security headers added, the access logged. Each function returns
 * STEP_DONE, so that a step can end with it.
 *
 * `Cache-Control: no-store` is sent unless the route is ROUTE_CACHEABLE.
 */
#ifndef MANA_REPLY_H
#define MANA_REPLY_H

#include "error.h"
#include "http/request.h"
#include "reply_columns.h" /* for a step that looks into one before it relays it */

enum { REPLY_SESSION_COOKIE = -1 /* no Max-Age: gone with the browser */ };

/* Adds a header to the answer that follows. A value that could split the response makes the answer
 * a 500. */
void reply_header(struct request *r, const char *name, struct str value);
/* Adds the session cookie of a token. */
void
reply_session_cookie(struct request *r, const struct session_token *token, int max_age_seconds);
/* Adds another cookie, signed under its name, with the attributes of the service. */
void reply_cookie(struct request *r, enum cookie cookie, struct str value, int max_age_seconds);
/* Takes a cookie away. */
void reply_cookie_delete(struct request *r, enum cookie cookie);

/* JSON; body must be JSON text. */
enum step reply_json(struct request *r, int status, struct str body);
/* JSON that may be kept, under an entity tag ("..." with its quotes) and a Cache-Control: 304 to
 * who has it. */
enum step
reply_json_cacheable(struct request *r, struct str body, struct str tag, struct str policy);
/* JSON that is sent while it is made: a piece of it (of at least a byte), then the next step, when
 * the client has taken it. The first piece takes the head along; from then on an error cuts the
 * connection, so that nobody takes half a body for a whole one. */
enum step reply_stream(struct request *r, struct str piece, step_fn *next);
/* The last piece. */
enum step reply_stream_end(struct request *r, struct str piece);
/* No body. */
enum step reply_empty(struct request *r, int status);
/* text/plain. */
enum step reply_text(struct request *r, int status, struct str body);
/* A page, under a Content-Security-Policy. */
enum step reply_html(struct request *r, int status, struct str body, struct str policy);
/* A script of our own, for a page whose policy allows it. */
enum step reply_script(struct request *r, struct str body);
/* A redirect (302, or 303 after a POST); location is a URL or a path that has been checked. */
enum step reply_redirect(struct request *r, int status, struct str location);
/* An error of the table in the error shape of the route. */
enum step reply_error(struct request *r, enum error e);
/* The same with another message (STR_NONE: the table's) and with Retry-After (0: none). */
enum step
reply_refusal(struct request *r, enum error e, struct str message, int retry_after_seconds);
/* The same with more members of the body: details is a JSON object; STR_NONE: none. */
enum step reply_refusal_detailed(struct request *r, enum error e, struct str message,
    int retry_after_seconds, struct str details);
/* The answer of the last db_call is one row of auth.reply: sends what it says. A step in itself. */
enum step reply_relay(struct request *r);
/* Only its cookies, for a step that answers otherwise; false if they are malformed. */
bool reply_relay_cookies(struct request *r) MUST_USE;
/* The end of a background task. */
enum step reply_nobody(struct request *r);

#endif
