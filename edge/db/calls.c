/*
 * Every SQL statement that the edge can send. All are tried when a connection opens, and prepared
 *with their first call; nothing else sends SQL.
 *
 *	RELAY      a routine that takes the caller and an input, and answers auth.reply
 *	PLAIN_RELAY the same of one that opens no session
 *	PROCEDURE  the same as a procedure, which commits before it discloses
 *	CALLED     a routine that takes the caller and arguments of its own
 *	OWN        a routine of the edge's own business
 */
#include "db/calls.h"

#include <stddef.h>

#define CALLER "auth_api.caller($1,$2,$3,$4,$5,$6,$7,$8)"

#define RELAY(routine)       RELAYED(routine, false)
#define PLAIN_RELAY(routine) RELAYED(routine, true)
#define RELAYED(routine, opens_no_session)                                                         \
	{                                                                                          \
		routine, "SELECT r.* FROM auth_api." routine "(" CALLER ",$9) r", CALL_RELAY,      \
		    POOL_FAST, 0, opens_no_session                                                 \
	}
#define PROCEDURE(routine)                                                                         \
	{                                                                                          \
		routine, "CALL auth_api." routine "(" CALLER ",$9,NULL,NULL,NULL,NULL,NULL)",      \
		    CALL_RELAY, POOL_FAST, 0, true                                                 \
	}
#define CALLED(routine, count, arguments)                                                          \
	{                                                                                          \
		routine, "SELECT r.* FROM auth_api." routine "(" CALLER "," arguments ") r",       \
		    CALL_CALLED, POOL_FAST, count, false                                           \
	}
#define CALLED_SLOW(routine, count, arguments)                                                     \
	{                                                                                          \
		routine, "SELECT r.* FROM auth_api." routine "(" CALLER "," arguments ") r",       \
		    CALL_CALLED, POOL_SLOW, count, false                                           \
	}
#define OWN(routine, count, arguments)                                                             \
	{                                                                                          \
		routine, "SELECT r.* FROM auth_api." routine "(" arguments ") r", CALL_OWN,        \
		    POOL_FAST, count, false                                                        \
	}
#define OWN_SLOW(routine, count, arguments)                                                        \
	{                                                                                          \
		routine, "SELECT r.* FROM auth_api." routine "(" arguments ") r", CALL_OWN,        \
		    POOL_SLOW, count, false                                                        \
	}

