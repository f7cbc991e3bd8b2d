-- The token endpoint: one call, one transaction, for each grant. Tokens are made here and leave as they are once; rows keep digests.

CREATE FUNCTION auth.oidc_client_authenticate(
    method text, client_id text, secret_digest bytea, assertion_jti text, assertion_exp bigint,
    OUT client auth.oauth_clients, OUT refusal auth.reply)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF client_id IS NULL THEN
    refusal := auth.oidc_refuse(401, 'invalid_client', 'missing required credentials');
    RETURN;
  END IF;
  client := auth.oidc_client_find(client_id);
  IF client.id IS NULL THEN
    refusal := auth.oidc_refuse(401, 'invalid_client', 'invalid client_id');
  ELSIF client.auth_method <> method
        AND NOT (client.auth_method = 'client_secret' AND method IN ('client_secret_basic', 'client_secret_post')) THEN
    refusal := auth.oidc_refuse(CASE method WHEN 'client_secret_basic' THEN 401 ELSE 400 END, 'invalid_client',
                                'client registered for ' || client.auth_method || ' cannot use ' || method);
  ELSIF method IN ('client_secret_basic', 'client_secret_post')
        AND client.secret_digest IS DISTINCT FROM oidc_client_authenticate.secret_digest THEN
    -- digests are compared: how far two of them agree says nothing about the secret
    refusal := auth.oidc_refuse(401, 'invalid_client', 'invalid client_secret');
  ELSIF method = 'private_key_jwt' THEN
    -- RFC 7523, section 3: "The authorization server MAY ensure that JWTs are not replayed by maintaining the set of used jti"
    INSERT INTO auth.oauth_client_assertions (client_id, jti, expires_at)
    VALUES (client.id, assertion_jti, to_timestamp(assertion_exp)) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      refusal := auth.oidc_refuse(401, 'invalid_client', 'assertion was used before');
    END IF;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.oidc_client_authenticate IS
  'the client, or why not. The edge has taken the secret''s SHA-256, or verified the assertion''s signature and claims';

