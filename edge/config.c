/*
 * Every environment variable: name, kind, bounds, default, help. NAME_FILE, the path of a file that
 * holds the value, works for each SECRET. A value that is not what it should be is refused before
 * anything starts.
 */
#include "config.h"
#include "config_brand.h"
#include "config_mail.h"
#include "config_names.h"
#include "config_secrets.h"
#include "config_urls.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "http/client_ip.h"

enum kind { TEXT, SECRET, NUMBER, SWITCH, CHOICE, LIST };

struct variable {
	const char *name;
	enum kind kind;
	void *value; /* struct str, int64_t (NUMBER), bool (SWITCH), int (CHOICE), struct
			config_list */
	const char *initial;
	int64_t min, max;    /* NUMBER */
	const char *choices; /* CHOICE: words by "|"; the value is their number */
	const char *help;
};

struct config config;

static int node_env, db_pooler, rate_limit, signup_duplicate, step_up, password_scheme,
    password_policy, smtp_tls, mail_sender, mail_link_get, proxy_header, fallback_language;
static int64_t hash_memory_kib, hash_passes;
static struct config_list more_trusted_origins;
static struct str brand_logo_file, service_key_list, legacy_links_until;

#define T(name, field, initial, help)                                                              \
	{                                                                                          \
		name, TEXT, &config.field, initial, 0, 0, NULL, help                               \
	}
#define S(name, field, initial, help)                                                              \
	{                                                                                          \
		name, SECRET, &config.field, initial, 0, 0, NULL, help                             \
	}
#define N(name, field, initial, min, max, help)                                                    \
	{                                                                                          \
		name, NUMBER, &config.field, initial, min, max, NULL, help                         \
	}
#define B(name, field, initial, help)                                                              \
	{                                                                                          \
		name, SWITCH, &config.field, initial, 0, 0, "on|off", help                         \
	}
#define C(name, var, initial, choices, help)                                                       \
	{                                                                                          \
		name, CHOICE, &var, initial, 0, 0, choices, help                                   \
	}
#define L(name, list, initial, help)                                                               \
	{                                                                                          \
		name, LIST, &list, initial, 0, 0, NULL, help                                       \
	}

