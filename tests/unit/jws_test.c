/* Signatures of others, and our own for others: each algorithm by its own kind of key only, and
 * nothing that the key or the header forbids. The RSA and P-256 keys are made here, so that every
 * wrong token is well signed.
 */
#include "check.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base64.h"
#include "jws.h"
#include "jws_sign.h"

enum { P256_BYTES = 32, NUMBER_BYTES = 256, PKCS1 = 0, SALT_SHORT = 20, SALT_OF_DIGEST = 32 };

static EVP_PKEY *rsa, *short_rsa, *p256;

static void
add_number(struct buf *out, EVP_PKEY *key, const char *parameter, int bytes)
{
	unsigned char number[NUMBER_BYTES];
	BIGNUM *n = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(key, parameter, &n), 1);
	if (bytes == 0)
		bytes = BN_num_bytes(n);
	assert_int_equal(BN_bn2binpad(n, number, bytes), bytes);
	base64url_encode(out, number, (size_t)bytes);
	BN_free(n);
}

/* A set of one key; `more` are further members of it. */
static struct str
set_of(struct buf *out, EVP_PKEY *key, const char *more)
{
	if (EVP_PKEY_is_a(key, "RSA")) {
		buf_str(out, STR("{\"keys\":[{\"kty\":\"RSA\",\"n\":\""));
		add_number(out, key, OSSL_PKEY_PARAM_RSA_N, 0);
		buf_str(out, STR("\",\"e\":\""));
		add_number(out, key, OSSL_PKEY_PARAM_RSA_E, 0);
	} else {
		buf_str(out, STR("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\""));
		add_number(out, key, OSSL_PKEY_PARAM_EC_PUB_X, P256_BYTES);
		buf_str(out, STR("\",\"y\":\""));
		add_number(out, key, OSSL_PKEY_PARAM_EC_PUB_Y, P256_BYTES);
	}
	buf_char(out, '"');
	buf_str(out, str_from(more));
	buf_str(out, STR("}]}"));
	assert_true(buf_ok(out));
	return buf_view(out);
}

/* RFC 7518 section 3.4 wants r and s side by side where OpenSSL gives DER. */
static size_t
to_pair(unsigned char *signature, size_t count)
{
	const unsigned char *der = signature;
	ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &der, (long)count);

	assert_non_null(parsed);
	BN_bn2binpad(ECDSA_SIG_get0_r(parsed), signature, P256_BYTES);
	BN_bn2binpad(ECDSA_SIG_get0_s(parsed), signature + P256_BYTES, P256_BYTES);
	ECDSA_SIG_free(parsed);
	return 2 * (size_t)P256_BYTES;
}

/* A token whose signature is right for its key; salt_bytes is PKCS1 for another padding than PSS.
 */
static struct str
sign(struct buf *out, EVP_PKEY *key, const char *header, int salt_bytes)
{
	unsigned char signature[NUMBER_BYTES];
	size_t count = sizeof(signature);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *padding;

	base64url_encode(out, header, strlen(header));
	buf_str(out, STR(".eyJhIjoxfQ"));
	assert_int_equal(EVP_DigestSignInit(context, &padding, EVP_sha256(), NULL, key), 1);
	if (salt_bytes != PKCS1) {
		assert_true(EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, salt_bytes) > 0);
	}
	assert_int_equal(
	    EVP_DigestSign(context, signature, &count, (unsigned char *)out->p, out->len), 1);
	EVP_MD_CTX_free(context);
	if (!EVP_PKEY_is_a(key, "RSA"))
		count = to_pair(signature, count);
	buf_char(out, '.');
	base64url_encode(out, signature, count);
	assert_true(buf_ok(out));
	return buf_view(out);
}

static bool
verifies(struct str text, EVP_PKEY *key, const char *more)
{
	char set_memory[2048], payload_memory[2048];
	struct buf set = BUF_ON(set_memory), payload = BUF_ON(payload_memory);
	struct jwt token;
	bool verified;

	assert_true(jwt_parse(&token, text));
	verified = jws_verify(&payload, &token, set_of(&set, key, more));
	assert_str_is(buf_view(&payload), verified ? "{\"a\":1}" : "");
	return verified;
}

