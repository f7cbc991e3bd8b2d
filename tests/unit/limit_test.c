/* The rules that no good input meets: each of these tests breaks one, with everything else right.
 */
#include "check.h"

#include <sodium.h>
#include <stdio.h>

#include "base64.h"
#include "digest.h"
#include "email.h"
#include "field.h"
#include "json.h"
#include "jwt.h"
#include "password.h"
#include "token.h"
#include "totp.h"
#include "origin.h"
#include "uri.h"

/* Signed by the right key, whatever its header says. */
static struct str
signed_with_header(struct buf *out, const struct signing_key *key, const char *header)
{
	unsigned char signature[crypto_sign_BYTES];

	base64url_encode(out, header, strlen(header));
	buf_str(out, STR(".e30"));
	crypto_sign_detached(signature, NULL, (unsigned char *)out->p, out->len, key->bytes);
	buf_char(out, '.');
	base64url_encode(out, signature, sizeof(signature));
	return buf_view(out);
}

static void
a_well_signed_jwt_needs_the_right_header(void **state)
{
	static const char *const bad[] = {"{\"alg\":\"none\"}", "{\"alg\":\"HS256\"}", "{}",
	    "{\"alg\":\"EdDSA\",\"crit\":[\"x\"]}", "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}", "1"};
	struct signing_key key;
	struct jwk_public public;
	char memory[512], claims_memory[64];
	struct buf claims = BUF_ON(claims_memory), good = BUF_ON(memory);
	struct jwt token;

	signing_key_of_seed(&key, (const unsigned char[crypto_sign_SEEDBYTES]){1});
	jwk_public_of(&public, &key);
	assert_true(jwt_parse(&token, signed_with_header(&good, &key, "{\"alg\":\"EdDSA\"}")));
	assert_true(jwt_verify_eddsa(&claims, &token, &public));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf out = BUF_ON(memory);

		assert_true(jwt_parse(&token, signed_with_header(&out, &key, bad[i])));
		if (jwt_verify_eddsa(&claims, &token, &public))
			fail_msg("%s was verified", bad[i]);
	}
}

static void
a_jwt_names_its_key_and_has_a_limit(void **state)
{
	static char memory[JWT_BYTES_MAX + 1];
	struct signing_key key;
	char text[512], kid_memory[64];
	struct buf out = BUF_ON(text), kid = BUF_ON(kid_memory), anonymous = BUF_ON(text);
	struct jwt token;

	signing_key_of_seed(&key, (const unsigned char[crypto_sign_SEEDBYTES]){1});
	jwt_sign_eddsa(&out, &key, STR("k1"), STR("JWT"), STR("{}"));
	assert_true(jwt_parse(&token, buf_view(&out)));
	assert_true(jwt_kid(&kid, &token, STR("EdDSA")));
	assert_str_is(buf_view(&kid), "k1");
	assert_false(jwt_kid(&kid, &token, STR("HS256")));
	jwt_sign_eddsa(&anonymous, &key, STR_NONE, STR("JWT"), STR("{}"));
	assert_true(jwt_parse(&token, buf_view(&anonymous)));
	assert_false(jwt_kid(&kid, &token, STR("EdDSA")));

	memset(memory, 'a', sizeof(memory));
	memory[1] = memory[3] = '.';
	assert_true(jwt_parse(&token, (struct str){memory, JWT_BYTES_MAX}));
	assert_false(jwt_parse(&token, (struct str){memory, JWT_BYTES_MAX + 1}));
}

#define X "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define D "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\""

static void
jwks_of_other_kinds_are_refused_and_wiped(void **state)
{
	static const char *const bad[] = {"{\"kty\":\"EC\",\"crv\":\"Ed25519\"," X "}",
	    "{\"kty\":\"OKP\",\"crv\":\"X25519\"," X "}",
	    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qY\"}",
	    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", "[]"};
	struct jwk_public public;
	struct signing_key key;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&public, 0xff, sizeof(public));
		if (jwk_public_read(&public, str_from(bad[i])))
			fail_msg("%s was read", bad[i]);
		assert_true(sodium_is_zero(public.bytes, sizeof(public.bytes)));
	}
	assert_true(
	    jwk_private_read(&key, STR("{\"kty\":\"OKP\",\"crv\":\"Ed25519\"," X "," D "}")));
	/* an x of another key: what we signed would not verify by what we publish */
	assert_false(
	    jwk_private_read(&key, STR("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
				       "\"kGoIcsdqYEQbeGFBHXmzKA6sIbsfRXR9gyR3sLhCzsc\"," D "}")));
	assert_true(sodium_is_zero(key.bytes, sizeof(key.bytes)));
}

