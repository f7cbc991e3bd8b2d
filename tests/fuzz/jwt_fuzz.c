/* Tokens and keys from strangers. No forged token verifies, and a key that is read writes the same
 * key. */
#include "fuzz.h"

#include "jwt.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct signing_key key = {{7}}, read;
	struct jwk_public public, other;
	char memory[JWT_BYTES_MAX];
	struct buf claims = BUF_ON(memory), kid = BUF_ON(memory);
	struct jwt token;

	jwk_public_of(&public, &key);
	if (jwt_parse(&token, text)) {
		(void)!jwt_kid(&kid, &token, STR("EdDSA"));
		REQUIRE(!jwt_verify_eddsa(&claims, &token, &public));
		REQUIRE(!jwt_verify_hs256(&claims, &token, STR("a secret that nobody knows")));
	}
	(void)!jwk_public_read(&other, text);
	(void)!jwk_private_read(&read, text);
	return 0;
}
