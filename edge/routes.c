/*
 * The public API, a line an endpoint: method, path, who may call, rate class, shape of its errors,
 * schema of its body (of its query with GET and DELETE), handler or NULL for a relayed call, the
 * call, flags. `mana-auth-edge routes` prints it.
 */
#include "routes.h"

#include "features/admin.h"
#include "features/email_revert.h"
#include "features/gdpr.h"
#include "features/gdpr_export.h"
#include "features/api_key.h"
#include "features/health.h"
#include "features/hosted.h"
#include "features/invitation.h"
#include "features/jwks.h"
#include "features/member.h"
#include "features/list.h"
#include "features/magic_link.h"
#include "features/oidc_authorize.h"
#include "features/oidc_client.h"
#include "features/oidc_discovery.h"
#include "features/oidc_end_session.h"
#include "features/oidc_token.h"
#include "features/organization.h"
#include "features/passkey.h"
#include "features/password.h"
#include "features/password_reset.h"
#include "features/profile.h"
#include "features/session.h"
#include "features/settings.h"
#include "features/sign_in.h"
#include "features/sign_up.h"
#include "features/social.h"
#include "features/step_up.h"
#include "features/two_factor.h"
#include "features/user.h"
#include "features/vault.h"
#include "features/verify_email.h"
#include "features/verify_email_page.h"

