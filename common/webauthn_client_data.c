/* What the browser says of a ceremony (webauthn.h): sections 5.8.1, 7.1 steps 5 to 11, 7.2 steps 9
 * to 15. */
#include "json.h"
#include "webauthn.h"

enum { DEPTH = 4, CHALLENGE_CHARS_MAX = 512 };

static bool is_for(const json_t *json, enum webauthn_ceremony ceremony);
static bool is_from(const json_t *json, const struct webauthn_party *party);

bool
webauthn_client_data_read(struct webauthn_client_data *out, struct str json,
    enum webauthn_ceremony ceremony, const struct webauthn_party *party)
{
	json_t *document = NULL;
	struct str challenge;
	bool ok;

	memset(out, 0, sizeof(*out));
	if (!json_read(&document, json,
		(struct json_limits){.bytes = WEBAUTHN_CLIENT_DATA_BYTES_MAX, .depth = DEPTH}))
		return false;
	challenge = json_member_str(document, "challenge");
	ok = is_for(document, ceremony) && is_from(document, party) && challenge.len > 0 &&
	     challenge.len <= CHALLENGE_CHARS_MAX;
	if (ok) {
		digest_sha256(&out->hash, json);
		digest_sha256(&out->challenge, challenge);
	}
	json_decref(document);
	return ok;
}

static bool
is_for(const json_t *json, enum webauthn_ceremony ceremony)
{
	return str_equal(json_member_str(json, "type"),
	    ceremony == WEBAUTHN_CREATE ? STR("webauthn.create") : STR("webauthn.get"));
}

/* In a frame of another site the user may not know whom they answer. */
static bool
is_from(const json_t *json, const struct webauthn_party *party)
{
	struct str origin = json_member_str(json, "origin");
	const json_t *cross_origin = json_object_get(json, "crossOrigin");

	if (json_object_get(json, "topOrigin") != NULL ||
	    (cross_origin != NULL && !json_is_false(cross_origin)))
		return false;
	for (size_t i = 0; i < party->origins_count; i++)
		if (str_equal(origin, party->origins[i]))
			return true;
	return false;
}
