/* What decodes encodes to the same text: the decoding is canonical. */
#include "fuzz.h"

#include "base64.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	char decoded[8192], again[8192];
	struct buf out = BUF_ON(again), url = BUF_ON(again);
	size_t count;

	if (size > 4096)
		return 0;
	if (base64_decode(decoded, &count, sizeof(decoded), text)) {
		base64_encode(&out, decoded, count);
		REQUIRE(str_equal(buf_view(&out), text));
	}
	if (base64url_decode(decoded, &count, sizeof(decoded), text)) {
		base64url_encode(&url, decoded, count);
		REQUIRE(str_equal(buf_view(&url), text));
	}
	return 0;
}
