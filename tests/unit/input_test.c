/* What comes from outside: body schemas with zod's words, JSON limits, addresses, origins, redirect
 * targets. */
#include "check.h"

#include "email.h"
#include "mailed.h"
#include "error.h"
#include "field.h"
#include "json.h"
#include "origin.h"
#include "uri.h"

struct target {
	struct str name, email, password, url;
	enum field_bool remember;
	int64_t limit;
};

static const struct field data_fields[] = {
    {"name", FIELD_STRING, 0, FIELD_NOWHERE, 1, 10, NULL, NULL},
    {"logo", FIELD_STRING, FIELD_NULLABLE, FIELD_NOWHERE, 0, 10, NULL, NULL},
    {NULL},
};
static const struct field schema[] = {
    {"name", FIELD_STRING, FIELD_REQUIRED, offsetof(struct target, name), 1, 10, NULL, NULL},
    {"email", FIELD_EMAIL, FIELD_REQUIRED, offsetof(struct target, email), 0, 0, NULL, NULL},
    {"password", FIELD_PASSWORD, FIELD_REQUIRED, offsetof(struct target, password), 0, 0, NULL,
	NULL},
    {"callbackURL", FIELD_URL, FIELD_MAILED, offsetof(struct target, url), 0, 0, NULL, NULL},
    {"rememberMe", FIELD_BOOL, 0, offsetof(struct target, remember), 0, 0, NULL, NULL},
    {"limit", FIELD_INT, 0, offsetof(struct target, limit), 1, 100, NULL, NULL},
    {"token", FIELD_TOKEN, 0, FIELD_NOWHERE, 0, 0, NULL, NULL},
    {"metadata", FIELD_JSON, 0, FIELD_NOWHERE, 0, 64, NULL, NULL},
    {"role", FIELD_STRINGS, 0, FIELD_NOWHERE, 0, 64, NULL, NULL},
    {"data", FIELD_OBJECT, 0, FIELD_NOWHERE, .members = data_fields},
    {NULL},
};

static struct target target;
static char memory[16384], input[16384], message[2048];

static struct form form;
static char form_memory[16384];

static enum field_result
read_form(const struct field_output *out, const char *text)
{
	struct buf m = BUF_ON(form_memory);

	switch (form_read(&form, &m, str_from(text))) {
	case FORM_OK:
		return field_read_form(out, schema, "body", &form);
	case FORM_MALFORMED:
		return FIELD_MALFORMED;
	case FORM_TOO_LARGE:
		break;
	}
	return FIELD_TOO_LARGE;
}

static enum field_result
read_as(bool form, const char *text)
{
	static struct buf m, i, w;
	struct field_output out = {&target, &m, &i, &w, NULL, false};
	enum field_result result;

	m = (struct buf)BUF_ON(memory);
	i = (struct buf)BUF_ON(input);
	w = (struct buf)BUF_ON(message);
	memset(&target, 0, sizeof(target));
	result =
	    form ? read_form(&out, text) : field_read_json(&out, schema, "body", str_from(text));
	assert_non_null(buf_cstr(&i));
	assert_non_null(buf_cstr(&w));
	return result;
}

static void
a_whole_body_comes_under_one_name(void **state)
{
	static const struct field whole[] = {
	    {"settings", FIELD_WHOLE, FIELD_REQUIRED, FIELD_NOWHERE, .max = 40}, {NULL}};
	struct buf m = BUF_ON(memory), i = BUF_ON(input), w = BUF_ON(message);
	struct field_output out = {NULL, &m, &i, &w, NULL, false};

	assert_int_equal(field_read_json(&out, whole, "body", STR("{\"settings\": 1, \"a\": [2]}")),
	    FIELD_VALID);
	assert_string_equal(buf_cstr(&i), "{\"settings\":{\"settings\":1,\"a\":[2]}}");
	i = (struct buf)BUF_ON(input);
	assert_int_equal(field_read_json(&out, whole, "body",
			     STR("{\"a\":\"a text that is longer than forty characters\"}")),
	    FIELD_INVALID);
	i = (struct buf)BUF_ON(input);
	assert_int_equal(field_read_json(&out, whole, "body", STR("[]")), FIELD_INVALID);
}

