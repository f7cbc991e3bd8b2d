/*
 * Passkeys (passkey.h). The edge verifies a registration and hands a sign-in to the database, which
 * verifies the signature, the challenge of this browser and the counter.
 */
#include "features/passkey.h"

#include "base64.h"
#include "config.h"
#include "db/db.h"
#include "features/oidc_request.h"
#include "features/passkey_answer.h"
#include "features/passkey_step_up.h"
#include "http/reply.h"
#include "webauthn.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

enum { NAME_CHARS_MAX = 255, AAGUID_CHARS = 36, RESPONSE_BYTES_MAX = 65536 };

struct options_fields {
	struct str attachment;
	struct str name;
};
static const char *const attachments[] = {"platform", "cross-platform", NULL};
static const struct field options_field_table[] = {
    {"authenticatorAttachment", FIELD_ENUM, 0,
	.offset = offsetof(struct options_fields, attachment), .options = attachments},
    {"name", FIELD_STRING, 0, .offset = offsetof(struct options_fields, name),
	.max = NAME_CHARS_MAX},
    {NULL},
};
const struct schema passkey_options_schema = {options_field_table, sizeof(struct options_fields)};

struct answer_fields {
	struct str response;
	struct str name;
	enum field_bool create_session;
	struct str oauth_query;
};
static const struct field register_field_table[] = {
    {"response", FIELD_JSON, FIELD_REQUIRED | FIELD_SECRET,
	.offset = offsetof(struct answer_fields, response), .max = RESPONSE_BYTES_MAX},
    {"name", FIELD_STRING, FIELD_SECRET, .offset = offsetof(struct answer_fields, name),
	.max = NAME_CHARS_MAX},
    {"createSession", FIELD_BOOL, FIELD_SECRET,
	.offset = offsetof(struct answer_fields, create_session)},
    {NULL},
};
const struct schema passkey_register_schema = {register_field_table, sizeof(struct answer_fields)};

static const struct field sign_in_field_table[] = {
    {"response", FIELD_JSON, FIELD_REQUIRED | FIELD_SECRET,
	.offset = offsetof(struct answer_fields, response), .max = RESPONSE_BYTES_MAX},
    {"oauth_query", FIELD_STRING, FIELD_SECRET,
	.offset = offsetof(struct answer_fields, oauth_query)},
    {NULL},
};
const struct schema passkey_sign_in_schema = {sign_in_field_table, sizeof(struct answer_fields)};

struct step_up_options_fields {
	struct str purpose;
};
static const struct field step_up_field_table[] = {
    {"purpose", FIELD_STRING, FIELD_REQUIRED,
	.offset = offsetof(struct step_up_options_fields, purpose), .max = 64},
    {NULL},
};
const struct schema passkey_step_up_schema = {
    step_up_field_table, sizeof(struct step_up_options_fields)};

static const struct field delete_fields[] = {
    {"id", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = 64},
    {NULL},
};
const struct schema passkey_delete_schema = {delete_fields, 0};

static const struct field update_fields[] = {
    {"id", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = 64},
    {"name", FIELD_STRING, FIELD_REQUIRED | FIELD_NAME, ONLY_SQL, .min = 1, .max = NAME_CHARS_MAX},
    {NULL},
};
const struct schema passkey_update_schema = {update_fields, 0};

/* The apps have known the name under both names. */
static const struct field rename_fields[] = {
    {"name", FIELD_STRING, FIELD_NAME, ONLY_SQL, .min = 1, .max = NAME_CHARS_MAX},
    {"friendlyName", FIELD_STRING, FIELD_NAME, ONLY_SQL, .min = 1, .max = NAME_CHARS_MAX},
    {NULL},
};
const struct schema passkey_rename_schema = {rename_fields, 0};

struct sign_in {
	struct str oauth_input; /* an authorization request that waits for this */
};

static bool is_enabled(void);
static struct webauthn_party relying_party(void);
static const struct digest *challenge_cookie(struct request *r);
static bool registration_verify(struct request *r, struct passkey_answer *answer,
    struct webauthn_client_data *client_data, struct webauthn_credential *credential);
