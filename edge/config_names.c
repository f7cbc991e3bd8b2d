/* Environment variables that look like ours and are not (config_names.h). */
#include "config_names.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { NAME_CHARS_MAX = 64, NAME_CHARS_MIN = 6, DISTANCE_MAX = 2 };

static const struct {
	const char *theirs, *ours;
} aliases[] = {
    {"BETTER_AUTH_URL", "BASE_URL"},
    {"AUTH_URL", "BASE_URL"},
    {"PUBLIC_URL", "BASE_URL"},
    {"SMTP_PASSWORD", "SMTP_PASS"},
    {"SMTP_USERNAME", "SMTP_USER"},
    {"SMTP_SECURE", "SMTP_TLS"},
    {"SMTP_SENDER", "SMTP_FROM"},
    {"EMAIL_FROM", "SMTP_FROM"},
    {"MAIL_FROM", "SMTP_FROM"},
    {"TRUSTED_ORIGINS", "BETTER_AUTH_TRUSTED_ORIGINS"},
    {"TRUST_PROXY", "TRUSTED_PROXIES"},
};

static const char *const families[] = {
    "SMTP_", "BETTER_AUTH_", "WEBAUTHN_", "BRAND_", "SYNAPSE_OIDC_", "CORS_", "COOKIE_", "HSTS_"};

static void judge(FILE *out, const char *name, const char *const names[], size_t count);
static size_t distance(const char *a, const char *b);
static size_t least(size_t a, size_t b);

void
config_names_warn(FILE *out, const char *const names[], size_t count)
{
	for (char **entry = environ; *entry != NULL; entry++) {
		char name[NAME_CHARS_MAX];
		size_t length = strcspn(*entry, "=");

		if (length < NAME_CHARS_MIN || length >= sizeof(name))
			continue;
		memcpy(name, *entry, length);
		name[length] = '\0';
		judge(out, name, names, count);
	}
}

static void
judge(FILE *out, const char *name, const char *const names[], size_t count)
{
	const char *nearest = NULL;
	size_t best = DISTANCE_MAX + 1;
	bool is_family = false;

	for (size_t i = 0; i < count; i++) {
		size_t d = distance(name, names[i]);

		if (d == 0)
			return;
		if (d < best) {
			best = d;
			nearest = names[i];
		}
	}
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i].theirs, name) == 0)
			nearest = aliases[i].ours;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		is_family = is_family || strncmp(name, families[i], strlen(families[i])) == 0;
	if (nearest != NULL)
		fprintf(out,
		    "mana-auth: WARNING: %s is not a variable of this service; is %s meant?\n",
		    name, nearest);
	else if (is_family)
		fprintf(out, "mana-auth: WARNING: %s is not a variable of this service\n", name);
}

/* Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment), by rows.
 */
static size_t
distance(const char *a, const char *b)
{
	size_t rows[3][NAME_CHARS_MAX + 1], *before = rows[0], *last = rows[1], *now = rows[2];
	size_t a_length = strlen(a), b_length = strlen(b);

	if (b_length > NAME_CHARS_MAX || a_length > b_length + DISTANCE_MAX ||
	    b_length > a_length + DISTANCE_MAX)
		return DISTANCE_MAX + 1;
	for (size_t j = 0; j <= b_length; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			now[j] = least(
			    least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b_length];
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}
