/* A cookie that verifies was signed by us. */
#include "fuzz.h"

#include "token.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, value;
	char memory[8192], session_memory[128];
	struct buf again = BUF_ON(memory);

	struct buf session = BUF_ON(session_memory);
	struct session_token token;

	if (token_purpose_verify(&value, STR("secret"), STR("cookie x"), text)) {
		token_purpose_sign(&again, STR("secret"), STR("cookie x"), value);
		REQUIRE(str_equal(buf_view(&again), text));
	}
	if (token_session_verify(&token, STR("secret"), text)) {
		token_session_sign(&session, STR("secret"), &token);
		REQUIRE(str_equal(buf_view(&session), text));
	}
	return 0;
}
