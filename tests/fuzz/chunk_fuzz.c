/* Chunked bodies: the same body and the same end, in whatever pieces the bytes come, and never more
 * than may be. The first byte of the input says how long the pieces are. */
#include "fuzz.h"

#include "http/chunk.h"

enum { BODY_MAX = 1000 };

struct outcome {
	char body[BODY_MAX];
	size_t length, used;
	struct chunk_reader chunks;
	struct refusal refusal;
};

static void
read_pieces(struct outcome *o, const char *bytes, size_t count, size_t piece)
{
	memset(o, 0, sizeof(*o));
	while (o->used < count && !o->chunks.is_complete && o->refusal.status == 0) {
		size_t n = count - o->used < piece ? count - o->used : piece;
		char *copy = malloc(n);
		struct chunk_progress p;

		memcpy(copy, bytes + o->used, n);
		p = chunk_read(&o->chunks, copy, n, BODY_MAX);
		REQUIRE(p.used <= n && p.data <= p.used && p.data <= BODY_MAX - o->length);
		memcpy(o->body + o->length, copy, p.data);
		o->length += p.data;
		o->used += p.used;
		o->refusal = p.refusal;
		free(copy);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome whole, parts;
	const char *bytes = (const char *)data + 1;

	if (size < 2)
		return 0;
	read_pieces(&whole, bytes, size - 1, size);
	read_pieces(&parts, bytes, size - 1, 1 + data[0] % 32);
	REQUIRE(whole.chunks.is_complete == parts.chunks.is_complete);
	REQUIRE(whole.refusal.status == parts.refusal.status && whole.used == parts.used);
	REQUIRE(!whole.chunks.is_complete || whole.length == whole.chunks.length);
	if (whole.refusal.status == 0) {
		REQUIRE(whole.length == parts.length);
		REQUIRE(memcmp(whole.body, parts.body, whole.length) == 0);
	}
	if (whole.chunks.is_complete)
		REQUIRE(whole.used >= 5 && memcmp(bytes + whole.used - 2, "\r\n", 2) == 0);
	return 0;
}
