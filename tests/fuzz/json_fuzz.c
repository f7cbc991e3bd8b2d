/* JSON under limits: what is read is not deeper than allowed, has no name twice, and reads the same
 * from what it is written as. */
#include "fuzz.h"

#include "buf.h"
#include "json.h"

enum { DEPTH = 4, TEXT_BYTES = 4096 };

static size_t
depth_of(const json_t *json)
{
	size_t deepest = 0, i;
	const char *name;
	json_t *value;

	json_array_foreach((json_t *)json, i, value) if (depth_of(value) > deepest) deepest =
	    depth_of(value);
	json_object_foreach((json_t *)json, name, value)
	{
		if (depth_of(value) > deepest)
			deepest = depth_of(value);
	}
	return deepest + (json_is_array(json) || json_is_object(json));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char memory[6 * TEXT_BYTES + 2];
	struct str text = {(const char *)data, size};
	struct json_limits limits = {.bytes = TEXT_BYTES, .depth = DEPTH};
	struct buf coded = BUF_ON(memory);
	json_t *json, *again;
	char *written;

	if (!json_read(&json, text, limits)) {
		REQUIRE(json == NULL);
		return 0;
	}
	REQUIRE(size <= TEXT_BYTES && depth_of(json) <= DEPTH);
	written = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	REQUIRE(written != NULL);
	limits.bytes = strlen(written); /* a number may be written longer */
	REQUIRE(json_read(&again, str_from(written), limits) && json_equal(json, again));
	free(written);
	json_decref(again);
	if (json_is_string(json)) {
		struct str string = {json_string_value(json), json_string_length(json)};

		buf_json_str(&coded, string);
		limits.bytes = coded.len;
		REQUIRE(buf_ok(&coded) && json_read(&again, buf_view(&coded), limits));
		REQUIRE(json_equal(json, again));
		json_decref(again);
	}
	json_decref(json);
	return 0;
}
