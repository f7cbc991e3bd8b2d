/* The environment: defaults that work, bad values refused by name, production without defaults of
 * the source. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"

/* Reads an environment of NAME=value strings (NULL-terminated); *said is what it says, the caller's
 * to free. */
static bool
read_environment(char **said, const char *const environment[])
{
	size_t size;
	FILE *problems = open_memstream(said, &size);
	bool ok;

	assert_non_null(problems);
	clearenv();
	for (; *environment != NULL; environment++)
		assert_int_equal(putenv((char *)*environment), 0);
	ok = config_read(problems);
	fclose(problems);
	return ok;
}

static void
nothing_is_needed_in_development(void **state)
{
	char *said;

	assert_true(read_environment(&said, (const char *const[]){"PORT=4001", NULL}));
	assert_string_equal(said, "");
	assert_str_is(config.base_url, "http://localhost:4001");
	assert_str_is(config.base_origin, "http://localhost:4001");
	assert_str_is(config.jwt_issuer, "http://localhost:4001");
	assert_false(config.secure_cookies_prefix);
	assert_true(config.hash_threads >= 1);
	assert_int_equal(config.trusted_origins.count, 2);
	free(said);
}

static void
lists_are_trimmed_and_the_base_url_is_an_origin(void **state)
{
	char *said;

	assert_true(read_environment(&said,
	    (const char *const[]){"BASE_URL=https://auth.mana.how:443/",
		"CORS_ORIGINS= https://mana.how , https://b.how,",
		"BETTER_AUTH_TRUSTED_ORIGINS=https://*.mana.how", "JWT_ISSUER=ignored", NULL}));
	assert_str_is(config.base_url, "https://auth.mana.how:443");
	assert_str_is(config.base_origin, "https://auth.mana.how");
	assert_str_is(config.jwt_issuer, "https://auth.mana.how:443");
	assert_int_equal(config.cors_origins.count, 2);
	assert_str_is(config.cors_origins.items[0], "https://mana.how");
	assert_int_equal(config.trusted_origins.count, 4);
	assert_true(config.secure_cookies_prefix);
	free(said);
}

static void
passkeys_are_for_the_domain_of_the_cookies_or_our_own(void **state)
{
	static const struct {
		const char *environment[4], *rp_id;
		size_t origins;
	} cases[] = {
	    {{"PORT=4001"}, "localhost", 2},
	    {{"BASE_URL=https://auth.mana.how:8443/"}, "auth.mana.how", 2},
	    {{"BASE_URL=https://auth.mana.how", "COOKIE_DOMAIN=.mana.how"}, "mana.how", 2},
	    {{"BASE_URL=https://auth.mana.how", "WEBAUTHN_RP_ID=mana.how",
		 "WEBAUTHN_ORIGIN=https://a.mana.how,android:apk-key-hash:x"},
		"mana.how", 3},
	    {{"BASE_URL=http://127.0.0.1:4001"}, "", 2},
	    {{"BASE_URL=http://[::1]:4001"}, "", 2},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *said;

		assert_true(read_environment(&said, cases[i].environment));
		assert_str_is(config.webauthn_rp_id, cases[i].rp_id);
		assert_int_equal(config.webauthn_origins.count, cases[i].origins);
		assert_true(str_equal(
		    config.webauthn_origins.items[cases[i].origins - 1], config.base_origin));
		free(said);
	}
}

