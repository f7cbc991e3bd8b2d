/*
 * Keys by which other services show who they are (X-Service-Key): a list by comma, each `name:key`,
 * or a key alone, whose service is called `default`. Several at once, so that they can be changed
 * one after the other.
 */
#ifndef MANA_SERVICE_KEYS_H
#define MANA_SERVICE_KEYS_H

#include "str.h"

enum { SERVICE_KEYS_MAX = 32, SERVICE_NAME_CHARS_MAX = 32 };

struct service_key {
	struct str name; /* [a-z0-9_-]; two keys may have the same */
	struct str key;
};

struct service_keys {
	struct service_key items[SERVICE_KEYS_MAX]; /* the first is ours, towards other services */
	size_t count;
};

/* Splits the list; the slices point into it. False if it holds nothing, too many, or an item
 * without a key. */
bool service_keys_read(struct service_keys *keys, struct str list) MUST_USE;
/* The name of the service that shows this key, STR_NONE if nobody's. All keys are compared, each
 * in time that depends on its length only. */
struct str service_keys_find(const struct service_keys *keys, struct str key);

#endif
