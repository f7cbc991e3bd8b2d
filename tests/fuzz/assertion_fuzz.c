/* An authenticator's signature, by a key that is somebody's word, too: length, authenticator data,
 * length, signature, key. What verifies does not with one bit changed. */
#include "fuzz.h"

#include "webauthn.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* that of webauthn.json's sign-ins of the software authenticator */
	static const char client_data_json[] =
	    "{\"type\":\"webauthn.get\",\"challenge\":"
	    "\"bWFuYW1hbmFtYW5hbWFuYW1hbmFtYW5hbWFuYW1hbmE\",\"origin\":\"https://app.mana.test\","
	    "\"crossOrigin\":false}";
	static const struct str origin = {.p = "https://app.mana.test", .len = 21};
	static const struct webauthn_party party = {
	    .id = {.p = "mana.test", .len = 9}, .origins = &origin, .origins_count = 1};
	struct str rest = {(const char *)data, size}, parts[2];
	struct webauthn_client_data client_data;
	struct webauthn_flags flags;
	char changed[4096];

	for (int i = 0; i < 2; i++) {
		size_t count =
		    rest.len > 1 ? (size_t)(uint8_t)rest.p[0] << 8 | (uint8_t)rest.p[1] : 0;

		rest = str_skip(rest, 2);
		parts[i] = (struct str){rest.p, count < rest.len ? count : rest.len};
		rest = str_skip(rest, parts[i].len);
	}
	REQUIRE(webauthn_client_data_read(
	    &client_data, str_from(client_data_json), WEBAUTHN_GET, &party));
	if (webauthn_authenticate(&flags, &client_data, parts[0], parts[1], rest, &party) !=
	    WEBAUTHN_VALID)
		return 0;
	REQUIRE(parts[0].len <= sizeof(changed)); /* libFuzzer's longest input */
	memcpy(changed, parts[0].p, parts[0].len);
	changed[36] ^= 1; /* the counter's last bit */
	REQUIRE(webauthn_authenticate(&flags, &client_data, (struct str){changed, parts[0].len},
		    parts[1], rest, &party) != WEBAUTHN_VALID);
	return 0;
}