static void
each_bad_value_is_refused_by_its_name(void **state)
{
	static const char *const bad[] = {"PORT=0", "PORT=65536", "PORT=80x",
	    "PORT=9999999999999999999999", "WORKERS=-1", "NODE_ENV=staging", "PASSWORD_HASH=md5",
	    "CHANGE_EMAIL=yes", "SMTP_TLS=ssl", "BASE_URL=localhost",
	    "BASE_URL=https://u:p@mana.how", "BASE_URL=https://mana.how/auth",
	    "BASE_URL=https://mana.how?x", "BASE_URL=https://mana.how/#x",
	    "BASE_URL=https://mana.how:0", "BASE_URL=https://mana.how:65536",
	    "BASE_URL=auth://mana.how", "CORS_ORIGINS=*", "CORS_ORIGINS=https://*",
	    "CORS_ORIGINS=https://*.", "CORS_ORIGINS=https://*mana.how",
	    "CORS_ORIGINS=https://a.*.how", "CORS_ORIGINS=https://*.*.how",
	    "CORS_ORIGINS=*.mana.how", "CORS_ORIGINS=https://*.10.0.0.1",
	    "CORS_ORIGINS=https://*.[::1]", "CORS_ORIGINS=https://a.how;https://b.how",
	    "CORS_ORIGINS=https://a.how https://b.how", "CORS_ORIGINS=https://a.how/app",
	    "CORS_ORIGINS=https://a.how?x", "CORS_ORIGINS=https://a.how#x",
	    "CORS_ORIGINS=https://u@a.how", "CORS_ORIGINS=a.how", "CORS_ORIGINS=localhost:5173",
	    "CORS_ORIGINS=//a.how", "CORS_ORIGINS=null",
	    "CORS_ORIGINS=https://b\xc3\xbc"
	    "cher.how",
	    "CORS_ORIGINS=https://a.how:70000", "CORS_ORIGINS=https://",
	    "CORS_ORIGINS=javascript://x", "CORS_ORIGINS=file://", "CORS_ORIGINS=data:/x",
	    "CORS_ORIGINS=myapp://a/b", "CORS_ORIGINS=myapp://*", "CORS_ORIGINS=myapp://u@a",
	    "CORS_ORIGINS=my_app://a", "BETTER_AUTH_TRUSTED_ORIGINS=https://a.how/,b.how",
	    "WEBAUTHN_ORIGIN=https://*.mana.how", "WEBAUTHN_ORIGIN=myapp://",
	    "WEBAUTHN_ORIGIN=https://a.how/login", "COOKIE_DOMAIN=.mana.how", "COOKIE_DOMAIN=.",
	    "SYNAPSE_OIDC_REDIRECT_URIS=httpx://a", "SYNAPSE_OIDC_REDIRECT_URIS=https://a.how/#x",
	    "MANA_CREDITS_URL=http://a?x=", "MANA_SUBSCRIPTIONS_URL=http://a/#x",
	    "DATABASE_URL=mysql://a/b", "DATABASE_URL=mana_platform", "SMTP_HOST=smtp://mail.how",
	    "SMTP_HOST=mail.how:587", "SMTP_HOST=mail.how/", "SMTP_HOST=mail.how ",
	    "SMTP_HOST=[::1", "SMTP_HOST=[mail.how]", "SMTP_FROM=Mana", "SMTP_FROM=Mana <noreply>",
	    "SMTP_FROM=noreply@mana.how <", "SMTP_FROM=Mana <a@mana.how",
	    "SMTP_FROM=a@mana.how, b@mana.how", "SMTP_FROM=Mana\r\nBcc: x@mana.how <a@mana.how>",
	    "SMTP_FROM=\xc3\xbc@mana.how", "PROXY_HEADER=x-real-ip", "TRUSTED_PROXIES=10.0.0.0/33",
	    "TRUSTED_PROXIES=proxy", "COOKIE_DOMAIN=a b;c",
	    "MANA_SERVICE_KEY=credits:", "MANA_CREDITS_URL=credits",
	    "DATABASE_URL_FILE=/nonexistent", "WEBAUTHN_RP_ID=10.0.0.1",
	    "WEBAUTHN_RP_ID=https://mana.how", "WEBAUTHN_RP_ID=Mana.how",
	    "CORS_ORIGINS=a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t name = strcspn(bad[i], "=");
		char *said;

		assert_false(read_environment(&said, (const char *const[]){bad[i], NULL}));
		assert_memory_equal(said, bad[i], name);
		free(said);
	}
}

