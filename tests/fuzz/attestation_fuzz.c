/* An authenticator's attestation object. What is taken has a key of a kind that can verify. */
#include "fuzz.h"

#include "cbor_check.h"
#include "webauthn.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct webauthn_party party = {.id = {.p = "mana.test", .len = 9}};
	static const struct webauthn_client_data client_data;
	static struct webauthn_credential credential;
	struct webauthn_flags flags;
	struct str key;

	if (webauthn_register(&credential, &client_data, (struct str){(const char *)data, size},
		&party) != WEBAUTHN_VALID)
		return 0;
	key = (struct str){(const char *)credential.key, credential.key_length};
	REQUIRE(credential.id_length > 0 && credential.id_length <= sizeof(credential.id));
	REQUIRE(key.len > 0 && key.len <= sizeof(credential.key) && cbor_is_modest(key));
	REQUIRE(webauthn_authenticate(&flags, &client_data, STR(""), STR("x"), key, &party) ==
		WEBAUTHN_MISMATCH);
	return 0;
}
