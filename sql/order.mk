# The parts of the version file, in the order in which they are joined. A part may name what stands above it.

SQL_PARTS = \
	schema/roles \
	schema/types \
	functions/helpers \
	functions/reply \
	schema/user \
	schema/session \
	schema/account \
	schema/verification \
	schema/security_event \
	schema/lockout \
	schema/secret \
	schema/jwks \
	schema/outbox \
	schema/outbound \
	functions/session \
	functions/verification \
	functions/sign_up \
	functions/sign_in \
	schema/vault \
	schema/vault_audit \
	functions/vault_audit \
	functions/vault \
	functions/vault_admin \
	functions/session_list \
	functions/user \
	functions/session_refresh \
	functions/password \
	functions/user_delete \
	functions/signup_status \
	functions/sweep \
	schema/access_control \
	schema/organization \
	schema/member \
	schema/invitation \
	functions/access_control \
	functions/organization \
	functions/member \
	functions/invitation \
	schema/oidc \
	functions/oidc \
	functions/oidc_authorize \
	functions/oidc_token \
	functions/oidc_resource \
	functions/oidc_client \
	grants
