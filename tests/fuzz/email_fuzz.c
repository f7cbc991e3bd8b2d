/* An address that is accepted is safe in a header line and in an SMTP command. */
#include "fuzz.h"

#include "email.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};

	if (email_valid(text)) {
		const char *at = memchr(data, '@', size);

		REQUIRE(size <= EMAIL_BYTES_MAX);
		REQUIRE(at != NULL && at - (const char *)data <= EMAIL_LOCAL_MAX);
		for (size_t i = 0; i < size; i++)
			REQUIRE(data[i] > ' ' && data[i] < 0x7f &&
				strchr("<>\"(),:;[\\]", data[i]) == NULL);
	}
	return 0;
}
