/* The environment: lines NAME=value. What is accepted is within its bounds and reads the same
 * again; what is refused says which variable, and shows no secret. */
#include "fuzz.h"

#include <stdio.h>

#include "config.h"
#include "http/client_ip.h"
#include "uri.h"

enum { LINE_BYTES = 4200, PROBLEMS_BYTES = 16384 };

static const char secret[] = "5ecret-that-no-message-shows";

/* Lines of others than our own variables, and files, are left out. */
static void
set_environment(struct str text)
{
	char memory[LINE_BYTES];
	bool more = true;

	clearenv();
	setenv("DATABASE_URL", secret, 1);
	while (more) {
		struct buf line = BUF_ON(memory);
		struct str given, name, value;

		more = str_cut(&given, &text, text, '\n');
		if (!str_cut(&name, &value, given, '=') || name.len == 0 ||
		    str_ends(name, STR("_FILE")) || str_equal(name, STR("DATABASE_URL")) ||
		    memchr(given.p, '\0', given.len) != NULL)
			continue;
		buf_str(&line, given);
		REQUIRE(buf_cstr(&line) != NULL);
		memory[name.len] = '\0';
		setenv(memory, memory + name.len + 1, 1);
	}
}

static bool
read(void)
{
	static char problems[PROBLEMS_BYTES];
	FILE *file = fmemopen(problems, sizeof(problems), "w");
	bool ok;

	REQUIRE(file != NULL);
	memset(problems, 0, sizeof(problems));
	ok = config_read(file);
	fclose(file);
	REQUIRE(ok == (problems[0] == '\0'));
	REQUIRE(memmem(problems, sizeof(problems), secret, sizeof(secret) - 1) == NULL);
	return ok;
}

static void
check_bounds(void)
{
	char memory[512];
	struct buf origin = BUF_ON(memory);

	REQUIRE(config.port >= 1 && config.port <= 65535 && config.workers >= 1 &&
		config.workers <= 64);
	REQUIRE(config.body_max_bytes >= 1024 && config.body_max_bytes <= 16777216 &&
		config.hash_threads >= 1);
	REQUIRE(config.password.memory_bytes >= 8192 * 1024 && config.password.passes >= 1);
	REQUIRE(uri_origin(&origin, config.base_url) &&
		str_equal(buf_view(&origin), config.base_origin));
	REQUIRE(!str_ends(config.base_url, STR("/")) && config.jwt_issuer.len > 0);
	REQUIRE(
	    config.trusted_origins.count >= 1 && config.trusted_origins.count <= CONFIG_LIST_MAX);
	REQUIRE(str_equal(config.trusted_origins.items[0], config.base_origin));
	REQUIRE(config.webauthn_origins.count <= CONFIG_LIST_MAX && config.service_keys.count > 0);
	for (size_t i = 0; i < config.trusted_proxies.count; i++)
		REQUIRE(client_ip_is_range(config.trusted_proxies.items[i]));
	for (size_t i = 0; i < config.cookie_domain.len; i++)
		REQUIRE(strchr(" ;,\r\n\t=", config.cookie_domain.p[i]) == NULL);
	REQUIRE(config.brand_color.len == 7 && config.brand_color.p[0] == '#');
	REQUIRE(
	    !config.production || config.cookie_secret.len == 0 || config.cookie_secret.len >= 16);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config first;

	if (memmem(data, size, secret, sizeof(secret) - 1) != NULL)
		return 0;
	set_environment((struct str){(const char *)data, size});
	if (!read())
		return 0;
	check_bounds();
	first = config;
	REQUIRE(read());
	REQUIRE(first.port == config.port &&
		first.trusted_origins.count == config.trusted_origins.count);
	REQUIRE(first.webauthn_origins.count == config.webauthn_origins.count);
	REQUIRE(str_equal(first.base_origin, config.base_origin) &&
		str_equal(first.webauthn_rp_id, config.webauthn_rp_id));
	REQUIRE(first.legacy_links_until == config.legacy_links_until &&
		first.rate_limit == config.rate_limit);
	return 0;
}
