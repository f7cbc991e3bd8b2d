/* The JSON that a browser posts at the end of a ceremony. What is taken is within what came. */
#include "fuzz.h"

#include "features/passkey_answer.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request r = {.arena = {.blocks = NULL}};
	struct passkey_answer answer;

	if (passkey_answer_read(&r, &answer, (struct str){(const char *)data, size})) {
		REQUIRE(answer.credential_id.len > 0 && answer.credential_id.len < size);
		REQUIRE(answer.client_data.len + answer.attestation_object.len +
			    answer.authenticator_data.len + answer.signature.len +
			    answer.user_handle.len <
			size);
	}
	arena_release(&r.arena);
	return 0;
}
