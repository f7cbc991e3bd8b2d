/* Tokens and keys from strangers. No forged token verifies, and a key that is read writes the same
 * key. */
#include "fuzz.h"

#include "jwt.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct signing_key key, read, read_again;
	struct jwk_public public, other, again;
	char memory[JWT_BYTES_MAX], key_memory[512];
	struct buf claims = BUF_ON(memory), kid = BUF_ON(memory), written = BUF_ON(key_memory);
	struct jwt token;

	signing_key_of_seed(&key, (const unsigned char[crypto_sign_SEEDBYTES]){7});
	jwk_public_of(&public, &key);
	if (jwt_parse(&token, text)) {
		(void)!jwt_kid(&kid, &token, STR("EdDSA"));
		REQUIRE(!jwt_verify_eddsa(&claims, &token, &public));
		REQUIRE(!jwt_verify_hs256(&claims, &token, STR("a secret that nobody knows")));
	}
	if (jwk_public_read(&other, text)) {
		jwk_public_write(&written, &other, STR_NONE);
		REQUIRE(jwk_public_read(&again, buf_view(&written)));
		REQUIRE(memcmp(&again, &other, sizeof(other)) == 0);
	}
	written.len = 0;
	if (jwk_private_read(&read, text)) {
		jwk_private_write(&written, &read);
		REQUIRE(jwk_private_read(&read_again, buf_view(&written)));
		REQUIRE(memcmp(&read_again, &read, sizeof(read)) == 0);
	}
	return 0;
}
