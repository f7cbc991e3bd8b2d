/*
 * Clients (oidc_client.h). Those of the environment are written to the database by every edge as it
 * starts, in one call each: the same row, however many do it and in whatever order.
 */
#include "features/oidc_client.h"

#include "config.h"
#include "db/db.h"
#include "gates/page_query.h"
#include "http/reply.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

enum { METADATA_BYTES_MAX = 16384, URI_MAX = 2048 };

/* RFC 7591, section 2, as far as something here depends on it or is shown; SQL judges what the
 * types do not say. */
#define CHANGEABLE                                                                                 \
	{"client_name", FIELD_STRING, FIELD_NAME | FIELD_SINGLE_SCRIPT, ONLY_SQL, .min = 1,        \
	    .max = 100},                                                                           \
	    {"client_uri", FIELD_STRING, 0, ONLY_SQL, .max = URI_MAX},                             \
	    {"logo_uri", FIELD_STRING, 0, ONLY_SQL, .max = URI_MAX},                               \
	    {"tos_uri", FIELD_STRING, 0, ONLY_SQL, .max = URI_MAX},                                \
	    {"policy_uri", FIELD_STRING, 0, ONLY_SQL, .max = URI_MAX},                             \
	    {"contacts", FIELD_ANY, 0, ONLY_SQL, .max = METADATA_BYTES_MAX},                       \
	    {"software_id", FIELD_STRING, 0, ONLY_SQL, .max = 256},                                \
	    {"software_version", FIELD_STRING, 0, ONLY_SQL, .max = 256},                           \
	    {"redirect_uris", FIELD_ANY, 0, ONLY_SQL, .max = METADATA_BYTES_MAX},                  \
	    {"post_logout_redirect_uris", FIELD_ANY, 0, ONLY_SQL, .max = METADATA_BYTES_MAX},      \
	    {"grant_types", FIELD_ANY, 0, ONLY_SQL, .max = METADATA_BYTES_MAX},                    \
	    {"response_types", FIELD_ANY, 0, ONLY_SQL, .max = METADATA_BYTES_MAX},                 \
	    {"scope", FIELD_STRING, 0, ONLY_SQL, .max = 1024},                                     \
	    {"id_token_signed_response_alg", FIELD_STRING, 0, ONLY_SQL, .max = 16},                \
	    {"jwks", FIELD_JSON, 0, ONLY_SQL, .max = METADATA_BYTES_MAX},                          \
	    {"skip_consent", FIELD_BOOL, 0, ONLY_SQL},                                             \
	{                                                                                          \
		"require_pkce", FIELD_BOOL, 0, ONLY_SQL                                            \
	}

static const struct field create_fields[] = {
    {"token_endpoint_auth_method", FIELD_STRING, 0, ONLY_SQL, .max = 64},
    CHANGEABLE,
    {NULL},
};
const struct schema oidc_client_create_schema = {create_fields, 0};

static const struct field changed_fields[] = {
    {"disabled", FIELD_BOOL, 0, ONLY_SQL},
    CHANGEABLE,
    {NULL},
};
static const struct field update_fields[] = {
    {"client_id", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = 128},
    {"update", FIELD_OBJECT, FIELD_REQUIRED, ONLY_SQL, .members = changed_fields},
    {NULL},
};
const struct schema oidc_client_update_schema = {update_fields, 0};

static const struct field client_fields[] = {
    {"client_id", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = 128},
    {NULL},
};
const struct schema oidc_client_schema = {client_fields, 0};

struct prelogin_fields {
	struct str client_id;
	struct str oauth_query;
};
static const struct field prelogin_field_table[] = {
    {"client_id", FIELD_STRING, FIELD_REQUIRED,
	.offset = offsetof(struct prelogin_fields, client_id), .max = 128},
    {"oauth_query", FIELD_STRING, FIELD_SECRET,
	.offset = offsetof(struct prelogin_fields, oauth_query)},
    {NULL},
};
const struct schema oidc_prelogin_schema = {prelogin_field_table, sizeof(struct prelogin_fields)};

static const struct field consent_id_fields[] = {
    {"id", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = 64},
    {NULL},
};
const struct schema oidc_consent_id_schema = {consent_id_fields, 0};

static const struct field consent_scopes_fields[] = {
    {"scopes", FIELD_ANY, FIELD_REQUIRED, ONLY_SQL, .max = METADATA_BYTES_MAX},
    {NULL},
};
static const struct field consent_update_fields[] = {
    {"id", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = 64},
    {"update", FIELD_OBJECT, FIELD_REQUIRED, ONLY_SQL, .members = consent_scopes_fields},
    {NULL},
};
const struct schema oidc_consent_update_schema = {consent_update_fields, 0};

/* Who has no session yet may know for whom they are about to sign in: of the client whose request
 * we have signed, and of no other. */
enum step
oidc_client_prelogin(struct request *r)
{
	const struct prelogin_fields *in = r->fields;

	if (!str_equal(page_query_value(r->waiting, STR("client_id")), in->client_id))
		return reply_json(r, 401, STR("{\"error\":\"invalid_signature\"}"));
	return db_call(r, CALL_OIDC_CLIENT_PUBLIC, reply_relay);
}

enum step
oidc_clients_configure(struct request *r)
{
	struct digest *digest = request_state(r, sizeof(*digest));
	bool has_secret = config.synapse_secret.len > 0;
	struct buf uris = arena_buf(&r->arena, 32 * 1024);

	for (size_t i = 0; i < config.synapse_redirect_uris.count; i++) {
		if (i > 0)
			buf_char(&uris, ',');
		buf_str(&uris, config.synapse_redirect_uris.items[i]);
	}
	if (has_secret)
		digest_sha256(digest, config.synapse_secret);
	return db_call(r, CALL_OIDC_CONFIGURE, reply_nobody, db_text(r, STR("matrix-synapse")),
	    db_text(r, STR("Matrix Synapse")),
	    has_secret ? db_bytes(digest->bytes, DIGEST_BYTES) : db_null(),
	    db_text(r, buf_view(&uris)));
}