/* clang-format off */
static const struct variable variables[] = {
	C("NODE_ENV", node_env, "development", "development|test|production", "production refuses what is unsafe, and makes cookies Secure"),
	T("BIND", bind, "0.0.0.0", "address to listen on"),
	N("PORT", port, "3001", 1, 65535, "port to listen on"),
	N("WORKERS", workers, "2", 1, 64, "processes"),
	T("BASE_URL", base_url, "", "public URL, without a path: issuer, links in mails, prefix of cookies; empty: http://localhost:PORT"),
	T("COOKIE_DOMAIN", cookie_domain, "", "Domain of cookies, .mana.how say: the host of BASE_URL or above it; makes them SameSite=None"),
	L("CORS_ORIGINS", config.cors_origins, "http://localhost:5173", "origins that may call with credentials: https://app.example, https://*.app.example for subdomains, capacitor://localhost or myapp:// of an app; in production none by default"),
	L("BETTER_AUTH_TRUSTED_ORIGINS", more_trusted_origins, "", "more origins that may act and be redirected to, in the same forms; pages of a web site that call from a browser belong in CORS_ORIGINS"),
	N("HSTS_SECONDS", hsts_seconds, "31536000", 0, 63072000, "max-age of Strict-Transport-Security, which is sent where BASE_URL is https; 0: not sent"),
	B("HSTS_SUBDOMAINS", hsts_subdomains, "off", "on: it holds for all subdomains, too"),
	L("TRUSTED_PROXIES", config.trusted_proxies, "", "addresses and ranges whose X-Forwarded-For or Forwarded is believed; 10.0.0.0/8 say"),
	C("PROXY_HEADER", proxy_header, "auto", "auto|x-forwarded-for|forwarded", "header in which trusted proxies name the client; auto: X-Forwarded-For if a request has it, else Forwarded. A proxy that sets Forwarded alone needs `forwarded`, because it passes on the X-Forwarded-For of a client"),

	S("DATABASE_URL", database_url, "postgresql:///mana_platform?user=auth_edge", "libpq connection as auth_edge"),
	S("BETTER_AUTH_SECRET", cookie_secret, "", "signs cookies; empty: the database keeps one"),
	S("AUTH_SECRET", auth_secret, "", "the same under its older name"),
	{"LEGACY_LINKS_UNTIL", TEXT, &legacy_links_until, "", 0, 0, NULL, "until when verification links of the legacy service are accepted, 2026-12-31 or 2026-12-31T18:00:00Z (UTC); empty: they are refused"},
	{"MANA_SERVICE_KEY", SECRET, &service_key_list, "dev-service-key", 0, 0, NULL, "X-Service-Key of other services: keys by comma, each name:key or a key alone; we show the first"},
	T("MANA_CREDITS_URL", credits_url, "", "base URL of mana-credits, which is told of new users; empty: it is told of none, and what waits from before is given up after 30 days"),
	T("MANA_SUBSCRIPTIONS_URL", subscriptions_url, "", "base URL of mana-subscriptions, which is asked to forget who is erased; empty: there is none"),

	T("JWT_ISSUER", jwt_issuer, "", "iss of tokens where BASE_URL is not set"),
	T("JWT_AUDIENCE", jwt_audience, "mana", "aud of access tokens"),
	T("VAULT_AUDIENCE", vault_audience, "", "aud that access tokens for the vault must have, and those for everything else must not; empty: JWT_AUDIENCE for both"),
	B("SESSION_JWT_HEADER", session_jwt_header, "on", "set-auth-jwt on get-session"),

	T("WEBAUTHN_RP_ID", webauthn_rp_id, "", "domain that passkeys are for; empty: COOKIE_DOMAIN, else the host of BASE_URL"),
	T("WEBAUTHN_RP_NAME", webauthn_rp_name, "Mana", "name that authenticators show"),
	L("WEBAUTHN_ORIGIN", config.webauthn_origins, "", "origins whose pages may ask for passkeys, beside BASE_URL; empty: CORS_ORIGINS"),

	S("SYNAPSE_OIDC_CLIENT_SECRET", synapse_secret, "", "secret of the OpenID client matrix-synapse; empty: it cannot sign anybody in"),
	L("SYNAPSE_OIDC_REDIRECT_URIS", config.synapse_redirect_uris, "https://matrix.mana.how/_synapse/client/oidc/callback", "where Synapse receives its users"),
	T("BRAND_NAME", brand_name, "Mana", "name on the hosted pages"),
	T("BRAND_COLOR", brand_color, "#4f46e5", "their colour, #rrggbb"),
	T("BRAND_IMPRINT_URL", brand_imprint, "", "a link below them"),
	T("BRAND_PRIVACY_URL", brand_privacy, "", "another"),
	{"BRAND_LOGO_FILE", TEXT, &brand_logo_file, "", 0, 0, NULL, "PNG or SVG of at most 32 KiB, shown on them"},

	N("SESSION_LIMIT", session_limit, "100", 1, 10000, "sessions of one user; the oldest go first"),
	B("NEW_DEVICE_MAIL", new_device_mail, "off", "a mail to who signs in with a device that has not been seen before"),
	N("REFRESH_REPLAY_SECONDS", refresh_replay_seconds, "10", 0, 60, "a refresh token yields the same successor again for so long"),
	N("MAX_DAILY_SIGNUPS", max_daily_signups, "0", 0, 1000000000, "new accounts a day (UTC); 0: no limit"),
	C("SIGNUP_DUPLICATE", signup_duplicate, "conceal", "conceal|conflict", "sign-up with a known address: as if new, or 409"),
	N("ORGANIZATION_LIMIT", organization_limit, "100", 0, 1000000, "organizations that a user can be in; 0: no limit"),
	N("MEMBER_LIMIT", member_limit, "100", 1, 1000000, "members of one organization"),
	N("INVITATION_LIMIT", invitation_limit, "100", 1, 1000000, "pending invitations of one organization"),
	C("FALLBACK_LANGUAGE", fallback_language, "de", "de|en", "language of pages and mails for clients whose Accept-Language prefers none of them"),
	C("STEP_UP", step_up, "all", "all|account", "routes that require a recent proof of identity; account: not those of the vault"),
	C("PASSWORD_HASH", password_scheme, "argon2id", "argon2id|scrypt", "form of new password hashes"),
	{"HASH_MEMORY_KIB", NUMBER, &hash_memory_kib, "19456", 8192, 1048576, NULL, "memory of one argon2id hash"},
	{"HASH_PASSES", NUMBER, &hash_passes, "2", 1, 16, NULL, "passes of one argon2id hash"},
	C("PASSWORD_GUESSABLE", password_policy, "refuse", "refuse|allow", "passwords that are easy to guess"),
	B("CHANGE_EMAIL", change_email, "on", "POST /change-email"),
	B("DELETE_USER", delete_user, "on", "POST /delete-user"),
	C("MAIL_LINK_GET", mail_link_get, "button", "button|act", "GET of a link in a mail by a client that says nothing of itself (neither Sec-Fetch-* nor a telling Accept): shows the page with the button, or acts"),

	B("ACCESS_LOG", access_log, "on", "a line of the log for each answer; off: only for those of status 500 and above"),
	C("RATE_LIMIT", rate_limit, "auto", "auto|on|off", "requests of a client are counted and limited; auto: in production. The limits of password attempts, codes, mails and invitations are always on"),
	N("CONNECTIONS_MAX", connections_max, "6000", 16, 65536, "client connections of a worker"),
	N("BODY_MAX_BYTES", body_max_bytes, "131072", 1024, 16777216, "longest request body; 413 beyond"),
	N("HEADER_TIMEOUT_SECONDS", header_timeout_seconds, "65", 2, 600, "until a request head is complete (408), and for an idle connection; above the proxy's"),
	N("BODY_TIMEOUT_SECONDS", body_timeout_seconds, "20", 1, 600, "until a request body is complete (408)"),
	N("UNREAD_SECONDS", unread_seconds, "30", 1, 600, "for a client to read on; then its connection ends"),
	N("UNREAD_MAX_BYTES", unread_max_bytes, "67108864", 1048576, 4294967296, "answers that clients of a worker have not read yet, and a quarter of it for one client address; beyond, long answers are refused with 503, others are cut"),
	N("DRAIN_SECONDS", drain_seconds, "15", 1, 300, "for a stopping worker to finish what it has begun"),
	N("DB_PIPELINES", db_pipelines, "2", 1, 32, "database connections of a worker for quick calls that read"),
	N("DB_WRITE_PIPELINES", db_write_pipelines, "2", 1, 32, "database connections of a worker for quick calls that write"),
	N("DB_PATIENT_CONNECTIONS", db_patient_connections, "2", 1, 32, "database connections of a worker for calls that wait for a lock, opened when needed"),
	N("DB_SLOW_CONNECTIONS", db_slow_connections, "2", 1, 32, "database connections of a worker for slow calls; one is kept open"),
	C("DB_POOLER", db_pooler, "none", "none|session|transaction", "pool mode of a pooler such as PgBouncer between the edge and the database: a connection then carries one call at a time; for transaction, the role needs the settings that `mana-auth-edge settings` prints"),
	N("DB_CONNECT_TIMEOUT_MS", db_connect_timeout_ms, "3000", 100, 60000, "to connect and prepare"),
	N("DB_QUERY_TIMEOUT_MS", db_query_timeout_ms, "8000", 100, 60000, "for a quick call; 503 beyond"),
	N("DB_SLOW_TIMEOUT_MS", db_slow_timeout_ms, "30000", 100, 600000, "for a slow call; 503 beyond"),
	N("HASH_THREADS", hash_threads, "0", 0, 64, "threads of a worker that hash passwords; 0: one less than cores, at least 1"),
	N("HASH_QUEUE", hash_queue, "64", 1, 10000, "hashes of a worker that may wait; 503 with Retry-After beyond"),

	C("MAIL_SENDER", mail_sender, "on", "on|off|only", "on: serves requests and sends mails; off: sends none; only: sends mails and serves no request, with a database role of its own"),
	T("SMTP_HOST", smtp_host, "", "mail server; empty: mails wait in the outbox"),
	N("SMTP_PORT", smtp_port, "587", 1, 65535, "its port"),
	T("SMTP_USER", smtp_user, "", "name to log in with; empty: none"),
	S("SMTP_PASS", smtp_password, "", "password to log in with"),
	T("SMTP_FROM", smtp_from, "Mana <noreply@mana.how>", "sender"),
	C("SMTP_TLS", smtp_tls, "auto", "auto|off|starttls|implicit", "auto: STARTTLS where it is offered, implicit on port 465"),
	B("SMTP_INSECURE_TLS", smtp_insecure_tls, "off", "on: the mail server's certificate is not checked"),
};
/* clang-format on */