/* clang-format off */
const struct call_info calls[CALL_COUNT] = {
	[CALL_READY]            = {"ready", "SELECT u.rolsuper OR u.rolbypassrls, pg_catalog.pg_backend_pid() FROM pg_catalog.pg_roles u WHERE u.rolname = CURRENT_USER", CALL_OWN, POOL_FAST, 0, false},
	[CALL_EDGE_SECRET]      = OWN_SLOW("edge_secret", 0, ""),
	[CALL_SIGNING_KEYS]     = {"signing_keys", "SELECT r.* FROM auth_api.signing_keys() r", CALL_OWN, POOL_SLOW, 0, false},

	[CALL_SESSION_GET]      = PLAIN_RELAY("session_get"),
	[CALL_SESSION_SIGN_OUT] = RELAY("session_sign_out"),
	[CALL_TOKEN_ISSUE]      = PLAIN_RELAY("token_issue"),

	[CALL_SIGN_IN_LOOKUP]   = CALLED("sign_in_lookup", 3, "$9,$10,$11"),
	[CALL_SIGN_IN_FINISH]   = CALLED("sign_in_finish", 11, "$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19"),
	[CALL_SIGN_UP]          = CALLED("sign_up", 7, "$9,$10,$11,$12,$13,$14,$15"),
	[CALL_VERIFY_EMAIL]     = CALLED("verification_verify_email", 4, "$9,$10,$11,$12"),
	[CALL_VERIFICATION_PAGE]   = CALLED("verification_page", 2, "$9,$10"),
	[CALL_VERIFICATION_OPEN]   = CALLED("verification_open", 5, "$9,$10,$11,$12,$13"),
	[CALL_VERIFICATION_LOOKUP] = CALLED("verification_lookup", 1, "$9"),
	[CALL_VERIFICATION_FINISH] = CALLED("verification_finish", 7, "$9,$10,$11,$12,$13,$14,$15"),

	[CALL_SESSION_LIST]             = RELAY("session_list"),
	[CALL_SESSION_REVOKE]           = RELAY("session_revoke"),
	[CALL_SESSION_REVOKE_ID]     = RELAY("session_revoke_id"),
	[CALL_SESSION_REVOKE_ALL]       = RELAY("session_revoke_all"),
	[CALL_SESSION_REVOKE_OTHERS]    = RELAY("session_revoke_others"),
	[CALL_SESSION_REFRESH]          = RELAY("session_refresh"),
	[CALL_SESSION_TO_TOKEN]         = RELAY("session_to_token"),
	[CALL_SESSION_LOG_OUT]          = RELAY("session_log_out"),
	[CALL_USER_UPDATE]              = RELAY("user_update"),
	[CALL_USER_PROFILE]             = RELAY("user_profile"),
	[CALL_USER_CHANGE_EMAIL]             = RELAY("user_change_email"),
	[CALL_ACCOUNT_LIST]             = RELAY("account_list"),
	[CALL_ACCOUNT_UNLINK]           = RELAY("account_unlink"),
	[CALL_ACCOUNT_TOKENS]           = RELAY("account_tokens"),
	[CALL_ACCOUNT_INFO]             = RELAY("account_info"),
	[CALL_SECURITY_EVENT_LIST]      = RELAY("security_event_list"),
	[CALL_PASSWORD_REQUEST_RESET]   = RELAY("password_request_reset"),
	[CALL_VERIFICATION_SEND]        = RELAY("verification_send"),
	[CALL_SIGNUP_STATUS]            = RELAY("signup_status"),
	[CALL_PASSWORD_LOOKUP]          = {"password_lookup", "SELECT r.* FROM auth_api.password_lookup(" CALLER ") r", CALL_CALLED, POOL_FAST, 0},
	[CALL_PASSWORD_CHANGE]          = CALLED("password_change", 6, "$9,$10,$11,$12,$13,$14"),
	[CALL_PASSWORD_VERIFY]           = CALLED("password_verify", 2, "$9,$10"),
	[CALL_USER_DELETE]               = CALLED("user_delete", 5, "$9,$10,$11,$12,$13"),
	[CALL_STEP_UP_PASSWORD]          = CALLED("step_up_password", 2, "$9,$10"),
	[CALL_STEP_UP_CODE]              = CALLED("step_up_code", 1, "$9"),
	[CALL_STEP_UP_TOKEN]             = CALLED("step_up_token", 1, "$9"),
	[CALL_STEP_UP_MAIL]              = RELAY("step_up_mail"),
	[CALL_STEP_UP_PASSKEY_OPTIONS]   = CALLED("step_up_passkey_options", 2, "$9,$10"),
	[CALL_STEP_UP_PASSKEY]           = CALLED("step_up_passkey", 8, "$9,$10,$11,$12,$13,$14,$15,$16"),
	[CALL_EMAIL_CHANGE_REVERT]       = CALLED("email_change_revert", 1, "$9"),
	[CALL_PASSWORD_RESET_LINK]       = RELAY("password_reset_link"),
	[CALL_PASSWORD_RESET]            = CALLED("password_reset", 3, "$9,$10,$11"),
	[CALL_PASSWORD_RESET_LOOKUP]     = CALLED("password_reset_lookup", 1, "$9"),
	[CALL_SESSION_LIST_V1]           = RELAY("session_list_v1"),
	[CALL_SESSION_UPDATE]            = RELAY("session_update"),
	[CALL_USER_UPDATE_V1]            = RELAY("user_update_v1"),
	[CALL_USER_CHANGE_EMAIL_V1]      = RELAY("user_change_email_v1"),
	[CALL_USER_DELETE_CALLBACK]      = RELAY("user_delete_callback"),
	[CALL_USER_DELETE_PAGE]          = CALLED("user_delete_page", 1, "$9"),
	[CALL_PASSWORD_REQUEST_RESET_V1] = RELAY("password_request_reset_v1"),
	[CALL_VERIFICATION_SEND_V1]      = RELAY("verification_send_v1"),
	[CALL_SESSION_IS_LIVE]           = {"session_is_live", "SELECT auth_api.session_is_live(" CALLER ")", CALL_CALLED, POOL_FAST, 0},
	[CALL_VERIFY_EMAIL_LEGACY]       = CALLED("verification_verify_email_legacy", 3, "$9,$10,$11"),
	[CALL_OUTBOUND_CLAIM]            = OWN("outbound_claim", 4, "$1,$2,$3,$4"),
	[CALL_OUTBOUND_DONE]             = OWN("outbound_done", 2, "$1,$2"),
	[CALL_OUTBOUND_FAILED]           = OWN("outbound_failed", 4, "$1,$2,$3,$4"),
	[CALL_SWEEP]                    = {"sweep", "SELECT r.* FROM auth_api.sweep() r", CALL_OWN, POOL_SLOW, 0, false},
	[CALL_SETTINGS_GET] = RELAY("settings_get"),
	[CALL_SETTINGS_PATCH_GLOBAL] = RELAY("settings_patch_global"),
	[CALL_SETTINGS_PATCH_APP] = RELAY("settings_patch_app"),
	[CALL_SETTINGS_DELETE_APP] = RELAY("settings_delete_app"),
	[CALL_SETTINGS_PATCH_DEVICE] = RELAY("settings_patch_device"),
	[CALL_SETTINGS_DELETE_DEVICE] = RELAY("settings_delete_device"),
	[CALL_SETTINGS_LIST_DEVICES] = RELAY("settings_list_devices"),
	[CALL_API_KEY_LIST] = RELAY("api_key_list"),
	[CALL_API_KEY_CREATE] = RELAY("api_key_create"),
	[CALL_API_KEY_REVOKE] = RELAY("api_key_revoke"),
	[CALL_API_KEY_VALIDATE] = RELAY("api_key_validate"),

	[CALL_MAGIC_LINK_SEND]   = CALLED("magic_link_send", 6, "$9,$10,$11,$12,$13,$14"),
	[CALL_MAGIC_LINK_VERIFY] = CALLED("magic_link_verify", 7, "$9,$10,$11,$12,$13,$14,$15"),

	[CALL_TWO_FACTOR_ENABLE]       = CALLED("two_factor_enable", 4, "$9,$10,$11,$12"),
	[CALL_TWO_FACTOR_DISABLE]      = CALLED("two_factor_disable", 3, "$9,$10,$11"),
	[CALL_TWO_FACTOR_TOTP_URI]     = CALLED("two_factor_totp_uri", 3, "$9,$10,$11"),
	[CALL_TWO_FACTOR_BACKUP_CODES] = CALLED("two_factor_backup_codes", 2, "$9,$10"),
	[CALL_TWO_FACTOR_VERIFY]       = CALLED("two_factor_verify", 6, "$9,$10,$11,$12,$13,$14"),
	[CALL_TWO_FACTOR_SEND]         = CALLED("two_factor_send", 1, "$9"),
	[CALL_TWO_FACTOR_PAGE]         = CALLED("two_factor_page", 1, "$9"),
	[CALL_TRUSTED_DEVICE_LIST]     = RELAY("trusted_device_list"),
	[CALL_TRUSTED_DEVICE_REVOKE]   = RELAY("trusted_device_revoke"),

	[CALL_OIDC_CONFIGURE]      = OWN("oidc_configure", 4, "$1,$2,$3,$4"),
	[CALL_OIDC_AUTHORIZE]      = CALLED("oidc_authorize", 4, "$9,$10,$11,$12"),
	[CALL_OIDC_CONTINUE]       = CALLED("oidc_continue", 2, "$9,$10"),
	[CALL_OIDC_CONSENT]        = CALLED("oidc_consent", 4, "$9,$10,$11,$12"),
	[CALL_OIDC_CONSENT_PAGE]   = CALLED("oidc_consent_page", 3, "$9,$10,$11"),
	[CALL_OIDC_CLIENT_NAME]    = OWN("oidc_client_name", 1, "$1"),
	[CALL_OIDC_CLIENT_KEYS]    = OWN("oidc_client_keys", 1, "$1"),
	[CALL_OIDC_TOKEN]          = CALLED("oidc_token", 7, "$9,$10,$11,$12,$13,$14,$15"),
	[CALL_OIDC_INTROSPECT]     = CALLED("oidc_introspect", 8, "$9,$10,$11,$12,$13,$14,$15,$16"),
	[CALL_OIDC_REVOKE]         = CALLED("oidc_revoke", 7, "$9,$10,$11,$12,$13,$14,$15"),
	[CALL_OIDC_USERINFO]       = CALLED("oidc_userinfo", 3, "$9,$10,$11"),
	[CALL_OIDC_END_SESSION]    = CALLED("oidc_end_session", 6, "$9,$10,$11,$12,$13,$14"),
	[CALL_OIDC_CLIENT_CREATE]  = RELAY("oidc_client_create"),
	[CALL_OIDC_CLIENT_GET]     = RELAY("oidc_client_get"),
	[CALL_OIDC_CLIENT_UPDATE]  = RELAY("oidc_client_update"),
	[CALL_OIDC_CLIENT_LIST]    = RELAY("oidc_client_list"),
	[CALL_OIDC_CLIENT_PUBLIC]  = RELAY("oidc_client_public"),
	[CALL_OIDC_CLIENT_DELETE]  = RELAY("oidc_client_delete"),
	[CALL_OIDC_CLIENT_ROTATE]  = RELAY("oidc_client_rotate"),
	[CALL_OIDC_CONSENT_GET]    = RELAY("oidc_consent_get"),
	[CALL_OIDC_CONSENT_UPDATE] = RELAY("oidc_consent_update"),
	[CALL_OIDC_CONSENT_LIST]   = RELAY("oidc_consent_list"),
	[CALL_OIDC_CONSENT_DELETE] = RELAY("oidc_consent_delete"),

	[CALL_ORGANIZATION_CREATE]     = RELAY("organization_create"),
	[CALL_ORGANIZATION_CHECK_SLUG] = RELAY("organization_check_slug"),
	[CALL_ORGANIZATION_UPDATE]     = RELAY("organization_update"),
	[CALL_ORGANIZATION_DELETE]     = RELAY("organization_delete"),
	[CALL_ORGANIZATION_SET_ACTIVE] = RELAY("organization_set_active"),
	[CALL_ORGANIZATION_LIST]       = RELAY("organization_list"),
	[CALL_ORGANIZATION_GET]        = RELAY("organization_get"),
	[CALL_ORGANIZATION_GET_FULL]   = RELAY("organization_get_full"),
	[CALL_MEMBER_GET_ACTIVE]       = RELAY("member_get_active"),
	[CALL_MEMBER_GET_ACTIVE_ROLE]  = RELAY("member_get_active_role"),
	[CALL_MEMBER_LIST]             = RELAY("member_list"),
	[CALL_MEMBER_UPDATE_ROLE]      = RELAY("member_update_role"),
	[CALL_MEMBER_REMOVE]           = RELAY("member_remove"),
	[CALL_MEMBER_LEAVE]            = RELAY("member_leave"),
	[CALL_MEMBER_HAS_PERMISSION]   = RELAY("member_has_permission"),
	[CALL_MEMBER_INTERNAL]         = RELAY("member_internal"),
	[CALL_MEMBERSHIP_INTERNAL]     = RELAY("membership_internal"),
	[CALL_INVITATION_CREATE]       = RELAY("invitation_create"),
	[CALL_INVITATION_ACCEPT]       = RELAY("invitation_accept"),
	[CALL_INVITATION_REJECT]       = RELAY("invitation_reject"),
	[CALL_INVITATION_CANCEL]       = RELAY("invitation_cancel"),
	[CALL_INVITATION_GET]          = RELAY("invitation_get"),
	[CALL_INVITATION_PAGE]         = CALLED("invitation_page", 1, "$9"),
	[CALL_INVITATION_LIST]         = RELAY("invitation_list"),
	[CALL_INVITATION_LIST_OWN]     = RELAY("invitation_list_own"),
	[CALL_PASSKEY_REGISTER_OPTIONS]     = CALLED("passkey_register_options", 4, "$9,$10,$11,$12"),
	[CALL_PASSKEY_REGISTER]             = CALLED("passkey_register", 11, "$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19"),
	[CALL_PASSKEY_AUTHENTICATE_OPTIONS] = CALLED("passkey_authenticate_options", 1, "$9"),
	[CALL_PASSKEY_SIGN_IN]              = CALLED("passkey_sign_in", 11, "$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19"),
	[CALL_PASSKEY_LIST]                 = RELAY("passkey_list"),
	[CALL_PASSKEY_LIST_V1]              = RELAY("passkey_list_v1"),
	[CALL_PASSKEY_DELETE]               = RELAY("passkey_delete"),
	[CALL_PASSKEY_UPDATE]               = RELAY("passkey_update"),

	[CALL_VAULT_STATUS]         = RELAY("vault_status"),
	[CALL_VAULT_INIT]           = PROCEDURE("vault_init"),
	[CALL_VAULT_KEY]            = PROCEDURE("vault_key"),
	[CALL_VAULT_ROTATE]         = PROCEDURE("vault_rotate"),
	[CALL_VAULT_SET_RECOVERY]   = PROCEDURE("vault_set_recovery"),
	[CALL_VAULT_CLEAR_RECOVERY] = PROCEDURE("vault_clear_recovery"),
	[CALL_VAULT_ZERO_KNOWLEDGE] = PROCEDURE("vault_zero_knowledge"),
	[CALL_VAULT_RESTORABLE]     = RELAY("vault_restorable"),
	[CALL_VAULT_RESTORE]        = PROCEDURE("vault_restore"),

	[CALL_ERASURE_START]       = CALLED("erasure_start", 6, "$9,$10,$11,$12,$13,$14"),
	[CALL_ERASURE_GET]         = RELAY("erasure_get"),
	[CALL_ERASURE_REPORT]      = OWN("erasure_report", 2, "$1,$2"),
	[CALL_ERASURE_CLAIM]       = OWN("erasure_claim", 3, "$1,$2,$3"),
	[CALL_ERASURE_SYNC_FIND]   = OWN_SLOW("erasure_sync_find", 2, "$1,$2"),
	[CALL_ERASURE_SYNC_DELETE] = OWN_SLOW("erasure_sync_delete", 2, "$1,$2"),
	[CALL_ERASURE_ECHO]        = OWN_SLOW("erasure_echo", 0, ""),
	[CALL_ERASURE_AUTH]        = OWN("erasure_auth", 2, "$1,$2"),
	[CALL_ERASURE_DONE]        = OWN("erasure_done", 4, "$1,$2,$3,$4"),
	[CALL_ERASURE_FAILED]      = OWN("erasure_failed", 4, "$1,$2,$3,$4"),

	[CALL_ADMIN_USER_LIST]         = RELAY("admin_user_list"),
	[CALL_ADMIN_TIER_GET]          = RELAY("admin_tier_get"),
	[CALL_ADMIN_TIER_SET]          = RELAY("admin_tier_set"),
	[CALL_ADMIN_ROLE_SET]          = RELAY("admin_role_set"),
	[CALL_ADMIN_STATS]             = RELAY("admin_stats"),
	[CALL_ADMIN_EVENT_LIST]        = RELAY("admin_event_list"),
	[CALL_ADMIN_SESSION_LIST]      = RELAY("admin_session_list"),
	[CALL_ADMIN_SESSION_REVOKE]    = RELAY("admin_session_revoke"),
	[CALL_ADMIN_UNLOCK]            = RELAY("admin_unlock"),
	[CALL_ADMIN_VERIFICATION_SEND] = RELAY("admin_verification_send"),
	[CALL_PROFILE_UPDATE]          = RELAY("profile_update"),
	[CALL_ONBOARDING_GET]          = RELAY("onboarding_get"),
	[CALL_ONBOARDING_COMPLETE]     = RELAY("onboarding_complete"),
	[CALL_ONBOARDING_RESET]        = RELAY("onboarding_reset"),

	[CALL_GDPR_DATA]         = CALLED_SLOW("gdpr_data", 1, "$9"),
	[CALL_ADMIN_USER_DATA]   = CALLED_SLOW("admin_user_data", 2, "$9,$10"),
	[CALL_ADMIN_USER_ERASE]  = CALLED("admin_user_erase", 3, "$9,$10,$11"),
	[CALL_GDPR_EXPORT]       = CALLED_SLOW("gdpr_export", 2, "$9,$10"),

	[CALL_OUTBOX_CLAIM]     = OWN("outbox_claim", 3, "$1,$2,$3"),
	[CALL_OUTBOX_DONE]      = OWN("outbox_done", 2, "$1,$2"),
	[CALL_OUTBOX_FAILED]    = OWN("outbox_failed", 4, "$1,$2,$3,$4"),
};
/* clang-format on */
