/* A cookie that verifies was signed by us. */
#include "fuzz.h"

#include "token.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, value;
	char memory[8192];
	struct buf again = BUF_ON(memory);

	if (token_cookie_verify(&value, STR("secret"), text)) {
		token_cookie_sign(&again, STR("secret"), value);
		REQUIRE(str_equal(buf_view(&again), text));
	}
	return 0;
}