static struct str aaguid_text(struct request *r, const unsigned char *aaguid);
static struct str origin_lines(struct request *r);
static struct db_arg bytes_of(struct str bytes);
static enum step signed_in(struct request *r);

enum step
passkey_capability(struct request *r)
{
	struct buf body = arena_buf(&r->arena, 6 * config.webauthn_rp_id.len + 128);
	struct str yes = is_enabled() ? STR("true") : STR("false");

	buf_str(&body, STR("{\"enabled\":"));
	buf_str(&body, yes);
	buf_str(&body, STR(",\"conditionalUIAvailable\":"));
	buf_str(&body, yes);
	buf_str(&body, STR(",\"rpId\":"));
	buf_json_str(&body, config.webauthn_rp_id);
	buf_char(&body, '}');
	return reply_json(r, 200, buf_view(&body));
}

enum step
passkey_register_options(struct request *r)
{
	const struct options_fields *in = r->fields;

	if (!is_enabled())
		return reply_error(r, ERR_PASSKEY_NOT_ENABLED);
	return db_call(r, CALL_PASSKEY_REGISTER_OPTIONS, reply_relay,
	    db_text(r, config.webauthn_rp_id), db_text(r, config.webauthn_rp_name),
	    db_text(r, in->name), db_text(r, in->attachment));
}

enum step
passkey_register(struct request *r)
{
	const struct answer_fields *in = r->fields;
	struct passkey_answer answer;
	struct webauthn_client_data *client_data = arena_alloc(&r->arena, sizeof(*client_data));
	struct webauthn_credential *credential = arena_alloc(&r->arena, sizeof(*credential));
	const struct digest *cookie_digest = challenge_cookie(r);
	struct buf key = arena_buf(&r->arena, BASE64_LENGTH(WEBAUTHN_KEY_BYTES_MAX) + 1);

	if (cookie_digest == NULL)
		return reply_error(r, ERR_CHALLENGE_NOT_FOUND);
	if (passkey_answer_read(r, &answer, in->response) &&
	    registration_verify(r, &answer, client_data, credential))
		base64_encode(&key, credential->key, credential->key_length);
	return db_call(r, CALL_PASSKEY_REGISTER, reply_relay, db_digest(cookie_digest),
	    db_digest(&client_data->challenge), db_text(r, answer.credential_id),
	    db_text(r, key.len > 0 ? buf_view(&key) : STR_NONE),
	    db_int(r, credential->flags.sign_count),
	    db_text(
		r, credential->flags.backup_eligible ? STR("multiDevice") : STR("singleDevice")),
	    db_bool(credential->flags.backed_up), db_text(r, answer.transports),
	    db_text(r, aaguid_text(r, credential->aaguid)), db_text(r, in->name),
	    db_bool(in->create_session == FIELD_TRUE));
}

static bool
registration_verify(struct request *r, struct passkey_answer *answer,
    struct webauthn_client_data *client_data, struct webauthn_credential *credential)
{
	struct webauthn_party party = relying_party();
	struct buf id = arena_buf(&r->arena, BASE64URL_LENGTH(WEBAUTHN_ID_BYTES_MAX) + 1);

	if (!webauthn_client_data_read(client_data, answer->client_data, WEBAUTHN_CREATE, &party) ||
	    webauthn_register(credential, client_data, answer->attestation_object, &party) !=
		WEBAUTHN_VALID)
		return false;
	base64url_encode(&id, credential->id, credential->id_length);
	return str_equal(buf_view(&id), answer->credential_id);
}

/* As a UUID is written (RFC 4122). */
static struct str
aaguid_text(struct request *r, const unsigned char *aaguid)
{
	struct buf out = arena_buf(&r->arena, AAGUID_CHARS + 1);

	for (int i = 0; i < WEBAUTHN_AAGUID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			buf_char(&out, '-');
		buf_hex(&out, aaguid + i, 1);
	}
	return buf_view(&out);
}

enum step
passkey_authenticate_options(struct request *r)
{
	if (!is_enabled())
		return reply_error(r, ERR_PASSKEY_NOT_ENABLED);
	return db_call(
	    r, CALL_PASSKEY_AUTHENTICATE_OPTIONS, reply_relay, db_text(r, config.webauthn_rp_id));
}

