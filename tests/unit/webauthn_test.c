/*
 * What authenticators answer. webauthn.json holds recorded answers (tests/integration's
 * record_passkeys.mjs): of Chromium's authenticators and of one in software, with each kind of key
 * and of statement. What is changed in them must be noticed.
 */
#include "check.h"

#include <jansson.h>

#include "base64.h"
#include "cbor_check.h"
#include "webauthn.h"

enum { PART_BYTES = 4096 };

struct part {
	char bytes[PART_BYTES];
	size_t count;
};

struct recorded {
	const char *name;
	struct part created_client_data, attestation_object;
	struct part got_client_data, authenticator_data, signature;
	struct webauthn_credential credential;
};

static json_t *file;
static struct str origin;
static struct webauthn_party party;

static void
read_part(struct part *out, const json_t *response, const char *name)
{
	const char *text = json_string_value(json_object_get(response, name));

	assert_non_null(text);
	assert_true(base64url_decode(out->bytes, &out->count, sizeof(out->bytes), str_from(text)));
}

static struct str
view(const struct part *part)
{
	return (struct str){.p = part->bytes, .len = part->count};
}

static enum webauthn_result
registration(struct recorded *r)
{
	struct webauthn_client_data client_data;

	assert_true(webauthn_client_data_read(
	    &client_data, view(&r->created_client_data), WEBAUTHN_CREATE, &party));
	return webauthn_register(
	    &r->credential, &client_data, view(&r->attestation_object), &party);
}

static enum webauthn_result
authentication_by(
    const struct recorded *r, const struct webauthn_credential *key, struct webauthn_flags *flags)
{
	struct webauthn_client_data client_data;

	assert_true(webauthn_client_data_read(
	    &client_data, view(&r->got_client_data), WEBAUTHN_GET, &party));
	return webauthn_authenticate(flags, &client_data, view(&r->authenticator_data),
	    view(&r->signature), (struct str){(const char *)key->key, key->key_length}, &party);
}

static enum webauthn_result
authentication(const struct recorded *r)
{
	struct webauthn_flags flags;

	return authentication_by(r, &r->credential, &flags);
}

/* The n-th vector, registered; false behind the last. */
static bool
recorded(struct recorded *out, size_t n)
{
	json_t *vectors = json_object_get(file, "vectors");
	void *at = json_object_iter(vectors);
	const json_t *created, *got;

	for (size_t i = 0; i < n && at != NULL; i++)
		at = json_object_iter_next(vectors, at);
	if (at == NULL)
		return false;
	out->name = json_object_iter_key(at);
	created = json_object_get(json_object_iter_value(at), "created");
	got = json_object_get(json_object_iter_value(at), "got");
	read_part(&out->created_client_data, created, "clientDataJSON");
	read_part(&out->attestation_object, created, "attestationObject");
	read_part(&out->got_client_data, got, "clientDataJSON");
	read_part(&out->authenticator_data, got, "authenticatorData");
	read_part(&out->signature, got, "signature");
	if (registration(out) != WEBAUTHN_VALID)
		fail_msg("%s: its registration does not verify", out->name);
	return true;
}

static void
each_recorded_answer_verifies(void **state)
{
	struct recorded r;
	struct webauthn_flags flags;
	size_t n = 0;

	for (; recorded(&r, n); n++) {
		if (authentication_by(&r, &r.credential, &flags) != WEBAUTHN_VALID)
			fail_msg("%s: its sign-in does not verify", r.name);
		assert_true(r.credential.id_length >= 16 && r.credential.key_length >= 40);
		assert_true(flags.user_verified == (strstr(r.name, "u2f") == NULL));
		assert_false(flags.backed_up);
		assert_true(flags.sign_count > r.credential.flags.sign_count);
	}
	assert_int_equal(n, json_object_size(json_object_get(file, "vectors")));
}

static void
no_key_verifies_the_signature_of_another(void **state)
{
	static struct recorded mine, theirs;
	struct webauthn_flags flags;

	for (size_t i = 0; recorded(&mine, i); i++)
		for (size_t k = 0; recorded(&theirs, k); k++)
			if (i != k)
				assert_int_not_equal(
				    authentication_by(&mine, &theirs.credential, &flags),
				    WEBAUTHN_VALID);
}

