-- Access tokens for a protected resource that is named (RFC 8707): JWTs (RFC 9068) which the edge signs and nobody stores.

CREATE FUNCTION auth.oidc_resource_register(
    identifier text, name text, clients text[] DEFAULT '{}', scopes text[] DEFAULT NULL,
    access_token_ttl interval DEFAULT '1 hour', signing_alg text DEFAULT 'EdDSA', disabled boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO auth.oauth_resources AS r (identifier, name, scopes, access_token_ttl, signing_alg, disabled)
  VALUES (identifier, name, scopes, access_token_ttl, signing_alg, disabled)
  ON CONFLICT ON CONSTRAINT oauth_resources_pkey DO UPDATE
    SET name = excluded.name, scopes = excluded.scopes, access_token_ttl = excluded.access_token_ttl,
        signing_alg = excluded.signing_alg, disabled = excluded.disabled;
  DELETE FROM auth.oauth_client_resources l WHERE l.resource = identifier AND l.client_id <> ALL (clients);
  INSERT INTO auth.oauth_client_resources (client_id, resource) SELECT DISTINCT x, identifier FROM unnest(clients) x
  ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION auth.oidc_resource_register IS
  'a protected resource, and the clients that may have tokens for it; said again, it is as it was said last. disabled: no more '
  'tokens for it, but those that are out still introspect';

CREATE FUNCTION auth.oidc_target(
    client_id text, authorized text, asked text, granted text[], OUT target auth.oauth_resources, OUT scopes text[], OUT refusal auth.reply)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  scopes := granted;
  IF asked IS NULL AND authorized IS NULL THEN
    RETURN;
  ELSIF asked <> authorized THEN
    -- RFC 8707, section 2.2: a resource of a token request is one "of the resources originally granted"
    refusal := auth.oidc_refuse(400, 'invalid_target', 'requested resource not authorized');
    RETURN;
  END IF;
  SELECT r.* INTO target
    FROM auth.oauth_resources r JOIN auth.oauth_client_resources l ON l.resource = r.identifier AND l.client_id = oidc_target.client_id
   WHERE r.identifier = COALESCE(asked, authorized) AND NOT r.disabled;
  IF NOT FOUND THEN
    refusal := auth.oidc_refuse(400, 'invalid_target', 'requested resource is not open to this client');
  ELSIF target.scopes IS NOT NULL THEN
    scopes := COALESCE((SELECT array_agg(x ORDER BY i) FROM unnest(granted) WITH ORDINALITY g (x, i) WHERE x IN (SELECT unnest(target.scopes))), '{}');
    IF cardinality(granted) > 0 AND cardinality(scopes) = 0 THEN
      refusal := auth.oidc_refuse(400, 'invalid_scope', 'none of the requested scopes are allowed for the resource');
    END IF;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.oidc_target IS
  'the resource that an access token is for, and what is left of the scopes there; no resource: none was named. One a request: '
  '"access tokens [should] be restricted to a certain resource server (audience restriction), preferably to a single" one (RFC 9700, '
  'section 2.3)';

CREATE FUNCTION auth.oidc_access_jwt(
    target auth.oauth_resources, client_id text, sub text, sid text, grant_id text, scopes text[], issuer text, expires timestamptz)
  RETURNS text LANGUAGE sql VOLATILE
  RETURN target.signing_alg || ' at+jwt ' || pg_catalog.json_strip_nulls(auth.json_object(
    'iss', issuer, 'sub', sub,
    'aud', CASE WHEN 'openid' = ANY (scopes)
                THEN pg_catalog.jsonb_build_array(target.identifier, issuer || '/api/auth/oauth2/userinfo')
                ELSE pg_catalog.to_jsonb(target.identifier) END,
    'client_id', client_id, 'azp', client_id, 'scope', pg_catalog.array_to_string(scopes, ' '), 'sid', sid,
    'iat', auth.epoch(pg_catalog.now()), 'exp', auth.epoch(expires),
    'jti', CASE WHEN grant_id IS NULL THEN auth.random_id() ELSE grant_id || '.' || auth.random_id(16) END));
COMMENT ON FUNCTION auth.oidc_access_jwt IS
  'what the edge signs (RFC 9068, section 2.2): algorithm, type and claims. jti begins with the grant, so that introspection and '
  'userinfo know of a revocation';

CREATE FUNCTION auth.oidc_jwt_grant(claims jsonb) RETURNS auth.oauth_grants
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  g auth.oauth_grants;
BEGIN
  SELECT x.* INTO g FROM auth.oauth_grants x
   WHERE x.id = split_part(claims ->> 'jti', '.', 1) AND x.client_id = claims ->> 'client_id' AND x.user_id = claims ->> 'sub';
  RETURN g;
END
$$;
COMMENT ON FUNCTION auth.oidc_jwt_grant IS 'the grant that a JWT of ours came of; a row of NULLs: it is revoked, or there was none';

CREATE FUNCTION auth.oidc_jwt_introspect(asks text, claims jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_client constant text := claims ->> 'client_id';
BEGIN
  IF asks <> of_client
     AND NOT EXISTS (SELECT FROM auth.oauth_client_resources l WHERE l.client_id = asks AND claims -> 'aud' ? l.resource)
     OR (CASE WHEN claims ->> 'sub' = of_client THEN (auth.oidc_client_find(of_client)).id IS NULL
              ELSE NOT auth.oidc_grant_lives(auth.oidc_jwt_grant(claims)) END) THEN
    RETURN auth.granted('{"active":false}');
  END IF;
  RETURN auth.granted(('{"active":true,"token_type":"Bearer"}'::jsonb || claims)::json);
END
$$;
COMMENT ON FUNCTION auth.oidc_jwt_introspect IS
  'RFC 7662 of a JWT whose signature and time the edge has verified: for its client, and for the clients of its resource';