static const size_t variables_count = sizeof(variables) / sizeof(variables[0]);
static char *from_files[sizeof(variables) / sizeof(variables[0])];

enum {
	NAME_BYTES = 80,
	SECRET_BITS = 256,
	SECRET_FILE_BYTES_MAX = 8192,
	TIME_BYTES = 32,
	TIME_DATE_CHARS = 10
};

static bool read_variable(const struct variable *v, FILE *problems);
static bool read_number(const struct variable *v, const char *value, FILE *problems);
static bool read_choice(const struct variable *v, const char *value, FILE *problems);
static bool read_list(const struct variable *v, const char *value, FILE *problems);
static bool read_secret_file(const char **value, char **kept, const char *name, FILE *problems);
static bool derive(FILE *problems);
static bool read_time(int64_t *out, struct str text);
static bool is_conninfo(struct str text);
static void names_warn(FILE *out);
static bool refused(FILE *problems, const char *name, const char *should_be);

bool
config_read(FILE *problems)
{
	bool ok = true;

	for (size_t i = 0; i < variables_count; i++)
		ok = read_variable(&variables[i], problems) && ok;
	return ok && derive(problems) && (!config.production || config_secrets_safe(problems));
}

static bool
read_variable(const struct variable *v, FILE *problems)
{
	const char *value = getenv(v->name);

	if (value == NULL && v->kind == SECRET &&
	    !read_secret_file(&value, &from_files[v - variables], v->name, problems))
		return false;
	if (value == NULL || (value[0] == '\0' && v->kind != LIST))
		value = v->initial;
	switch (v->kind) {
	case TEXT:
	case SECRET:
		*(struct str *)v->value = str_from(value);
		return true;
	case NUMBER:
		return read_number(v, value, problems);
	case SWITCH:
	case CHOICE:
		return read_choice(v, value, problems);
	case LIST:
		return read_list(v, value, problems);
	}
	return false;
}

