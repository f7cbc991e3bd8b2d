/*
 * An authorization request on its way: where it goes next, and how it survives a sign-in or a
 * consent without being kept anywhere (gates/page_query.h).
 */
#ifndef MANA_OIDC_REQUEST_H
#define MANA_OIDC_REQUEST_H

#include "routes.h"

/* The request that waits (r->waiting) as a JSON object for SQL, which judges all else: its age, the
 * client, the redirect URI. False if none waits, or if it is not valid. */
bool oidc_request_read(struct request *r, struct str *input) MUST_USE;

/* Goes on with a request after a sign-in: a step to stand behind a call whose reply may have opened
 * a session. Its cookies are set and the request is decided for that session; a reply that opened
 * none (a refusal, a second factor first) is relayed. `input` is of oidc_request_read. */
enum step oidc_continue_as_signed_in(struct request *r, struct str input);

/* Answers of SQL that say where to go, as a redirect or for scripts as {"redirect":true,"url"}. */
enum step oidc_answer_redirect(struct request *r);
enum step oidc_answer_json(struct request *r);
/* Where the reply sends the browser, signed if it waits; STR_NONE if nowhere. */
struct str oidc_answer_location(struct request *r);
/* Sends a browser where the reply says. An answer for a client that wants it posted
 * (response_mode=form_post) is a page that posts it; a script is sent to the same page by its URL.
 */
enum step oidc_answer_browser(struct request *r, int status);
/* 400 {"error":"invalid_signature"} */
enum step oidc_invalid_signature(struct request *r);

#endif
