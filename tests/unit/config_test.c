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
	    {{"BASE_URL=https://auth.mana.how:8443/x"}, "auth.mana.how", 2},
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
	    "BASE_URL=https://u:p@mana.how", "TRUSTED_PROXIES=10.0.0.0/33", "TRUSTED_PROXIES=proxy",
	    "COOKIE_DOMAIN=a b;c", "MANA_SERVICE_KEY=credits:", "MANA_CREDITS_URL=credits",
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
	    cmocka_unit_test(production_refuses_published_and_short_secrets),
	    cmocka_unit_test(a_secret_of_less_than_256_bits_is_warned_of),
	    cmocka_unit_test(a_secret_may_be_in_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
