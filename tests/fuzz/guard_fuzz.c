/* Heads of requests: the verdict over a part is never stricter than over the whole, and what passes
 * has one Host at the most. */
#include "fuzz.h"

#include "http/guard.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct guard_verdict whole = guard_check(bytes, size, 1000);

	if (whole.status == 0) {
		for (size_t len = 1; len < size; len += 1 + len / 16)
			REQUIRE(guard_check(bytes, len, 1000).status == 0);
		if (whole.complete)
			REQUIRE(memchr(bytes, '\0', size) == NULL ||
				memmem(bytes, size, "\r\n\r\n", 4) < memchr(bytes, '\0', size));
	}
	return 0;
}