static void
a_published_jwk_says_what_it_is_for(void **state)
{
	char memory[256], private_memory[256];
	struct buf out = BUF_ON(memory), bare = BUF_ON(memory), secret = BUF_ON(private_memory);
	struct signing_key key, again;
	struct jwk_public public;

	assert_true(
	    jwk_private_read(&key, STR("{\"kty\":\"OKP\",\"crv\":\"Ed25519\"," X "," D "}")));
	jwk_public_of(&public, &key);
	jwk_public_write(&out, &public, STR("k"));
	assert_str_is(buf_view(&out), "{\"alg\":\"EdDSA\",\"crv\":\"Ed25519\"," X
				      ",\"kty\":\"OKP\",\"kid\":\"k\",\"use\":\"sig\"}");
	jwk_public_write(&bare, &public, STR_NONE);
	assert_str_is(buf_view(&bare), "{\"crv\":\"Ed25519\"," X ",\"kty\":\"OKP\"}");
	jwk_private_write(&secret, &key);
	assert_true(jwk_private_read(&again, buf_view(&secret)));
	assert_memory_equal(&again, &key, sizeof(key));
}

static void
scrypt_hashes_verify_where_they_were_made(void **state)
{
	const struct password_params scrypt = {.scheme = PASSWORD_SCRYPT};
	char memory[PASSWORD_HASH_MAX], room[PASSWORD_CHALLENGE_MAX],
	    hex[2 * PASSWORD_OUTPUT_MAX + 1];
	unsigned char output[PASSWORD_OUTPUT_MAX];
	struct buf out = BUF_ON(memory), challenge = BUF_ON(room);
	struct password_form form;
	size_t count;

	assert_true(password_hash(&out, STR("correct-horse"), scrypt));
	assert_int_equal(out.len, 32 + 1 + 128);
	assert_true(password_form_read(&form, buf_view(&out)));
	password_challenge_write(&challenge, &form);
	assert_true(password_output(output, &count, buf_view(&challenge), STR("correct-horse")));
	sodium_bin2hex(hex, sizeof(hex), output, count);
	assert_str_is(form.output, hex);
	assert_true(password_output(output, &count, buf_view(&challenge), STR("correct-horsf")));
	sodium_bin2hex(hex, sizeof(hex), output, count);
	assert_false(str_equal(form.output, str_from(hex)));
	assert_false(password_needs_rehash(buf_view(&out), scrypt));
}

static void
passwords_that_are_no_utf8_or_too_long_are_refused(void **state)
{
	const struct password_params quick = {PASSWORD_ARGON2ID, 8192 * 1024, 1};
	static char plain[PASSWORD_BYTES_MAX + 1];
	char memory[PASSWORD_HASH_MAX];
	struct buf out = BUF_ON(memory);

	memset(plain, 'a', sizeof(plain));
	assert_false(password_hash(&out, STR("password\xff\xfe"), quick));
	assert_false(password_hash(&out, (struct str){plain, sizeof(plain)}, quick));
	assert_false(password_hash(&out, STR_NONE, quick));
	assert_int_equal(out.len, 0);
	assert_true(password_hash(&out, (struct str){plain, PASSWORD_BYTES_MAX}, quick));
}

static void
hkdf_ends_at_255_blocks(void **state)
{
	static unsigned char out[255 * DIGEST_BYTES + 1];

	memset(out, 0xff, sizeof(out));
	assert_true(digest_hkdf(out, sizeof(out) - 1, STR("key"), STR(""), STR("")));
	assert_int_equal(out[sizeof(out) - 1], 0xff);
	assert_false(digest_hkdf(out, sizeof(out), STR("key"), STR(""), STR("")));
	assert_true(sodium_is_zero(out, sizeof(out)));
}

static void
a_cookie_signed_with_no_secret_is_refused(void **state)
{
	char memory[128];
	struct buf out = BUF_ON(memory);
	struct str value;

	token_purpose_sign(&out, STR(""), STR("cookie x"), STR("v"));
	assert_false(token_purpose_verify(&value, STR(""), STR("cookie x"), buf_view(&out)));
}

/* 256 is no multiple of 62: without rejection, the first eight letters come 1.25 times as often. */
static void
random_letters_are_unbiased(void **state)
{
	static char text[1 << 18];
	size_t early = 0;

	token_random_chars(text, sizeof(text));
	for (size_t i = 0; i < sizeof(text); i++)
		early += text[i] >= 'A' && text[i] <= 'H';
	/* expected 33825, standard deviation 172; biased 40960 */
	assert_in_range(early, 33825 - 8 * 172, 33825 + 8 * 172);
}