static void
every_bit_of_a_signed_answer_counts(void **state)
{
	static struct recorded r;

	for (size_t n = 0; recorded(&r, n); n++) {
		struct part *const parts[] = {&r.authenticator_data, &r.signature};

		for (size_t p = 0; p < 2; p++)
			for (size_t i = 0; i < 8 * parts[p]->count; i += p == 0 ? 1 : 7) {
				parts[p]->bytes[i / 8] ^= (char)(1 << i % 8);
				if (authentication(&r) == WEBAUTHN_VALID)
					fail_msg(
					    "%s: bit %zu of part %zu does not count", r.name, i, p);
				parts[p]->bytes[i / 8] ^= (char)(1 << i % 8);
			}
		assert_int_equal(authentication(&r), WEBAUTHN_VALID);
	}
}

static void
an_answer_that_is_cut_short_is_refused(void **state)
{
	static struct recorded r;

	for (size_t n = 0; recorded(&r, n); n++) {
		size_t whole = r.attestation_object.count;

		for (r.attestation_object.count = 0; r.attestation_object.count < whole;
		     r.attestation_object.count++)
			assert_int_equal(registration(&r), WEBAUTHN_MISMATCH);
		assert_int_equal(registration(&r), WEBAUTHN_VALID);
		whole = r.authenticator_data.count;
		for (r.authenticator_data.count = 0; r.authenticator_data.count < whole;
		     r.authenticator_data.count++)
			assert_int_equal(authentication(&r), WEBAUTHN_MISMATCH);
		whole = r.signature.count;
		for (r.signature.count = 0; r.signature.count < whole; r.signature.count++)
			assert_int_not_equal(authentication(&r), WEBAUTHN_VALID);
	}
}

static void
an_answer_with_more_behind_it_is_refused(void **state)
{
	static struct recorded r;

	for (size_t n = 0; recorded(&r, n); n++) {
		r.attestation_object.bytes[r.attestation_object.count++] = 0;
		assert_int_equal(registration(&r), WEBAUTHN_MISMATCH);
		r.authenticator_data.bytes[r.authenticator_data.count++] = 0;
		assert_int_not_equal(authentication(&r), WEBAUTHN_VALID);
		r.authenticator_data.count--;
		r.signature.bytes[r.signature.count++] = 0;
		assert_int_not_equal(authentication(&r), WEBAUTHN_VALID);
	}
}

/* What a statement proves is the key, the party and the client data. */
static void
a_statement_of_something_else_is_refused(void **state)
{
	static struct recorded r;

	for (size_t n = 0; recorded(&r, n); n++) {
		struct webauthn_client_data client_data;
		enum webauthn_result expected =
		    strstr(r.name, "packed") != NULL || strstr(r.name, "u2f") != NULL
			? WEBAUTHN_BAD_SIGNATURE
			: WEBAUTHN_VALID;

		assert_true(webauthn_client_data_read(
		    &client_data, view(&r.created_client_data), WEBAUTHN_CREATE, &party));
		client_data.hash.bytes[0] ^= 1;
		assert_int_equal(webauthn_register(&r.credential, &client_data,
				     view(&r.attestation_object), &party),
		    expected);
	}
}

static void
an_answer_to_another_party_is_refused(void **state)
{
	static struct recorded r;
	struct webauthn_party other = party;
	struct webauthn_flags flags;
	struct webauthn_client_data client_data;

	assert_true(recorded(&r, 0));
	assert_true(webauthn_client_data_read(
	    &client_data, view(&r.got_client_data), WEBAUTHN_GET, &party));
	other.id = STR("app.mana.test");
	assert_int_equal(
	    webauthn_authenticate(&flags, &client_data, view(&r.authenticator_data),
		view(&r.signature),
		(struct str){(const char *)r.credential.key, r.credential.key_length}, &other),
	    WEBAUTHN_MISMATCH);
	assert_int_equal(
	    webauthn_register(&r.credential, &client_data, view(&r.attestation_object), &other),
	    WEBAUTHN_MISMATCH);
}