static bool
read_number(const struct variable *v, const char *value, FILE *problems)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno == 0 && end != value && *end == '\0' && number >= v->min && number <= v->max) {
		*(int64_t *)v->value = number;
		return true;
	}
	fprintf(problems, "%s must be a number from %lld to %lld, not \"%s\"\n", v->name,
	    (long long)v->min, (long long)v->max, value);
	return false;
}

static bool
read_choice(const struct variable *v, const char *value, FILE *problems)
{
	struct str rest = str_from(v->choices), word;
	bool more = true;

	for (int number = 0; more; number++) {
		more = str_cut(&word, &rest, rest, '|');
		if (!str_equal(word, str_from(value)))
			continue;
		if (v->kind == SWITCH)
			*(bool *)v->value = number == 0;
		else
			*(int *)v->value = number;
		return true;
	}
	fprintf(problems, "%s must be one of %s, not \"%s\"\n", v->name, v->choices, value);
	return false;
}

/* Items by comma; blanks around them do not count. */
static bool
read_list(const struct variable *v, const char *value, FILE *problems)
{
	struct config_list *list = v->value;
	struct str rest = str_from(value), item;
	bool more = true;

	list->count = 0;
	while (more) {
		more = str_cut(&item, &rest, rest, ',');
		while (item.len > 0 && item.p[0] == ' ')
			item = str_skip(item, 1);
		while (item.len > 0 && item.p[item.len - 1] == ' ')
			item.len--;
		if (item.len == 0)
			continue;
		if (list->count == CONFIG_LIST_MAX) {
			fprintf(
			    problems, "%s must have at most %d items\n", v->name, CONFIG_LIST_MAX);
			return false;
		}
		list->items[list->count++] = item;
	}
	return true;
}

/* NAME_FILE: the first line of a file, kept for the life of the process. No such variable: *value
 * stays NULL. */