static void
totp_codes_before_the_epoch_do_not_exist(void **state)
{
	char code[TOTP_DIGITS];
	uint64_t step;

	assert_true(totp_code(code, STR("12345678901234567890"), UINT64_MAX));
	assert_false(
	    totp_verify(&step, STR("12345678901234567890"), (struct str){code, sizeof(code)}, 0));
}

static void
addresses_end_at_254_bytes(void **state)
{
	char text[EMAIL_BYTES_MAX + 1];

	memset(text, 'a', sizeof(text));
	for (size_t i = sizeof(text) - 11; i > EMAIL_LOCAL_MAX; i -= 50)
		text[i] = '.';
	text[EMAIL_LOCAL_MAX] = '@';
	assert_true(email_valid((struct str){text + 1, EMAIL_BYTES_MAX}));
	assert_false(email_valid((struct str){text, EMAIL_BYTES_MAX + 1}));
}

/* RFC 5321 section 4.5.3.1.1, RFC 1035 section 2.3.4. */
static void
a_local_part_ends_at_64_bytes_and_a_label_at_63(void **state)
{
	char local[EMAIL_LOCAL_MAX + 8], label[EMAIL_LABEL_MAX + 8];

	memset(local, 'a', sizeof(local));
	memcpy(local + EMAIL_LOCAL_MAX + 1, "@b.com", 6);
	assert_true(email_valid((struct str){local + 1, EMAIL_LOCAL_MAX + 6}));
	assert_false(email_valid((struct str){local, EMAIL_LOCAL_MAX + 7}));
	memset(label, 'b', sizeof(label));
	memcpy(label, "a@", 2);
	memcpy(label + 2 + EMAIL_LABEL_MAX, ".de", 3);
	assert_true(email_valid((struct str){label, EMAIL_LABEL_MAX + 5}));
	memset(label, 'b', sizeof(label));
	memcpy(label, "a@", 2);
	memcpy(label + 3 + EMAIL_LABEL_MAX, ".de", 3);
	assert_false(email_valid((struct str){label, EMAIL_LABEL_MAX + 6}));
}

static void
json_ends_at_its_limits(void **state)
{
	json_t *json;

	assert_true(json_read(&json, STR("[[\"\\\"[[[\"]]"), (struct json_limits){99, 2}));
	json_decref(json);
	assert_false(json_read(&json, STR("[[[]]]"), (struct json_limits){99, 2}));
	assert_null(json);
	assert_true(json_read(&json, STR("[1,2]"), (struct json_limits){5, 2}));
	json_decref(json);
	assert_false(json_read(&json, STR("[1,2]"), (struct json_limits){4, 2}));
}

static void
a_star_stands_for_whole_labels(void **state)
{
	assert_false(origin_matches(STR("https://evilmana.how"), STR("https://*mana.how")));
	assert_false(origin_matches(STR("https://..mana.how"), STR("https://*.mana.how")));
	assert_true(origin_matches(STR("https://a.mana.how:8443"), STR("https://*.mana.how:8443")));
}

static void
a_text_ends_within_its_memory(void **state)
{
	char memory[4] = "xxx";
	struct buf b = {.p = memory, .size = 3};

	buf_str(&b, STR("abc"));
	assert_true(buf_ok(&b));
	assert_null(buf_cstr(&b));
	assert_int_equal(memory[3], '\0');
}

struct hidden {
	enum field_bool flag;
	int64_t number;
};

static const char *const colours[] = {"red", "green", NULL};
static const struct field hidden_fields[] = {
    {"flag", FIELD_BOOL, FIELD_SECRET, offsetof(struct hidden, flag), 0, 0, NULL, NULL},
    {"number", FIELD_INT, 0, offsetof(struct hidden, number), 1, 100, NULL, NULL},
    {"password", FIELD_PASSWORD, FIELD_NULLABLE, FIELD_NOWHERE, 0, 0, NULL, NULL},
    {"token", FIELD_TOKEN, FIELD_SECRET, FIELD_NOWHERE, 0, 0, NULL, NULL},
    {"colour", FIELD_ENUM, 0, FIELD_NOWHERE, 0, 0, colours, NULL},
    {"data", FIELD_ANY, FIELD_SECRET, FIELD_NOWHERE, 0, 8, NULL, NULL},
    {NULL, 0, 0, 0, 0, 0, NULL, NULL},
};

