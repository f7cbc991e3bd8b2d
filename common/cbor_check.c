/* CBOR of strangers (cbor_check.h). */
#include "cbor_check.h"

#include <cbor.h>

enum { COLLECTIONS_MAX = 32 };

struct look {
	size_t bytes_left; /* with the item that is being looked at */
	size_t collections;
	bool modest;
};

static void
collection(struct look *look, size_t items, size_t bytes_an_item)
{
	look->collections++;
	if (look->collections > COLLECTIONS_MAX || items > look->bytes_left / bytes_an_item)
		look->modest = false;
}

static void
array_start(void *look, size_t items)
{
	collection(look, items, 1);
}

static void
map_start(void *look, size_t pairs)
{
	collection(look, pairs, 2);
}

static void
refused(void *look)
{
	((struct look *)look)->modest = false;
}

static void
refused_tag(void *look, uint64_t tag)
{
	(void)tag;
	refused(look);
}

bool
cbor_is_modest(struct str bytes)
{
	struct cbor_callbacks callbacks = cbor_empty_callbacks;
	struct look look = {.bytes_left = bytes.len, .modest = true};

	callbacks.array_start = array_start;
	callbacks.map_start = map_start;
	callbacks.indef_array_start = refused;
	callbacks.indef_map_start = refused;
	callbacks.byte_string_start = refused;
	callbacks.string_start = refused;
	callbacks.indef_break = refused;
	callbacks.tag = refused_tag;
	while (look.modest && look.bytes_left > 0) {
		struct cbor_decoder_result step =
		    cbor_stream_decode((cbor_data)bytes.p + (bytes.len - look.bytes_left),
			look.bytes_left, &callbacks, &look);

		if (step.status != CBOR_DECODER_FINISHED)
			return false;
		look.bytes_left -= step.read;
	}
	return look.modest;
}
