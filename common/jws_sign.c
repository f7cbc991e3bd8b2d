/* Signatures by RSA and P-256 (jws_sign.h). */
#include "jws_sign.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "base64.h"

enum { RSA_BITS_MIN = 2048, RSA_BYTES_MAX = 512, P256_BYTES = 32, HEADER_BYTES = 256 };

struct jws_key {
	EVP_PKEY *pkey;
	bool is_rsa;
};

static bool is_fit(EVP_PKEY *pkey, bool is_rsa);
static size_t sign(unsigned char *out, size_t size, EVP_PKEY *pkey, struct str text);
static size_t to_pair(unsigned char *signature, size_t count);

struct jws_key *
jws_key_read(struct str alg, const unsigned char *pkcs8, size_t count)
{
	bool is_rsa = str_equal(alg, STR("RS256"));
	const unsigned char *at = pkcs8;
	PKCS8_PRIV_KEY_INFO *info = NULL;
	struct jws_key *key = NULL;
	EVP_PKEY *pkey = NULL;

	if (is_rsa || str_equal(alg, STR("ES256")))
		info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)count);
	if (info != NULL && at == pkcs8 + count)
		pkey = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	if (pkey != NULL && is_fit(pkey, is_rsa))
		key = malloc(sizeof(*key));
	if (key == NULL)
		EVP_PKEY_free(pkey);
	else
		*key = (struct jws_key){pkey, is_rsa};
	ERR_clear_error();
	return key;
}

static bool
is_fit(EVP_PKEY *pkey, bool is_rsa)
{
	char group[32] = "";

	if (is_rsa)
		return EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN &&
		       EVP_PKEY_get_size(pkey) <= RSA_BYTES_MAX;
	return EVP_PKEY_is_a(pkey, "EC") &&
	       EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
	       str_equal(str_from(group), STR("prime256v1"));
}

void
jws_key_free(struct jws_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

void
jws_sign(
    struct buf *out, const struct jws_key *key, struct str kid, struct str type, struct str claims)
{
	char memory[HEADER_BYTES];
	unsigned char signature[RSA_BYTES_MAX];
	struct buf header = BUF_ON(memory);
	size_t from = out->len, count;

	buf_str(&header, key->is_rsa ? STR("{\"alg\":\"RS256\"") : STR("{\"alg\":\"ES256\""));
	buf_str(&header, STR(",\"kid\":"));
	buf_json_str(&header, kid);
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
	count = sign(signature, sizeof(signature), key->pkey,
	    (struct str){.p = out->p + from, .len = out->len - from});
	if (count > 0 && !key->is_rsa)
		count = to_pair(signature, count);
	if (count == 0) {
		out->overflow = true;
		return;
	}
	buf_char(out, '.');
	base64url_encode(out, signature, count);
}

static size_t
sign(unsigned char *out, size_t size, EVP_PKEY *pkey, struct str text)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t count = size;
	bool ok =
	    context != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pkey) == 1 &&
	    EVP_DigestSign(context, out, &count, (const unsigned char *)text.p, text.len) == 1;

	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return ok ? count : 0;
}

/* RFC 7518, section 3.4: the signature is r and s side by side, of 32 octets each, where OpenSSL
 * gives DER. */
static size_t
to_pair(unsigned char *signature, size_t count)
{
	const unsigned char *der = signature;
	ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &der, (long)count);
	bool ok = parsed != NULL &&
		  BN_bn2binpad(ECDSA_SIG_get0_r(parsed), signature, P256_BYTES) == P256_BYTES &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(parsed), signature + P256_BYTES, P256_BYTES) ==
		      P256_BYTES;

	ECDSA_SIG_free(parsed);
	return ok ? 2 * (size_t)P256_BYTES : 0;
}