static void
spellings_of_an_address_name_one_subject(void **state)
{
	static const struct field fields[] = {{"note", FIELD_STRING, 0, .offset = FIELD_NOWHERE},
	    {"address", FIELD_STRING, FIELD_SUBJECT, .offset = FIELD_NOWHERE},
	    {"email", FIELD_EMAIL, 0, .offset = FIELD_NOWHERE},
	    {"token", FIELD_TOKEN, 0, .offset = FIELD_NOWHERE}, {NULL}};
	static const char *const cases[][2] = {
	    {"{\"note\":\"x\",\"email\":\"Ada@Example.COM\"}", "ada@example.com"},
	    {"{\"address\":\"ADA@example.com\",\"email\":\"b@example.com\"}", "ada@example.com"},
	    {"{\"email\":\"b@example.com\",\"token\":\"T\"}", "b@example.com"},
	    {"{\"token\":\"t0k\"}", "t0k"}, {"{\"note\":\"x\"}", ""}};

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct buf m = BUF_ON(memory), i = BUF_ON(input), w = BUF_ON(message);
		struct str subject = STR_NONE;
		struct field_output out = {NULL, &m, &i, &w, &subject, false};

		assert_int_equal(
		    field_read_json(&out, fields, "body", str_from(cases[c][0])), FIELD_VALID);
		assert_true(str_equal(subject, str_from(cases[c][1])) || cases[c][1][0] == '\0');
		assert_int_equal(subject.len, strlen(cases[c][1]));
	}
}

static void
a_valid_body_fills_the_struct_and_the_input(void **state)
{
	assert_int_equal(
	    read_as(false, "{\"name\":\"Ada\",\"email\":\"a@example.com\",\"password\":\"secret\","
			   "\"rememberMe\":false,"
			   "\"limit\":7,\"unknown\":1,\"metadata\":{\"type\": \"team\"}}"),
	    FIELD_VALID);
	assert_str_is(target.name, "Ada");
	assert_str_is(target.password, "secret");
	assert_int_equal(target.remember, FIELD_FALSE);
	assert_int_equal(target.limit, 7);
	assert_null(target.url.p);
	assert_string_equal(input,
	    "{\"name\":\"Ada\",\"email\":\"a@example.com\",\"rememberMe\":false,\"limit\":7,"
	    "\"metadata\":{\"type\":\"team\"}}");
}

static void
a_form_is_read_alike(void **state)
{
	assert_int_equal(
	    read_as(
		true, "name=Ada+L&email=a%40example.com&password=s%26t&rememberMe=true&limit=7"),
	    FIELD_VALID);
	assert_str_is(target.name, "Ada L");
	assert_str_is(target.password, "s&t");
	assert_int_equal(target.remember, FIELD_TRUE);
	assert_string_equal(input,
	    "{\"name\":\"Ada L\",\"email\":\"a@example.com\",\"rememberMe\":true,\"limit\":7}");
}

static enum form_result
parse(const char *text)
{
	struct buf m = BUF_ON(form_memory);

	return form_read(&form, &m, str_from(text));
}

static void
a_name_means_the_same_however_it_is_encoded(void **state)
{
	static const char *const ways[] = {"a=1&oauth_query=x+y&c=", "a=1&oauth%5Fquery=x%20y&c",
	    "%61=%31&%6Fauth%5fquery=x+y&%63=", "&&a=1&&oauth_query=%78%20%79&c&"};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char memory[256];
		struct buf again = BUF_ON(memory);

		assert_int_equal(parse(ways[i]), FORM_OK);
		assert_str_is(form_value(&form, STR("oauth_query")), "x y");
		assert_str_is(form_value(&form, STR("c")), "");
		assert_null(form_value(&form, STR("oauth%5Fquery")).p);
		for (size_t n = 0; n < form.count; n++)
			form_append(&again, form.pairs[n].name, form.pairs[n].value);
		assert_str_is(buf_view(&again), "a=1&oauth_query=x+y&c=");
	}
}