enum step
passkey_sign_in(struct request *r)
{
	const struct answer_fields *in = r->fields;
	struct sign_in *s = request_state(r, sizeof(*s));
	const struct digest *cookie_digest;
	struct passkey_answer answer;

	if (in->oauth_query.len > 0 && !oidc_request_read(r, &s->oauth_input))
		return oidc_invalid_signature(r);
	cookie_digest = challenge_cookie(r);
	if (cookie_digest == NULL)
		return reply_error(r, ERR_CHALLENGE_NOT_FOUND);
	if (!passkey_answer_read(r, &answer, in->response))
		answer.credential_id = STR("");
	return db_call(r, CALL_PASSKEY_SIGN_IN, signed_in, db_digest(cookie_digest),
	    db_text(r, answer.credential_id), bytes_of(answer.client_data),
	    bytes_of(answer.authenticator_data), bytes_of(answer.signature),
	    db_text(r, answer.user_handle), db_text(r, config.webauthn_rp_id),
	    db_text(r, origin_lines(r)),
	    db_text(r, r->route->errors == ERRORS_V1 ? STR("v1") : STR("better-auth")),
	    db_digest(request_cookie_digest(r, COOKIE_TRUST_DEVICE)),
	    db_digest(request_cookie_digest(r, COOKIE_DEVICE)));
}

enum step
passkey_step_up_options(struct request *r)
{
	const struct step_up_options_fields *in = r->fields;

	if (!is_enabled())
		return reply_error(r, ERR_PASSKEY_NOT_ENABLED);
	return db_call(r, CALL_STEP_UP_PASSKEY_OPTIONS, reply_relay, db_text(r, in->purpose),
	    db_text(r, config.webauthn_rp_id));
}

enum step
passkey_step_up(struct request *r, struct str response)
{
	const struct digest *cookie_digest = challenge_cookie(r);
	struct passkey_answer answer;

	if (cookie_digest == NULL)
		return reply_error(r, ERR_CHALLENGE_NOT_FOUND);
	if (!passkey_answer_read(r, &answer, response))
		answer.credential_id = STR("");
	return db_call(r, CALL_STEP_UP_PASSKEY, reply_relay, db_digest(cookie_digest),
	    db_text(r, answer.credential_id), bytes_of(answer.client_data),
	    bytes_of(answer.authenticator_data), bytes_of(answer.signature),
	    db_text(r, answer.user_handle), db_text(r, config.webauthn_rp_id),
	    db_text(r, origin_lines(r)));
}

/* The origins whose pages may ask, one a line, as SQL takes them. */
static struct str
origin_lines(struct request *r)
{
	size_t size = 1;
	struct buf out;

	for (size_t i = 0; i < config.webauthn_origins.count; i++)
		size += config.webauthn_origins.items[i].len + 1;
	out = arena_buf(&r->arena, size);
	for (size_t i = 0; i < config.webauthn_origins.count; i++) {
		if (i > 0)
			buf_char(&out, '\n');
		buf_str(&out, config.webauthn_origins.items[i]);
	}
	return buf_view(&out);
}

static struct db_arg
bytes_of(struct str bytes)
{
	return bytes.p != NULL ? db_bytes(bytes.p, bytes.len) : db_null();
}

static enum step
signed_in(struct request *r)
{
	const struct sign_in *s = r->state;

	return s->oauth_input.p != NULL ? oidc_continue_as_signed_in(r, s->oauth_input)
					: reply_relay(r);
}

/* Authenticators know parties by domains: where we are reached by a number, there are none. */
static bool
is_enabled(void)
{
	return config.webauthn_rp_id.len > 0;
}

static struct webauthn_party
relying_party(void)
{
	return (struct webauthn_party){
	    .id = config.webauthn_rp_id,
	    .origins = config.webauthn_origins.items,
	    .origins_count = config.webauthn_origins.count,
	};
}

/* What ties a challenge to this browser; NULL: nothing. */
static const struct digest *
challenge_cookie(struct request *r)
{
	return request_cookie_digest(r, COOKIE_PASSKEY);
}
