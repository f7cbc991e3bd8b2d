/* The end of a ceremony, as a browser posts it (passkey_answer.h). */
#include "features/passkey_answer.h"

#include "base64.h"
#include "json.h"

enum { ANSWER_BYTES_MAX = 65536, ANSWER_DEPTH = 8, TRANSPORTS_BYTES_MAX = 64 };

static struct str decoded(struct request *r, const json_t *object, const char *name);
static struct str text_only(struct str bytes);
static struct str known_transports(struct request *r, const json_t *given);

bool
passkey_answer_read(struct request *r, struct passkey_answer *out, struct str json)
{
	json_t *document = NULL;
	const json_t *response;
	bool ok;

	*out = (struct passkey_answer){.credential_id = STR_NONE};
	if (!json_read(&document, json,
		(struct json_limits){.bytes = ANSWER_BYTES_MAX, .depth = ANSWER_DEPTH}))
		return false;
	response = json_object_get(document, "response");
	ok = str_equal(json_member_str(document, "type"), STR("public-key")) &&
	     decoded(r, document, "id").len > 0 &&
	     str_equal(json_member_str(document, "id"), json_member_str(document, "rawId"));
	if (ok) {
		out->credential_id = arena_copy(&r->arena, json_member_str(document, "id"));
		out->client_data = decoded(r, response, "clientDataJSON");
		out->attestation_object = decoded(r, response, "attestationObject");
		out->authenticator_data = decoded(r, response, "authenticatorData");
		out->signature = decoded(r, response, "signature");
		out->user_handle = text_only(decoded(r, response, "userHandle"));
		out->transports = known_transports(r, json_object_get(response, "transports"));
	}
	json_decref(document);
	return ok;
}

static struct str
decoded(struct request *r, const json_t *object, const char *name)
{
	struct str text = json_member_str(object, name);
	struct buf memory;
	size_t count;

	if (text.len == 0)
		return STR_NONE;
	memory = arena_buf(&r->arena, text.len);
	if (!base64url_decode(memory.p, &count, memory.size, text))
		return STR_NONE;
	return (struct str){.p = memory.p, .len = count};
}

/* Ours is a user's id. One that is not even text is nobody's, and compares with no id. */
static struct str
text_only(struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		if (bytes.p[i] < ' ' || bytes.p[i] > '~')
			return STR("");
	return bytes;
}

/* Only a hint for later, and a browser's word: what is unknown is left out. */
static struct str
known_transports(struct request *r, const json_t *given)
{
	static const char *const known[] = {
	    "usb", "nfc", "ble", "smart-card", "hybrid", "cable", "internal"};
	struct buf out = arena_buf(&r->arena, TRANSPORTS_BYTES_MAX);
	const json_t *item;
	size_t i;

	for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
		json_array_foreach(given, i, item)
		{
			if (!json_is_string(item) || strcmp(json_string_value(item), known[k]) != 0)
				continue;
			if (out.len > 0)
				buf_char(&out, ',');
			buf_str(&out, str_from(known[k]));
			break;
		}
	}
	return buf_view(&out);
}
