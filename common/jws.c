/* Signatures of others (jws.h), verified by OpenSSL's provider-native keys. */
#include "jws.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "base64.h"
#include "json.h"

enum {
	HEADER_BYTES = 1024,
	NUMBER_BYTES_MAX = 1024, /* RSA of 8192 bits */
	P256_BYTES = 32,
	DEPTH = 5
};

static bool read_header(json_t **out, const struct jwt *token);
static bool verify_by(const json_t *key, const json_t *header, const struct jwt *token);
static bool verify_eddsa(const json_t *key, const struct jwt *token);
static bool verify_rsa(const json_t *key, const struct jwt *token, bool pss);
static bool verify_es256(const json_t *key, const struct jwt *token);
static EVP_PKEY *rsa_key(const json_t *jwk);
static EVP_PKEY *p256_key(const json_t *jwk);
static EVP_PKEY *key_of(const char *type, OSSL_PARAM_BLD *builder);
static bool
verify(EVP_PKEY *key, struct str text, const unsigned char *signature, size_t count, int padding);
static BIGNUM *number(const json_t *jwk, const char *name);

bool
jws_payload(struct buf *out, const struct jwt *token)
{
	size_t count;

	if (!buf_ok(out) ||
	    !base64url_decode(out->p + out->len, &count, out->size - out->len, token->payload))
		return false;
	out->len += count;
	return true;
}

bool
jws_verify(struct buf *payload, const struct jwt *token, struct str jwks)
{
	json_t *set = NULL, *header = NULL;
	const json_t *keys, *key;
	bool verified = false;
	size_t i;

	if (json_read(&set, jwks, (struct json_limits){.bytes = 65536, .depth = DEPTH}) &&
	    read_header(&header, token)) {
		keys = json_object_get(set, "keys");
		if (json_array_size(keys) <= JWS_KEYS_MAX)
			json_array_foreach(keys, i, key) verified =
			    verified || verify_by(key, header, token);
	}
	json_decref(header);
	json_decref(set);
	return verified && jws_payload(payload, token);
}

static bool
read_header(json_t **out, const struct jwt *token)
{
	char memory[HEADER_BYTES];
	size_t count;

	return base64url_decode(memory, &count, sizeof(memory), token->header) &&
	       json_read(out, (struct str){memory, count},
		   (struct json_limits){.bytes = sizeof(memory), .depth = DEPTH}) &&
	       json_is_object(*out) && json_object_get(*out, "crit") == NULL;
}

static bool
verify_by(const json_t *key, const json_t *header, const struct jwt *token)
{
	struct str alg = json_member_str(header, "alg"), kid = json_member_str(header, "kid");
	struct str key_alg = json_member_str(key, "alg"), key_kid = json_member_str(key, "kid");
	struct str use = json_member_str(key, "use"), kty = json_member_str(key, "kty");

	if ((kid.p != NULL && key_kid.p != NULL && !str_equal(kid, key_kid)) ||
	    (key_alg.p != NULL && !str_equal(key_alg, alg)) ||
	    (use.p != NULL && !str_equal(use, STR("sig"))))
		return false;
	if (str_equal(alg, STR("EdDSA")))
		return str_equal(kty, STR("OKP")) && verify_eddsa(key, token);
	if (str_equal(alg, STR("RS256")) || str_equal(alg, STR("PS256")))
		return str_equal(kty, STR("RSA")) &&
		       verify_rsa(key, token, str_equal(alg, STR("PS256")));
	if (str_equal(alg, STR("ES256")))
		return str_equal(kty, STR("EC")) &&
		       str_equal(json_member_str(key, "crv"), STR("P-256")) &&
		       verify_es256(key, token);
	return false;
}

static bool
verify_eddsa(const json_t *key, const struct jwt *token)
{
	unsigned char public[JWK_PUBLIC_BYTES], signature[crypto_sign_BYTES];
	size_t count, length;

	return str_equal(json_member_str(key, "crv"), STR("Ed25519")) &&
	       base64url_decode(public, &count, sizeof(public), json_member_str(key, "x")) &&
	       count == sizeof(public) &&
	       base64url_decode(signature, &length, sizeof(signature), token->signature) &&
	       length == sizeof(signature) &&
	       crypto_sign_verify_detached(signature, (const unsigned char *)token->signed_text.p,
		   token->signed_text.len, public) == 0;
}