static bool
read_secret_file(const char **value, char **kept, const char *name, FILE *problems)
{
	char variable[NAME_BYTES], line[SECRET_FILE_BYTES_MAX];
	const char *path;
	bool ok;
	FILE *file;

	snprintf(variable, sizeof(variable), "%s_FILE", name);
	path = getenv(variable);
	if (path == NULL || path[0] == '\0')
		return true;
	file = fopen(path, "re");
	if (file == NULL) {
		fprintf(problems, "%s: %s cannot be read: %s\n", variable, path, strerror(errno));
		return false;
	}
	ok = fgets(line, sizeof(line), file) != NULL;
	fclose(file);
	line[ok ? strcspn(line, "\r\n") : 0] = '\0';
	if (line[0] == '\0') {
		fprintf(problems, "%s: the first line of %s must hold the value\n", variable, path);
		return false;
	}
	free(*kept);
	*kept = strdup(line);
	if (*kept == NULL)
		abort();
	*value = *kept;
	explicit_bzero(line, sizeof(line));
	return true;
}

/* A URI or keyword=value pairs, as libpq reads them; what is neither would fail at each connect. */
static bool
is_conninfo(struct str text)
{
	struct str keyword, value;
	size_t length = 0;

	if (str_starts(text, STR("postgresql://")) || str_starts(text, STR("postgres://")))
		return true;
	if (!str_cut(&keyword, &value, text, '='))
		return false;
	while (length < keyword.len &&
	       (str_has(STR("abcdefghijklmnopqrstuvwxyz_ "), keyword.p[length])))
		length++;
	return keyword.len > 0 && length == keyword.len;
}

static bool
derive(FILE *problems)
{
	static const char *const duplicate_words[] = {"conceal", "conflict"};
	static const char *const step_up_words[] = {"all", "account"};
	static const char *const language_words[] = {"de", "en"};
	static char default_url[40];
	bool base_url_given = config.base_url.len > 0;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (!base_url_given) {
		snprintf(default_url, sizeof(default_url), "http://localhost:%d", (int)config.port);
		config.base_url = str_from(default_url);
	}
	config.production = node_env == 2;
	if (config.production && getenv("CORS_ORIGINS") == NULL)
		config.cors_origins.count = 0; /* the default is a developer's own machine */
	if (!config_urls_read(&more_trusted_origins, problems))
		return false;
	if (base_url_given || config.jwt_issuer.len == 0)
		config.jwt_issuer = config.base_url;
	if (config.cookie_secret.len == 0)
		config.cookie_secret = config.auth_secret;
	if (!read_time(&config.legacy_links_until, legacy_links_until))
		return refused(problems, "LEGACY_LINKS_UNTIL",
		    "a date such as 2026-12-31 or 2026-12-31T18:00:00Z");
	config.rate_limit = rate_limit == 1 || (rate_limit == 0 && config.production);
	config.signup_duplicate = str_from(duplicate_words[signup_duplicate]);
	config.step_up = str_from(step_up_words[step_up]);
	config.fallback_language = str_from(language_words[fallback_language]);
	config.password_guessable_allowed = password_policy == 1;
	config.mail_link_acts = mail_link_get == 1;
	config.proxy_header = (enum proxy_header)proxy_header;
	config.db_pooler = (enum pooler)db_pooler;
	config.smtp_tls = (enum smtp_tls)smtp_tls;
	config.mail_sender = (enum mail_sender)mail_sender;
	config.password = (struct password_params){
	    .scheme = password_scheme == 1 ? PASSWORD_SCRYPT : PASSWORD_ARGON2ID,
	    .memory_bytes = (uint64_t)hash_memory_kib * 1024,
	    .passes = (uint64_t)hash_passes,
	};
	if (config.hash_threads == 0)
		config.hash_threads = cores > 2 ? cores - 1 : 1;
	if (!is_conninfo(config.database_url))
		return refused(problems, "DATABASE_URL",
		    "a URL such as postgresql://auth_edge@host/mana_platform");
	if (!service_keys_read(&config.service_keys, service_key_list))
		return refused(
		    problems, "MANA_SERVICE_KEY", "keys by comma, each name:key or a key alone");
	for (size_t i = 0; i < config.trusted_proxies.count; i++)
		if (!client_ip_is_range(config.trusted_proxies.items[i]))
			return refused(problems, "TRUSTED_PROXIES",
			    "addresses or ranges such as 10.0.0.0/8, by comma");
	return config_brand_read(brand_logo_file, problems) && config_mail_read(problems) &&
	       config_webauthn(problems);
}