static void
a_repeated_name_is_found_however_it_is_encoded(void **state)
{
	static const char *const repeated[] = {"a=&a=1", "a=1&b=2&%61=1", "%61&%61", "b=&a=1&c=&a"};

	for (size_t i = 0; i < sizeof(repeated) / sizeof(repeated[0]); i++) {
		assert_int_equal(parse(repeated[i]), FORM_OK);
		assert_str_is(form_repeated(&form, STR_NONE), "a");
		assert_str_is(form_repeated(&form, STR("b")), "a");
		assert_null(form_repeated(&form, STR("a")).p);
	}
	assert_int_equal(parse("a=1&A=1&a%20=1&%20a=1"), FORM_OK);
	assert_null(form_repeated(&form, STR_NONE).p);
}

static void
a_form_that_is_not_text_is_malformed(void **state)
{
	static const char *const malformed[] = {
	    "%", "a=%4", "x=1&%zz=1", "a=%ff", "%c3=1", "a=%ed%a0%80", "a=%c0%af"};
	char many[4 * (FORM_PAIRS_MAX + 1) + 1] = "";

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		assert_int_equal(parse(malformed[i]), FORM_MALFORMED);
		assert_int_equal(form.count, 0);
	}
	for (size_t i = 0; i <= FORM_PAIRS_MAX; i++)
		memcpy(many + 4 * i, "a=1&", 4);
	assert_int_equal(parse(many), FORM_TOO_LARGE);
	many[4 * FORM_PAIRS_MAX] = '\0';
	assert_int_equal(parse(many), FORM_OK);
}

static void
problems_are_said_in_zods_words(void **state)
{
	static const struct {
		const char *body, *words;
	} cases[] = {
	    {"{}", "[body.name] Invalid input: expected string, received undefined; "
		   "[body.email] Invalid input: expected string, received undefined; "
		   "[body.password] Invalid input: expected string, received undefined"},
	    {"{\"email\":1,\"password\":true,\"name\":[]}",
		"[body.name] Invalid input: expected string, received array; "
		"[body.email] Invalid input: expected string, received number; "
		"[body.password] Invalid input: expected string, received boolean"},
	    {"{\"name\":\"\",\"email\":\"x\",\"password\":\"p\"}",
		"[body.name] Too small: expected string to have >=1 characters; [body.email] "
		"Invalid email address"},
	    {"{\"name\":\"12345678901\",\"email\":\"a@b.de\",\"password\":null}",
		"[body.name] Too big: expected string to have <=10 characters; "
		"[body.password] Invalid input: expected string, received null"},
	    {"{\"name\":\"a\",\"email\":\"a@b.de\",\"password\":\"p\",\"rememberMe\":\"yes\"}",
		"[body.rememberMe] Invalid input: expected boolean, received string"},
	    {"[]", "[body] Invalid input: expected object, received array"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_as(false, cases[i].body), FIELD_INVALID);
		assert_string_equal(message, cases[i].words);
	}
}

static void
lengths_are_counted_as_javascript_does(void **state)
{
	assert_int_equal(
	    read_as(false, "{\"name\":\"üüüüüüüüüü\",\"email\":\"a@b.de\",\"password\":\"p\"}"),
	    FIELD_VALID);
	assert_int_equal(
	    read_as(false, "{\"name\":\"😀😀😀😀😀\",\"email\":\"a@b.de\",\"password\":\"p\"}"),
	    FIELD_VALID);
	assert_int_equal(
	    read_as(false, "{\"name\":\"😀😀😀😀😀😀\",\"email\":\"a@b.de\",\"password\":\"p\"}"),
	    FIELD_INVALID);
}

