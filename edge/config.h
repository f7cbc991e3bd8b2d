/*
 * The environment of the service, read once at start: config.c has the table. Read-only from then
 * on.
 */
#ifndef MANA_CONFIG_H
#define MANA_CONFIG_H

#include <stdint.h>
#include <stdio.h>

#include "password.h"
#include "service_keys.h"
#include "str.h"

enum { CONFIG_LIST_MAX = 32 };

struct config_list {
	struct str items[CONFIG_LIST_MAX];
	size_t count;
};

/* Which background tasks a worker runs. MAIL_ONLY also answers no request but /health. */
enum mail_sender { MAIL_ON, MAIL_OFF, MAIL_ONLY };
/* The header that names the client. PROXY_AUTO: X-Forwarded-For if it is there, else Forwarded. */
enum proxy_header { PROXY_AUTO, PROXY_X_FORWARDED_FOR, PROXY_FORWARDED };
enum smtp_tls { SMTP_TLS_AUTO, SMTP_TLS_OFF, SMTP_TLS_STARTTLS, SMTP_TLS_IMPLICIT };

struct config {
	/* the service */
	bool production; /* NODE_ENV */
	int64_t port;
	struct str bind;
	int64_t workers;
	struct str base_url;        /* without a trailing slash */
	struct str base_origin;     /* scheme://host[:port] */
	bool secure_cookies_prefix; /* base_url is https */
	struct str cookie_domain;   /* empty: none */
	struct config_list cors_origins;
	struct config_list
	    trusted_origins; /* base_origin, CORS_ORIGINS, BETTER_AUTH_TRUSTED_ORIGINS; patterns */
	struct config_list trusted_proxies; /* CIDRs */
	enum proxy_header proxy_header;
	int64_t hsts_seconds; /* 0: no Strict-Transport-Security */
	bool hsts_subdomains;

	/* secrets */
	struct str database_url;
	struct str auth_secret;     /* AUTH_SECRET, where BETTER_AUTH_SECRET is not set */
	struct str cookie_secret;   /* empty: the database keeps one */
	int64_t legacy_links_until; /* Unix time; 0: links of the legacy service are refused */
	struct service_keys service_keys;

	struct str credits_url;       /* of mana-credits; empty: there is none */
	struct str subscriptions_url; /* of mana-subscriptions; empty: there is none */

	/* tokens */
	struct str jwt_issuer;
	struct str jwt_audience;
	struct str vault_audience;
	bool session_jwt_header;
	bool access_log;

	/* passkeys */
	struct str webauthn_rp_id; /* empty: none, for we have no domain */
	struct str webauthn_rp_name;
	struct config_list webauthn_origins; /* to the letter */

	/* the OpenID provider and its pages */
	struct str synapse_secret; /* empty: no such client */
	struct config_list synapse_redirect_uris;
	struct str brand_name;
	struct str brand_color;                  /* #rrggbb */
	struct str brand_logo;                   /* data: URI; empty: the name alone */
	struct str brand_imprint, brand_privacy; /* URLs; empty: no link */

	/* accounts */
	int64_t session_limit;
	int64_t refresh_replay_seconds;
	bool new_device_mail;
	int64_t max_daily_signups;
	struct str signup_duplicate;  /* conceal | conflict */
	struct str step_up;           /* all | account */
	struct str fallback_language; /* de | en */
	int64_t organization_limit;
	int64_t member_limit;
	int64_t invitation_limit;
	struct password_params password;
	bool password_guessable_allowed;
	bool change_email;
	bool delete_user;
	bool mail_link_acts; /* MAIL_LINK_GET=act: a GET that says nothing of its client acts */

	/* limits */
	bool rate_limit;
	int64_t db_pipelines;
	int64_t db_write_pipelines;
	int64_t db_patient_connections;
	int64_t db_slow_connections;
	enum pooler { POOLER_NONE, POOLER_SESSION, POOLER_TRANSACTION } db_pooler; /* DB_POOLER */
	int64_t db_connect_timeout_ms;
	int64_t db_query_timeout_ms;
	int64_t db_slow_timeout_ms;
	int64_t hash_threads; /* 0: cores - 1 */
	int64_t hash_queue;
	int64_t connections_max;
	int64_t body_max_bytes;
	int64_t header_timeout_seconds;
	int64_t body_timeout_seconds;
	int64_t unread_seconds;
	int64_t unread_max_bytes;
	int64_t drain_seconds;

	/* mail */
	enum mail_sender mail_sender;
	struct str smtp_host; /* empty: mails stay in the outbox */
	int64_t smtp_port;
	struct str smtp_user;
	struct str smtp_password;
	struct str smtp_from;
	enum smtp_tls smtp_tls;
	bool smtp_insecure_tls; /* certificates are not checked */
};

extern struct config config;

/* Reads the environment and the files of *_FILE. False after saying on problems which variables are
 * refused, and what they should be. */
bool config_read(FILE *problems) MUST_USE;
/* What follows for passkeys; a part of config_read. */
bool config_webauthn(FILE *problems) MUST_USE;
/* Writes warnings about what is fine in development only. */
void config_warn(FILE *out);
/* Prints the table as Markdown. */
void config_print(FILE *out);

#endif
