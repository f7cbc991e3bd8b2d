/* Cryptography by its published vectors, and by what Better Auth wrote into databases and cookies.
 */
#include "check.h"

#include "aead.h"
#include "base64.h"
#include "digest.h"
#include "jwt.h"
#include "password.h"
#include "token.h"
#include "totp.h"

#define SECRET "peer-secret-peer-secret-peer-secret-0123456789"

static void
from_hex(unsigned char *out, const char *hex)
{
	assert_int_equal(
	    sodium_hex2bin(out, strlen(hex) / 2, hex, strlen(hex), NULL, NULL, NULL), 0);
}

/* RFC 5869, A.1 and A.3 */
static void
hkdf(void **state)
{
	unsigned char key[22], salt[13], info[10], want[42], got[42];

	from_hex(key, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
	from_hex(salt, "000102030405060708090a0b0c");
	from_hex(info, "f0f1f2f3f4f5f6f7f8f9");
	from_hex(want,
	    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
	assert_true(digest_hkdf(got, sizeof(got), (struct str){(char *)key, sizeof(key)},
	    (struct str){(char *)salt, sizeof(salt)}, (struct str){(char *)info, sizeof(info)}));
	assert_memory_equal(got, want, sizeof(want));
	from_hex(want,
	    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
	assert_true(digest_hkdf(
	    got, sizeof(got), (struct str){(char *)key, sizeof(key)}, STR(""), STR("")));
	assert_memory_equal(got, want, sizeof(want));
}

/* What a browser derives from a recovery code, salt empty. */
static void
hkdf_of_a_recovery_code(void **state)
{
	unsigned char secret[32], want[32], got[32];

	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (unsigned char)i;
	from_hex(want, "e29b7101bde0a9a100f34002714421915c750f10a44c0cd963356057733d0cd4");
	assert_true(digest_hkdf(got, sizeof(got), (struct str){(char *)secret, sizeof(secret)},
	    STR(""), STR("mana-recovery-v1")));
	assert_memory_equal(got, want, sizeof(want));
}

/* The GCM specification's test case 16, and a wrap that WebCrypto made. */
static void
aes_256_gcm(void **state)
{
	unsigned char key[32], iv[12], plain[60], aad[20], want[76], got[76], opened[60];

	from_hex(key, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
	from_hex(iv, "cafebabefacedbaddecaf888");
	from_hex(plain, "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595"
			"6809532fcf0e2449a6b525"
			"b16aedf5aa0de657ba637b39");
	from_hex(aad, "feedfacedeadbeeffeedfacedeadbeefabaddad2");
	from_hex(want, "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590"
		       "dbb3da7b08b1056828838"
		       "c5f61e6393ba7a0abcc9f662"
		       "76fc6ece0f4e1768cddf8853bb2d551b");
	assert_true(aead_seal(got, key, iv, (struct str){(char *)aad, sizeof(aad)},
	    (struct str){(char *)plain, sizeof(plain)}));
	assert_memory_equal(got, want, sizeof(want));
	assert_true(aead_open(opened, key, iv, (struct str){(char *)aad, sizeof(aad)},
	    (struct str){(char *)got, sizeof(got)}));
	assert_memory_equal(opened, plain, sizeof(plain));
	got[75] ^= 1;
	assert_false(aead_open(opened, key, iv, (struct str){(char *)aad, sizeof(aad)},
	    (struct str){(char *)got, sizeof(got)}));
	assert_true(sodium_is_zero(opened, sizeof(opened)));
	got[75] ^= 1;
	aad[0] ^= 1;
	assert_false(aead_open(opened, key, iv, (struct str){(char *)aad, sizeof(aad)},
	    (struct str){(char *)got, sizeof(got)}));
	assert_false(aead_open(opened, key, iv, STR(""), (struct str){(char *)got, 15}));
}

/* RFC 8037, appendix A.4: the key, payload and signature of an EdDSA JWS. */
static void
eddsa_of_the_rfc(void **state)
{
	static const char jws[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
				  "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki"
				  "4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
	static const char jwk[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_"
				  "9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
				  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
	char memory[256];
	struct buf claims = BUF_ON(memory);
	struct signing_key key;
	struct jwk_public public;
	struct jwt token;

	assert_true(jwk_private_read(&key, str_from(jwk)));
	jwk_public_of(&public, &key);
	assert_true(jwt_parse(&token, str_from(jws)));
	assert_true(jwt_verify_eddsa(&claims, &token, &public));
	assert_str_is(buf_view(&claims), "Example of Ed25519 signing");
}

static void
jwk_thumbprint_of_the_rfc(void **state)
{
	char memory[64];
	struct buf b = BUF_ON(memory);
	struct jwk_public key;

	assert_true(jwk_public_read(&key, STR("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
					      "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}")));
	jwk_thumbprint(&b, &key);
	assert_str_is(buf_view(&b), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

static void
jwts_of_other_kinds_are_refused(void **state)
{
	struct signing_key key, other;
	struct jwk_public public, other_public;
	char memory[512], claims_memory[512];
	struct buf out = BUF_ON(memory);
	struct jwt token;

	signing_key_of_seed(&key, (const unsigned char[crypto_sign_SEEDBYTES]){1});
	signing_key_of_seed(&other, (const unsigned char[crypto_sign_SEEDBYTES]){2});
	jwk_public_of(&public, &key);
	jwk_public_of(&other_public, &other);
	jwt_sign_eddsa(&out, &key, STR("k1"), STR("JWT"), STR("{\"sub\":\"u\"}"));
	assert_true(jwt_parse(&token, buf_view(&out)));
	struct buf claims = BUF_ON(claims_memory);
	assert_false(jwt_verify_eddsa(&claims, &token, &other_public));
	/* HS256 under the public key, the classic confusion (RFC 8725 §2.1) */
	assert_false(jwt_verify_hs256(
	    &claims, &token, (struct str){(char *)public.bytes, sizeof(public.bytes)}));
	assert_true(jwt_verify_eddsa(&claims, &token, &public));
	assert_str_is(buf_view(&claims), "{\"sub\":\"u\"}");

	/* {"alg":"none"}, {"alg":"EdDSA","crit":["x"]} */
	struct buf none = BUF_ON(claims_memory);
	assert_false(jwt_parse(&token, STR("eyJhbGciOiJub25lIn0.e30.")));
	assert_true(jwt_parse(&token, STR("eyJhbGciOiJFZERTQSIsImNyaXQiOlsieCJdfQ.e30.AA")));
	assert_false(jwt_verify_eddsa(&none, &token, &public));
	assert_false(jwt_parse(&token, STR("a.b")));
	assert_false(jwt_parse(&token, STR("a.b.c.d")));
	assert_false(jwt_parse(&token, STR("a.b.c=")));
}

static void
session_cookie_of_better_auth(void **state)
{
	char memory[256];
	struct buf b = BUF_ON(memory);
	struct session_token token, read;

	assert_true(token_read(&token, STR("AbCdEfGhIjKlMnOpQrStUvWxYz012345")));
	token_session_sign(&b, STR(SECRET), &token);
	assert_str_is(buf_view(&b),
	    "AbCdEfGhIjKlMnOpQrStUvWxYz012345.Fby8SCE63ldQ4VXAhRi28pDDJ5vej8AeY/XZdg3SqKQ=");
	assert_true(token_session_verify(&read, STR(SECRET), buf_view(&b)));
	assert_memory_equal(&read, &token, sizeof(token));
	memory[0] ^= 1;
	assert_false(token_session_verify(&read, STR(SECRET), buf_view(&b)));
	memory[0] ^= 1;
	assert_false(token_session_verify(&read, STR("another secret"), buf_view(&b)));
	assert_false(token_session_verify(&read, STR(""), buf_view(&b)));
	assert_false(
	    token_session_verify(&read, STR(SECRET), STR("AbCdEfGhIjKlMnOpQrStUvWxYz012345")));
	assert_false(token_session_verify(
	    &read, STR(SECRET), STR(".Fby8SCE63ldQ4VXAhRi28pDDJ5vej8AeY/XZdg3SqKQ=")));
}

/* A value with a right MAC under the secret itself, which is no session token: it would be one of
 * another purpose. */
static void
a_session_cookie_holds_a_session_token_and_nothing_else(void **state)
{
	static const char *const values[] = {"true", "AbCdEfGhIjKlMnOpQrStUvWxYz01234",
	    "AbCdEfGhIjKlMnOpQrStUvWxYz0123456", "AbCdEfGhIjKlMnOpQrStUvWxYz01234_",
	    "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI", "AbCdEfGhIjKlMnOpQrStUvWxYz01234\n"};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char memory[256];
		struct buf b = BUF_ON(memory);
		struct session_token token;
		struct digest mac;

		assert_false(token_read(&token, str_from(values[i])));
		digest_hmac(&mac, STR(SECRET), str_from(values[i]));
		buf_str(&b, str_from(values[i]));
		buf_char(&b, '.');
		base64_encode(&b, mac.bytes, sizeof(mac.bytes));
		assert_false(token_session_verify(&token, STR(SECRET), buf_view(&b)));
	}
}

/* The MACs were computed with Python's hmac by RFC 5869: PRK = HMAC("mana-auth/purpose/1", secret),
 * key = HMAC(PRK, purpose 01), MAC = HMAC(key, purpose 00 text). */
static void
each_purpose_has_a_key_of_its_own(void **state)
{
	char memory[256], session_memory[256];
	struct buf b = BUF_ON(memory), session = BUF_ON(session_memory);
	struct str value, token_text = STR("AbCdEfGhIjKlMnOpQrStUvWxYz012345");
	struct session_token token;

	token_purpose_sign(&b, STR(SECRET), STR("cookie two_factor"), token_text);
	assert_str_is(buf_view(&b),
	    "AbCdEfGhIjKlMnOpQrStUvWxYz012345.Qfdi26b21+exbuL8P2SVtI5d7nRFVP7/Fc7TQ3WXChs=");
	assert_true(
	    token_purpose_verify(&value, STR(SECRET), STR("cookie two_factor"), buf_view(&b)));
	assert_true(str_equal(value, token_text));
	assert_false(
	    token_purpose_verify(&value, STR(SECRET), STR("cookie trust_device"), buf_view(&b)));
	assert_false(token_purpose_verify(&value, STR(SECRET), STR("cookie "), buf_view(&b)));
	assert_false(token_purpose_verify(&value, STR(""), STR("cookie two_factor"), buf_view(&b)));
	assert_false(token_session_verify(&token, STR(SECRET), buf_view(&b)));
	assert_true(token_read(&token, token_text));
	token_session_sign(&session, STR(SECRET), &token);
	assert_false(token_purpose_verify(
	    &value, STR(SECRET), STR("cookie two_factor"), buf_view(&session)));
	assert_false(
	    token_purpose_verify(&value, STR(SECRET), STR("page query"), buf_view(&session)));
}

static void
verification_link_of_better_auth(void **state)
{
	char memory[256];
	struct buf claims = BUF_ON(memory);
	struct jwt token;

	assert_true(jwt_parse(&token,
	    STR("eyJhbGciOiJIUzI1NiJ9."
		"eyJlbWFpbCI6ImFAZXhhbXBsZS5jb20iLCJpYXQiOjE3OTU0MzEzNDQsImV4cCI6MTc5NTQzNDk0NH0."
		"lT1S872vZDScKt2SPJ2IE4w9EZrs2Cen5u8YzV3f2RM")));
	assert_true(jwt_verify_hs256(&claims, &token, STR(SECRET)));
	assert_str_is(buf_view(&claims),
	    "{\"email\":\"a@example.com\",\"iat\":1795431344,\"exp\":1795434944}");
}

/* As the database does it: the edge has the challenge alone. */
static bool
verifies(struct str stored, struct str plain)
{
	char memory[PASSWORD_CHALLENGE_MAX];
	struct buf challenge = BUF_ON(memory);
	unsigned char got[PASSWORD_OUTPUT_MAX], wanted[PASSWORD_OUTPUT_MAX];
	struct password_form form;
	size_t got_count, count;

	if (!password_form_read(&form, stored))
		return false;
	password_challenge_write(&challenge, &form);
	if (!password_output(got, &got_count, buf_view(&challenge), plain))
		return false;
	if (form.scheme == PASSWORD_SCRYPT)
		assert_int_equal(sodium_hex2bin(wanted, sizeof(wanted), form.output.p,
				     form.output.len, NULL, &count, NULL),
		    0);
	else
		assert_int_equal(
		    sodium_base642bin(wanted, sizeof(wanted), form.output.p, form.output.len, NULL,
			&count, NULL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING),
		    0);
	assert_int_equal(got_count, count);
	return memcmp(got, wanted, count) == 0;
}

static void
only_known_forms_of_hashes_are_computed(void **state)
{
	static const char *const others[] = {"", "hash-1", "scrypt:", "$argon2id$",
	    "$argon2id$v=16$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg",
	    "$argon2id$v=19$m=8,t=1,p=2$MDEyMzQ1Njc4OWFiY2RlZg",
	    "$argon2id$v=19$m=08,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg",
	    "$argon2id$v=19$m=-8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg",
	    "$argon2id$v=19$m=99999999999,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg",
	    "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZ",
	    "$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$",
	    "$argon2id-hmac-sha256$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg",
	    "scrypt:97644bbf07932059791ceb93e4b1001", "scrypt:97644bbf07932059791ceb93e4b1001g"};
	unsigned char out[PASSWORD_OUTPUT_MAX];
	struct password_form form;
	size_t count;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_false(password_form_read(&form, str_from(others[i])));
		assert_false(password_output(out, &count, str_from(others[i]), STR("x")));
		assert_int_equal(count, 0);
	}
	assert_true(
	    password_form_read(&form, STR("$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg")));
	assert_true(form.output.p == NULL);
}

static void
passwords_of_better_auth(void **state)
{
	struct str stored =
	    STR("97644bbf07932059791ceb93e4b1001a:"
		"c8278aeb72ff8cc127b51845ce50712f02f02f033e75019ac8c328c4159684e5fdc4743836"
		"c1e56d5f3a7313d0d25fd668f6df56b880dcf3f5628b95fc067903");
	struct str nfkc =
	    STR("1b3aede8bea802293dc5798da420d7a0:"
		"9071e8d0deb4b22e6cb22b0e418f116c5dc490dfd06258eaec8973c5a4cdbbbe5193d36ccf"
		"42aaa8f431c0fe98925d74ec526ef5e1099c45c33bb79f4037becb");

	assert_true(verifies(stored, STR("password1234")));
	assert_false(verifies(stored, STR("password1235")));
	assert_true(verifies(nfkc, STR("ﬁ①Ⅷ-pässwörd")));
	assert_true(verifies(nfkc, STR("fi1VIII-pässwörd")));
	assert_true(password_needs_rehash(stored, PASSWORD_PARAMS_DEFAULT));
	assert_false(
	    password_needs_rehash(stored, (struct password_params){.scheme = PASSWORD_SCRYPT}));
}

static void
passwords_are_hashed_as_argon2id(void **state)
{
	const struct password_params quick = {PASSWORD_ARGON2ID, 8192 * 1024, 1},
				     dearer = {PASSWORD_ARGON2ID, 16384 * 1024, 1};
	char memory[PASSWORD_HASH_MAX];
	struct buf b = BUF_ON(memory);

	assert_true(password_hash(&b, STR("fi1VIII"), quick));
	assert_true(str_starts(buf_view(&b), STR("$argon2id$v=19$m=8192,t=1,p=1$")));
	assert_true(verifies(buf_view(&b), STR("ﬁ①Ⅷ")));
	assert_false(verifies(buf_view(&b), STR("fi1VIIi")));
	assert_false(password_needs_rehash(buf_view(&b), quick));
	assert_true(password_needs_rehash(buf_view(&b), dearer));
	assert_false(verifies(STR(""), STR("")));
	assert_false(verifies(STR("$argon2id$nonsense"), STR("x")));
}

static void
passwords_longer_than_a_block_count_to_the_last_byte(void **state)
{
	const struct password_params quick = {PASSWORD_ARGON2ID, 8192 * 1024, 1};
	char memory[PASSWORD_HASH_MAX], plain[128];
	struct buf b = BUF_ON(memory);

	memset(plain, 'a', sizeof(plain));
	assert_true(password_hash(&b, (struct str){plain, sizeof(plain)}, quick));
	plain[127] = 'b';
	assert_false(verifies(buf_view(&b), (struct str){plain, sizeof(plain)}));
}

static void
guessable_passwords_are_known(void **state)
{
	const char *const known[] = {"ada@example.com", "Ada Lovelace", "Mana", NULL};

	assert_true(password_guessable(STR("password1234"), known));
	assert_true(password_guessable(STR("ada@example.com"), known));
	assert_false(password_guessable(STR("correct-horse-9-battery"), known));
}

static void
length_alone_makes_no_password_hard_to_guess(void **state)
{
	const char *const known[] = {NULL};
	char text[128];

	memset(text, 'a', sizeof(text));
	for (size_t len = 8; len <= sizeof(text); len++)
		assert_true(password_guessable((struct str){text, len}, known));
	/* beyond the piece of 64 bytes that is judged at once */
	memcpy(text + 100, "violet-kayak-9-moons", 20);
	assert_false(password_guessable((struct str){text, sizeof(text)}, known));
	assert_true(password_guessable(STR(""), known));
}

/* RFC 6238, appendix B (SHA-1); six digits of the eight. */
static void
totp_of_the_rfc(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *code;
	} vectors[] = {{59, "287082"}, {1111111109, "081804"}, {1111111111, "050471"},
	    {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};
	uint64_t step;

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		assert_true(totp_verify(&step, STR("12345678901234567890"),
		    str_from(vectors[i].code), vectors[i].seconds));
		assert_int_equal(step, vectors[i].seconds / 30);
		assert_true(totp_verify(&step, STR("12345678901234567890"),
		    str_from(vectors[i].code), vectors[i].seconds + 30));
		assert_int_equal(step, vectors[i].seconds / 30);
		assert_false(totp_verify(&step, STR("12345678901234567890"),
		    str_from(vectors[i].code), vectors[i].seconds + 61));
	}
	assert_false(totp_verify(&step, STR("12345678901234567890"), STR("28708"), 59));
}

static void
totp_of_better_auth(void **state)
{
	char memory[256], code[TOTP_DIGITS];
	struct buf b = BUF_ON(memory);

	assert_true(totp_code(code, STR("abcdefghijklmnopqrstuvwxyz012345"), 1));
	assert_memory_equal(code, "959162", TOTP_DIGITS);
	totp_uri(&b, STR("abcdefghijklmnopqrstuvwxyz012345"), STR("Mana"), STR("a+b@example.com"));
	assert_str_is(buf_view(&b),
	    "otpauth://totp/Mana:a%2Bb%40example.com?secret="
	    "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPIYDCMRTGQ2Q&issuer=Mana&digits=6&period=30");
}

static void
totp_label_has_one_colon(void **state)
{
	char memory[256];
	struct buf b = BUF_ON(memory);

	totp_uri(&b, STR("12345"), STR(":Mana: Auth:"), STR("\"a:b\"@example.com"));
	assert_str_is(buf_view(&b),
	    "otpauth://totp/Mana%20Auth:%22ab%22%40example.com?secret=GEZDGNBV&issuer=Mana%20Auth"
	    "&digits=6&period=30");
	b.len = 0;
	totp_uri(&b, STR("12345"), STR("::"), STR("a@example.com"));
	assert_str_is(
	    buf_view(&b), "otpauth://totp/a%40example.com?secret=GEZDGNBV&digits=6&period=30");
}

static void
random_tokens_differ(void **state)
{
	struct session_token a, b;

	token_random(&a);
	token_random(&b);
	assert_memory_not_equal(&a, &b, sizeof(a));
	for (size_t i = 0; i < TOKEN_CHARS; i++)
		assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789",
		    a.chars[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hkdf),
	    cmocka_unit_test(hkdf_of_a_recovery_code),
	    cmocka_unit_test(aes_256_gcm),
	    cmocka_unit_test(eddsa_of_the_rfc),
	    cmocka_unit_test(jwk_thumbprint_of_the_rfc),
	    cmocka_unit_test(jwts_of_other_kinds_are_refused),
	    cmocka_unit_test(session_cookie_of_better_auth),
	    cmocka_unit_test(a_session_cookie_holds_a_session_token_and_nothing_else),
	    cmocka_unit_test(each_purpose_has_a_key_of_its_own),
	    cmocka_unit_test(verification_link_of_better_auth),
	    cmocka_unit_test(only_known_forms_of_hashes_are_computed),
	    cmocka_unit_test(passwords_of_better_auth),
	    cmocka_unit_test(passwords_are_hashed_as_argon2id),
	    cmocka_unit_test(passwords_longer_than_a_block_count_to_the_last_byte),
	    cmocka_unit_test(guessable_passwords_are_known),
	    cmocka_unit_test(length_alone_makes_no_password_hard_to_guess),
	    cmocka_unit_test(totp_of_the_rfc),
	    cmocka_unit_test(totp_of_better_auth),
	    cmocka_unit_test(totp_label_has_one_colon),
	    cmocka_unit_test(random_tokens_differ),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
