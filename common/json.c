/* JSON under limits (json.h). */
#include "json.h"

#include <malloc.h>
#include <sodium.h>
#include <stdlib.h>

static bool
depth_is_within(struct str text, size_t most)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			if (++depth > most)
				return false;
		if (!in_string && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return true;
}

static void
free_wiped(void *p)
{
	if (p != NULL)
		sodium_memzero(p, malloc_usable_size(p));
	free(p);
}

void
json_wipe_freed(void)
{
	json_set_alloc_funcs(malloc, free_wiped);
}

bool
json_read(json_t **out, struct str text, struct json_limits limits)
{
	json_error_t error;

	*out = NULL;
	if (text.p == NULL || text.len > limits.bytes || !depth_is_within(text, limits.depth))
		return false;
	/* jansson refuses U+0000, lone surrogates and bytes that are not UTF-8 by itself */
	*out = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	return *out != NULL;
}

struct str
json_member_str(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value))
		return STR_NONE;
	return (struct str){json_string_value(value), json_string_length(value)};
}