/* RFC 3339, in UTC: a date or a time. Empty: 0. */
static bool
read_time(int64_t *out, struct str text)
{
	char memory[TIME_BYTES];
	struct buf copy = BUF_ON(memory);
	struct tm time = {0};
	const char *rest;

	*out = 0;
	if (text.len == 0)
		return true;
	buf_str(&copy, text);
	if (buf_cstr(&copy) == NULL)
		return false;
	rest = strptime(
	    memory, text.len == TIME_DATE_CHARS ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M:%SZ", &time);
	if (rest == NULL || *rest != '\0')
		return false;
	*out = (int64_t)timegm(&time);
	return true;
}

static bool
refused(FILE *problems, const char *name, const char *should_be)
{
	fprintf(problems, "%s must be %s\n", name, should_be);
	return false;
}

void
config_warn(FILE *out)
{
	names_warn(out);
	if (!config.production)
		fputs("mana-auth: development: cookies without Secure and default keys are "
		      "accepted (NODE_ENV)\n",
		    out);
	else if (!config.secure_cookies_prefix)
		fputs("mana-auth: BASE_URL is not https: browsers will not send the Secure cookies "
		      "back\n",
		    out);
	if (config.cookie_secret.len > 0 &&
	    config_entropy_at_most(config.cookie_secret) < SECRET_BITS)
		fprintf(out,
		    "mana-auth: WARNING: BETTER_AUTH_SECRET has at most %zu bits of entropy; 256 "
		    "are needed, as `openssl rand -base64 32` makes them\n",
		    config_entropy_at_most(config.cookie_secret));
	if (config.cookie_domain.len > 0 && !config.secure_cookies_prefix)
		fputs("mana-auth: WARNING: browsers drop the cookies: with COOKIE_DOMAIN they are "
		      "SameSite=None, which needs a BASE_URL with https\n",
		    out);
	if (!config.rate_limit)
		fputs("mana-auth: RATE_LIMIT is off: requests of a client are not counted; the "
		      "limits of "
		      "password attempts, codes, mails and invitations stay on\n",
		    out);
	if (config.smtp_host.len == 0)
		fputs("mana-auth: SMTP_HOST is not set: mails wait in the outbox\n", out);
	if (config.smtp_password.len > 0 && config.smtp_user.len == 0)
		fputs("mana-auth: WARNING: SMTP_PASS is not used, for SMTP_USER is not set\n", out);
	if (config.credits_url.len == 0)
		fputs("mana-auth: MANA_CREDITS_URL is not set: mana-credits is not told of new "
		      "users\n",
		    out);
}

/* All names that are read: of the table, and NAME_FILE of each secret. */
static void
names_warn(FILE *out)
{
	static char files[sizeof(variables) / sizeof(variables[0])][NAME_BYTES];
	const char *names[2 * sizeof(variables) / sizeof(variables[0])];
	size_t count = 0;

	for (size_t i = 0; i < variables_count; i++) {
		names[count++] = variables[i].name;
		if (variables[i].kind != SECRET)
			continue;
		snprintf(files[i], NAME_BYTES, "%s_FILE", variables[i].name);
		names[count++] = files[i];
	}
	config_names_warn(out, names, count);
}

void
config_print(FILE *out)
{
	fputs("| Variable | Default | Value | |\n|---|---|---|---|\n", out);
	for (size_t i = 0; i < variables_count; i++) {
		const struct variable *v = &variables[i];

		fprintf(out, "| `%s`%s | %s%s%s | ", v->name, v->kind == SECRET ? ", `_FILE`" : "",
		    v->initial[0] != '\0' ? "`" : "", v->initial, v->initial[0] != '\0' ? "`" : "");
		if (v->kind == NUMBER)
			fprintf(out, "%lld to %lld", (long long)v->min, (long long)v->max);
		else if (v->kind == LIST)
			fputs("list by comma", out);
		else if (v->kind == SECRET)
			fputs("secret", out);
		for (const char *c = v->choices; c != NULL && *c != '\0'; c++)
			fputs(*c == '|' ? ", " : (char[]){*c, '\0'}, out);
		fprintf(out, " | %s |\n", v->help);
	}
}
