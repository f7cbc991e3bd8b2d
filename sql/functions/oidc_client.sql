-- Clients: registered by a DBA, or by the environment of the edges; and how they are shown.

CREATE FUNCTION auth.oidc_client_register(
    name                       text,
    redirect_uris              text[],
    client_id                  text    DEFAULT NULL,
    auth_method                text    DEFAULT 'client_secret',
    secret                     text    DEFAULT NULL,
    secret_digest              text    DEFAULT NULL,
    post_logout_redirect_uris  text[]  DEFAULT '{}',
    scopes                     text[]  DEFAULT '{openid,profile,email,offline_access}',
    grant_types                text[]  DEFAULT '{authorization_code,refresh_token}',
    skip_consent               boolean DEFAULT false,
    require_pkce               boolean DEFAULT false,
    jwks                       jsonb   DEFAULT NULL,
    uri                        text    DEFAULT NULL,
    created_by                 text    DEFAULT NULL,
    id_token_alg               text    DEFAULT 'EdDSA',
    scope_words                jsonb   DEFAULT '{}',
    details                    jsonb   DEFAULT '{}',
    OUT id                     text,
    OUT client_secret          text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  bad text;
BEGIN
  SELECT x INTO bad FROM unnest(redirect_uris || post_logout_redirect_uris) x WHERE NOT auth.oidc_redirect_uri_is_sound(x);
  IF FOUND THEN
    RAISE EXCEPTION 'redirect URI "%" is not allowed', bad
      USING ERRCODE = 'MA400', HINT = 'https, http on loopback, or the scheme of an app; no fragment, no wildcard.';
  END IF;
  id := COALESCE(client_id, auth.random_id());
  IF auth_method IN ('client_secret', 'client_secret_basic', 'client_secret_post') AND secret_digest IS NULL THEN
    client_secret := COALESCE(secret, auth.random_id(48));
  END IF;
  INSERT INTO auth.oauth_clients AS o (
    id, name, uri, secret_digest, auth_method, jwks, redirect_uris, post_logout_redirect_uris, grant_types, scopes,
    require_pkce, skip_consent, created_by, id_token_alg, scope_words, details)
  VALUES (
    id, oidc_client_register.name, oidc_client_register.uri,
    CASE WHEN client_secret IS NOT NULL THEN sha256(convert_to(client_secret, 'UTF8'))
         WHEN oidc_client_register.secret_digest IS NOT NULL
           THEN decode(translate(oidc_client_register.secret_digest, '-_', '+/') || '=', 'base64') END,
    oidc_client_register.auth_method, oidc_client_register.jwks, oidc_client_register.redirect_uris,
    oidc_client_register.post_logout_redirect_uris, oidc_client_register.grant_types, oidc_client_register.scopes,
    oidc_client_register.require_pkce, oidc_client_register.skip_consent, oidc_client_register.created_by,
    oidc_client_register.id_token_alg, oidc_client_register.scope_words,
    oidc_client_register.details);
  IF secret IS NOT NULL THEN
    client_secret := NULL;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.oidc_client_register IS
  'a new relying party; shows its secret this once, when it made it. secret_digest: base64url(SHA-256), as Better Auth 1.7 stores it';

CREATE FUNCTION auth.oidc_client_rotate_secret(client_id text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  secret constant text := auth.random_id(48);
BEGIN
  UPDATE auth.oauth_clients x SET secret_digest = sha256(convert_to(secret, 'UTF8')), updated_at = now()
   WHERE x.id = client_id AND x.secret_digest IS NOT NULL;
  RETURN CASE WHEN FOUND THEN secret END;
END
$$;
COMMENT ON FUNCTION auth.oidc_client_rotate_secret IS 'a new secret in place of the old one; NULL: no such client, or it has no secret';

CREATE FUNCTION auth_api.oidc_configure(client_id text, name text, secret_digest bytea, redirect_uris text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  uris constant text[] := string_to_array(redirect_uris, ',');
BEGIN
  IF client_id IS DISTINCT FROM 'matrix-synapse' THEN
    RAISE EXCEPTION 'the environment of an edge configures the client matrix-synapse only' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO auth.oauth_clients AS o (id, name, secret_digest, redirect_uris, skip_consent, configured, disabled)
  VALUES (client_id, oidc_configure.name, oidc_configure.secret_digest, uris, true, true, oidc_configure.secret_digest IS NULL)
  ON CONFLICT ON CONSTRAINT oauth_clients_pkey DO UPDATE
    SET name = excluded.name, secret_digest = excluded.secret_digest, redirect_uris = excluded.redirect_uris,
        disabled = excluded.disabled, auth_method = excluded.auth_method, updated_at = now()
    WHERE o.configured
      AND (o.name, o.secret_digest, o.redirect_uris, o.disabled, o.auth_method)
          IS DISTINCT FROM (excluded.name, excluded.secret_digest, excluded.redirect_uris, excluded.disabled, excluded.auth_method);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_configure IS
  'Writes the client matrix-synapse from the environment of an edge as it starts: the same row however many edges do. Without a '
  'secret it is disabled; a client that somebody registered under this id is left alone. Another id raises '
  'invalid_parameter_value';

CREATE FUNCTION auth.oidc_client_json(o auth.oauth_clients, secret text DEFAULT NULL) RETURNS json LANGUAGE sql STABLE
  RETURN pg_catalog.json_strip_nulls(auth.json_object(
    'client_id', o.id, 'client_secret', secret,
    'client_secret_expires_at', CASE WHEN secret IS NOT NULL THEN 0 END,
    'scope', pg_catalog.array_to_string(o.scopes, ' '),
    'client_id_issued_at', auth.epoch(o.created_at), 'client_name', o.name, 'client_uri', o.uri,
    'logo_uri', o.details -> 'logo_uri', 'contacts', o.details -> 'contacts', 'tos_uri', o.details -> 'tos_uri',
    'policy_uri', o.details -> 'policy_uri', 'jwks', o.jwks,
    'software_id', o.details -> 'software_id', 'software_version', o.details -> 'software_version',
    'redirect_uris', pg_catalog.to_jsonb(o.redirect_uris),
    'post_logout_redirect_uris', pg_catalog.to_jsonb(o.post_logout_redirect_uris),
    'token_endpoint_auth_method', CASE o.auth_method WHEN 'client_secret' THEN 'client_secret_basic' ELSE o.auth_method END, 'grant_types', pg_catalog.to_jsonb(o.grant_types),
    'response_types', CASE WHEN 'authorization_code' = ANY (o.grant_types) THEN '["code"]'::jsonb ELSE '[]'::jsonb END,
    'id_token_signed_response_alg', o.id_token_alg, 'disabled', o.disabled, 'skip_consent', o.skip_consent,
    'require_pkce', o.require_pkce OR o.auth_method = 'none'));
COMMENT ON FUNCTION auth.oidc_client_json IS
  'A client in the words of RFC 7591, whose section 2 says of the method: "If unspecified or omitted, the default is '
  '"client_secret_basic"".';
