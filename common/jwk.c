/* Ed25519 keys as JWK (jwk.h). */
#include "jwk.h"

#include "base64.h"
#include "digest.h"
#include "json.h"

enum { JWK_JSON_MAX = 2048 };

static bool
read_member(unsigned char out[static SECRET_KEY_BYTES], const json_t *jwk, const char *name);
static bool is_ed25519(const json_t *jwk);

void
signing_key_of_seed(struct signing_key *out, const unsigned char seed[static crypto_sign_SEEDBYTES])
{
	unsigned char public[crypto_sign_PUBLICKEYBYTES];

	crypto_sign_seed_keypair(public, out->bytes, seed);
}

void
jwk_public_of(struct jwk_public *out, const struct signing_key *key)
{
	crypto_sign_ed25519_sk_to_pk(out->bytes, key->bytes);
}

bool
jwk_public_read(struct jwk_public *out, struct str json)
{
	json_t *jwk = NULL;
	bool ok = json_read(&jwk, json, (struct json_limits){.bytes = JWK_JSON_MAX, .depth = 2}) &&
		  is_ed25519(jwk) && read_member(out->bytes, jwk, "x");

	json_decref(jwk);
	if (!ok)
		sodium_memzero(out, sizeof(*out));
	return ok;
}

bool
jwk_private_read(struct signing_key *out, struct str json)
{
	struct jwk_public published, derived;
	unsigned char seed[SECRET_KEY_BYTES];
	json_t *jwk = NULL;
	bool ok = json_read(&jwk, json, (struct json_limits){.bytes = JWK_JSON_MAX, .depth = 2}) &&
		  is_ed25519(jwk) && read_member(published.bytes, jwk, "x") &&
		  read_member(seed, jwk, "d");

	json_decref(jwk);
	if (ok) {
		signing_key_of_seed(out, seed);
		jwk_public_of(&derived, out);
		ok = memcmp(derived.bytes, published.bytes, sizeof(derived.bytes)) == 0;
	}
	sodium_memzero(seed, sizeof(seed));
	if (!ok)
		sodium_memzero(out, sizeof(*out));
	return ok;
}

static bool
is_ed25519(const json_t *jwk)
{
	return str_equal(json_member_str(jwk, "kty"), STR("OKP")) &&
	       str_equal(json_member_str(jwk, "crv"), STR("Ed25519"));
}

static bool
read_member(unsigned char out[static SECRET_KEY_BYTES], const json_t *jwk, const char *name)
{
	size_t count;

	return base64url_decode(out, &count, SECRET_KEY_BYTES, json_member_str(jwk, name)) &&
	       count == SECRET_KEY_BYTES;
}

void
jwk_public_write(struct buf *out, const struct jwk_public *key, struct str kid)
{
	if (kid.p != NULL)
		buf_str(out, STR("{\"alg\":\"EdDSA\",\"crv\":\"Ed25519\",\"x\":\""));
	else
		buf_str(out, STR("{\"crv\":\"Ed25519\",\"x\":\""));
	base64url_encode(out, key->bytes, sizeof(key->bytes));
	buf_str(out, STR("\",\"kty\":\"OKP\""));
	if (kid.p != NULL) {
		buf_str(out, STR(",\"kid\":"));
		buf_json_str(out, kid);
		buf_str(out, STR(",\"use\":\"sig\""));
	}
	buf_char(out, '}');
}

void
jwk_private_write(struct buf *out, const struct signing_key *key)
{
	struct jwk_public public;

	jwk_public_of(&public, key);
	buf_str(out, STR("{\"crv\":\"Ed25519\",\"d\":\""));
	base64url_encode(out, key->bytes, crypto_sign_SEEDBYTES); /* which it begins with */
	buf_str(out, STR("\",\"x\":\""));
	base64url_encode(out, public.bytes, sizeof(public.bytes));
	buf_str(out, STR("\",\"kty\":\"OKP\"}"));
}

void
jwk_thumbprint(struct buf *out, const struct jwk_public *key)
{
	char memory[128];
	struct buf json = BUF_ON(memory);
	struct digest digest;

	buf_str(&json, STR("{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\""));
	base64url_encode(&json, key->bytes, sizeof(key->bytes));
	buf_str(&json, STR("\"}"));
	digest_sha256(&digest, buf_view(&json));
	base64url_encode(out, digest.bytes, sizeof(digest.bytes));
}
