/* Compact JWS (jwt.h). */
#include "jwt.h"

#include "base64.h"
#include "digest.h"
#include "json.h"

static bool read_header(json_t **out, const struct jwt *token, struct str alg);
static bool append_decoded(struct buf *out, struct str segment);

bool
jwt_parse(struct jwt *out, struct str token)
{
	struct str rest;

	if (token.p == NULL || token.len > JWT_BYTES_MAX ||
	    !str_cut(&out->header, &rest, token, '.') ||
	    !str_cut(&out->payload, &out->signature, rest, '.'))
		return false;
	out->signed_text = (struct str){token.p, out->header.len + 1 + out->payload.len};
	if (out->header.len == 0 || out->payload.len == 0 || out->signature.len == 0)
		return false;
	for (size_t i = 0; i < token.len; i++) {
		char c = str_lower(token.p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			c == '.'))
			return false;
	}
	return memchr(out->signature.p, '.', out->signature.len) == NULL;
}

/* RFC 8725 §3.1: the algorithm is ours to choose. RFC 7515 §4.1.11: an extension marked as critical
 * is not understood. */
static bool
read_header(json_t **out, const struct jwt *token, struct str alg)
{
	char memory[1024];
	struct buf header = BUF_ON(memory);

	*out = NULL;
	if (!append_decoded(&header, token->header) ||
	    !json_read(
		out, buf_view(&header), (struct json_limits){.bytes = sizeof(memory), .depth = 2}))
		return false;
	if (json_is_object(*out) && str_equal(json_member_str(*out, "alg"), alg) &&
	    json_object_get(*out, "crit") == NULL)
		return true;
	json_decref(*out);
	*out = NULL;
	return false;
}

bool
jwt_kid(struct buf *out, const struct jwt *token, struct str alg)
{
	json_t *header;
	struct str kid;

	if (!read_header(&header, token, alg))
		return false;
	kid = json_member_str(header, "kid");
	buf_str(out, kid);
	json_decref(header);
	return kid.len > 0 && buf_ok(out);
}

bool
jwt_is_of_type(const struct jwt *token, struct str type)
{
	static const struct str prefix = {.p = "application/", .len = 12};
	char memory[1024];
	struct buf text = BUF_ON(memory);
	json_t *header;
	struct str typ;
	bool is;

	if (!append_decoded(&text, token->header) ||
	    !json_read(&header, buf_view(&text),
		(struct json_limits){.bytes = sizeof(memory), .depth = 2}))
		return false;
	typ = json_member_str(header, "typ");
	if (typ.len > prefix.len && str_equal_nocase((struct str){typ.p, prefix.len}, prefix))
		typ = str_skip(typ, prefix.len);
	is = str_equal_nocase(typ, type);
	json_decref(header);
	return is;
}

void
jwt_sign_eddsa(struct buf *out, const struct signing_key *key, struct str kid, struct str type,
    struct str claims)
{
	char memory[256];
	struct buf header = BUF_ON(memory);
	unsigned char signature[crypto_sign_BYTES];
	size_t from = out->len;

	buf_str(&header, STR("{\"alg\":\"EdDSA\""));
	if (kid.p != NULL) {
		buf_str(&header, STR(",\"kid\":"));
		buf_json_str(&header, kid);
	}
	buf_str(&header, STR(",\"typ\":"));
	buf_json_str(&header, type);
	buf_char(&header, '}');
	if (!buf_ok(&header)) {
		out->overflow = true;
		return;
	}
	base64url_encode(out, header.p, header.len);
	buf_char(out, '.');
	base64url_encode(out, claims.p, claims.len);
	if (!buf_ok(out))
		return;
	crypto_sign_detached(
	    signature, NULL, (const unsigned char *)out->p + from, out->len - from, key->bytes);
	buf_char(out, '.');
	base64url_encode(out, signature, sizeof(signature));
}

void
jwt_sign_hs256(struct buf *out, struct str secret, struct str claims)
{
	struct digest mac;
	size_t from = out->len;

	base64url_encode(out, "{\"alg\":\"HS256\"}", 15);
	buf_char(out, '.');
	base64url_encode(out, claims.p, claims.len);
	if (!buf_ok(out))
		return;
	digest_hmac(&mac, secret, (struct str){out->p + from, out->len - from});
	buf_char(out, '.');
	base64url_encode(out, mac.bytes, sizeof(mac.bytes));
}

bool
jwt_verify_eddsa(struct buf *claims, const struct jwt *token, const struct jwk_public *key)
{
	unsigned char signature[crypto_sign_BYTES];
	json_t *header;
	size_t count;

	if (!read_header(&header, token, STR("EdDSA")))
		return false;
	json_decref(header);
	return base64url_decode(signature, &count, sizeof(signature), token->signature) &&
	       count == sizeof(signature) &&
	       crypto_sign_verify_detached(signature, (const unsigned char *)token->signed_text.p,
		   token->signed_text.len, key->bytes) == 0 &&
	       append_decoded(claims, token->payload);
}

bool
jwt_claims_verified_before(struct buf *claims, const struct jwt *token)
{
	return append_decoded(claims, token->payload);
}

bool
jwt_verify_hs256(struct buf *claims, const struct jwt *token, struct str secret)
{
	struct digest wanted, given;
	json_t *header;
	size_t count;

	if (!read_header(&header, token, STR("HS256")))
		return false;
	json_decref(header);
	if (!base64url_decode(given.bytes, &count, sizeof(given.bytes), token->signature) ||
	    count != DIGEST_BYTES)
		return false;
	digest_hmac(&wanted, secret, token->signed_text);
	return sodium_memcmp(wanted.bytes, given.bytes, DIGEST_BYTES) == 0 &&
	       append_decoded(claims, token->payload);
}

static bool
append_decoded(struct buf *out, struct str segment)
{
	size_t count;

	if (!buf_ok(out) ||
	    !base64url_decode(out->p + out->len, &count, out->size - out->len, segment))
		return false;
	out->len += count;
	return true;
}