static void
a_mailed_url_is_bounded_as_it_stands_in_the_link(void **state)
{
	static const struct {
		const char *c;
		size_t most;
	} cases[] = {{"x", MAILED_URLS_MAX}, {"&", MAILED_URLS_MAX / 3}, {"~", MAILED_URLS_MAX}};
	static char text[MAILED_URLS_MAX + 256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t over = 0; over <= 1; over++) {
			struct buf body = BUF_ON(text);

			buf_str(&body, STR("{\"name\":\"a\",\"email\":\"a@b.de\","
					   "\"password\":\"p\",\"callbackURL\":\""));
			for (size_t n = 0; n < cases[i].most + over; n++)
				buf_str(&body, str_from(cases[i].c));
			buf_str(&body, STR("\"}"));
			assert_int_equal(
			    read_as(false, buf_cstr(&body)), over ? FIELD_INVALID : FIELD_VALID);
		}
	assert_string_equal(message, "[body.callbackURL] Too big: expected percent-encoded string "
				     "to have <=1800 characters");
}

static void
tokens_reach_sql_as_digests_only(void **state)
{
	assert_int_equal(
	    read_as(false,
		"{\"name\":\"a\",\"email\":\"a@b.de\",\"password\":\"p\",\"token\":\"abc\"}"),
	    FIELD_VALID);
	assert_non_null(strstr(input,
	    "\"token\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""));
	assert_null(strstr(input, "abc\""));
}

/* What stands around `members` is a valid body. */
static enum field_result
read_with(const char *members)
{
	char text[512];

	snprintf(text, sizeof(text), "{\"name\":\"a\",\"email\":\"a@b.de\",\"password\":\"p\",%s}",
	    members);
	return read_as(false, text);
}

static void
objects_let_their_own_members_through_and_name_the_way_to_a_bad_one(void **state)
{
	assert_int_equal(
	    read_with("\"data\":{\"logo\":null,\"name\":\"Org\",\"id\":\"x\"},\"limit\":5"),
	    FIELD_VALID);
	assert_non_null(strstr(input, "\"data\":{\"name\":\"Org\",\"logo\":null}}"));
	assert_non_null(strstr(input, "\"limit\":5,"));
	assert_int_equal(read_with("\"data\":{}"), FIELD_VALID);
	assert_non_null(strstr(input, ",\"data\":{}}"));
	assert_int_equal(
	    read_with("\"data\":{\"name\":\"\",\"logo\":1},\"limit\":\"x\""), FIELD_INVALID);
	assert_string_equal(message,
	    "[body.limit] Invalid input: expected number, received string; "
	    "[body.data.name] Too small: expected string to have >=1 characters; "
	    "[body.data.logo] Invalid input: expected string, received number");
	assert_int_equal(read_with("\"data\":[]"), FIELD_INVALID);
	assert_string_equal(message, "[body.data] Invalid input: expected object, received array");
}

static void
a_string_or_several_reach_sql_as_they_are(void **state)
{
	static const char *const bad[] = {"1", "null", "{}", "[1]", "[\"a\",null]", "true"};
	char member[64];

	assert_int_equal(read_with("\"role\":\"admin\""), FIELD_VALID);
	assert_non_null(strstr(input, "\"role\":\"admin\""));
	assert_int_equal(read_with("\"role\":[\"admin\", \"member\"]"), FIELD_VALID);
	assert_non_null(strstr(input, "\"role\":[\"admin\",\"member\"]"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(member, sizeof(member), "\"role\":%s", bad[i]);
		assert_int_equal(read_with(member), FIELD_INVALID);
		assert_string_equal(message, "[body.role] Invalid input");
	}
}

static void
broken_and_hostile_json_is_refused(void **state)
{
	static const char *const bad[] = {"", "{", "{\"name\":", "{\"name\":\"a\",\"name\":\"b\"}",
	    "{\"name\":\"\\u0000\"}", "{\"name\":\"\\ud800\"}", "{\"name\":\"\xff\"}",
	    "{\"a\":[[[[[[[[[[1]]]]]]]]]]}", "{} {}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (read_as(false, bad[i]) != FIELD_MALFORMED)
			fail_msg("%s was read", bad[i]);
	assert_int_equal(read_as(true, "name=%zz"), FIELD_MALFORMED);
	assert_int_equal(read_as(true, "name=%ff&email=a@b.de&password=p"), FIELD_MALFORMED);
	assert_int_equal(read_as(true, "name=a%00&email=a@b.de&password=p"), FIELD_INVALID);
}

static void
both_spellings_of_a_domain_are_one_address(void **state)
{
	static const char *const same[][2] = {
	    {"a@B\u00dccher.example", "a@xn--bcher-kva.example"},
	    {"a@bu\u0308cher.example", "a@xn--bcher-kva.example"},
	    {"A@stra\u00dfe.de", "A@xn--strae-oqa.de"},
	    {"a@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444", "a@xn--e1afmkfd.xn--p1ai"},
	    {"a@b\u3002example", "a@b.example"},
	    {"a@b.example", "a@b.example"},
	    {"\u00e4@b.example", "\u00e4@b.example"}, /* refused, not changed */
	    {"a@\u200d.example", "a@\u200d.example"},
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		char memory[EMAIL_BYTES_MAX + 1];
		struct buf ascii = BUF_ON(memory);

		email_to_ascii(&ascii, str_from(same[i][0]));
		assert_string_equal(buf_cstr(&ascii), same[i][1]);
	}
}

static void
addresses_are_valid_as_zod_says(void **state)
{
	static const char *const good[] = {"a@example.com", "A.b+c_d-e'f@x-y.example.co", "1@2.de",
	    "a@xn--bcher-kva.example", "a@example.xn--p1ai"};
	static const char *const bad[] = {"", "a", "@example.com", "a@", "a@b", ".a@b.de",
	    "a.@b.de", "a..b@b.de", "a@-b.de", "a@b..de", "a@b.d", "a@b.1e", "a b@c.de", "a@b.de\n",
	    "a@b.de.", "ä@b.de", "a@ü.de", "a@b@c.de", "\"a\"@b.de"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!email_valid(str_from(good[i])))
			fail_msg("%s was refused", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (email_valid(str_from(bad[i])))
			fail_msg("\"%s\" was accepted", bad[i]);
}

static void
origins_are_parsed_strictly(void **state)
{
	static const struct {
		const char *url, *origin;
	} good[] = {{"https://Mana.how/x?y#z", "https://mana.how"},
	    {"https://mana.how:443", "https://mana.how"},
	    {"http://localhost:5173/", "http://localhost:5173"},
	    {"http://[::1]:80/x", "http://[::1]"}};
	static const char *const bad[] = {"", "mana.how", "//mana.how", "ftp://mana.how",
	    "https://", "https://user@mana.how", "https://mana.how\\@evil", "https://mana.how:x",
	    "https://ma na.how", "javascript:alert(1)", "https:/mana.how", "https://[::1",
	    "https://evil.example%2F@mana.how"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[128];
		struct buf b = BUF_ON(text);

		assert_true(uri_origin(&b, str_from(good[i].url)));
		assert_str_is(buf_view(&b), good[i].origin);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[128];
		struct buf b = BUF_ON(text);

		if (uri_origin(&b, str_from(bad[i])))
			fail_msg("%s has an origin", bad[i]);
	}
}

static void
an_app_has_an_origin_of_its_scheme(void **state)
{
	static const struct {
		const char *url, *origin;
	} good[] = {{"myapp://cb?x=1", "myapp://cb"}, {"MyApp:///cb", "myapp://"},
	    {"myapp:/cb", "myapp://"}, {"com.example.app:/oauth2redirect", "com.example.app://"},
	    {"tauri://localhost/x", "tauri://localhost"},
	    {"chrome-extension://abc/page.html#x", "chrome-extension://abc"},
	    {"https://Mana.how/x", "https://mana.how"}};
	static const char *const bad[] = {"javascript://x/%0aalert(1)", "JavaScript://x",
	    "data://x", "file:///etc", "blob://x", "intent://x#Intent;end", "view-source://x",
	    "myapp:cb", "my app://x", "1app://x", "myapp://u@x", "myapp://x\\y", "myapp://[::1]",
	    "ftp://x", "wss://x", "://x", "myapp", "http:/x"};
	static const char *const listed[] = {"myapp://cb", "myapp://"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[128];
		struct buf b = BUF_ON(text);

		if (!origin_of(&b, str_from(good[i].url)))
			fail_msg("%s has no origin", good[i].url);
		assert_str_is(buf_view(&b), good[i].origin);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[128];
		struct buf b = BUF_ON(text);

		if (origin_of(&b, str_from(bad[i])))
			fail_msg("%s has an origin", bad[i]);
	}
	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++)
		assert_true(origin_matches(str_from(listed[i]), STR("myapp://")));
	assert_false(origin_matches(STR("tauri://localhost.evil"), STR("tauri://localhost")));
	assert_false(origin_matches(STR("tauri://localhost:1"), STR("tauri://localhost")));
	assert_false(origin_matches(STR("myapp2://cb"), STR("myapp://")));
}

static void
a_star_stands_for_subdomains_and_nothing_else(void **state)
{
	struct str pattern = STR("https://*.mana.how");
	static const char *const good[] = {"https://a.mana.how", "https://a.b.mana.how"};
	static const char *const bad[] = {"https://mana.how", "https://.mana.how",
	    "http://a.mana.how", "https://a.mana.how:8443", "https://mana.how.evil.example",
	    "https://evil.example/.mana.how", "https://evilmana.how"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(origin_matches(str_from(good[i]), pattern));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (origin_matches(str_from(bad[i]), pattern))
			fail_msg("%s matched", bad[i]);
	assert_true(origin_matches(STR("https://mana.how"), STR("https://mana.how")));
}

static void
only_safe_paths_are_redirected_to(void **state)
{
	static const char *const good[] = {
	    "/", "/ok?x=1", "/a/b#c", "/dash?next=//evil", "/caf%C3%A9"};
	static const char *const bad[] = {"", "relative", "//evil.example", "/\\evil.example",
	    "/..//evil.example", "/%2f/evil", "/%5cevil", "/a\\b", "/a//b", "/ a", "/a\tb",
	    "https://evil.example", "javascript:alert(1)", "/%zz", "/ok?a\xff", "/ok?a\\b", "/%00"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!uri_path_safe(str_from(good[i])))
			fail_msg("%s was refused", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (uri_path_safe(str_from(bad[i])))
			fail_msg("%s was accepted", bad[i]);
}

static void
errors_are_found_by_their_names(void **state)
{
	for (int e = OK + 1; e < ERROR_COUNT; e++) {
		const struct error_info *info = error_info((enum error)e);

		assert_int_equal(error_by_name(info->name), e);
		assert_in_range(info->status, 400, 599);
		assert_true(info->message.len > 0);
	}
	assert_int_equal(error_by_name(STR("NO_SUCH_ERROR")), OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_valid_body_fills_the_struct_and_the_input),
	    cmocka_unit_test(spellings_of_an_address_name_one_subject),
	    cmocka_unit_test(a_form_is_read_alike),
	    cmocka_unit_test(a_name_means_the_same_however_it_is_encoded),
	    cmocka_unit_test(a_repeated_name_is_found_however_it_is_encoded),
	    cmocka_unit_test(a_form_that_is_not_text_is_malformed),
	    cmocka_unit_test(problems_are_said_in_zods_words),
	    cmocka_unit_test(lengths_are_counted_as_javascript_does),
	    cmocka_unit_test(a_mailed_url_is_bounded_as_it_stands_in_the_link),
	    cmocka_unit_test(tokens_reach_sql_as_digests_only),
	    cmocka_unit_test(objects_let_their_own_members_through_and_name_the_way_to_a_bad_one),
	    cmocka_unit_test(a_string_or_several_reach_sql_as_they_are),
	    cmocka_unit_test(broken_and_hostile_json_is_refused),
	    cmocka_unit_test(addresses_are_valid_as_zod_says),
	    cmocka_unit_test(both_spellings_of_a_domain_are_one_address),
	    cmocka_unit_test(origins_are_parsed_strictly),
	    cmocka_unit_test(an_app_has_an_origin_of_its_scheme),
	    cmocka_unit_test(a_star_stands_for_subdomains_and_nothing_else),
	    cmocka_unit_test(only_safe_paths_are_redirected_to),
	    cmocka_unit_test(errors_are_found_by_their_names),
	    cmocka_unit_test(a_whole_body_comes_under_one_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