/* clang-format off */
#define ROUTE(method, path, access, rate, errors, schema, handler, call, flags) \
	{METHOD_##method, path, ACCESS_##access, rate, ERRORS_##errors, schema, handler, CALL_##call, flags}

const struct route routes[] = {
	ROUTE(GET,    "/health",                   PUBLIC,  NULL,      V1, NULL, health, NONE, ROUTE_WITHOUT_KEYS),
	ROUTE(GET,    "/health/ready",             PUBLIC,  NULL,      V1, NULL, health_ready, NONE, ROUTE_WITHOUT_KEYS),

	/* Better Auth's core */
	ROUTE(GET,    "/api/auth/ok",              PUBLIC,  NULL,      BETTER_AUTH, NULL, ok, NONE, 0),
	ROUTE(GET,    "/api/auth/error",           PUBLIC,  NULL,      BETTER_AUTH, NULL, hosted_failed, NONE, 0),
	ROUTE(POST,   "/api/auth/sign-up/email",   PUBLIC,  "sign_up", BETTER_AUTH, &sign_up_schema, sign_up, NONE, ROUTE_FORM | ROUTE_LOGIN),
	ROUTE(POST,   "/api/auth/sign-in/email",   PUBLIC,  "sign_in", BETTER_AUTH, &sign_in_schema, sign_in, NONE, ROUTE_FORM | ROUTE_LOGIN),
	ROUTE(GET,    "/api/auth/verify-email",    PUBLIC,  "default", BETTER_AUTH, &verify_email_schema, verify_email_open, NONE, ROUTE_PEOPLE),
	ROUTE(POST,   "/api/auth/verify-email",    PUBLIC,  "default", BETTER_AUTH, &verify_email_schema, verify_email, NONE, ROUTE_FORM_ONLY | ROUTE_LOGIN | ROUTE_PEOPLE),
	ROUTE(GET,    "/api/auth/get-session",     PUBLIC,  "default", BETTER_AUTH, &get_session_schema, NULL, SESSION_GET, ROUTE_AUTH_JWT),
	ROUTE(POST,   "/api/auth/get-session",     PUBLIC,  "default", BETTER_AUTH, NULL, get_session_by_post, NONE, 0),
	ROUTE(POST,   "/api/auth/sign-out",        PUBLIC,  "default", BETTER_AUTH, NULL, NULL, SESSION_SIGN_OUT, 0),
	ROUTE(GET,    "/api/auth/token",           SESSION, "default", BETTER_AUTH, &session_token_schema, session_token_issue, NONE, 0),
	ROUTE(GET,    "/api/auth/jwks",            PUBLIC,  NULL,      BETTER_AUTH, NULL, jwks, NONE, ROUTE_CACHEABLE | ROUTE_ANY_READER),

	/* the routes of the apps */
	ROUTE(POST,   "/api/v1/auth/register",     PUBLIC,  "sign_up", V1, &register_schema, register_account, NONE, ROUTE_LOGIN),
	ROUTE(POST,   "/api/v1/auth/login",        PUBLIC,  "sign_in", V1, &login_schema, login, NONE, ROUTE_LOGIN),
	ROUTE(POST,   "/api/v1/auth/logout",       PUBLIC,  "default", V1, &refresh_schema, session_log_out, NONE, 0),
	ROUTE(POST,   "/api/v1/auth/validate",     PUBLIC,  "default", V1, &session_validate_schema, session_validate, NONE, ROUTE_ANY_ORIGIN),
	ROUTE(GET,    "/api/v1/auth/session",      PUBLIC,  "default", V1, &get_session_schema, NULL, SESSION_GET, ROUTE_AUTH_JWT),
	ROUTE(GET,    "/api/v1/auth/jwks",         PUBLIC,  NULL,      V1, NULL, jwks, NONE, ROUTE_CACHEABLE | ROUTE_ANY_READER),

	/* a user's sessions */
	ROUTE(GET,    "/api/auth/list-sessions",                SESSION, "default", BETTER_AUTH, NULL, NULL, SESSION_LIST, 0),
	ROUTE(POST,   "/api/auth/revoke-session",               SESSION, "default", BETTER_AUTH, &session_revoke_schema, NULL, SESSION_REVOKE, 0),
	ROUTE(POST,   "/api/auth/revoke-sessions",              SESSION, "default", BETTER_AUTH, NULL, NULL, SESSION_REVOKE_ALL, 0),
	ROUTE(POST,   "/api/auth/revoke-other-sessions",        SESSION, "default", BETTER_AUTH, NULL, NULL, SESSION_REVOKE_OTHERS, 0),
	ROUTE(GET,    "/api/v1/auth/sessions",                  EITHER, "default", V1, NULL, NULL, SESSION_LIST_V1, 0),
	ROUTE(DELETE, "/api/v1/auth/sessions/:id",              EITHER, "default", V1, NULL, NULL, SESSION_REVOKE_ID, 0),
	ROUTE(POST,   "/api/v1/auth/session-to-token",          SESSION, "default", V1, NULL, NULL, SESSION_TO_TOKEN, 0),
	ROUTE(POST,   "/api/v1/auth/refresh",                   PUBLIC, "default", V1, &session_refresh_schema, session_refresh, NONE, 0),

	/* a user's account */
	ROUTE(POST,   "/api/auth/update-user",                  SESSION, "default", BETTER_AUTH, &user_update_schema, NULL, USER_UPDATE, 0),
	ROUTE(POST,   "/api/auth/update-session",               SESSION, "default", BETTER_AUTH, NULL, NULL, SESSION_UPDATE, 0),
	ROUTE(POST,   "/api/auth/change-password",              SESSION, "change_password", BETTER_AUTH, &password_change_schema, password_change, NONE, 0),
	ROUTE(POST,   "/api/auth/verify-password",              SESSION, "change_password", BETTER_AUTH, &password_verify_schema, password_verify_own, NONE, 0),
	ROUTE(POST,   "/api/auth/change-email",                 SESSION, "change_email", BETTER_AUTH, &email_change_schema, email_change, NONE, 0),
	ROUTE(POST,   "/api/auth/delete-user",                  SESSION, "default", BETTER_AUTH, &user_delete_schema, user_delete, NONE, 0),
	ROUTE(GET,    "/api/auth/delete-user/callback",       PUBLIC, "default", BETTER_AUTH, &user_delete_callback_schema, user_delete_open, NONE, ROUTE_PEOPLE),
	ROUTE(POST,   "/api/auth/delete-user/callback",       SESSION, "default", BETTER_AUTH, &user_delete_callback_schema, NULL, USER_DELETE_CALLBACK, ROUTE_FORM_ONLY | ROUTE_PEOPLE),
	ROUTE(GET,    "/api/auth/list-accounts",                SESSION, "default", BETTER_AUTH, NULL, NULL, ACCOUNT_LIST, 0),
	ROUTE(POST,   "/api/auth/unlink-account",               SESSION, "default", BETTER_AUTH, &account_unlink_schema, NULL, ACCOUNT_UNLINK, 0),
	ROUTE(POST,   "/api/auth/get-access-token",             SESSION, "default", BETTER_AUTH, &social_account_schema, NULL, ACCOUNT_TOKENS, ROUTE_BARE_401),
	ROUTE(POST,   "/api/auth/refresh-token",                SESSION, "default", BETTER_AUTH, &social_account_schema, NULL, ACCOUNT_TOKENS, ROUTE_BARE_401),
	ROUTE(GET,    "/api/auth/account-info",                 SESSION, "default", BETTER_AUTH, &social_account_schema, NULL, ACCOUNT_INFO, ROUTE_BARE_401),
	ROUTE(GET,    "/api/v1/auth/profile",                   EITHER, "default", V1, NULL, NULL, USER_PROFILE, ROUTE_AUTH_JWT),
	ROUTE(POST,   "/api/v1/auth/profile",                   EITHER, "default", V1, &user_update_schema, NULL, USER_UPDATE_V1, 0),
	ROUTE(POST,   "/api/v1/auth/change-password",           EITHER, "change_password", V1, &password_change_schema, password_change, NONE, 0),
	ROUTE(POST,   "/api/v1/auth/change-email",              EITHER, "change_email", V1, &email_change_schema, email_change, NONE, 0),
	ROUTE(DELETE, "/api/v1/auth/account",                   EITHER, "default", V1, &user_delete_schema, user_delete, NONE, 0),
	ROUTE(GET,    "/api/v1/auth/security-events",           EITHER, "default", V1, &security_events_schema, NULL, SECURITY_EVENT_LIST, 0),

	ROUTE(POST,   "/api/v1/auth/step-up",                   EITHER, "two_factor", V1, &step_up_schema, step_up, NONE, 0),
	ROUTE(POST,   "/api/v1/auth/step-up/mail",              EITHER, "two_factor", V1, &step_up_mail_schema, NULL, STEP_UP_MAIL, 0),
	ROUTE(POST,   "/api/v1/auth/step-up/passkey",           EITHER, "passkey", V1, &passkey_step_up_schema, passkey_step_up_options, NONE, 0),
	ROUTE(GET,    "/api/auth/revert-email-change",          PUBLIC, "default", BETTER_AUTH, &email_revert_schema, email_revert_open, NONE, ROUTE_PEOPLE),
	ROUTE(POST,   "/api/auth/revert-email-change",          PUBLIC, "default", BETTER_AUTH, &email_revert_schema, email_revert, NONE, ROUTE_FORM_ONLY | ROUTE_LOGIN | ROUTE_PEOPLE),

	/* other services that sign in: there are none */
	ROUTE(POST,   "/api/auth/sign-in/social",               PUBLIC, "sign_in", BETTER_AUTH, &social_schema, social_provider_not_found, NONE, ROUTE_LOGIN),
	ROUTE(POST,   "/api/auth/link-social",                  SESSION, "default", BETTER_AUTH, &social_schema, social_provider_not_found, NONE, 0),
	ROUTE(GET,    "/api/auth/callback/:provider",           PUBLIC, "default", BETTER_AUTH, &social_callback_schema, social_callback, NONE, 0),
	ROUTE(POST,   "/api/auth/callback/:provider",           PUBLIC, "default", BETTER_AUTH, &social_callback_schema, social_callback, NONE, ROUTE_FORM | ROUTE_ANY_ORIGIN),

	/* forgotten passwords, verification mails */
	ROUTE(POST,   "/api/auth/request-password-reset",       PUBLIC, "mail", BETTER_AUTH, &email_schema, NULL, PASSWORD_REQUEST_RESET, 0),
	ROUTE(GET,    "/api/auth/reset-password/:token",        PUBLIC, "default", BETTER_AUTH, &password_reset_link_schema, NULL, PASSWORD_RESET_LINK, ROUTE_PEOPLE),
	ROUTE(POST,   "/api/auth/reset-password",               PUBLIC, "default", BETTER_AUTH, &password_reset_schema, password_reset, NONE, 0),
	ROUTE(POST,   "/api/auth/send-verification-email",      PUBLIC, "mail", BETTER_AUTH, &email_schema, NULL, VERIFICATION_SEND, 0),
	ROUTE(POST,   "/api/v1/auth/forgot-password",           PUBLIC, "mail", V1, &email_schema, NULL, PASSWORD_REQUEST_RESET_V1, 0),
	ROUTE(POST,   "/api/v1/auth/reset-password",            PUBLIC, "default", V1, &password_reset_schema, password_reset, NONE, 0),
	ROUTE(POST,   "/api/v1/auth/resend-verification",       PUBLIC, "mail", V1, &email_schema, NULL, VERIFICATION_SEND_V1, 0),
	ROUTE(GET,    "/api/v1/auth/signup-status",             PUBLIC, "default", V1, NULL, NULL, SIGNUP_STATUS, 0),

	/* organizations */
	ROUTE(POST,   "/api/auth/organization/create",               SESSION, "default", BETTER_AUTH, &organization_create_schema, NULL, ORGANIZATION_CREATE, ROUTE_BARE_401),
	ROUTE(POST,   "/api/auth/organization/check-slug",           SESSION, "default", BETTER_AUTH, &organization_check_slug_schema, NULL, ORGANIZATION_CHECK_SLUG, 0),
	ROUTE(POST,   "/api/auth/organization/update",               SESSION, "default", BETTER_AUTH, &organization_update_schema, NULL, ORGANIZATION_UPDATE, 0),
	ROUTE(POST,   "/api/auth/organization/delete",               SESSION, "default", BETTER_AUTH, &organization_delete_schema, NULL, ORGANIZATION_DELETE, ROUTE_BARE_401),
	ROUTE(POST,   "/api/auth/organization/set-active",           SESSION, "default", BETTER_AUTH, &organization_choice_schema, NULL, ORGANIZATION_SET_ACTIVE, 0),
	ROUTE(GET,    "/api/auth/organization/get-organization",     SESSION, "default", BETTER_AUTH, &organization_get_schema, NULL, ORGANIZATION_GET, 0),
	ROUTE(GET,    "/api/auth/organization/get-full-organization",SESSION, "default", BETTER_AUTH, &organization_get_full_schema, NULL, ORGANIZATION_GET_FULL, 0),
	ROUTE(GET,    "/api/auth/organization/list",                 SESSION, "default", BETTER_AUTH, &list_page_schema, NULL, ORGANIZATION_LIST, 0),
	ROUTE(POST,   "/api/auth/organization/invite-member",        SESSION, "default", BETTER_AUTH, &invitation_create_schema, invitation_create, NONE, 0),
	ROUTE(POST,   "/api/auth/organization/cancel-invitation",    SESSION, "default", BETTER_AUTH, &invitation_answer_schema, NULL, INVITATION_CANCEL, 0),
	ROUTE(POST,   "/api/auth/organization/accept-invitation",    SESSION, "default", BETTER_AUTH, &invitation_answer_schema, NULL, INVITATION_ACCEPT, 0),
	ROUTE(POST,   "/api/auth/organization/reject-invitation",    SESSION, "default", BETTER_AUTH, &invitation_answer_schema, NULL, INVITATION_REJECT, 0),
	ROUTE(GET,    "/api/auth/organization/get-invitation",       SESSION, "default", BETTER_AUTH, &invitation_get_schema, NULL, INVITATION_GET, 0),
	ROUTE(GET,    "/api/auth/organization/list-invitations",     SESSION, "default", BETTER_AUTH, &invitation_list_schema, NULL, INVITATION_LIST, 0),
	ROUTE(GET,    "/api/auth/organization/list-user-invitations",SESSION, "default", BETTER_AUTH, &invitation_list_own_schema, NULL, INVITATION_LIST_OWN, 0),
	ROUTE(GET,    "/api/auth/organization/get-active-member",    SESSION, "default", BETTER_AUTH, NULL, NULL, MEMBER_GET_ACTIVE, 0),
	ROUTE(GET,    "/api/auth/organization/get-active-member-role",SESSION, "default", BETTER_AUTH, &member_role_schema, NULL, MEMBER_GET_ACTIVE_ROLE, 0),
	ROUTE(GET,    "/api/auth/organization/list-members",         SESSION, "default", BETTER_AUTH, &member_list_schema, NULL, MEMBER_LIST, 0),
	ROUTE(POST,   "/api/auth/organization/update-member-role",   SESSION, "default", BETTER_AUTH, &member_update_role_schema, NULL, MEMBER_UPDATE_ROLE, 0),
	ROUTE(POST,   "/api/auth/organization/remove-member",        SESSION, "default", BETTER_AUTH, &member_remove_schema, NULL, MEMBER_REMOVE, 0),
	ROUTE(POST,   "/api/auth/organization/leave",                SESSION, "default", BETTER_AUTH, &member_leave_schema, NULL, MEMBER_LEAVE, 0),
	ROUTE(POST,   "/api/auth/organization/has-permission",       SESSION, "default", BETTER_AUTH, &member_has_permission_schema, NULL, MEMBER_HAS_PERMISSION, 0),
	ROUTE(GET,    "/api/v1/internal/org/:orgId/member/:userId",    SERVICE, NULL, V1, NULL, NULL, MEMBER_INTERNAL, 0),
	ROUTE(GET,    "/api/v1/internal/users/:userId/memberships",    SERVICE, NULL, V1, NULL, NULL, MEMBERSHIP_INTERNAL, 0),
	/* signing in by a link in a mail */
	ROUTE(POST,   "/api/auth/sign-in/magic-link",           PUBLIC, "magic_link", BETTER_AUTH, &magic_link_schema, magic_link_send, NONE, ROUTE_LOGIN),
	ROUTE(POST,   "/api/auth/magic-link/send-magic-link",   PUBLIC, "magic_link", BETTER_AUTH, &magic_link_schema, magic_link_send, NONE, ROUTE_LOGIN),
	ROUTE(GET,    "/api/auth/magic-link/verify",            PUBLIC, "magic_link", BETTER_AUTH, &magic_link_verify_schema, magic_link_open, NONE, ROUTE_PEOPLE),
	ROUTE(POST,   "/api/auth/magic-link/verify",            PUBLIC, "magic_link", BETTER_AUTH, &magic_link_verify_schema, magic_link_verify, NONE, ROUTE_FORM_ONLY | ROUTE_LOGIN | ROUTE_PEOPLE),

	/* second factors */
	ROUTE(POST,   "/api/auth/two-factor/enable",                SESSION, "two_factor", BETTER_AUTH, &two_factor_enable_schema, two_factor_enable, NONE, 0),
	ROUTE(POST,   "/api/auth/two-factor/disable",               SESSION, "two_factor", BETTER_AUTH, &two_factor_password_schema, two_factor_disable, NONE, 0),
	ROUTE(POST,   "/api/auth/two-factor/get-totp-uri",          SESSION, "two_factor", BETTER_AUTH, &two_factor_password_schema, two_factor_totp_uri, NONE, 0),
	ROUTE(POST,   "/api/auth/two-factor/generate-backup-codes", SESSION, "two_factor", BETTER_AUTH, &two_factor_password_schema, two_factor_backup_codes, NONE, 0),
	ROUTE(POST,   "/api/auth/two-factor/verify-totp",           PUBLIC,  "two_factor", BETTER_AUTH, &two_factor_code_schema, two_factor_verify_totp, NONE, ROUTE_LOGIN),
	ROUTE(POST,   "/api/auth/two-factor/verify-otp",            PUBLIC,  "two_factor", BETTER_AUTH, &two_factor_code_schema, two_factor_verify_otp, NONE, ROUTE_LOGIN),
	ROUTE(POST,   "/api/auth/two-factor/verify-backup-code",    PUBLIC,  "two_factor", BETTER_AUTH, &two_factor_code_schema, two_factor_verify_backup_code, NONE, ROUTE_LOGIN),
	ROUTE(POST,   "/api/auth/two-factor/send-otp",              PUBLIC,  "two_factor", BETTER_AUTH, &two_factor_send_schema, two_factor_send, NONE, 0),
	ROUTE(GET,    "/api/v1/auth/trusted-devices",               EITHER,  "default", V1, NULL, NULL, TRUSTED_DEVICE_LIST, 0),
	ROUTE(DELETE, "/api/v1/auth/trusted-devices",               EITHER,  "default", V1, NULL, NULL, TRUSTED_DEVICE_REVOKE, 0),
	ROUTE(DELETE, "/api/v1/auth/trusted-devices/:id",           EITHER,  "default", V1, NULL, NULL, TRUSTED_DEVICE_REVOKE, 0),

	/* the OpenID provider */
	ROUTE(GET,    "/.well-known/openid-configuration",          PUBLIC, NULL, OAUTH, NULL, oidc_discovery, NONE, ROUTE_CACHEABLE | ROUTE_ANY_READER),
	ROUTE(GET,    "/.well-known/oauth-authorization-server",    PUBLIC, NULL, OAUTH, NULL, oidc_discovery, NONE, ROUTE_CACHEABLE | ROUTE_ANY_READER),
	ROUTE(GET,    "/api/auth/.well-known/openid-configuration", PUBLIC, NULL, OAUTH, NULL, oidc_discovery, NONE, ROUTE_CACHEABLE | ROUTE_ANY_READER),
	ROUTE(GET,    "/api/auth/oauth2/authorize",            PUBLIC,  "default", OAUTH, &oidc_authorize_schema, oidc_authorize, NONE, ROUTE_REPEATED | ROUTE_NAVIGATED | ROUTE_PEOPLE),
	ROUTE(POST,   "/api/auth/oauth2/authorize",            PUBLIC,  "default", OAUTH, &oidc_authorize_schema, oidc_authorize, NONE, ROUTE_REPEATED | ROUTE_FORM_ONLY | ROUTE_ANY_ORIGIN | ROUTE_NAVIGATED | ROUTE_PEOPLE),
	ROUTE(POST,   "/api/auth/oauth2/consent",              SESSION, "default", BETTER_AUTH, &oidc_consent_schema, oidc_consent, NONE, 0),
	ROUTE(POST,   "/api/auth/oauth2/continue",             SESSION, "default", BETTER_AUTH, &oidc_continue_schema, oidc_continue, NONE, 0),
	ROUTE(POST,   "/api/auth/oauth2/token",                PUBLIC,  "default", OAUTH, &oidc_token_schema, oidc_token, NONE, ROUTE_FORM_ONLY | ROUTE_ANY_ORIGIN | ROUTE_ANY_READER),
	ROUTE(POST,   "/api/auth/oauth2/introspect",           PUBLIC,  "default", OAUTH, &oidc_introspect_schema, oidc_introspect, NONE, ROUTE_FORM_ONLY | ROUTE_ANY_ORIGIN | ROUTE_ANY_READER),
	ROUTE(POST,   "/api/auth/oauth2/revoke",               PUBLIC,  "default", OAUTH, &oidc_introspect_schema, oidc_revoke, NONE, ROUTE_FORM_ONLY | ROUTE_ANY_ORIGIN | ROUTE_ANY_READER),
	ROUTE(GET,    "/api/auth/oauth2/userinfo",             PUBLIC,  "default", OAUTH, NULL, oidc_userinfo, NONE, ROUTE_ANY_ORIGIN | ROUTE_ANY_READER),
	ROUTE(POST,   "/api/auth/oauth2/userinfo",             PUBLIC,  "default", OAUTH, &oidc_userinfo_schema, oidc_userinfo, NONE, ROUTE_FORM_ONLY | ROUTE_ANY_ORIGIN | ROUTE_ANY_READER),
	ROUTE(GET,    "/api/auth/oauth2/end-session",          PUBLIC,  "default", OAUTH, &oidc_end_session_schema, oidc_end_session, NONE, ROUTE_PEOPLE),
	ROUTE(POST,   "/api/auth/oauth2/end-session",          PUBLIC,  "default", OAUTH, &oidc_end_session_schema, oidc_end_session, NONE, ROUTE_FORM_ONLY | ROUTE_ANY_ORIGIN | ROUTE_PEOPLE),
	ROUTE(POST,   "/api/auth/oauth2/end-session/confirm",  PUBLIC,  "default", OAUTH, &oidc_end_session_schema, oidc_end_session_confirm, NONE, ROUTE_FORM_ONLY | ROUTE_PEOPLE),
	ROUTE(GET,    "/api/auth/oauth2/endsession",           PUBLIC,  "default", OAUTH, &oidc_end_session_schema, oidc_end_session, NONE, ROUTE_PEOPLE),
	ROUTE(POST,   "/api/auth/oauth2/endsession",           PUBLIC,  "default", OAUTH, &oidc_end_session_schema, oidc_end_session, NONE, ROUTE_FORM_ONLY | ROUTE_ANY_ORIGIN | ROUTE_PEOPLE),
	ROUTE(POST,   "/api/auth/oauth2/register",             PUBLIC,  "default", OAUTH, &oidc_client_create_schema, NULL, OIDC_CLIENT_CREATE, 0),
	ROUTE(POST,   "/api/auth/oauth2/create-client",        SESSION, "default", BETTER_AUTH, &oidc_client_create_schema, NULL, OIDC_CLIENT_CREATE, 0),
	ROUTE(GET,    "/api/auth/oauth2/get-client",           SESSION, "default", BETTER_AUTH, &oidc_client_schema, NULL, OIDC_CLIENT_GET, 0),
	ROUTE(GET,    "/api/auth/oauth2/get-clients",          SESSION, "default", BETTER_AUTH, &list_page_schema, NULL, OIDC_CLIENT_LIST, 0),
	ROUTE(GET,    "/api/auth/oauth2/public-client",        SESSION, "default", BETTER_AUTH, &oidc_client_schema, NULL, OIDC_CLIENT_PUBLIC, 0),
	ROUTE(GET,    "/api/auth/oauth2/client/:client_id",    SESSION, "default", BETTER_AUTH, NULL, NULL, OIDC_CLIENT_PUBLIC, 0),
	ROUTE(POST,   "/api/auth/oauth2/public-client-prelogin", PUBLIC, "default", BETTER_AUTH, &oidc_prelogin_schema, oidc_client_prelogin, NONE, 0),
	ROUTE(POST,   "/api/auth/oauth2/update-client",        SESSION, "default", BETTER_AUTH, &oidc_client_update_schema, NULL, OIDC_CLIENT_UPDATE, 0),
	ROUTE(POST,   "/api/auth/oauth2/delete-client",        SESSION, "default", BETTER_AUTH, &oidc_client_schema, NULL, OIDC_CLIENT_DELETE, 0),
	ROUTE(POST,   "/api/auth/oauth2/client/rotate-secret", SESSION, "default", BETTER_AUTH, &oidc_client_schema, NULL, OIDC_CLIENT_ROTATE, 0),
	ROUTE(GET,    "/api/auth/oauth2/get-consents",         SESSION, "default", BETTER_AUTH, NULL, NULL, OIDC_CONSENT_LIST, 0),
	ROUTE(GET,    "/api/auth/oauth2/get-consent",          SESSION, "default", BETTER_AUTH, &oidc_consent_id_schema, NULL, OIDC_CONSENT_GET, 0),
	ROUTE(POST,   "/api/auth/oauth2/update-consent",       SESSION, "default", BETTER_AUTH, &oidc_consent_update_schema, NULL, OIDC_CONSENT_UPDATE, 0),
	ROUTE(POST,   "/api/auth/oauth2/delete-consent",       SESSION, "default", BETTER_AUTH, &oidc_consent_id_schema, NULL, OIDC_CONSENT_DELETE, 0),

	/* passkeys */
	ROUTE(GET,    "/api/auth/passkey/generate-register-options",     SESSION, "default", BETTER_AUTH, &passkey_options_schema, passkey_register_options, NONE, 0),
	ROUTE(POST,   "/api/auth/passkey/verify-registration",           SESSION, "default", BETTER_AUTH, &passkey_register_schema, passkey_register, NONE, 0),
	ROUTE(GET,    "/api/auth/passkey/generate-authenticate-options", PUBLIC,  "passkey", BETTER_AUTH, NULL, passkey_authenticate_options, NONE, 0),
	ROUTE(POST,   "/api/auth/passkey/verify-authentication",         PUBLIC,  "passkey/verify", BETTER_AUTH, &passkey_sign_in_schema, passkey_sign_in, NONE, ROUTE_LOGIN),
	ROUTE(GET,    "/api/auth/passkey/list-user-passkeys",            SESSION, "default", BETTER_AUTH, NULL, NULL, PASSKEY_LIST, 0),
	ROUTE(POST,   "/api/auth/passkey/delete-passkey",                SESSION, "default", BETTER_AUTH, &passkey_delete_schema, NULL, PASSKEY_DELETE, 0),
	ROUTE(POST,   "/api/auth/passkey/update-passkey",                SESSION, "default", BETTER_AUTH, &passkey_update_schema, NULL, PASSKEY_UPDATE, 0),
	ROUTE(GET,    "/api/v1/auth/passkeys/capability",                PUBLIC,  NULL,      V1, NULL, passkey_capability, NONE, 0),
	ROUTE(POST,   "/api/v1/auth/passkeys/register/options",          EITHER,  "default", V1, &passkey_options_schema, passkey_register_options, NONE, 0),
	ROUTE(POST,   "/api/v1/auth/passkeys/register/verify",           EITHER,  "default", V1, &passkey_register_schema, passkey_register, NONE, 0),
	ROUTE(POST,   "/api/v1/auth/passkeys/authenticate/options",      PUBLIC,  "passkey", V1, NULL, passkey_authenticate_options, NONE, 0),
	ROUTE(POST,   "/api/v1/auth/passkeys/authenticate/verify",       PUBLIC,  "passkey/verify", V1, &passkey_sign_in_schema, passkey_sign_in, NONE, ROUTE_LOGIN),
	ROUTE(GET,    "/api/v1/auth/passkeys",                           EITHER,  "default", V1, NULL, NULL, PASSKEY_LIST_V1, 0),
	ROUTE(DELETE, "/api/v1/auth/passkeys/:id",                       EITHER,  "default", V1, NULL, NULL, PASSKEY_DELETE, 0),
	ROUTE(PATCH,  "/api/v1/auth/passkeys/:id",                       EITHER,  "default", V1, &passkey_rename_schema, NULL, PASSKEY_UPDATE, 0),

	/* what the apps keep about a user with us */
	ROUTE(PATCH,  "/api/v1/me/profile",                         BEARER, "default", ME, &profile_schema, NULL, PROFILE_UPDATE, 0),
	ROUTE(GET,    "/api/v1/me/onboarding",                      BEARER, "default", ME, NULL, NULL, ONBOARDING_GET, 0),
	ROUTE(POST,   "/api/v1/me/onboarding/complete",             BEARER, "default", ME, NULL, NULL, ONBOARDING_COMPLETE, 0),
	ROUTE(PATCH,  "/api/v1/me/onboarding/reset",                BEARER, "default", ME, NULL, NULL, ONBOARDING_RESET, 0),

	/* settings, and keys for programs */
	ROUTE(GET,    "/api/v1/settings",                         BEARER, "default", V1, NULL, NULL, SETTINGS_GET, 0),
	ROUTE(PATCH,  "/api/v1/settings/global",                  BEARER, "default", V1, &settings_schema, NULL, SETTINGS_PATCH_GLOBAL, 0),
	ROUTE(PATCH,  "/api/v1/settings/app/:appId",              BEARER, "default", V1, &settings_schema, NULL, SETTINGS_PATCH_APP, 0),
	ROUTE(DELETE, "/api/v1/settings/app/:appId",              BEARER, "default", V1, NULL, NULL, SETTINGS_DELETE_APP, 0),
	ROUTE(GET,    "/api/v1/settings/devices",                 BEARER, "default", V1, NULL, NULL, SETTINGS_LIST_DEVICES, 0),
	ROUTE(PATCH,  "/api/v1/settings/device/:deviceId/:appId", BEARER, "default", V1, &settings_device_schema, NULL, SETTINGS_PATCH_DEVICE, 0),
	ROUTE(DELETE, "/api/v1/settings/device/:deviceId",        BEARER, "default", V1, NULL, NULL, SETTINGS_DELETE_DEVICE, 0),
	ROUTE(GET,    "/api/v1/api-keys",                         BEARER, "default", V1, &list_page_schema, NULL, API_KEY_LIST, 0),
	ROUTE(POST,   "/api/v1/api-keys",                         BEARER, "default", V1, &api_key_create_schema, NULL, API_KEY_CREATE, 0),
	ROUTE(DELETE, "/api/v1/api-keys/:id",                     BEARER, "default", V1, NULL, NULL, API_KEY_REVOKE, 0),
	ROUTE(POST,   "/api/v1/api-keys/validate",                PUBLIC, "api_key", V1, &api_key_validate_schema, NULL, API_KEY_VALIDATE, 0),

	/* the hosted pages, and their forms */
	ROUTE(GET,    "/",                PUBLIC, NULL,      BETTER_AUTH, NULL, hosted_start, NONE, ROUTE_PAGE),
	ROUTE(GET,    "/login",           PUBLIC, NULL,      BETTER_AUTH, NULL, hosted_login, NONE, ROUTE_PAGE),
	ROUTE(POST,   "/login",           PUBLIC, "sign_in", BETTER_AUTH, &sign_in_schema, hosted_login_sent, NONE, ROUTE_FORM_ONLY | ROUTE_HOSTED | ROUTE_LOGIN),
	ROUTE(GET,    "/form-post",       PUBLIC, NULL,      BETTER_AUTH, NULL, hosted_form_post, NONE, ROUTE_PAGE),
	ROUTE(GET,    "/form-post.js",    PUBLIC, NULL,      BETTER_AUTH, NULL, hosted_form_post_script, NONE, ROUTE_CACHEABLE),
	ROUTE(GET,    "/passkey.js",      PUBLIC, NULL,      BETTER_AUTH, NULL, hosted_passkey_script, NONE, ROUTE_CACHEABLE),
	ROUTE(POST,   "/login-link",      PUBLIC, "magic_link", BETTER_AUTH, &hosted_link_schema, hosted_link_sent, NONE, ROUTE_FORM_ONLY | ROUTE_HOSTED | ROUTE_LOGIN),
	ROUTE(GET,    "/two-factor",      PUBLIC, "default", BETTER_AUTH, NULL, hosted_two_factor, NONE, ROUTE_PAGE),
	ROUTE(POST,   "/two-factor",      PUBLIC, "two_factor", BETTER_AUTH, &two_factor_code_schema, hosted_two_factor_sent, NONE, ROUTE_FORM_ONLY | ROUTE_HOSTED | ROUTE_LOGIN),
	ROUTE(POST,   "/two-factor/mail", PUBLIC, "two_factor", BETTER_AUTH, &two_factor_send_schema, hosted_two_factor_mail, NONE, ROUTE_FORM_ONLY | ROUTE_HOSTED | ROUTE_LOGIN),
	ROUTE(GET,    "/sign-up",         PUBLIC, NULL,      BETTER_AUTH, NULL, hosted_sign_up, NONE, ROUTE_PAGE),
	ROUTE(POST,   "/sign-up",         PUBLIC, "sign_up", BETTER_AUTH, &sign_up_schema, hosted_sign_up_sent, NONE, ROUTE_FORM_ONLY | ROUTE_HOSTED | ROUTE_LOGIN),
	ROUTE(POST,   "/confirm-sign-up", PUBLIC, "sign_in", BETTER_AUTH, &verify_email_page_schema, verify_email_page_sent, NONE, ROUTE_FORM_ONLY | ROUTE_HOSTED | ROUTE_LOGIN),
	ROUTE(GET,    "/consent",         PUBLIC, "default", BETTER_AUTH, NULL, hosted_consent, NONE, ROUTE_PAGE),
	ROUTE(POST,   "/consent",         PUBLIC, "default", BETTER_AUTH, &oidc_consent_schema, hosted_consent_sent, NONE, ROUTE_FORM_ONLY | ROUTE_HOSTED | ROUTE_LOGIN),
	ROUTE(GET,    "/forgot-password", PUBLIC, NULL,      BETTER_AUTH, NULL, hosted_forgot, NONE, ROUTE_PAGE),
	ROUTE(POST,   "/forgot-password", PUBLIC, "mail",    BETTER_AUTH, &email_schema, hosted_forgot_sent, NONE, ROUTE_FORM_ONLY | ROUTE_HOSTED | ROUTE_LOGIN),
	ROUTE(GET,    "/reset-password",  PUBLIC, NULL,      BETTER_AUTH, NULL, hosted_reset, NONE, ROUTE_PAGE),
	ROUTE(POST,   "/reset-password",  PUBLIC, "default", BETTER_AUTH, &password_reset_schema, hosted_reset_sent, NONE, ROUTE_FORM_ONLY | ROUTE_HOSTED | ROUTE_LOGIN),
	ROUTE(GET,    "/accept-invitation", PUBLIC, "default", BETTER_AUTH, NULL, hosted_invitation, NONE, ROUTE_PAGE),
	ROUTE(POST,   "/accept-invitation", PUBLIC, "default", BETTER_AUTH, &hosted_invitation_schema, hosted_invitation_sent, NONE, ROUTE_FORM_ONLY | ROUTE_HOSTED | ROUTE_LOGIN),
	ROUTE(GET,    "/sign-out",        PUBLIC, NULL,      BETTER_AUTH, NULL, hosted_sign_out, NONE, ROUTE_PAGE),
	ROUTE(GET,    "/signed-out",      PUBLIC, NULL,      BETTER_AUTH, NULL, hosted_signed_out, NONE, ROUTE_PAGE),
	ROUTE(GET,    "/signed-in",       PUBLIC, NULL,      BETTER_AUTH, NULL, hosted_signed_in, NONE, ROUTE_PAGE),

	/* what there is about a user */
	ROUTE(GET,    "/api/v1/me/data",                            BEARER, "data", ME, NULL, gdpr_data, NONE, 0),
	ROUTE(GET,    "/api/v1/me/data/export",                     BEARER, "data", ME, NULL, gdpr_export, NONE, 0),
	ROUTE(DELETE, "/api/v1/me/data",                            BEARER, "data", ME, &user_delete_schema, user_erase, NONE, 0),
	ROUTE(GET,    "/api/v1/me/data/erasure/:id",                PUBLIC, "default", ME, NULL, NULL, ERASURE_GET, 0),
	ROUTE(GET,    "/api/v1/admin/users",                        ADMIN,  "default", ADMIN, &admin_user_list_schema, NULL, ADMIN_USER_LIST, 0),
	ROUTE(GET,    "/api/v1/admin/stats",                        ADMIN,  "default", ADMIN, NULL, NULL, ADMIN_STATS, 0),
	ROUTE(GET,    "/api/v1/admin/security-events",              ADMIN,  "default", ADMIN, &admin_event_list_schema, NULL, ADMIN_EVENT_LIST, 0),
	ROUTE(GET,    "/api/v1/admin/users/:id/tier",               ADMIN,  "default", ADMIN, NULL, NULL, ADMIN_TIER_GET, 0),
	ROUTE(PUT,    "/api/v1/admin/users/:id/tier",               ADMIN,  "default", ADMIN, &admin_tier_schema, NULL, ADMIN_TIER_SET, 0),
	ROUTE(PUT,    "/api/v1/admin/users/:id/role",               ADMIN,  "default", ADMIN, &admin_role_schema, NULL, ADMIN_ROLE_SET, 0),
	ROUTE(GET,    "/api/v1/admin/users/:id/security-events",    ADMIN,  "default", ADMIN, &admin_event_list_schema, NULL, ADMIN_EVENT_LIST, 0),
	ROUTE(GET,    "/api/v1/admin/users/:id/sessions",           ADMIN,  "default", ADMIN, NULL, NULL, ADMIN_SESSION_LIST, 0),
	ROUTE(DELETE, "/api/v1/admin/users/:id/sessions",           ADMIN,  "default", ADMIN, NULL, NULL, ADMIN_SESSION_REVOKE, 0),
	ROUTE(DELETE, "/api/v1/admin/users/:id/sessions/:sessionId",ADMIN,  "default", ADMIN, NULL, NULL, ADMIN_SESSION_REVOKE, 0),
	ROUTE(POST,   "/api/v1/admin/users/:id/unlock",             ADMIN,  "default", ADMIN, NULL, NULL, ADMIN_UNLOCK, 0),
	ROUTE(POST,   "/api/v1/admin/users/:id/resend-verification",ADMIN,  "default", ADMIN, NULL, NULL, ADMIN_VERIFICATION_SEND, 0),
	ROUTE(GET,    "/api/v1/admin/users/:id/data",               ADMIN,  "data", ADMIN, NULL, gdpr_data, NONE, 0),
	ROUTE(DELETE, "/api/v1/admin/users/:id/data",               ADMIN,  "data", ADMIN, NULL, gdpr_erase_user, NONE, 0),

	/* the encryption vault */
	ROUTE(GET,    "/api/v1/me/encryption-vault/status",         BEARER, "default", VAULT, NULL, NULL, VAULT_STATUS, 0),
	ROUTE(POST,   "/api/v1/me/encryption-vault/init",           BEARER, "default", VAULT, NULL, NULL, VAULT_INIT, ROUTE_SQL_JUDGES),
	ROUTE(GET,    "/api/v1/me/encryption-vault/key",            BEARER, "default", VAULT, NULL, NULL, VAULT_KEY, 0),
	ROUTE(POST,   "/api/v1/me/encryption-vault/rotate",         BEARER, "default", VAULT, &vault_change_schema, NULL, VAULT_ROTATE, ROUTE_SQL_JUDGES),
	ROUTE(POST,   "/api/v1/me/encryption-vault/recovery-wrap",  BEARER, "default", VAULT, &vault_recovery_schema, NULL, VAULT_SET_RECOVERY, ROUTE_SQL_JUDGES),
	ROUTE(DELETE, "/api/v1/me/encryption-vault/recovery-wrap",  BEARER, "default", VAULT, &vault_change_schema, NULL, VAULT_CLEAR_RECOVERY, ROUTE_SQL_JUDGES),
	ROUTE(POST,   "/api/v1/me/encryption-vault/zero-knowledge", BEARER, "default", VAULT, &vault_zero_knowledge_schema, NULL, VAULT_ZERO_KNOWLEDGE, ROUTE_SQL_JUDGES),
	ROUTE(GET,    "/api/v1/me/encryption-vault/restore",        BEARER, "default", VAULT, NULL, NULL, VAULT_RESTORABLE, 0),
	ROUTE(POST,   "/api/v1/me/encryption-vault/restore",        BEARER, "default", VAULT, &vault_restore_schema, NULL, VAULT_RESTORE, ROUTE_SQL_JUDGES),
};
/* clang-format on */
const size_t routes_count = sizeof(routes) / sizeof(routes[0]);
