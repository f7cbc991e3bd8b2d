/* What a browser says of a ceremony. What is taken names our page. */
#include "fuzz.h"

#include "webauthn.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct str origin = {.p = "https://app.mana.test", .len = 21};
	static const struct webauthn_party party = {
	    .id = {.p = "mana.test", .len = 9}, .origins = &origin, .origins_count = 1};
	struct webauthn_client_data client_data;
	struct str text = {(const char *)data, size};

	REQUIRE(!(webauthn_client_data_read(&client_data, text, WEBAUTHN_CREATE, &party) &&
		  webauthn_client_data_read(&client_data, text, WEBAUTHN_GET, &party)));
	if (webauthn_client_data_read(&client_data, text, WEBAUTHN_GET, &party))
		REQUIRE(memmem(data, size, "mana", 4) != NULL || memchr(data, '\\', size) != NULL);
	return 0;
}