CREATE FUNCTION auth_api.oidc_client_keys(client_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (auth.oidc_client_find(client_id)).jwks;
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_keys IS 'the public keys by which the edge verifies a client''s assertion; NULL: none';

CREATE FUNCTION auth.oidc_id_token_claims(g auth.oauth_grants, u auth.users, issuer text, with_nonce text) RETURNS text
LANGUAGE sql STABLE
  RETURN auth.json_joined(
    pg_catalog.json_strip_nulls(auth.json_object(
      'auth_time', auth.epoch(g.auth_time), 'acr', '0', 'iss', issuer, 'sub', u.id, 'aud', g.client_id, 'nonce', with_nonce,
      'iat', auth.epoch(pg_catalog.now()), 'exp', auth.epoch(pg_catalog.now() + interval '1 hour'), 'sid', g.sid)),
    auth.oidc_user_claims(u, g.scopes));
COMMENT ON FUNCTION auth.oidc_id_token_claims IS
  'OpenID Connect Core, section 2. No at_hash: optional with a code, and no hash belongs to EdDSA that all clients agree on';

CREATE FUNCTION auth.oidc_tokens_issue(
    g auth.oauth_grants, scopes text[], refresh boolean, issuer text, with_nonce text, target auth.oauth_resources, target_scopes text[])
  RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  opaque constant boolean := target.identifier IS NULL;
  access_token constant text := CASE WHEN opaque THEN auth.random_id(32) END;
  refresh_token constant text := CASE WHEN refresh THEN auth.random_id(32) END;
  life constant interval := COALESCE(target.access_token_ttl, '1 hour');
  expires constant timestamptz := now() + life;
  openid constant boolean := 'openid' = ANY (scopes);
  signed text; -- a line each, in the order of their marks
  u auth.users;
  body text;
BEGIN
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = g.user_id;
  IF opaque THEN
    INSERT INTO auth.oauth_access_tokens (digest, grant_id, client_id, scopes, expires_at)
    VALUES (auth.token_digest(access_token), g.id, g.client_id, scopes, expires);
  ELSE
    signed := auth.oidc_access_jwt(target, g.client_id, g.user_id, g.sid, g.id, target_scopes, issuer, expires);
  END IF;
  IF refresh THEN
    INSERT INTO auth.oauth_refresh_tokens (digest, grant_id, expires_at)
    VALUES (auth.token_digest(refresh_token), g.id, least(now() + interval '30 days', g.created_at + interval '365 days'));
  END IF;
  g.scopes := scopes;
  body := '{"access_token":' || COALESCE(to_json(access_token), auth.access_token())::text || ',' || ltrim(json_strip_nulls(
    auth.json_object(
      'expires_in', extract(epoch FROM life)::integer, 'expires_at', auth.epoch(expires), 'token_type', 'Bearer',
      'refresh_token', refresh_token, 'scope', array_to_string(target_scopes, ' ')))::text, '{');
  IF openid THEN
    body := rtrim(body, '}') || ',"id_token":' || auth.access_token()::text || '}';
    signed := concat_ws(E'\n', signed, (SELECT o.id_token_alg FROM auth.oauth_clients o WHERE o.id = g.client_id)
                                        || ' ' || auth.oidc_id_token_claims(g, u, issuer, with_nonce));
  END IF;
  RETURN ROW(NULL, NULL, NULL, 200, body, NULL, NULL, signed, NULL, NULL)::auth.reply;
END
$$;
COMMENT ON FUNCTION auth.oidc_tokens_issue IS
  'the tokens of a grant (RFC 6749, section 5.1). A refresh token expires after 30 days, and a year after the grant at the latest. '
  'claims are the JWTs among them, a line each: algorithm, type where it is not JWT, '
  'and an object, which the edge signs as it is';

CREATE FUNCTION auth.oidc_code_redeem(client auth.oauth_clients, input jsonb, issuer text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  code auth.oauth_codes;
  g auth.oauth_grants;
  aimed record;
  verifier constant bytea := decode(input ->> 'code_verifier', 'hex'); -- its SHA-256
BEGIN
  IF input ->> 'code' IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'code is required');
  END IF;
  -- the lock of the grant stands for its whole family: nobody locks a code or a token, so that no two wait for each other
  SELECT x.* INTO g FROM auth.oauth_grants x
   WHERE x.id = (SELECT o.grant_id FROM auth.oauth_codes o WHERE o.digest = decode(input ->> 'code', 'hex')) FOR UPDATE;
  SELECT x.* INTO code FROM auth.oauth_codes x WHERE x.digest = decode(input ->> 'code', 'hex');
  IF g.id IS NULL OR code.expires_at <= now() AND code.spent_at IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'invalid code');
  ELSIF g.client_id <> client.id THEN
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'invalid client_id');
  ELSIF code.spent_at IS NOT NULL THEN
    -- RFC 6749, section 4.1.2: "If an authorization code is used more than once, the authorization server MUST deny the
    -- request and SHOULD revoke (when possible) all tokens previously issued based on that authorization code."
    DELETE FROM auth.oauth_grants x WHERE x.id = g.id;
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'invalid code');
  END IF;
  UPDATE auth.oauth_codes x SET spent_at = now() WHERE x.digest = code.digest; -- whatever follows, it is used
  IF code.redirect_uri IS DISTINCT FROM input ->> 'redirect_uri' THEN
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'redirect_uri mismatch');
  ELSIF code.code_challenge IS NOT NULL AND verifier IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'code_verifier required because PKCE was used in authorization');
  ELSIF code.code_challenge IS NULL AND verifier IS NOT NULL THEN
    -- RFC 9700, section 2.1.1: "ensure that if there was no code_challenge in the authorization request, a request to the token
    -- endpoint containing a code_verifier is rejected" (PKCE downgrade)
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'code_verifier provided but PKCE was not used in authorization');
  ELSIF code.code_challenge <> verifier THEN
    -- RFC 7636, section 4.6: "If the values are not equal, an error response indicating "invalid_grant""
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'code verification failed');
  ELSIF NOT EXISTS (SELECT FROM auth.sessions s WHERE s.id = g.session_id AND s.expires_at > now())
        OR NOT auth.oidc_grant_lives(g) THEN
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'session not found');
  END IF;
  aimed := auth.oidc_target(client.id, g.resource, input ->> 'resource', g.scopes);
  IF (aimed.refusal).status IS NOT NULL THEN
    RETURN aimed.refusal;
  END IF;
  RETURN auth.oidc_tokens_issue(
    g, g.scopes, 'offline_access' = ANY (g.scopes) AND 'refresh_token' = ANY (client.grant_types), issuer, g.nonce, aimed.target, aimed.scopes);
END
$$;
COMMENT ON FUNCTION auth.oidc_code_redeem IS 'a code for tokens, once (RFC 6749, section 4.1.3; RFC 7636, section 4.6)';

