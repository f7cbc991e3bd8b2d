/* An address that is accepted is safe in a header line and in an SMTP command. */
#include "fuzz.h"

#include "email.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char memory[EMAIL_BYTES_MAX + 1], again_memory[sizeof(memory)];
	struct buf ascii = BUF_ON(memory), again = BUF_ON(again_memory);
	struct str text = {(const char *)data, size};

	email_to_ascii(&ascii, text);
	if (buf_ok(&ascii)) {
		email_to_ascii(&again, buf_view(&ascii));
		REQUIRE(str_equal(buf_view(&again), buf_view(&ascii)));
		REQUIRE(!email_valid(text) || str_equal(buf_view(&ascii), text));
	}
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
