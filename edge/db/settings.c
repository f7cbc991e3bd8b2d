/* See settings.h. */
#include "db/settings.h"

#include <stdlib.h>

#include "config.h"
#include "db/lane.h"

/*
 * The statement leaves out settings that the server does not know: transaction_timeout exists from
 * PostgreSQL 17 on. Those of the extension may be unknown until its library is loaded. A DBA may
 * have chosen a stronger synchronous_commit than `on`, which stays; `off` loses answered changes
 * when the server crashes.
 */
const char settings_set_sql[] =
    "SELECT pg_catalog.set_config(s.key, s.value, false)"
    " FROM pg_catalog.json_each_text($1) s"
    " WHERE pg_catalog.current_setting(s.key, true) IS NOT NULL"
    " OR pg_catalog.starts_with(s.key, 'mana_auth.') "
    "UNION ALL "
    "SELECT pg_catalog.set_config('synchronous_commit', 'on', false)"
    " WHERE pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off'";

/* pg_settings has times in the unit of the setting, as we have; current_setting() chooses one. */
const char settings_compare_sql[] =
    "SELECT s.key FROM pg_catalog.json_each_text($1) s"
    " LEFT JOIN pg_catalog.pg_settings p ON pg_catalog.lower(p.name) OPERATOR(pg_catalog.=) s.key"
    " WHERE p.setting OPERATOR(pg_catalog.<>) s.value"
    " OR p.setting IS NULL AND pg_catalog.starts_with(s.key, 'mana_auth.') "
    "UNION ALL "
    "SELECT 'synchronous_commit'"
    " WHERE pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off' "
    "ORDER BY 1";

const char settings_limits_sql[] = "SELECT pg_catalog.set_config('statement_timeout', $1, false),"
				   " pg_catalog.set_config('lock_timeout', $2, false)";

static const struct {
	const char *name, *value;
} pinned[] = {
    /* How values travel. */
    {"client_encoding", "UTF8"},
    {"bytea_output", "hex"},
    {"datestyle", "ISO, MDY"},
    {"intervalstyle", "postgres"},
    {"timezone", "UTC"},
    {"extra_float_digits", "1"},
    {"xmlbinary", "base64"},
    /* What statements mean. */
    {"search_path", "pg_catalog, pg_temp"},
    {"standard_conforming_strings", "on"},
    {"array_nulls", "on"},
    {"transform_null_equals", "off"},
    {"gin_fuzzy_search_limit", "0"},
    /* What a transaction sees and may do. */
    {"default_transaction_isolation", "read committed"},
    {"default_transaction_read_only", "off"},
    {"default_transaction_deferrable", "off"},
    {"row_security", "on"},
    /* How long a session may live. */
    {"idle_session_timeout", "0"},
    {"transaction_timeout", "0"},
    /* Compiling a plan to machine code takes longer than any of our statements. */
    {"jit", "off"},
};

static bool set_text(json_t *settings, const char *name, const char *value);
static bool set_number(json_t *settings, const char *name, int64_t value);
static bool set_policy(json_t *settings);

json_t *
settings_wanted(int64_t statement_ms, int64_t lock_ms)
{
	json_t *settings = json_object();
	bool ok = set_policy(settings) && set_number(settings, "statement_timeout", statement_ms) &&
		  set_number(settings, "lock_timeout", lock_ms) &&
		  set_number(settings, "idle_in_transaction_session_timeout", statement_ms);

	for (size_t i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++)
		ok = ok && set_text(settings, pinned[i].name, pinned[i].value);
	if (!ok)
		abort(); /* out of memory */
	return settings;
}

json_t *
settings_wanted_of_role(void)
{
	return settings_wanted(config.db_slow_timeout_ms, LANE_TURN_MS);
}

/* psql runs the rows of the query. A server does not know each setting, and search_path is a list.
 */
void
settings_print(FILE *out)
{
	json_t *settings = settings_wanted_of_role(), *value;
	const char *name;
	bool is_first = true;

	fputs("-- psql -v role=auth_edge -v database=mana_platform\n"
	      "SELECT format('ALTER ROLE %I IN DATABASE %I SET %I TO %s', :'role', :'database', "
	      "s.name, s.value)\n  FROM (VALUES",
	    out);
	json_object_foreach(settings, name, value)
	{
		/* numbers and words of ours: no value holds a quote or a backslash */
		fprintf(out, "%s\n    ('%s', $$%s%s%s$$)", is_first ? "" : ",", name,
		    strcmp(name, "search_path") == 0 ? "" : "'", json_string_value(value),
		    strcmp(name, "search_path") == 0 ? "" : "'");
		is_first = false;
	}
	fputs(") s (name, value)\n  JOIN pg_settings p ON lower(p.name) = s.name\n\\gexec\n", out);
	json_decref(settings);
}

/* The rules that an operator chooses by the environment of the edge. */
static bool
set_policy(json_t *settings)
{
	char services[64];

	snprintf(services, sizeof(services), "%s,%s", config.credits_url.len > 0 ? "credits" : "",
	    config.subscriptions_url.len > 0 ? "subscriptions" : "");
	return set_number(settings, "mana_auth.session_limit", config.session_limit) &&
	       set_number(
		   settings, "mana_auth.refresh_replay_seconds", config.refresh_replay_seconds) &&
	       set_number(settings, "mana_auth.signup_daily_max", config.max_daily_signups) &&
	       set_text(settings, "mana_auth.signup_duplicate", config.signup_duplicate.p) &&
	       set_number(settings, "mana_auth.organization_limit", config.organization_limit) &&
	       set_number(settings, "mana_auth.member_limit", config.member_limit) &&
	       set_number(settings, "mana_auth.invitation_limit", config.invitation_limit) &&
	       set_text(
		   settings, "mana_auth.new_device_mail", config.new_device_mail ? "on" : "off") &&
	       set_text(settings, "mana_auth.step_up", config.step_up.p) &&
	       set_text(settings, "mana_auth.erasure_services", services);
}

static bool
set_text(json_t *settings, const char *name, const char *value)
{
	return json_object_set_new(settings, name, json_string(value)) == 0;
}

static bool
set_number(json_t *settings, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	return set_text(settings, name, text);
}