static bool
accepted(EVP_PKEY *key, const char *header, const char *more, int salt_bytes)
{
	char memory[2048];
	struct buf token = BUF_ON(memory);

	return verifies(sign(&token, key, header, salt_bytes), key, more);
}

#define RS256 "{\"alg\":\"RS256\"}"
#define PS256 "{\"alg\":\"PS256\"}"
#define ES256 "{\"alg\":\"ES256\"}"

static void
each_algorithm_verifies_by_its_kind_of_key(void **state)
{
	assert_true(accepted(rsa, RS256, "", PKCS1));
	assert_true(accepted(rsa, PS256, "", SALT_OF_DIGEST));
	assert_true(accepted(p256, ES256, "", PKCS1));
	assert_true(accepted(rsa, "{\"alg\":\"RS256\",\"kid\":\"a\"}",
	    ",\"kid\":\"a\",\"use\":\"sig\",\"alg\":\"RS256\"", PKCS1));
}

static void
an_algorithm_of_another_kind_of_key_is_refused(void **state)
{
	assert_false(accepted(rsa, ES256, "", PKCS1));
	assert_false(accepted(p256, RS256, "", PKCS1));
	assert_false(accepted(rsa, PS256, "", PKCS1));
	assert_false(accepted(rsa, RS256, "", SALT_OF_DIGEST));
	assert_false(accepted(rsa, PS256, "", SALT_SHORT));
	assert_false(accepted(rsa, "{\"alg\":\"none\"}", "", PKCS1));
	assert_false(accepted(rsa, "{\"alg\":\"HS256\"}", "", PKCS1));
	assert_false(accepted(rsa, "{}", "", PKCS1));
	assert_false(accepted(rsa, "[\"RS256\"]", "", PKCS1));
}

static void
what_the_key_forbids_is_refused(void **state)
{
	assert_false(accepted(rsa, RS256, ",\"alg\":\"PS256\"", PKCS1));
	assert_false(accepted(rsa, RS256, ",\"use\":\"enc\"", PKCS1));
	assert_false(accepted(rsa, "{\"alg\":\"RS256\",\"kid\":\"a\"}", ",\"kid\":\"b\"", PKCS1));
	assert_false(accepted(short_rsa, RS256, "", PKCS1));
}

/* RFC 7515 section 4.1.11 */
static void
a_critical_extension_is_refused(void **state)
{
	assert_false(accepted(rsa, "{\"alg\":\"RS256\",\"crit\":[\"b64\"]}", "", PKCS1));
}

static void
a_changed_token_is_refused(void **state)
{
	EVP_PKEY *const keys[] = {rsa, p256};
	const char *const headers[] = {RS256, ES256};

	for (int i = 0; i < 2; i++) {
		char memory[2048];
		struct buf token = BUF_ON(memory);
		struct str text = sign(&token, keys[i], headers[i], PKCS1);
		char *payload = strchr(memory, '.') + 1;

		payload[5] ^= 1;
		assert_false(verifies(text, keys[i], ""));
		payload[5] ^= 1;
		memory[text.len - 9] = memory[text.len - 9] == 'A' ? 'B' : 'A';
		assert_false(verifies(text, keys[i], ""));
	}
}

static void
the_key_of_somebody_else_is_refused(void **state)
{
	EVP_PKEY *other = EVP_EC_gen("P-256");
	char memory[2048];
	struct buf token = BUF_ON(memory);

	assert_false(verifies(sign(&token, p256, ES256, PKCS1), other, ""));
	EVP_PKEY_free(other);
}

static void
a_set_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {
	    "", "{}", "{\"keys\":[]}", "{\"keys\":{}}", "{\"keys\":[1]}", "[]"};
	char memory[2048], payload_memory[64];
	struct buf text = BUF_ON(memory), payload = BUF_ON(payload_memory);
	struct jwt token;

	assert_true(jwt_parse(&token, sign(&text, p256, ES256, PKCS1)));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (jws_verify(&payload, &token, str_from(bad[i])))
			fail_msg("%s verified", bad[i]);
}