CREATE FUNCTION auth.oidc_refresh(client auth.oauth_clients, input jsonb, issuer text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  token auth.oauth_refresh_tokens;
  g auth.oauth_grants;
  aimed record;
  scopes text[];
BEGIN
  IF input ->> 'refresh_token' IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'refresh_token is required');
  END IF;
  SELECT x.* INTO g FROM auth.oauth_grants x
   WHERE x.id = (SELECT t.grant_id FROM auth.oauth_refresh_tokens t WHERE t.digest = decode(input ->> 'refresh_token', 'hex'))
     FOR UPDATE;
  SELECT x.* INTO token FROM auth.oauth_refresh_tokens x WHERE x.digest = decode(input ->> 'refresh_token', 'hex');
  scopes := COALESCE(auth.oidc_scopes(input ->> 'scope'), g.scopes);
  IF g.id IS NULL OR g.client_id <> client.id THEN
    -- RFC 9700, section 4.14.2: bound to the client; another one learns nothing of it, and ends nothing with it
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'session not found');
  ELSIF token.spent_at IS NOT NULL THEN
    -- RFC 9700, section 4.14.2: "it will revoke the active refresh token", for one of the two presenters is a thief
    DELETE FROM auth.oauth_grants x WHERE x.id = g.id;
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'invalid refresh token');
  ELSIF token.expires_at <= now() OR NOT auth.oidc_grant_lives(g) THEN
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'invalid refresh token');
  ELSIF NOT auth.oidc_scopes_within(scopes, g.scopes) OR cardinality(scopes) = 0 THEN
    -- RFC 6749, section 6: "The requested scope MUST NOT include any scope not originally granted by the resource owner"
    RETURN auth.oidc_refuse(400, 'invalid_scope', 'scope was not granted');
  END IF;
  aimed := auth.oidc_target(client.id, g.resource, input ->> 'resource', scopes);
  IF (aimed.refusal).status IS NOT NULL THEN
    RETURN aimed.refusal;
  END IF;
  UPDATE auth.oauth_refresh_tokens x SET spent_at = now() WHERE x.digest = token.digest;
  RETURN auth.oidc_tokens_issue(g, scopes, true, issuer, NULL, aimed.target, aimed.scopes);
END
$$;
COMMENT ON FUNCTION auth.oidc_refresh IS 'a refresh token for the next and an access token (RFC 6749, section 6), rotated';

CREATE FUNCTION auth.oidc_client_token(client auth.oauth_clients, input jsonb, issuer text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_users constant text[] := '{openid,profile,email,offline_access}';
  scopes constant text[] := COALESCE(
    auth.oidc_scopes(input ->> 'scope'), (SELECT array_agg(x) FROM unnest(client.scopes) x WHERE x <> ALL (of_users)), '{}');
  access_token text;
  life interval := '1 hour';
  aimed record;
BEGIN
  IF NOT auth.oidc_scopes_within(scopes, client.scopes) OR scopes && of_users THEN
    RETURN auth.oidc_refuse(400, 'invalid_scope', 'scope is not open to this client itself');
  END IF;
  IF input ? 'resource' THEN
    aimed := auth.oidc_target(client.id, NULL, input ->> 'resource', scopes);
    IF (aimed.refusal).status IS NOT NULL THEN
      RETURN aimed.refusal;
    END IF;
    life := (aimed.target).access_token_ttl;
    RETURN auth.granted(
      auth.json_object(
        'access_token', auth.access_token(), 'expires_in', extract(epoch FROM life)::integer, 'expires_at', auth.epoch(now() + life),
        'token_type', 'Bearer', 'scope', array_to_string(aimed.scopes, ' ')),
      claims => auth.oidc_access_jwt(aimed.target, client.id, client.id, NULL, NULL, aimed.scopes, issuer, now() + life));
  END IF;
  access_token := auth.random_id(32);
  INSERT INTO auth.oauth_access_tokens (digest, client_id, scopes, expires_at)
  VALUES (auth.token_digest(access_token), client.id, scopes, now() + life);
  RETURN auth.granted(auth.json_object(
    'access_token', access_token, 'expires_in', 3600, 'expires_at', auth.epoch(now() + life),
    'token_type', 'Bearer', 'scope', array_to_string(scopes, ' ')));
END
$$;
COMMENT ON FUNCTION auth.oidc_client_token IS
  'a token of the client''s own (RFC 6749, section 4.4), without a refresh token and without scopes that speak of a user';

CREATE FUNCTION auth_api.oidc_token(
    c auth.caller, input jsonb, issuer text,
    method text, client_id text, secret_digest bytea, assertion_jti text, assertion_exp bigint) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asked constant text := input ->> 'grant_type';
  who record;
BEGIN
  who := auth.oidc_client_authenticate(method, client_id, secret_digest, assertion_jti, assertion_exp);
  IF asked IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'grant_type is required');
  ELSIF asked NOT IN ('authorization_code', 'refresh_token', 'client_credentials') THEN
    RETURN auth.oidc_refuse(400, 'unsupported_grant_type', 'unsupported grant_type ' || asked);
  ELSIF (who.refusal).status IS NOT NULL THEN
    RETURN who.refusal;
  ELSIF asked <> ALL ((who.client).grant_types) THEN
    RETURN auth.oidc_refuse(400, 'unauthorized_client', 'client may not use the grant ' || asked);
  END IF;
  RETURN CASE asked WHEN 'authorization_code' THEN auth.oidc_code_redeem(who.client, input, issuer)
                    WHEN 'refresh_token' THEN auth.oidc_refresh(who.client, input, issuer)
                    ELSE auth.oidc_client_token(who.client, input, issuer) END;
END
$$;
COMMENT ON FUNCTION auth_api.oidc_token IS
  'POST /oauth2/token; code, refresh_token and code_verifier come as the hex of their SHA-256';
