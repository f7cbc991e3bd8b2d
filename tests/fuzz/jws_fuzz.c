/* A stranger's token and the keys that a stranger registered: TOKEN, newline, JWK set. What
 * verifies has a signature, and one bit more or less in it does not verify. */
#include "fuzz.h"

#include "jws.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = memchr(data, '\n', size);
	char memory[JWT_BYTES_MAX], again[JWT_BYTES_MAX], changed[JWT_BYTES_MAX];
	struct buf payload = BUF_ON(memory), other = BUF_ON(again);
	struct str text, keys;
	struct jwt token;

	if (line == NULL)
		return 0;
	text = (struct str){(const char *)data, (size_t)(line - (const char *)data)};
	keys = (struct str){line + 1, size - text.len - 1};
	if (!jwt_parse(&token, text) || !jws_verify(&payload, &token, keys))
		return 0;
	REQUIRE(token.signature.len > 0 && text.len <= sizeof(changed));
	memcpy(changed, text.p, text.len);
	changed[text.len - token.signature.len / 2] ^= 1;
	if (jwt_parse(&token, (struct str){changed, text.len}))
		REQUIRE(!jws_verify(&other, &token, keys));
	return 0;
}
