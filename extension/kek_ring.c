/* Parsing the text of the key ring; see kek_ring.h. kek.c reads it and keeps the result. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "kek_ring.h"

#define KEK_BARE_ID "env-v1" /* the id that the legacy service used for its only key */

static bool parse_key(struct ring *ring, struct ring_problem *problem, const char *line, size_t len,
    int number, enum ring_zero_key zero_key);
static bool id_is_valid(const char *id, size_t len);
static bool refuse(struct ring_problem *problem, int number, const char *detail, const char *hint);

bool
ring_parse(struct ring *ring, struct ring_problem *problem, const char *text, size_t len,
    char separator, enum ring_zero_key zero_key)
{
	const char *line = text;
	size_t left = len;

	for (int number = 1; left > 0; number++) {
		const char *end = memchr(line, separator, left);
		size_t span = end ? (size_t)(end - line) : left;
		size_t used = span;

		while (used > 0 && (line[used - 1] == ' ' || line[used - 1] == '\r'))
			used--;
		if (used > 0 && !parse_key(ring, problem, line, used, number, zero_key))
			return false;
		if (end == NULL)
			break;
		line = end + 1;
		left -= span + 1;
	}
	if (ring->count == 0)
		return refuse(problem, 0, "It has no key.", NULL);
	return true;
}

/* `id:base64`, or `base64` alone. */
static bool
parse_key(struct ring *ring, struct ring_problem *problem, const char *line, size_t len, int number,
    enum ring_zero_key zero_key)
{
	const char *colon = memchr(line, ':', len);
	const char *id = colon ? line : KEK_BARE_ID;
	const char *base64 = colon ? colon + 1 : line;
	size_t id_len = colon ? (size_t)(colon - line) : strlen(KEK_BARE_ID);
	struct kek *kek = &ring->keys[ring->count];
	size_t key_len = 0;

	if (ring->count == KEK_RING_MAX)
		return refuse(problem, number, "the ring is full.", NULL);
	if (!id_is_valid(id, id_len))
		return refuse(problem, number,
		    "the id must have 1 to 63 characters and no control character.", NULL);
	memcpy(kek->id, id, id_len);
	kek->id[id_len] = '\0';
	for (int i = 0; i < ring->count; i++)
		if (strcmp(ring->keys[i].id, kek->id) == 0)
			return refuse(problem, number, "the id stands there twice.", NULL);
	if (sodium_base642bin(kek->key, sizeof(kek->key), base64, (size_t)(line + len - base64),
		NULL, &key_len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    key_len != KEK_BYTES)
		return refuse(problem, number, "the key must be 32 bytes in base64.",
		    "Make one with `openssl rand -base64 32`.");
	if (sodium_is_zero(kek->key, KEK_BYTES) && zero_key == RING_REFUSES_ZERO_KEY)
		return refuse(problem, number, "the key is all zero.",
		    "Only development may do that, with mana_auth.allow_dev_kek.");
	ring->count++;
	return true;
}

static bool
id_is_valid(const char *id, size_t len)
{
	if (len == 0 || len > KEK_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)id[i] < ' ' || id[i] == 0x7f)
			return false;
	return true;
}

static bool
refuse(struct ring_problem *problem, int number, const char *detail, const char *hint)
{
	if (number > 0)
		(void)snprintf(
		    problem->detail, sizeof(problem->detail), "Key %d: %s", number, detail);
	else
		(void)snprintf(problem->detail, sizeof(problem->detail), "%s", detail);
	problem->hint = hint;
	return false;
}
