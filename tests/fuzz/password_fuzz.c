/* Stored hashes of every form, as an import may bring them: none crashes, and the challenge of each
 * says the same and holds no output. */
#include "fuzz.h"

#include "password.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	char memory[PASSWORD_CHALLENGE_MAX];
	struct buf challenge = BUF_ON(memory);
	struct password_form form, again;

	(void)password_needs_rehash(text, PASSWORD_PARAMS_DEFAULT);
	if (!password_form_read(&form, text))
		return 0;
	password_challenge_write(&challenge, &form);
	REQUIRE(buf_ok(&challenge));
	REQUIRE(password_form_read(&again, buf_view(&challenge)));
	REQUIRE(again.output.p == NULL && !again.sealed && again.scheme == form.scheme);
	REQUIRE(again.memory_bytes == form.memory_bytes && again.passes == form.passes);
	REQUIRE(str_equal(again.salt, form.salt));
	return 0;
}
