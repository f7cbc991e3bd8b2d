/* URLs, origins and domains of the environment (config_urls.h). */
#include "config_urls.h"

#include "origin.h"
#include "uri.h"

enum { URL_BYTES = 512, PATTERN_BYTES = 300, LISTS = 3 };

static bool base_url_read(FILE *problems);
static bool origins_read(const struct config_list *given, FILE *problems);
static bool list_read(struct config_list *out, const char *name, const struct config_list *given,
    char memory[static CONFIG_LIST_MAX][PATTERN_BYTES], FILE *problems);
static bool trust(struct str pattern);
static bool has(const struct config_list *list, struct str item);
static bool passkey_origins_read(FILE *problems);
static bool is_one_origin(struct str pattern);
static bool
service_url_read(struct str *url, const char *name, const char *example, FILE *problems);
static bool redirects_are_urls(FILE *problems);
static bool cookie_domain_read(FILE *problems);
static bool is_below(struct str host, struct str domain);
static bool refused(FILE *problems, const char *name, const char *should_be);

static const char *const origin_problems[] = {
    [ORIGIN_NO_SCHEME] = "is not an origin: write https://app.example, or myapp:// for an app",
    [ORIGIN_SCHEME_UNSAFE] = "has a scheme that cannot be trusted",
    [ORIGIN_HAS_MORE] = "is more than an origin: remove its path, query or user name",
    [ORIGIN_SEPARATOR] = "is not one origin: items are separated by commas",
    [ORIGIN_STAR] = "has * elsewhere than as the first label of a host: write "
		    "https://*.app.example; there is no way to trust every origin",
    [ORIGIN_HOST] = "has a host or port that no browser sends: write an internationalised "
		    "domain as its A-label (xn--...)",
};

bool
config_urls_read(const struct config_list *more_trusted, FILE *problems)
{
	return base_url_read(problems) && cookie_domain_read(problems) &&
	       origins_read(more_trusted, problems) &&
	       service_url_read(&config.credits_url, "MANA_CREDITS_URL",
		   "a URL such as http://mana-credits:3002, without a query", problems) &&
	       service_url_read(&config.subscriptions_url, "MANA_SUBSCRIPTIONS_URL",
		   "a URL such as http://mana-subscriptions:3063, without a query", problems) &&
	       redirects_are_urls(problems);
}

static bool
base_url_read(FILE *problems)
{
	static char memory[URL_BYTES];
	struct buf origin = BUF_ON(memory);
	struct str scheme, rest;

	while (str_ends(config.base_url, STR("/")))
		config.base_url.len--;
	if (!uri_origin(&origin, config.base_url))
		return refused(problems, "BASE_URL", "a URL such as https://auth.mana.how");
	config.base_origin = buf_view(&origin);
	config.secure_cookies_prefix = str_starts(config.base_origin, STR("https://"));
	(void)str_cut(&scheme, &rest, config.base_url, ':'); /* uri_origin saw scheme:// */
	rest = str_skip(rest, strlen("//"));
	for (size_t i = 0; i < rest.len; i++)
		if (strchr("/?#", rest.p[i]) != NULL)
			return refused(problems, "BASE_URL",
			    "a URL such as https://auth.mana.how, without a path, a query and a "
			    "fragment: the service answers at / of a host");
	return true;
}

/* All origins that may act: our own, CORS_ORIGINS and BETTER_AUTH_TRUSTED_ORIGINS. */
static bool
origins_read(const struct config_list *more_trusted, FILE *problems)
{
	static char memory[LISTS][CONFIG_LIST_MAX][PATTERN_BYTES];
	const struct config_list cors = config.cors_origins, passkeys = config.webauthn_origins;
	struct config_list more;

	if (!list_read(&config.cors_origins, "CORS_ORIGINS", &cors, memory[0], problems) ||
	    !list_read(&more, "BETTER_AUTH_TRUSTED_ORIGINS", more_trusted, memory[1], problems) ||
	    !list_read(
		&config.webauthn_origins, "WEBAUTHN_ORIGIN", &passkeys, memory[2], problems) ||
	    !passkey_origins_read(problems))
		return false;
	config.trusted_origins.count = 0;
	(void)trust(config.base_origin); /* the first fits */
	for (size_t i = 0; i < config.cors_origins.count + more.count; i++)
		if (!trust(i < config.cors_origins.count
			       ? config.cors_origins.items[i]
			       : more.items[i - config.cors_origins.count]))
			return refused(problems, "BETTER_AUTH_TRUSTED_ORIGINS",
			    "fewer: with CORS_ORIGINS there may be 31");
	return true;
}

