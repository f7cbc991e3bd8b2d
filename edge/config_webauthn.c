/* Which domain passkeys are for, and whose pages may ask for them (config.h). */
#include "config.h"

enum { DOMAIN_CHARS_MAX = 253 };

static bool is_domain(struct str name);
static bool refused(FILE *problems, const char *why);

/* A passkey belongs to a domain and those below it: the cookies' if they have one. Our own pages
 * may always ask for one. */
bool
config_webauthn(FILE *problems)
{
	struct config_list *origins = &config.webauthn_origins;
	struct str scheme, host, port;
	bool given = config.webauthn_rp_id.len > 0;

	if (!given) {
		(void)str_cut(&scheme, &host, config.base_origin, ':');
		(void)str_cut(&host, &port, str_skip(host, strlen("//")), ':');
		config.webauthn_rp_id = config.cookie_domain.len > 0 ? config.cookie_domain : host;
		if (str_starts(config.webauthn_rp_id, STR(".")))
			config.webauthn_rp_id = str_skip(config.webauthn_rp_id, 1);
	}
	if (!is_domain(config.webauthn_rp_id)) {
		if (given)
			return refused(
			    problems, "WEBAUTHN_RP_ID must be a domain such as mana.how");
		config.webauthn_rp_id = STR("");
	}
	if (origins->count == CONFIG_LIST_MAX)
		return refused(problems, "WEBAUTHN_ORIGIN must have 31 items at most");
	origins->items[origins->count++] = config.base_origin;
	return true;
}

/* Lower-case letters, digits, dots and hyphens, and no address: the last label has a letter. */
static bool
is_domain(struct str name)
{
	bool has_letter = false;

	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if (c == '.')
			has_letter = false;
		else if (c >= 'a' && c <= 'z')
			has_letter = true;
		else if (!(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return has_letter && name.len <= DOMAIN_CHARS_MAX;
}

static bool
refused(FILE *problems, const char *why)
{
	fprintf(problems, "%s\n", why);
	return false;
}
