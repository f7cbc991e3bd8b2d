/*
 * The discovery document (oidc_discovery.h): made once, from the configuration alone. Clients keep
 * it, so it is cacheable and has an ETag.
 */
#include "features/oidc_discovery.h"

#include "config.h"
#include "digest.h"
#include "http/reply.h"

enum { DOCUMENT_BYTES = 8192, ETAG_BYTES = 16 };

static const char rest[] =
    ",\"scopes_supported\":[\"openid\",\"profile\",\"email\",\"offline_access\"]"
    ",\"response_types_supported\":[\"code\"]"
    ",\"response_modes_supported\":[\"query\",\"form_post\"]"
    ",\"grant_types_supported\":[\"authorization_code\",\"client_credentials\",\"refresh_token\"]"
    ",\"token_endpoint_auth_methods_supported\":[\"client_secret_basic\",\"client_secret_post\","
    "\"private_key_jwt\",\"none\"]"
    ",\"token_endpoint_auth_signing_alg_values_supported\":[\"RS256\",\"PS256\",\"ES256\","
    "\"EdDSA\"]"
    ",\"introspection_endpoint_auth_methods_supported\":[\"client_secret_basic\","
    "\"client_secret_post\",\"private_key_jwt\"]"
    ",\"introspection_endpoint_auth_signing_alg_values_supported\":[\"RS256\",\"PS256\",\"ES256\","
    "\"EdDSA\"]"
    ",\"revocation_endpoint_auth_methods_supported\":[\"client_secret_basic\","
    "\"client_secret_post\",\"private_key_jwt\",\"none\"]"
    ",\"revocation_endpoint_auth_signing_alg_values_supported\":[\"RS256\",\"PS256\",\"ES256\","
    "\"EdDSA\"]"
    ",\"code_challenge_methods_supported\":[\"S256\"]"
    ",\"authorization_response_iss_parameter_supported\":true"
    ",\"claims_supported\":[\"sub\",\"iss\",\"aud\",\"exp\",\"iat\",\"auth_time\",\"nonce\","
    "\"acr\","
    "\"sid\",\"name\",\"picture\",\"given_name\",\"family_name\",\"email\",\"email_verified\","
    "\"preferred_username\"]"
    ",\"claims_parameter_supported\":false"
    ",\"subject_types_supported\":[\"public\"]"
    ",\"acr_values_supported\":[\"0\"]"
    ",\"id_token_signing_alg_values_supported\":[\"EdDSA\",\"ES256\",\"RS256\"]"
    ",\"request_parameter_supported\":false"
    ",\"request_uri_parameter_supported\":false"
    ",\"prompt_values_supported\":[\"login\",\"consent\",\"create\",\"select_account\",\"none\"]"
    ",\"ui_locales_supported\":[\"de\",\"en\"]}";

static char document[DOCUMENT_BYTES], etag[2 * ETAG_BYTES + 3];
static size_t document_length;

static void prepare(void);

enum step
oidc_discovery(struct request *r)
{
	if (document_length == 0)
		prepare();
	return reply_json_cacheable(r, (struct str){.p = document, .len = document_length},
	    str_from(etag),
	    STR("public, max-age=15, stale-while-revalidate=15, stale-if-error=86400"));
}

static void
prepare(void)
{
	static const struct {
		const char *name, *path;
	} endpoints[] = {
	    {"authorization_endpoint", "/api/auth/oauth2/authorize"},
	    {"token_endpoint", "/api/auth/oauth2/token"},
	    {"userinfo_endpoint", "/api/auth/oauth2/userinfo"},
	    {"jwks_uri", "/api/auth/jwks"},
	    {"registration_endpoint", "/api/auth/oauth2/register"},
	    {"introspection_endpoint", "/api/auth/oauth2/introspect"},
	    {"revocation_endpoint", "/api/auth/oauth2/revoke"},
	    {"end_session_endpoint", "/api/auth/oauth2/end-session"},
	};
	struct buf out = BUF_ON(document), tag = BUF_ON(etag);
	struct digest digest;

	buf_str(&out, STR("{\"issuer\":"));
	buf_json_str(&out, config.base_url);
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		char memory[1024];
		struct buf url = BUF_ON(memory);

		buf_str(&url, config.base_url);
		buf_str(&url, str_from(endpoints[i].path));
		buf_char(&out, ',');
		buf_json_str(&out, str_from(endpoints[i].name));
		buf_char(&out, ':');
		buf_json_str(&out, buf_view(&url));
	}
	buf_str(&out, str_from(rest));
	document_length = buf_ok(&out) ? out.len : 0;
	digest_sha256(&digest, buf_view(&out));
	buf_char(&tag, '"');
	buf_hex(&tag, digest.bytes, ETAG_BYTES);
	buf_char(&tag, '"');
	etag[tag.len] = '\0';
}
