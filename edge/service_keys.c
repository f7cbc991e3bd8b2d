/* The list of service keys, and whose a key is (service_keys.h). */
#include "service_keys.h"

#include "digest.h"

static bool is_name(struct str s);

bool
service_keys_read(struct service_keys *keys, struct str list)
{
	struct str rest = list, item, name, key;
	bool more = true;

	keys->count = 0;
	while (more) {
		more = str_cut(&item, &rest, rest, ',');
		while (item.len > 0 && item.p[0] == ' ')
			item = str_skip(item, 1);
		while (item.len > 0 && item.p[item.len - 1] == ' ')
			item.len--;
		if (item.len == 0)
			continue;
		if (!str_cut(&name, &key, item, ':') || !is_name(name)) {
			name = STR("default");
			key = item;
		}
		if (key.len == 0 || keys->count == SERVICE_KEYS_MAX)
			return false;
		keys->items[keys->count++] = (struct service_key){.name = name, .key = key};
	}
	return keys->count > 0;
}

struct str
service_keys_find(const struct service_keys *keys, struct str key)
{
	struct str found = STR_NONE;

	for (size_t i = 0; i < keys->count; i++)
		if (digest_equal(key, keys->items[i].key))
			found = keys->items[i].name;
	return found;
}

static bool
is_name(struct str s)
{
	if (s.len == 0 || s.len > SERVICE_NAME_CHARS_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", s.p[i]) == NULL ||
		    s.p[i] == '\0')
			return false;
	return true;
}