/* An app of Android signs its passkeys for android:apk-key-hash:..., which stays as it is. */
static bool
list_read(struct config_list *out, const char *name, const struct config_list *given,
    char memory[static CONFIG_LIST_MAX][PATTERN_BYTES], FILE *problems)
{
	bool for_passkeys = strcmp(name, "WEBAUTHN_ORIGIN") == 0;

	out->count = 0;
	for (size_t i = 0; i < given->count; i++) {
		struct buf pattern = {.p = memory[i], .size = PATTERN_BYTES};
		struct str item = given->items[i];
		enum origin_problem problem;

		if (for_passkeys && str_starts(item, STR("android:"))) {
			out->items[out->count++] = item;
			continue;
		}
		problem = origin_pattern(&pattern, item);
		if (problem != ORIGIN_OK) {
			fprintf(problems, "%s: \"%.*s\" %s\n", name, (int)item.len, item.p,
			    origin_problems[problem]);
			return false;
		}
		if (!has(out, buf_view(&pattern)))
			out->items[out->count++] = buf_view(&pattern);
	}
	return true;
}

static bool
trust(struct str pattern)
{
	struct config_list *all = &config.trusted_origins;

	if (has(all, pattern))
		return true;
	if (all->count == CONFIG_LIST_MAX)
		return false;
	all->items[all->count++] = pattern;
	return true;
}

static bool
has(const struct config_list *list, struct str item)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_equal(list->items[i], item))
			return true;
	return false;
}

/* The origin that a browser signs is compared as a whole, so that patterns match none. */
static bool
passkey_origins_read(FILE *problems)
{
	struct config_list *origins = &config.webauthn_origins;

	for (size_t i = 0; i < origins->count; i++)
		if (!is_one_origin(origins->items[i]))
			return refused(problems, "WEBAUTHN_ORIGIN",
			    "whole origins by comma, without * and with a host");
	for (size_t i = 0; origins->count == 0 && i < config.cors_origins.count; i++)
		if (is_one_origin(config.cors_origins.items[i]))
			origins->items[origins->count++] = config.cors_origins.items[i];
	return true;
}

static bool
is_one_origin(struct str pattern)
{
	return !str_has(pattern, '*') && !str_ends(pattern, STR("://"));
}

/* Paths are appended to it. */
static bool
service_url_read(struct str *url, const char *name, const char *example, FILE *problems)
{
	char memory[URL_BYTES];
	struct buf origin = BUF_ON(memory);

	while (str_ends(*url, STR("/")))
		url->len--;
	if (url->len == 0)
		return true;
	if (!uri_origin(&origin, *url) || str_has(*url, '?') || str_has(*url, '#'))
		return refused(problems, name, example);
	return true;
}

static bool
redirects_are_urls(FILE *problems)
{
	for (size_t i = 0; i < config.synapse_redirect_uris.count; i++) {
		char memory[URL_BYTES];
		struct buf origin = BUF_ON(memory);

		if (!uri_origin(&origin, config.synapse_redirect_uris.items[i]) ||
		    str_has(config.synapse_redirect_uris.items[i], '#'))
			return refused(problems, "SYNAPSE_OIDC_REDIRECT_URIS",
			    "URLs by comma, without fragments");
	}
	return true;
}

/* A browser drops a cookie whose Domain is not its host or a domain above it (RFC 6265 section
 * 5.3), and a Domain of one label, except localhost. */
static bool
cookie_domain_read(FILE *problems)
{
	struct str domain = config.cookie_domain, scheme, host, port;

	if (domain.len == 0)
		return true;
	for (size_t i = 0; i < domain.len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789.-", domain.p[i]) == NULL)
			return refused(problems, "COOKIE_DOMAIN", "a domain such as .mana.how");
	if (str_starts(domain, STR(".")))
		domain = str_skip(domain, 1);
	(void)str_cut(&scheme, &host, config.base_origin, ':');
	(void)str_cut(&host, &port, str_skip(host, strlen("//")), ':');
	if (!is_below(host, domain))
		return refused(problems, "COOKIE_DOMAIN",
		    "the host of BASE_URL or a domain above it, else browsers drop every cookie");
	return true;
}

static bool
is_below(struct str host, struct str domain)
{
	size_t above = host.len - domain.len;

	if (str_equal(host, domain))
		return true;
	return str_has(domain, '.') && host.len > domain.len && str_ends(host, domain) &&
	       host.p[above - 1] == '.';
}

static bool
refused(FILE *problems, const char *name, const char *should_be)
{
	fprintf(problems, "%s must be %s\n", name, should_be);
	return false;
}