static enum field_result
read_hidden(struct hidden *target, struct buf *input, const char *text)
{
	static char memory[8192], message_memory[512];
	struct buf kept = BUF_ON(memory), message = BUF_ON(message_memory);
	struct field_output out = {target, &kept, input, &message, NULL, false};

	static char form_memory[8192];
	static struct form form;
	struct buf parsed = BUF_ON(form_memory);

	if (text[0] == '{')
		return field_read_json(&out, hidden_fields, "body", str_from(text));
	return form_read(&form, &parsed, str_from(text)) == FORM_OK
		   ? field_read_form(&out, hidden_fields, "body", &form)
		   : FIELD_TOO_LARGE;
}

static void
secrets_of_every_kind_stay_out_of_the_input(void **state)
{
	static const char *const texts[] = {
	    "{\"flag\":true,\"number\":5,\"password\":null,\"token\":\"t\",\"data\":[1]}",
	    "flag=true&number=5&password=p&token=t"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char memory[512];
		struct buf input = BUF_ON(memory);
		struct hidden target = {0};

		assert_int_equal(read_hidden(&target, &input, texts[i]), FIELD_VALID);
		assert_int_equal(target.flag, FIELD_TRUE);
		assert_int_equal(target.number, 5);
		assert_str_is(buf_view(&input), "{\"number\":5}");
	}
}

static void
a_whole_number_is_one_however_it_is_written(void **state)
{
	static const struct {
		const char *text;
		enum field_result result;
		int64_t number;
	} cases[] = {{"5", FIELD_VALID, 5}, {"5.0", FIELD_VALID, 5}, {"1e1", FIELD_VALID, 10},
	    {"0.5e1", FIELD_VALID, 5}, {"5.5", FIELD_INVALID, 0}, {"1e300", FIELD_INVALID, 0},
	    {"-1e300", FIELD_INVALID, 0}, {"1e18", FIELD_INVALID, 0}, {"1e3", FIELD_INVALID, 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char memory[512], text[64];
		struct buf input = BUF_ON(memory);
		struct hidden target = {0};

		snprintf(text, sizeof(text), "{\"number\":%s}", cases[i].text);
		assert_int_equal(read_hidden(&target, &input, text), cases[i].result);
		assert_int_equal(target.number, cases[i].number);
	}
}

static void
values_beyond_their_schema_are_refused(void **state)
{
	static const char *const bad[] = {"number=0", "number=101", "number=5%00", "number=5x",
	    "number=", "flag=yes", "colour=blue", "{\"data\":\"longer than 8\"}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char memory[512];
		struct buf input = BUF_ON(memory);
		struct hidden target = {0};

		if (read_hidden(&target, &input, bad[i]) != FIELD_INVALID)
			fail_msg("%s was not refused", bad[i]);
	}
}

static void
a_form_has_64_pairs_at_most(void **state)
{
	char text[65 * 4 + 1], memory[512];
	struct hidden target = {0};
	struct buf first = BUF_ON(memory), second = BUF_ON(memory);

	for (size_t i = 0; i < 65; i++)
		memcpy(text + 4 * i, "a=b&", 4);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(read_hidden(&target, &first, text), FIELD_TOO_LARGE);
	assert_int_equal(read_hidden(&target, &second, text + 4), FIELD_VALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_well_signed_jwt_needs_the_right_header),
	    cmocka_unit_test(a_jwt_names_its_key_and_has_a_limit),
	    cmocka_unit_test(jwks_of_other_kinds_are_refused_and_wiped),
	    cmocka_unit_test(a_published_jwk_says_what_it_is_for),
	    cmocka_unit_test(scrypt_hashes_verify_where_they_were_made),
	    cmocka_unit_test(passwords_that_are_no_utf8_or_too_long_are_refused),
	    cmocka_unit_test(hkdf_ends_at_255_blocks),
	    cmocka_unit_test(a_cookie_signed_with_no_secret_is_refused),
	    cmocka_unit_test(random_letters_are_unbiased),
	    cmocka_unit_test(totp_codes_before_the_epoch_do_not_exist),
	    cmocka_unit_test(addresses_end_at_254_bytes),
	    cmocka_unit_test(a_local_part_ends_at_64_bytes_and_a_label_at_63),
	    cmocka_unit_test(json_ends_at_its_limits),
	    cmocka_unit_test(a_star_stands_for_whole_labels),
	    cmocka_unit_test(a_text_ends_within_its_memory),
	    cmocka_unit_test(secrets_of_every_kind_stay_out_of_the_input),
	    cmocka_unit_test(a_whole_number_is_one_however_it_is_written),
	    cmocka_unit_test(values_beyond_their_schema_are_refused),
	    cmocka_unit_test(a_form_has_64_pairs_at_most),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
