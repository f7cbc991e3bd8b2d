// Names of fields of all bodies and queries of the API: an attack that knows no schema sets all of them at once.

export const URLS = ['callbackURL', 'errorCallbackURL', 'newUserCallbackURL', 'redirectTo', 'redirectURL', 'redirect_uri', 'redirect_to', 'returnTo', 'next', 'url',
  'post_logout_redirect_uri', 'state', 'error', 'RelayState'];

export const FIELDS = ['email', 'newEmail', 'name', 'image', 'password', 'newPassword', 'currentPassword', 'revokeOtherSessions', 'rememberMe', 'token', 'code', 'id',
  'userId', 'accountId', 'providerId', 'provider', 'role', 'organizationId', 'organizationSlug', 'slug', 'logo', 'metadata', 'data', 'memberId', 'memberIdOrEmail',
  'invitationId', 'resend', 'permissions', 'permission', 'accept', 'scope', 'oauth_query', 'client_id', 'client_secret', 'grant_type', 'response_type', 'nonce',
  'code_challenge', 'code_challenge_method', 'code_verifier', 'refresh_token', 'refreshToken', 'access_token', 'id_token_hint', 'token_type_hint', 'client_assertion',
  'client_assertion_type', 'redirect_uris', 'post_logout_redirect_uris', 'grant_types', 'jwks', 'client_name', 'update', 'skip_consent', 'response', 'clientDataJSON',
  'trustDevice', 'appId', 'deviceId', 'settings', 'scopes', 'expiresAt', 'apiKey', 'key', 'tier', 'accessTier', 'limit', 'offset', 'query', 'search', 'after', 'before',
  'purpose', 'commitment', 'recoveryWrappedMk', 'recoveryIv', 'masterKey', 'locale', 'emailVerified', 'twoFactorEnabled', 'createdAt', 'ownerId', 'isAdmin', 'sub', 'sid'];

/** Of queries alone. */
export const QUERY_NAMES = ['id', 'token', 'email', 'organizationId', 'organizationSlug', 'userId', 'slug', 'limit', 'offset', 'page', 'query', 'search', 'after', 'before',
  'sortBy', 'sortDirection', 'filterField', 'filterValue', 'filterOperator', 'type', 'event', 'audience', 'client_id', 'state', 'scope', 'code', 'callbackURL', 'error',
  'disableRefresh', 'accountId', 'providerId', 'tier', 'role', 'redirect_uri', 'id_token_hint', 'ui_locales', 'max_age', 'prompt'];
