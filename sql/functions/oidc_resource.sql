-- What is done with tokens: userinfo, introspection, revocation; and the end of a session at a client's wish.

CREATE FUNCTION auth_api.oidc_userinfo(c auth.caller, token_digest bytea, issuer text, claims jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  token auth.oauth_access_tokens;
  g auth.oauth_grants;
  u auth.users;
BEGIN
  IF claims IS NULL THEN
    SELECT x.* INTO token FROM auth.oauth_access_tokens x WHERE x.digest = token_digest AND x.expires_at > now();
    SELECT x.* INTO g FROM auth.oauth_grants x WHERE x.id = token.grant_id;
  ELSIF claims -> 'aud' ? (issuer || '/api/auth/oauth2/userinfo') THEN
    g := auth.oidc_jwt_grant(claims);
    token.scopes := string_to_array(claims ->> 'scope', ' ');
  END IF;
  IF NOT auth.oidc_grant_lives(g) THEN
    RETURN auth.oidc_refuse(401, 'invalid_token', 'Invalid access token');
  ELSIF NOT 'openid' = ANY (token.scopes) THEN
    RETURN auth.oidc_refuse(403, 'insufficient_scope', 'scope openid is required');
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = g.user_id;
  RETURN auth.granted(auth.json_joined(auth.json_object('sub', u.id), auth.oidc_user_claims(u, token.scopes))::json);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_userinfo IS
  'GET and POST /oauth2/userinfo (OpenID Connect Core, section 5.3); claims: of a JWT that the edge has verified, where the token is one';

CREATE FUNCTION auth_api.oidc_introspect(
    c auth.caller, input jsonb, issuer text,
    method text, client_id text, secret_digest bytea, assertion_jti text, assertion_exp bigint, claims jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  who constant record := auth.oidc_client_authenticate(method, client_id, secret_digest, assertion_jti, assertion_exp);
  wanted constant bytea := decode(input ->> 'token', 'hex');
  access auth.oauth_access_tokens;
  refresh auth.oauth_refresh_tokens;
  g auth.oauth_grants;
BEGIN
  IF (who.refusal).status IS NOT NULL THEN
    RETURN who.refusal;
  ELSIF wanted IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'token is required');
  ELSIF claims IS NOT NULL THEN
    RETURN auth.oidc_jwt_introspect((who.client).id, claims);
  END IF;
  SELECT x.* INTO access FROM auth.oauth_access_tokens x WHERE x.digest = wanted AND x.expires_at > now();
  IF access.digest IS NULL THEN
    SELECT x.* INTO refresh FROM auth.oauth_refresh_tokens x
     WHERE x.digest = wanted AND x.expires_at > now() AND x.spent_at IS NULL;
  END IF;
  SELECT x.* INTO g FROM auth.oauth_grants x WHERE x.id = COALESCE(access.grant_id, refresh.grant_id);
  -- RFC 7662, section 2.2: "the authorization server SHOULD NOT include any additional information about an inactive token"
  IF COALESCE(access.client_id, g.client_id) IS DISTINCT FROM (who.client).id
     OR (access.digest IS NULL OR access.grant_id IS NOT NULL) AND NOT auth.oidc_grant_lives(g) THEN
    RETURN auth.granted('{"active":false}');
  END IF;
  IF refresh.digest IS NOT NULL THEN
    RETURN auth.granted(auth.json_object(
      'active', true, 'client_id', g.client_id, 'iss', issuer, 'sub', g.user_id, 'sid', g.sid, 'exp', auth.epoch(refresh.expires_at),
      'iat', auth.epoch(refresh.issued_at), 'scope', array_to_string(g.scopes, ' '), 'token_type', 'Bearer'));
  END IF;
  RETURN auth.granted(json_strip_nulls(auth.json_object(
    'active', true, 'iss', issuer, 'client_id', access.client_id, 'azp', access.client_id, 'sub', COALESCE(g.user_id, access.client_id),
    'sid', g.sid, 'exp', auth.epoch(access.expires_at), 'iat', auth.epoch(access.issued_at),
    'scope', array_to_string(access.scopes, ' '), 'token_type', 'Bearer')));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_introspect IS
  'POST /oauth2/introspect (RFC 7662): a client asks about its own tokens; the token comes as the hex of its SHA-256, and with the '
  'claims where it is a JWT that the edge has verified';

CREATE FUNCTION auth_api.oidc_revoke(
    c auth.caller, input jsonb,
    method text, client_id text, secret_digest bytea, assertion_jti text, assertion_exp bigint, claims jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  who constant record := auth.oidc_client_authenticate(method, client_id, secret_digest, assertion_jti, assertion_exp);
  wanted constant bytea := decode(input ->> 'token', 'hex');
BEGIN
  IF (who.refusal).status IS NOT NULL THEN
    RETURN who.refusal;
  ELSIF wanted IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'token is required');
  ELSIF claims IS NOT NULL THEN
    -- RFC 7009, section 2.2.1; 200 would say that it is good no more
    RETURN auth.oidc_refuse(400, 'unsupported_token_type', 'a JWT is good until it expires; revoke the refresh token');
  END IF;
  -- RFC 7009, section 2.1: "If the particular token is a refresh token [..], then the authorization server SHOULD also
  -- invalidate all access tokens based on the same authorization grant"
  DELETE FROM auth.oauth_grants g
   USING auth.oauth_refresh_tokens t WHERE t.digest = wanted AND g.id = t.grant_id AND g.client_id = (who.client).id;
  DELETE FROM auth.oauth_access_tokens t WHERE t.digest = wanted AND t.client_id = (who.client).id;
  -- section 2.2: "The authorization server responds with HTTP status code 200 if the token has been revoked successfully or if
  -- the client submitted an invalid token."
  RETURN auth.granted(NULL);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_revoke IS 'POST /oauth2/revoke (RFC 7009), of a client''s own tokens';

CREATE FUNCTION auth.oidc_end_session_refuse(description text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.granted(auth.json_object('error', 'invalid_request', 'error_description', description), status => 400);
COMMENT ON FUNCTION auth.oidc_end_session_refuse IS 'a logout that cannot be';

CREATE FUNCTION auth_api.oidc_end_session(
    c auth.caller, input jsonb, issuer text, hint_client text, hint_sub text, hint_sid text, confirmed boolean) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  client auth.oauth_clients := auth.oidc_client_find(COALESCE(hint_client, input ->> 'client_id'));
  back constant text := NULLIF(input ->> 'post_logout_redirect_uri', ''); -- a form sends what is absent as empty
  ended text;
BEGIN
  IF hint_client <> input ->> 'client_id' THEN
    -- RP-Initiated Logout, section 2: "the OP MUST verify that the Client Identifier matches the one used when issuing the ID Token"
    RETURN auth.oidc_end_session_refuse('client_id does not match the id_token_hint');
  ELSIF s.id IS NULL AND hint_sub IS NULL THEN
    RETURN auth.oidc_end_session_refuse('No active session is available for logout');
  ELSIF back IS NOT NULL AND (client.id IS NULL OR back <> ALL (client.post_logout_redirect_uris)) THEN
    -- section 3: "The OP MUST NOT perform post-logout redirection if the value supplied does not exactly match one"
    RETURN auth.oidc_end_session_refuse('post_logout_redirect_uri is not registered');
  ELSIF s.id IS NOT NULL AND NOT confirmed AND (hint_sub IS NULL OR hint_sub <> s.user_id) THEN
    -- section 2: the OP "MUST ask the End-User this question if an id_token_hint was not provided or if the supplied ID Token
    -- does not belong to the current OP session"
    RETURN auth.oidc_redirect('/sign-out?' || auth.form_query(
      'client_id', client.id, 'post_logout_redirect_uri', back, 'state', input ->> 'state'));
  END IF;
  DELETE FROM auth.sessions x
   WHERE x.id = s.id AND (confirmed OR x.user_id = hint_sub) OR x.id = hint_sid AND x.user_id = hint_sub
  RETURNING x.user_id INTO ended;
  IF ended IS NOT NULL THEN
    PERFORM auth.security_event(c, ended, 'LOGOUT', auth.json_object('client', client.id)::jsonb);
  END IF;
  RETURN ROW(NULL, NULL, NULL, 302, NULL,
             CASE WHEN back IS NULL THEN '/signed-out'
                  WHEN COALESCE(input ->> 'state', '') = '' THEN back
                  ELSE auth.url_with_query(back, auth.form_query('state', input ->> 'state')) END,
             auth.session_cookies_cleared(), NULL, NULL, NULL)::auth.reply;
END
$$;
COMMENT ON FUNCTION auth_api.oidc_end_session IS
  'RP-Initiated Logout; the hint''s claims are of an id_token that the edge has verified, expired or not';