static bool
verify_rsa(const json_t *key, const struct jwt *token, bool pss)
{
	unsigned char signature[NUMBER_BYTES_MAX];
	EVP_PKEY *pkey = rsa_key(key);
	size_t count;
	bool ok = pkey != NULL && EVP_PKEY_get_bits(pkey) >= JWS_RSA_BITS_MIN &&
		  base64url_decode(signature, &count, sizeof(signature), token->signature) &&
		  verify(pkey, token->signed_text, signature, count,
		      pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING);

	EVP_PKEY_free(pkey);
	return ok;
}

/* RFC 7518, section 3.4: the signature is r and s side by side; OpenSSL wants them in DER. */
static bool
verify_es256(const json_t *key, const struct jwt *token)
{
	unsigned char pair[2 * P256_BYTES], *der = NULL;
	ECDSA_SIG *signature = ECDSA_SIG_new();
	EVP_PKEY *pkey = p256_key(key);
	BIGNUM *r = NULL, *s = NULL;
	size_t count;
	int length = 0;
	bool ok;

	if (base64url_decode(pair, &count, sizeof(pair), token->signature) &&
	    count == sizeof(pair)) {
		r = BN_bin2bn(pair, P256_BYTES, NULL);
		s = BN_bin2bn(pair + P256_BYTES, P256_BYTES, NULL);
	}
	if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s))
		length = i2d_ECDSA_SIG(signature, &der);
	else {
		BN_free(r);
		BN_free(s);
	}
	ok = length > 0 && pkey != NULL && verify(pkey, token->signed_text, der, (size_t)length, 0);
	OPENSSL_free(der);
	ECDSA_SIG_free(signature);
	EVP_PKEY_free(pkey);
	return ok;
}

static EVP_PKEY *
rsa_key(const json_t *jwk)
{
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *n = number(jwk, "n"), *e = number(jwk, "e");
	EVP_PKEY *key = NULL;

	if (builder != NULL && n != NULL && e != NULL &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e))
		key = key_of("RSA", builder);
	BN_free(n);
	BN_free(e);
	OSSL_PARAM_BLD_free(builder);
	return key;
}

static EVP_PKEY *
p256_key(const json_t *jwk)
{
	unsigned char point[1 + 2 * P256_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;
	size_t x, y;

	if (builder != NULL &&
	    base64url_decode(point + 1, &x, P256_BYTES, json_member_str(jwk, "x")) &&
	    x == P256_BYTES &&
	    base64url_decode(point + 1 + P256_BYTES, &y, P256_BYTES, json_member_str(jwk, "y")) &&
	    y == P256_BYTES &&
	    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
	    OSSL_PARAM_BLD_push_octet_string(
		builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)))
		key = key_of("EC", builder);
	OSSL_PARAM_BLD_free(builder);
	return key;
}

static EVP_PKEY *
key_of(const char *type, OSSL_PARAM_BLD *builder)
{
	OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (parameters == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(parameters);
	ERR_clear_error();
	return key;
}

static bool
verify(EVP_PKEY *key, struct str text, const unsigned char *signature, size_t count, int padding)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_context;
	bool ok = context != NULL &&
		  EVP_DigestVerifyInit(context, &key_context, EVP_sha256(), NULL, key) == 1;

	if (ok && padding != 0)
		ok = EVP_PKEY_CTX_set_rsa_padding(key_context, padding) == 1;
	if (ok && padding == RSA_PKCS1_PSS_PADDING)
		ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_DigestVerify(
		       context, signature, count, (const unsigned char *)text.p, text.len) == 1;
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return ok;
}

static BIGNUM *
number(const json_t *jwk, const char *name)
{
	unsigned char bytes[NUMBER_BYTES_MAX];
	size_t count;

	if (!base64url_decode(bytes, &count, sizeof(bytes), json_member_str(jwk, name)))
		return NULL;
	return BN_bin2bn(bytes, (int)count, NULL);
}
