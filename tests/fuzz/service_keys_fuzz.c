/* MANA_SERVICE_KEY, newline, a key that is shown: the list holds non-empty keys with plain names
 * that stand in the text, and a key is found exactly if it is in the list. */
#include "fuzz.h"

#include "service_keys.h"

static bool
is_within(struct str part, struct str text)
{
	return str_equal(part, STR("default")) ||
	       (part.p >= text.p && part.p + part.len <= text.p + text.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, list, shown;
	struct service_keys keys;
	bool listed = false;

	(void)str_cut(&list, &shown, text, '\n');
	if (!service_keys_read(&keys, list))
		return 0;
	REQUIRE(keys.count > 0 && keys.count <= SERVICE_KEYS_MAX);
	for (size_t i = 0; i < keys.count; i++) {
		const struct service_key *key = &keys.items[i];

		REQUIRE(key->key.len > 0 && !str_has(key->key, ',') && is_within(key->key, list));
		REQUIRE(key->name.len > 0 && key->name.len <= SERVICE_NAME_CHARS_MAX &&
			is_within(key->name, list));
		for (size_t c = 0; c < key->name.len; c++)
			REQUIRE(strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", key->name.p[c]) !=
				NULL);
		REQUIRE(service_keys_find(&keys, key->key).p != NULL);
		listed = listed || (shown.p != NULL && str_equal(shown, key->key));
	}
	REQUIRE((service_keys_find(&keys, shown).p != NULL) == listed);
	return 0;
}
