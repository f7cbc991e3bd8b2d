/* Whether secrets are hard to guess (config_secrets.h). */
#include "config_secrets.h"

#include <limits.h>
#include <string.h>

#include "config.h"

/* Public strings that people have been running services with. */
static const char *const known_secrets[] = {"better-auth-secret-12345678901234567890",
    "better-auth-secret-123456789", "change-me-in-production", "dev-service-key", NULL};

enum { SECRET_CHARS_MIN = 16 };

static bool is_weak(struct str secret);
static bool refused(FILE *problems, const char *name, const char *should_be);

bool
config_secrets_safe(FILE *problems)
{
	bool ok = true;

	if (config.cookie_secret.len > 0 && is_weak(config.cookie_secret))
		ok = refused(problems, "BETTER_AUTH_SECRET",
		    "16 characters or more and no published default in production");
	for (size_t i = 0; i < config.service_keys.count; i++)
		if (is_weak(config.service_keys.items[i].key))
			ok = refused(problems, "MANA_SERVICE_KEY",
			    "keys of 16 characters or more and no published default in production");
	return ok;
}

static bool
is_weak(struct str secret)
{
	for (size_t i = 0; known_secrets[i] != NULL; i++)
		if (str_equal(secret, str_from(known_secrets[i])))
			return true;
	return secret.len < SECRET_CHARS_MIN;
}

size_t
config_entropy_at_most(struct str secret)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	bool seen[UCHAR_MAX + 1] = {false}, is_hex = true, is_text = true;
	size_t different = 0, bits;

	for (size_t i = 0; i < secret.len; i++) {
		unsigned char c = (unsigned char)secret.p[i];

		different += !seen[c];
		seen[c] = true;
		is_hex = is_hex && strchr(hex, c) != NULL && c != '\0';
		is_text = is_text && c > ' ' && c <= '~';
	}
	bits = is_hex ? 4 : is_text ? 6 : 8;
	while (bits > 0 && different < (size_t)1 << (bits - 1) && different < secret.len / 2)
		bits--; /* few characters, often repeated */
	return secret.len * bits;
}

static bool
refused(FILE *problems, const char *name, const char *should_be)
{
	fprintf(problems, "%s must be %s\n", name, should_be);
	return false;
}
