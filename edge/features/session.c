/*
 * Sessions: reading, ending and minting from one are relayed to SQL; what remains is here.
 */
#include "features/session.h"

#include "config.h"
#include "db/db.h"
#include "gates/gates.h"
#include "http/reply.h"
#include "jwt.h"
#include "keys/signing.h"
#include "token.h"

enum { DERIVED_BYTES = 96, LETTERS = 62 };

struct refresh_fields {
	struct str token;
};
static const struct field refresh_field_table[] = {
    {"refreshToken", FIELD_TOKEN, 0, .offset = offsetof(struct refresh_fields, token), .max = 512},
    {NULL},
};
const struct schema session_refresh_schema = {refresh_field_table, sizeof(struct refresh_fields)};

struct validate_fields {
	struct str token;
};

static const struct field get_session_field_table[] = {
    {"disableCookieCache", FIELD_BOOL, 0, .offset = FIELD_NOWHERE},
    {"disableRefresh", FIELD_BOOL, 0, .offset = FIELD_NOWHERE},
    {NULL},
};
const struct schema get_session_schema = {get_session_field_table, 0};

static const struct field validate_field_table[] = {
    {"token", FIELD_STRING, FIELD_SECRET, .offset = offsetof(struct validate_fields, token),
	.max = JWT_BYTES_MAX},
    {NULL},
};
const struct schema session_validate_schema = {
    validate_field_table, sizeof(struct validate_fields)};

struct token_fields {
	struct str audience;
};

static const struct field token_field_table[] = {
    {"audience", FIELD_STRING, 0, .offset = offsetof(struct token_fields, audience), .max = 255},
    {NULL},
};
const struct schema session_token_schema = {token_field_table, sizeof(struct token_fields)};

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static bool derive_successor(struct session_token *out, struct str presented);
static enum step session_looked_up(struct request *r);

enum step
get_session_by_post(struct request *r)
{
	return reply_error(r, ERR_METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED);
}

/* Without VAULT_AUDIENCE the parameter has no meaning and is ignored, as it always was. */
enum step
session_token_issue(struct request *r)
{
	const struct token_fields *in = r->fields;

	if (config.vault_audience.len > 0 && in->audience.len > 0) {
		if (str_equal(in->audience, config.vault_audience))
			r->token_audience = config.vault_audience;
		else if (!str_equal(in->audience, config.jwt_audience))
			return reply_refusal(r, ERR_VALIDATION_ERROR, STR("Unknown audience"), 0);
	}
	return db_call(r, CALL_TOKEN_ISSUE, reply_relay);
}

enum step
session_validate(struct request *r)
{
	const struct validate_fields *in = r->fields;
	struct str *claims = request_state(r, sizeof(*claims));

	if (!bearer_read(r, in->token, claims))
		return reply_json(r, 200, STR("{\"valid\":false}"));
	return db_call(r, CALL_SESSION_IS_LIVE, session_looked_up);
}

static enum step
session_looked_up(struct request *r)
{
	const struct str *claims = r->state;
	struct buf body = arena_buf(&r->arena, claims->len + 64);

	if (!row_bool(r->answer, 0, 0))
		return reply_json(r, 200, STR("{\"valid\":false}"));
	buf_str(&body, STR("{\"valid\":true,\"payload\":"));
	buf_str(&body, *claims);
	buf_char(&body, '}');
	return reply_json(r, 200, buf_view(&body));
}

/* The successor of a refresh token is derived from it, so that whichever edge is asked again, and
 * however often, there is one. Only a holder of both the token and the secret can compute it. */
enum step
session_refresh(struct request *r)
{
	const struct refresh_fields *in = r->fields;

	if (in->token.p != NULL) {
		if (!derive_successor(&r->caller.fresh, in->token))
			return reply_refusal(r, ERR_SERVICE_UNAVAILABLE, STR_NONE, 1);
		token_digest(&r->caller.fresh_digest,
		    (struct str){.p = r->caller.fresh.chars, .len = TOKEN_CHARS});
	}
	return db_call(r, CALL_SESSION_REFRESH, reply_relay);
}

/* HKDF of the token's MAC; of its bytes those below 4 * 62 are letters and digits without bias.
 * Fewer than 32 such bytes of 96 are as improbable as a guessed token. */
static bool
derive_successor(struct session_token *out, struct str presented)
{
	unsigned char bytes[DERIVED_BYTES];
	struct digest mac;
	size_t count = 0;
	bool derived = signing_refresh_mac(&mac, presented) &&
		       digest_hkdf(bytes, sizeof(bytes),
			   (struct str){(const char *)mac.bytes, sizeof(mac.bytes)}, STR(""),
			   STR("refresh token"));

	for (size_t i = 0; derived && i < sizeof(bytes) && count < TOKEN_CHARS; i++)
		if (bytes[i] < 4 * LETTERS)
			out->chars[count++] = letters[bytes[i] % LETTERS];
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(&mac, sizeof(mac));
	return count == TOKEN_CHARS;
}

enum step
session_log_out(struct request *r)
{
	struct str token = request_credentials(r, STR("bearer")), claims;

	/* Whatever the token is, who asks to be signed out is told that they are. */
	if (token.p != NULL)
		(void)bearer_read(r, token, &claims);
	return db_call(r, CALL_SESSION_LOG_OUT, reply_relay);
}

enum step
ok(struct request *r)
{
	return reply_json(r, 200, STR("{\"ok\":true}"));
}
