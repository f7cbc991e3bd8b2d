/*
 * The keys that sign JWTs. They come from the database (auth_api.signing_keys) at start, every
 * minute, and when a token names an unknown one; they live in locked memory that is no part of a
 * core dump.
 */
#ifndef MANA_SIGNING_H
#define MANA_SIGNING_H

#include "http/request.h"
#include "jwt.h"

/* Takes locked memory; once in each worker. */
void signing_start(void);
/* Whether there is a key to sign with, and the secret that signs cookies. */
bool signing_ready(void);
/* Asks the database for the keys soon, at most once a second: a token names an unknown key, or the
 * worker has no key that it may use. */
void signing_refetch(void);
/* Appends an access JWT: iat, then `members` ("sub":..,"email":..), then exp, iss, aud. False
 * without a key. */
bool signing_access_token(struct buf *out, struct str members, struct str audience) MUST_USE;
/* Appends a JWT of a type ("JWT", "at+jwt") and these claims, a JSON object, by alg: EdDSA, ES256
 * or RS256. False without a key. */
bool signing_token(struct buf *out, struct str alg, struct str type, struct str claims) MUST_USE;
/* Appends the claims of an access JWT that one of our keys has signed (EdDSA); says nothing about
 * exp, iss, aud. */
bool signing_verify(struct buf *claims, struct str token) MUST_USE;
/* The same of what signing_token has signed, by whichever algorithm; the type is not looked at. */
bool signing_verify_token(struct buf *claims, struct str token) MUST_USE;
/* The JWKS document and its entity tag; static memory, until the next fetch. STR_NONE: there is
 * none, or it is too old to be trusted. */
struct str signing_jwks(struct str *tag);

/* The secret of cookies (BETTER_AUTH_SECRET, or one that the database keeps) does not leave this
 * file. It signs session tokens; other purposes have keys derived from it (token.h). */

/* Appends the session cookie of a token, not percent-encoded. */
void signing_session_cookie(struct buf *out, const struct session_token *token);
/* Reads a session cookie, percent-decoded; false and wiped if its signature is wrong. */
bool signing_session_read(struct session_token *out, struct str cookie) MUST_USE;
/* Appends the signed value of a cookie other than the session's; `name` is its short name. */
void signing_cookie(struct buf *out, struct str name, struct str value);
/* Reads such a cookie; *value points into it. False if its signature is not that of this name. */
bool signing_cookie_read(struct str *value, struct str name, struct str cookie) MUST_USE;
/* The MAC of the query of a hosted page that carries an authorization request. */
void signing_page_query_mac(struct digest *out, struct str query);
/* The MAC of a refresh token, from which its successor is derived; false without the secret. */
bool signing_refresh_mac(struct digest *out, struct str token) MUST_USE;
/* Appends the claims of a link of the legacy service: a JWT by HS256 under the secret. Such links
 * are verified, never made. */
bool signing_legacy_link_read(struct buf *claims, const struct jwt *link) MUST_USE;

/* First step of the background task that fetches the keys. */
enum step signing_fetch(struct request *r);

#endif
