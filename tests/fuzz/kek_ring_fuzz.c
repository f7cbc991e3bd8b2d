/* The key file: first byte the separator and whether a zero key is allowed, then the text. Keys
 * have ids that differ; what is refused says why in bounded text, without a byte of the file; the
 * ring reads the same from what it would be written as. */
#include "fuzz.h"

#include <sodium.h>

#include "kek_ring.h"

enum { LINE_BYTES = KEK_ID_MAX + 1 + 45 + 1 };

static void
check_again(const struct ring *ring)
{
	char text[KEK_RING_MAX * LINE_BYTES + 1] = "";
	struct ring_problem problem;
	struct ring again = {.count = 0};
	size_t len = 0;

	for (int i = 0; i < ring->count; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s:", ring->keys[i].id);
		sodium_bin2base64(text + len, sizeof(text) - len, ring->keys[i].key, KEK_BYTES,
		    sodium_base64_VARIANT_ORIGINAL);
		len += strlen(text + len);
		text[len++] = '\n';
	}
	REQUIRE(ring_parse(&again, &problem, text, len, '\n', RING_ALLOWS_ZERO_KEY));
	REQUIRE(memcmp(&again, ring, sizeof(again)) == 0);
}

static void
check_keys(const struct ring *ring, enum ring_zero_key zero_key)
{
	REQUIRE(ring->count > 0 && ring->count <= KEK_RING_MAX);
	for (int i = 0; i < ring->count; i++) {
		size_t len = strnlen(ring->keys[i].id, KEK_ID_MAX + 1);

		REQUIRE(len > 0 && len <= KEK_ID_MAX);
		REQUIRE(zero_key == RING_ALLOWS_ZERO_KEY ||
			!sodium_is_zero(ring->keys[i].key, KEK_BYTES));
		for (int k = 0; k < i; k++)
			REQUIRE(strcmp(ring->keys[k].id, ring->keys[i].id) != 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum ring_zero_key zero_key;
	struct ring_problem problem = {.detail = ""};
	struct ring ring;

	if (size == 0)
		return 0;
	memset(&ring, 0, sizeof(ring));
	zero_key = data[0] & 1 ? RING_ALLOWS_ZERO_KEY : RING_REFUSES_ZERO_KEY;
	if (!ring_parse(&ring, &problem, (const char *)data + 1, size - 1, data[0] & 2 ? ',' : '\n',
		zero_key)) {
		REQUIRE(problem.detail[0] != '\0' &&
			strnlen(problem.detail, KEK_PROBLEM_CHARS) < KEK_PROBLEM_CHARS);
		return 0;
	}
	check_keys(&ring, zero_key);
	check_again(&ring);
	return 0;
}
