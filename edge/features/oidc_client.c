/*
 * Clients (oidc_client.h). Those of the environment are written to the database by every edge as it
 * starts, in one call each: the same row, however many do it and in whatever order.
 */
#include "features/oidc_client.h"

#include "config.h"
#include "db/db.h"
#include "http/reply.h"

#define ONLY_SQL .offset = FIELD_NOWHERE

enum { METADATA_BYTES_MAX = 16384 };

static const struct field create_fields[] = {
    {"client_name", FIELD_STRING, 0, ONLY_SQL, .min = 1, .max = 100},
    {"client_uri", FIELD_STRING, 0, ONLY_SQL, .max = 2048},
    {"redirect_uris", FIELD_ANY, 0, ONLY_SQL, .max = METADATA_BYTES_MAX},
    {"post_logout_redirect_uris", FIELD_ANY, 0, ONLY_SQL, .max = METADATA_BYTES_MAX},
    {"token_endpoint_auth_method", FIELD_STRING, 0, ONLY_SQL, .max = 64},
    {"grant_types", FIELD_ANY, 0, ONLY_SQL, .max = METADATA_BYTES_MAX},
    {"scope", FIELD_STRING, 0, ONLY_SQL, .max = 1024},
    {"id_token_signed_response_alg", FIELD_STRING, 0, ONLY_SQL, .max = 16},
    {"jwks", FIELD_JSON, 0, ONLY_SQL, .max = METADATA_BYTES_MAX},
    {"skip_consent", FIELD_BOOL, 0, ONLY_SQL},
    {"require_pkce", FIELD_BOOL, 0, ONLY_SQL},
    {NULL},
};
const struct schema oidc_client_create_schema = {create_fields, 0};

static const struct field client_fields[] = {
    {"client_id", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = 128},
    {NULL},
};
const struct schema oidc_client_schema = {client_fields, 0};

static const struct field consent_delete_fields[] = {
    {"id", FIELD_STRING, FIELD_REQUIRED, ONLY_SQL, .max = 64},
    {NULL},
};
const struct schema oidc_consent_delete_schema = {consent_delete_fields, 0};

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
