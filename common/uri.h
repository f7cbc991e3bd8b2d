/*
 * Percent coding (RFC 3986 section 2.1), origins of web sites (RFC 6454) and safe callback targets.
 */
#ifndef MANA_URI_H
#define MANA_URI_H

#include "buf.h"

/* The treatment of "+" differs between the two. */
enum uri_form { URI_COMPONENT, URI_FORM /* application/x-www-form-urlencoded: + is a space */ };

/* Appends the decoded text. False if a % is not followed by two hex digits, or on overflow. */
bool uri_decode(struct buf *out, struct str text, enum uri_form form) MUST_USE;
/* Takes the first name=value pair off *rest (both still encoded); false at the end. */
bool uri_pair_next(struct str *name, struct str *value, struct str *rest);
/* Appends scheme://host[:port] of an absolute http(s) URL, lower case, default port dropped. False
 * if it has none, or port 0 or one above 65535, holds user information, a backslash, white space or
 * a control byte. */
bool uri_origin(struct buf *out, struct str url) MUST_USE;
/* Whether url is a safe relative path ("/x", never "//x", "/\x", encoded or with controls). */
bool uri_path_safe(struct str url) MUST_USE;

#endif
