/*
 * Origins that are trusted (RFC 6454): of web sites, and of apps, whose origin has a scheme of
 * their own (RFC 8252 section 7.1), such as tauri://localhost or chrome-extension://id.
 */
#ifndef MANA_ORIGIN_H
#define MANA_ORIGIN_H

#include "buf.h"

enum origin_problem {
	ORIGIN_OK,
	ORIGIN_NO_SCHEME,     /* not scheme://host, so that no origin equals it */
	ORIGIN_SCHEME_UNSAFE, /* javascript, data and the like */
	ORIGIN_HAS_MORE,      /* a path, a query, a fragment or user information */
	ORIGIN_SEPARATOR,     /* a semicolon or white space: not one origin */
	ORIGIN_STAR,          /* "*" elsewhere than as the first host label */
	ORIGIN_HOST           /* no host, or one that no browser sends: not ASCII, a bad port */
};

/* Appends the origin of a URL: scheme and host in lower case without the default port for http(s)
 * (uri_origin), scheme://authority for an app, scheme:// where its URL has no authority. False if
 * the URL has none, or a scheme that runs what follows it. */
bool origin_of(struct buf *out, struct str url) MUST_USE;
/* Appends what an item of configuration means as a pattern for origin_matches: an origin without a
 * slash at its end, with "*" as the first host label (subdomains), or scheme:// for all of an app.
 */
enum origin_problem origin_pattern(struct buf *out, struct str text) MUST_USE;
/* Whether an origin (origin_of) is that of a pattern: exact; with "*" as the first host label, for
 * one or more labels; or any of an app's scheme. */
bool origin_matches(struct str origin, struct str pattern) MUST_USE;

#endif