static void
client_data_is_of_the_ceremony_and_of_a_page_of_ours(void **state)
{
#define CHALLENGE "\"challenge\":\"YQ\""
#define ORIGIN    "\"origin\":\"https://app.mana.test\""
	static const char *const good[] = {
	    "{\"type\":\"webauthn.get\"," CHALLENGE "," ORIGIN "}",
	    "{" ORIGIN "," CHALLENGE
	    ",\"type\":\"webauthn.get\",\"crossOrigin\":false,\"new\":[{}]}",
	};
	static const char *const bad[] = {
	    "",
	    "{}",
	    "[]",
	    "null",
	    "{\"type\":\"webauthn.create\"," CHALLENGE "," ORIGIN "}",
	    "{\"type\":[\"webauthn.get\"]," CHALLENGE "," ORIGIN "}",
	    "{\"type\":\"webauthn.get\"," ORIGIN "}",
	    "{\"type\":\"webauthn.get\",\"challenge\":\"\"," ORIGIN "}",
	    "{\"type\":\"webauthn.get\",\"challenge\":1," ORIGIN "}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE "}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE ",\"origin\":\"https://mana.test\"}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE ",\"origin\":\"https://app.mana.test/\"}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE ",\"origin\":\"https://app.mana.test.x\"}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE ",\"origin\":\"http://app.mana.test\"}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE ",\"origin\":\"HTTPS://app.mana.test\"}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE "," ORIGIN ",\"crossOrigin\":true}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE "," ORIGIN ",\"crossOrigin\":null}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE "," ORIGIN ",\"crossOrigin\":\"false\"}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE "," ORIGIN ",\"topOrigin\":\"https://x\"}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE "," ORIGIN "," ORIGIN "}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE "," ORIGIN ",\"a\":[[[[[[]]]]]]}",
	    "{\"type\":\"webauthn.get\"," CHALLENGE "," ORIGIN "",
	    "{\"type\":\"webauthn.get\"," CHALLENGE "," ORIGIN "}}",
	};
	struct webauthn_client_data out;
	struct digest expected;

	digest_sha256(&expected, STR("YQ"));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(
		    webauthn_client_data_read(&out, str_from(good[i]), WEBAUTHN_GET, &party));
		assert_memory_equal(&out.challenge, &expected, sizeof(expected));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (webauthn_client_data_read(&out, str_from(bad[i]), WEBAUTHN_GET, &party))
			fail_msg("taken: %s", bad[i]);
}

/* What libcbor would make room for, and what CTAP2 does not know. */
static void
cbor_that_announces_more_than_it_has_is_refused(void **state)
{
	const struct str good[] = {
	    STR("\x00"),
	    STR("\x00\x60"),
	    STR("\xa0"),
	    STR("\x80"),
	    STR("\x82\x01\x02"),
	    STR("\xa1\x01\x41\x07"),
	    STR("\xa1\x61\x61\xf5"),
	};
	const struct str bad[] = {
	    STR("\x9b\0\0\0\0\x40\0\0\0"), /* a thousand million items */
	    STR("\xbb\0\0\0\0\x40\0\0\0"), /* pairs */
	    STR("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
	    STR("\x84\x01\x02"),                          /* more than there can be */
	    STR("\xa3\x01\x02\x03"), STR("\x9f\x01\xff"), /* lengths that are not said */
	    STR("\xbf\xff"), STR("\x5f\x41\x00\xff"), STR("\x7f\xff"), STR("\xc0\x60"), /* a tag */
	    STR("\x42\x00"),              /* cut short */
	    STR("\x19\x01"), STR("\x1c"), /* reserved */
	};
	char nested[64];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!cbor_is_modest(good[i]))
			fail_msg("good %zu is refused", i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (cbor_is_modest(bad[i]))
			fail_msg("bad %zu is taken", i);
	memset(nested, 0x81, sizeof(nested));
	nested[31] = 0;
	assert_true(cbor_is_modest((struct str){nested, 32}));
	nested[31] = (char)0x81;
	nested[63] = 0;
	assert_false(cbor_is_modest((struct str){nested, 64}));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_recorded_answer_verifies),
	    cmocka_unit_test(no_key_verifies_the_signature_of_another),
	    cmocka_unit_test(every_bit_of_a_signed_answer_counts),
	    cmocka_unit_test(an_answer_that_is_cut_short_is_refused),
	    cmocka_unit_test(an_answer_with_more_behind_it_is_refused),
	    cmocka_unit_test(a_statement_of_something_else_is_refused),
	    cmocka_unit_test(an_answer_to_another_party_is_refused),
	    cmocka_unit_test(client_data_is_of_the_ceremony_and_of_a_page_of_ours),
	    cmocka_unit_test(cbor_that_announces_more_than_it_has_is_refused),
	};
	int failed;

	file = json_load_file("webauthn.json", 0, NULL);
	if (file == NULL)
		return 1;
	origin = str_from(json_string_value(json_object_get(file, "origin")));
	party = (struct webauthn_party){
	    .id = str_from(json_string_value(json_object_get(file, "rpId"))),
	    .origins = &origin,
	    .origins_count = 1,
	};
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(file);
	return failed;
}
