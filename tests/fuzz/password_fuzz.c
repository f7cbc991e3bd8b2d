/* Stored hashes of every form, as an import may bring them: none crashes, none that is not a hash
 * verifies. */
#include "fuzz.h"

#include "password.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str stored = {(const char *)data, size};

	(void)password_needs_rehash(stored, PASSWORD_PARAMS_DEFAULT);
	if (!str_starts(stored, STR("$argon2id$")) && size != 161) /* those cost what they say */
		REQUIRE(!password_verify(stored, STR("password")));
	return 0;
}
