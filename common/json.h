/*
 * JSON (RFC 8259) read by jansson under limits: bytes, depth, no duplicate names, no U+0000, UTF-8
 * only. The document is jansson's and the caller's to release; strings point into it.
 */
#ifndef MANA_JSON_H
#define MANA_JSON_H

#include <jansson.h>

#include "str.h"

struct json_limits {
	size_t bytes;
	size_t depth; /* 1 = one object or array without children of that sort */
};

/* Makes jansson overwrite what it frees: bodies of requests hold passwords, arguments of mails hold
 * links. Once, before the first document. */
void json_wipe_freed(void);
/* Reads one document; *out is a new reference (json_decref). False and NULL if malformed or over a
 * limit. */
bool json_read(json_t **out, struct str text, struct json_limits limits) MUST_USE;
/* The string member of an object, STR_NONE if absent or no string. Points into the document. */
struct str json_member_str(const json_t *object, const char *name);

#endif