static void
origins_are_written_as_browsers_write_them(void **state)
{
	static const struct {
		const char *given, *pattern;
	} cases[] = {
	    {"CORS_ORIGINS=https://app.example/", "https://app.example"},
	    {"CORS_ORIGINS=https://app.example//", "https://app.example"},
	    {"CORS_ORIGINS=HTTPS://App.Example", "https://app.example"},
	    {"CORS_ORIGINS=https://app.example:443", "https://app.example"},
	    {"CORS_ORIGINS=http://app.example:80/", "http://app.example"},
	    {"CORS_ORIGINS=http://app.example:0080", "http://app.example"},
	    {"CORS_ORIGINS=https://app.example:08443", "https://app.example:8443"},
	    {"CORS_ORIGINS=https://*.App.Example:443/", "https://*.app.example"},
	    {"CORS_ORIGINS=http://*.localhost:5173", "http://*.localhost:5173"},
	    {"CORS_ORIGINS=http://[::1]:5173", "http://[::1]:5173"},
	    {"CORS_ORIGINS=https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
	    {"CORS_ORIGINS=capacitor://localhost", "capacitor://localhost"},
	    {"CORS_ORIGINS=Tauri://localhost/", "tauri://localhost"},
	    {"CORS_ORIGINS=chrome-extension://abcdefghijklmnop",
		"chrome-extension://abcdefghijklmnop"},
	    {"CORS_ORIGINS=MyApp://", "myapp://"},
	    {"CORS_ORIGINS=com.example.app:/", "com.example.app://"},
	    {"CORS_ORIGINS=,https://app.example,,https://app.example/, ", "https://app.example"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *said;

		if (!read_environment(&said, (const char *const[]){cases[i].given, NULL}))
			fail_msg("%s", said);
		assert_int_equal(config.cors_origins.count, 1);
		assert_str_is(config.cors_origins.items[0], cases[i].pattern);
		assert_int_equal(config.trusted_origins.count, 2);
		assert_str_is(config.trusted_origins.items[1], cases[i].pattern);
		free(said);
	}
}

static void
the_mail_server_and_its_sender_are_normalised(void **state)
{
	static const struct {
		const char *given, *host, *from;
	} cases[] = {
	    {"SMTP_HOST=[2001:db8::7]", "2001:db8::7", "Mana <noreply@mana.how>"},
	    {"SMTP_HOST=::1", "::1", "Mana <noreply@mana.how>"},
	    {"SMTP_HOST=mail_1.mana.how", "mail_1.mana.how", "Mana <noreply@mana.how>"},
	    {"SMTP_FROM=noreply@b\xc3\xbc"
	     "cher.example",
		"", "noreply@xn--bcher-kva.example"},
	    {"SMTP_FROM=B\xc3\xbc"
	     "cher <noreply@b\xc3\xbc"
	     "cher.example>",
		"",
		"B\xc3\xbc"
		"cher <noreply@xn--bcher-kva.example>"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *said;

		if (!read_environment(&said, (const char *const[]){cases[i].given, NULL}))
			fail_msg("%s", said);
		assert_str_is(config.smtp_host, cases[i].host);
		assert_str_is(config.smtp_from, cases[i].from);
		free(said);
	}
}

static void
settings_that_need_each_other_are_refused_alone(void **state)
{
	static const char *const bad[][4] = {
	    {"SMTP_PASS", "SMTP_USER=mana"},
	    {"SMTP_HOST", "MAIL_SENDER=only"},
	    {"COOKIE_DOMAIN", "COOKIE_DOMAIN=.example", "BASE_URL=https://auth.example"},
	    {"COOKIE_DOMAIN", "COOKIE_DOMAIN=ana.how", "BASE_URL=https://mana.how"},
	    {"COOKIE_DOMAIN", "COOKIE_DOMAIN=app.mana.how", "BASE_URL=https://mana.how"},
	};
	static const char *const good[][4] = {
	    {"SMTP_USER=mana", "SMTP_PASS=secret"},
	    {"MAIL_SENDER=only", "SMTP_HOST=mail"},
	    {"COOKIE_DOMAIN=mana.how", "BASE_URL=https://mana.how"},
	    {"COOKIE_DOMAIN=.mana.how", "BASE_URL=https://a.auth.mana.how:8443"},
	    {"COOKIE_DOMAIN=localhost"},
	    {"DATABASE_URL=host=/run dbname=mana_platform"},
	};
	char *said;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(read_environment(&said, bad[i] + 1));
		assert_memory_equal(said, bad[i][0], strlen(bad[i][0]));
		free(said);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!read_environment(&said, good[i]))
			fail_msg("%s", said);
		free(said);
	}
}

static char *
warnings_of(const char *variable)
{
	char *said, *warned = NULL;
	size_t length;
	FILE *out = open_memstream(&warned, &length);

	assert_true(read_environment(&said, (const char *const[]){variable, NULL}));
	config_warn(out);
	fclose(out);
	free(said);
	return warned;
}

static void
a_name_that_looks_like_one_of_ours_is_warned_of(void **state)
{
	static const struct {
		const char *given, *warning; /* NULL: none */
	} cases[] = {
	    {"SMTP_HOSTS=mail",
		"SMTP_HOSTS is not a variable of this service; is SMTP_HOST meant?"},
	    {"CORS_ORIGN=x",
		"CORS_ORIGN is not a variable of this service; is CORS_ORIGINS meant?"},
	    {"COOKIE_DOAMIN=x",
		"COOKIE_DOAMIN is not a variable of this service; is COOKIE_DOMAIN meant?"},
	    {"WEBAUTHN_ORIGINS=x",
		"WEBAUTHN_ORIGINS is not a variable of this service; is WEBAUTHN_ORIGIN meant?"},
	    {"SMTP_PASSWORD=geheim",
		"SMTP_PASSWORD is not a variable of this service; is SMTP_PASS meant?"},
	    {"BETTER_AUTH_URL=x",
		"BETTER_AUTH_URL is not a variable of this service; is BASE_URL meant?"},
	    {"SMTP_PAS_FILE=x",
		"SMTP_PAS_FILE is not a variable of this service; is SMTP_PASS_FILE meant?"},
	    {"SMTP_AUTHENTICATION=x", "SMTP_AUTHENTICATION is not a variable of this service\n"},
	    {"SMTP_HOST=mail", NULL},
	    {"PATH=/bin", NULL},
	    {"HOME=/root", NULL},
	    {"DB_HOST=x", NULL},
	    {"JWT_SECRET=x", NULL},
	    {"MANA_CREDITS_KEY=x", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *warned = warnings_of(cases[i].given);

		if (cases[i].warning == NULL
			? strstr(warned, "is not a variable of this service") != NULL
			: strstr(warned, cases[i].warning) == NULL)
			fail_msg("%s: %s", cases[i].given, warned);
		assert_null(strstr(warned, "geheim"));
		free(warned);
	}
}

static void
a_password_without_a_user_is_warned_of(void **state)
{
	char *warned = warnings_of("SMTP_PASS=secret");

	assert_non_null(strstr(warned, "SMTP_PASS is not used, for SMTP_USER is not set"));
	free(warned);
}

static void
what_rate_limit_off_leaves_on_is_said(void **state)
{
	char *warned = warnings_of("RATE_LIMIT=off");

	assert_non_null(strstr(
	    warned, "the limits of password attempts, codes, mails and invitations stay on"));
	free(warned);
	warned = warnings_of("RATE_LIMIT=on");
	assert_null(strstr(warned, "RATE_LIMIT"));
	free(warned);
}

static void
production_refuses_published_and_short_secrets(void **state)
{
	static const char good[] = "MANA_SERVICE_KEY=0123456789abcdefghij";
	static const char *const bad[] = {"MANA_SERVICE_KEY=dev-service-key",
	    "MANA_SERVICE_KEY=short", "MANA_SERVICE_KEY=credits:0123456789abcdefghij,sync:short",
	    "BETTER_AUTH_SECRET=better-auth-secret-12345678901234567890",
	    "BETTER_AUTH_SECRET=short", "AUTH_SECRET=short"};
	char *said;

	assert_true(
	    read_environment(&said, (const char *const[]){"NODE_ENV=production", good, NULL}));
	free(said);
	assert_false(read_environment(&said, (const char *const[]){"NODE_ENV=production", NULL}));
	assert_memory_equal(said, "MANA_SERVICE_KEY", 16);
	free(said);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(read_environment(
		    &said, (const char *const[]){"NODE_ENV=production", good, bad[i], NULL}));
		free(said);
	}
}

static bool
warns_of_the_secret(const char *variable)
{
	char *said, *warned = NULL;
	size_t length;
	FILE *out = open_memstream(&warned, &length);
	bool warns;

	assert_true(read_environment(&said, (const char *const[]){variable, NULL}));
	config_warn(out);
	fclose(out);
	warns = strstr(warned, "BETTER_AUTH_SECRET has at most") != NULL;
	free(said);
	free(warned);
	return warns;
}

static void
a_secret_of_less_than_256_bits_is_warned_of(void **state)
{
	assert_false(warns_of_the_secret("BETTER_AUTH_SECRET="));
	assert_false(warns_of_the_secret(
	    "BETTER_AUTH_SECRET=6f1d3b0c9a8e7f2455aa0312bd9ce1f76f1d3b0c9a8e7f2455aa0312bd9ce1f7"));
	assert_false(
	    warns_of_the_secret("BETTER_AUTH_SECRET=q0Zl3v5c1YtWmR8uKx2bNf7hJd9sGpEaTiUoLwQyXzA="));
	assert_true(warns_of_the_secret("BETTER_AUTH_SECRET=0123456789abcdef0123456789abcdef-XY"));
	assert_true(warns_of_the_secret("BETTER_AUTH_SECRET=6f1d3b0c9a8e7f2455aa0312bd9ce1f7"));
	assert_true(warns_of_the_secret(
	    "BETTER_AUTH_SECRET=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void
a_secret_may_be_in_a_file(void **state)
{
	char path[] = "/tmp/mana-config-XXXXXX", variable[64], *said;
	int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, "first line\nsecond\n", 18), 18);
	close(fd);
	snprintf(variable, sizeof(variable), "SMTP_PASS_FILE=%s", path);
	assert_true(read_environment(&said, (const char *const[]){variable, NULL}));
	assert_str_is(config.smtp_password, "first line");
	free(said);
	assert_true(
	    read_environment(&said, (const char *const[]){variable, "SMTP_PASS=given", NULL}));
	assert_str_is(config.smtp_password, "given");
	free(said);
	assert_int_equal(truncate(path, 0), 0);
	assert_false(read_environment(&said, (const char *const[]){variable, NULL}));
	free(said);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_needed_in_development),
	    cmocka_unit_test(lists_are_trimmed_and_the_base_url_is_an_origin),
	    cmocka_unit_test(passkeys_are_for_the_domain_of_the_cookies_or_our_own),
	    cmocka_unit_test(each_bad_value_is_refused_by_its_name),
	    cmocka_unit_test(origins_are_written_as_browsers_write_them),
	    cmocka_unit_test(the_mail_server_and_its_sender_are_normalised),
	    cmocka_unit_test(settings_that_need_each_other_are_refused_alone),
	    cmocka_unit_test(a_name_that_looks_like_one_of_ours_is_warned_of),
	    cmocka_unit_test(a_password_without_a_user_is_warned_of),
	    cmocka_unit_test(what_rate_limit_off_leaves_on_is_said),
	    cmocka_unit_test(production_refuses_published_and_short_secrets),
	    cmocka_unit_test(a_secret_of_less_than_256_bits_is_warned_of),
	    cmocka_unit_test(a_secret_may_be_in_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
