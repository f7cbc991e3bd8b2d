/*
 * An authorization request on its way: where it goes next, and how it survives a sign-in or a
 * consent without being kept anywhere. What waits travels in the query of our own page, signed, as
 * Better Auth does it (`exp`, `ba_iat`, `ba_param`, `sig`); the page echoes it as `oauth_query`.
 */
#ifndef MANA_OIDC_REQUEST_H
#define MANA_OIDC_REQUEST_H

#include "routes.h"

/* A query that we have signed and that nobody has changed: *input is its JSON object for SQL, which
 * judges all else (its age, the client, the redirect URI). */
bool oidc_request_read(struct request *r, struct str *input, struct str oauth_query) MUST_USE;
/* The value of a parameter of a query, decoded; STR_NONE if absent or malformed. */
struct str oidc_query_value(struct request *r, struct str query, struct str name);

/* Goes on with a request after a sign-in: a step to stand behind a call whose reply may have opened
 * a session. Its cookies are set and the request is decided for that session; a reply that opened
 * none (a refusal, a second factor first) is relayed. `input` is of oidc_request_read. */
enum step oidc_continue_as_signed_in(struct request *r, struct str input);

/* Answers of SQL that say where to go, as a redirect or for scripts as {"redirect":true,"url"}. */
enum step oidc_answer_redirect(struct request *r);
enum step oidc_answer_json(struct request *r);
/* Where the reply sends the browser, signed if it waits; STR_NONE if nowhere. */
struct str oidc_answer_location(struct request *r);
/* 400 {"error":"invalid_signature"} */
enum step oidc_invalid_signature(struct request *r);

#endif