/* Our own signatures: PKCS #8 as the database seals it, and the key's use. */
static struct jws_key *
private_key(const char *alg, EVP_PKEY *key, size_t less)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	int count = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	struct jws_key *read;

	assert_true(count > 0);
	read = jws_key_read(str_from(alg), der, (size_t)count - less);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	return read;
}

static void
what_is_signed_here_verifies_there(void **state)
{
	static const char *const algs[] = {"RS256", "ES256"};
	EVP_PKEY *const keys[] = {rsa, p256};

	for (int i = 0; i < 2; i++) {
		struct jws_key *key = private_key(algs[i], keys[i], 0);
		char memory[2048], more[64];
		struct buf token = BUF_ON(memory);

		assert_non_null(key);
		for (int again = 0; again < 64; again++) { /* r and s of any length */
			token.len = 0;
			jws_sign(&token, key, STR("k1"), STR("JWT"), STR("{\"a\":1}"));
			assert_true(buf_ok(&token));
			snprintf(more, sizeof(more), ",\"kid\":\"k1\",\"alg\":\"%s\"", algs[i]);
			assert_true(verifies(buf_view(&token), keys[i], more));
			snprintf(more, sizeof(more), ",\"kid\":\"k2\",\"alg\":\"%s\"", algs[i]);
			assert_false(verifies(buf_view(&token), keys[i], more));
		}
		token.size = token.len - 1;
		token.len = 0;
		jws_sign(&token, key, STR("k1"), STR("JWT"), STR("{\"a\":1}"));
		assert_false(buf_ok(&token));
		jws_key_free(key);
	}
}

/* Where there is a secure heap, no private half is outside of it, and nothing of one is left. */
static void
private_keys_live_in_the_secure_heap(void **state)
{
	EVP_PKEY *const made[] = {rsa, p256};
	static const char *const algs[] = {"RS256", "ES256"};

	if (CRYPTO_secure_malloc_init(1 << 18, 32) == 0)
		fail_msg("no secure heap");
	for (int i = 0; i < 2; i++) {
		size_t before = CRYPTO_secure_used();
		struct jws_key *key = private_key(algs[i], made[i], 0);

		assert_non_null(key);
		assert_true(CRYPTO_secure_used() > before);
		jws_key_free(key);
		assert_int_equal(CRYPTO_secure_used(), before);
	}
	assert_int_equal(CRYPTO_secure_malloc_done(), 1);
}

static void
a_private_key_of_another_kind_is_refused(void **state)
{
	EVP_PKEY *p384 = EVP_EC_gen("P-384");

	assert_null(private_key("RS256", p256, 0));
	assert_null(private_key("ES256", rsa, 0));
	assert_null(private_key("ES256", p384, 0));
	assert_null(private_key("RS256", short_rsa, 0));
	assert_null(private_key("EdDSA", p256, 0));
	assert_null(private_key("HS256", p256, 0));
	assert_null(private_key("ES256", p256, 1));
	assert_null(jws_key_read(STR("ES256"), (const unsigned char *)"", 0));
	jws_key_free(NULL);
	EVP_PKEY_free(p384);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_algorithm_verifies_by_its_kind_of_key),
	    cmocka_unit_test(an_algorithm_of_another_kind_of_key_is_refused),
	    cmocka_unit_test(what_the_key_forbids_is_refused),
	    cmocka_unit_test(a_critical_extension_is_refused),
	    cmocka_unit_test(a_changed_token_is_refused),
	    cmocka_unit_test(the_key_of_somebody_else_is_refused),
	    cmocka_unit_test(a_set_that_is_none_is_refused),
	    cmocka_unit_test(what_is_signed_here_verifies_there),
	    cmocka_unit_test(private_keys_live_in_the_secure_heap),
	    cmocka_unit_test(a_private_key_of_another_kind_is_refused),
	};
	int failed;

	if (sodium_init() < 0)
		return 1;
	rsa = EVP_RSA_gen(2048);
	short_rsa = EVP_RSA_gen(1024);
	p256 = EVP_EC_gen("P-256");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(short_rsa);
	EVP_PKEY_free(p256);
	return failed;
}
