/*
 * Settings that the routines read with current_setting. An edge sets them for its connections from
 * its environment; a DBA sets them for all with ALTER ROLE auth_edge SET or in postgresql.conf.
 * They shape the service, they guard nothing: who can set them already acts for every user. The
 * exceptions are audit_retention_months and legacy_links_until, which only a superuser sets.
 */
#include "postgres.h"

#include <limits.h>

#include "policy.h"
#include "utils/guc.h"

static int session_limit, signup_daily_max, member_limit, organization_limit, invitation_limit;
static int refresh_replay_seconds, signing_key_days, audit_retention_months;
static char *signup_duplicate, *erasure_services, *step_up, *legacy_links_until;
static bool new_device_mail;

static bool
signup_duplicate_check(char **value, void **extra, GucSource source)
{
	return strcmp(*value, "conceal") == 0 || strcmp(*value, "conflict") == 0;
}

static bool
step_up_check(char **value, void **extra, GucSource source)
{
	return strcmp(*value, "all") == 0 || strcmp(*value, "account") == 0;
}

/* 2026-12-31 or 2026-12-31T18:00:00Z, as LEGACY_LINKS_UNTIL of the edge. Whether there is such a
 * day the routine finds out. */
static bool
legacy_links_until_check(char **value, void **extra, GucSource source)
{
	static const char form[] = "0000-00-00T00:00:00Z";
	size_t length = strlen(*value);

	if (length != 0 && length != 10 && length != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < length; i++)
		if (form[i] == '0' ? (*value)[i] < '0' || (*value)[i] > '9'
				   : (*value)[i] != form[i])
			return false;
	return true;
}

void
policy_define_settings(void)
{
	DefineCustomIntVariable("mana_auth.session_limit",
	    "Sessions that a user can have; the oldest go first.", NULL, &session_limit, 100, 1,
	    10000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("mana_auth.signup_daily_max",
	    "New accounts a day (UTC); 0: no limit.", NULL, &signup_daily_max, 0, 0, INT_MAX,
	    PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("mana_auth.signup_duplicate",
	    "What a sign-up with a known address answers: conceal or conflict.", NULL,
	    &signup_duplicate, "conceal", PGC_USERSET, 0, signup_duplicate_check, NULL, NULL);
	DefineCustomBoolVariable("mana_auth.new_device_mail",
	    "Mails a user who signs in with a device that has not been seen before.", NULL,
	    &new_device_mail, false, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("mana_auth.erasure_services",
	    "Services that are told of users and asked to forget them: credits, subscriptions.",
	    NULL, &erasure_services, "", PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("mana_auth.member_limit", "Members that an organization can have.",
	    NULL, &member_limit, 100, 1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("mana_auth.organization_limit",
	    "Organizations that a user can be in; 0: no limit.", NULL, &organization_limit, 100, 0,
	    INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("mana_auth.invitation_limit",
	    "Pending invitations that an organization can have.", NULL, &invitation_limit, 100, 1,
	    INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("mana_auth.refresh_replay_seconds",
	    "Seconds in which a refresh token that was exchanged yields the same successor again.",
	    NULL, &refresh_replay_seconds, 10, 0, 60, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("mana_auth.step_up",
	    "Which routes require a recent proof of identity: all, or account (not the vault).",
	    NULL, &step_up, "all", PGC_USERSET, 0, step_up_check, NULL, NULL);
	DefineCustomIntVariable("mana_auth.signing_key_days",
	    "Days after which the next signing key is made; 0: only by hand.", NULL,
	    &signing_key_days, 90, 0, 3650, PGC_USERSET, 0, NULL, NULL, NULL);
	/* Only a superuser sets it: an edge that is compromised has the key of these links. */
	DefineCustomStringVariable("mana_auth.legacy_links_until",
	    "Until when verification links of the legacy service are accepted (UTC); empty: never.",
	    "A day or a time, 2026-12-31T18:00:00Z. The edge has LEGACY_LINKS_UNTIL of its own.",
	    &legacy_links_until, "", PGC_SUSET, 0, legacy_links_until_check, NULL, NULL);
	/* Only a superuser sets it: auth_admin drops old months and must not drop recent ones. */
	DefineCustomIntVariable("mana_auth.audit_retention_months",
	    "Months for which the vault's audit log is kept at least.",
	    "auth.vault_audit_drop refuses to drop a younger month.", &audit_retention_months, 12,
	    0, 1200, PGC_SUSET, 0, NULL, NULL, NULL);
}
