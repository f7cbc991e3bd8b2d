-- Clients: registered by a DBA, by the environment of the edges, or by an administrator over HTTP.

CREATE FUNCTION auth.oidc_client_register(
    name                       text,
    redirect_uris              text[],
    client_id                  text    DEFAULT NULL,
    auth_method                text    DEFAULT 'client_secret_basic',
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
    OUT id                     text,
    OUT client_secret          text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  bad text;
BEGIN
  SELECT x INTO bad FROM unnest(redirect_uris || post_logout_redirect_uris) x WHERE NOT auth.oidc_redirect_uri_is_sound(x);
  IF FOUND THEN
    RAISE EXCEPTION 'redirect URI "%" is not allowed', bad
      USING ERRCODE = 'MA400', HINT = 'https, http on loopback, or a reverse-domain scheme of an app; no fragment, no wildcard.';
  END IF;
  id := COALESCE(client_id, auth.random_id());
  IF auth_method IN ('client_secret_basic', 'client_secret_post') AND secret_digest IS NULL THEN
    client_secret := COALESCE(secret, auth.random_id(48));
  END IF;
  INSERT INTO auth.oauth_clients AS o (
    id, name, uri, secret_digest, auth_method, jwks, redirect_uris, post_logout_redirect_uris, grant_types, scopes,
    require_pkce, skip_consent, created_by, id_token_alg, scope_words)
  VALUES (
    id, oidc_client_register.name, oidc_client_register.uri,
    CASE WHEN client_secret IS NOT NULL THEN sha256(convert_to(client_secret, 'UTF8'))
         WHEN oidc_client_register.secret_digest IS NOT NULL
           THEN decode(translate(oidc_client_register.secret_digest, '-_', '+/') || '=', 'base64') END,
    oidc_client_register.auth_method, oidc_client_register.jwks, oidc_client_register.redirect_uris,
    oidc_client_register.post_logout_redirect_uris, oidc_client_register.grant_types, oidc_client_register.scopes,
    oidc_client_register.require_pkce, oidc_client_register.skip_consent, oidc_client_register.created_by,
    oidc_client_register.id_token_alg, oidc_client_register.scope_words);
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
  INSERT INTO auth.oauth_clients AS o (id, name, secret_digest, redirect_uris, skip_consent, configured, disabled)
  VALUES (client_id, oidc_configure.name, oidc_configure.secret_digest, uris, true, true, oidc_configure.secret_digest IS NULL)
  ON CONFLICT ON CONSTRAINT oauth_clients_pkey DO UPDATE
    SET name = excluded.name, secret_digest = excluded.secret_digest, redirect_uris = excluded.redirect_uris,
        disabled = excluded.disabled, updated_at = now()
    WHERE o.configured
      AND (o.name, o.secret_digest, o.redirect_uris, o.disabled)
          IS DISTINCT FROM (excluded.name, excluded.secret_digest, excluded.redirect_uris, excluded.disabled);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_configure IS
  'a client from the environment, written by every edge as it starts: the same row however many do. Without a secret it is '
  'disabled; a client that somebody registered under this id is left alone';

CREATE FUNCTION auth.oidc_client_json(o auth.oauth_clients, secret text DEFAULT NULL) RETURNS json LANGUAGE sql STABLE
  RETURN pg_catalog.json_strip_nulls(auth.json_object(
    'client_id', o.id, 'client_secret', secret,
    'client_secret_expires_at', CASE WHEN secret IS NOT NULL THEN 0 END,
    'scope', pg_catalog.array_to_string(o.scopes, ' '),
    'client_id_issued_at', auth.epoch(o.created_at), 'client_name', o.name, 'client_uri', o.uri,
    'redirect_uris', pg_catalog.to_jsonb(o.redirect_uris),
    'post_logout_redirect_uris', pg_catalog.to_jsonb(o.post_logout_redirect_uris),
    'token_endpoint_auth_method', o.auth_method, 'grant_types', pg_catalog.to_jsonb(o.grant_types),
    'response_types', CASE WHEN 'authorization_code' = ANY (o.grant_types) THEN '["code"]'::jsonb ELSE '[]'::jsonb END,
    'jwks', o.jwks, 'id_token_signed_response_alg', o.id_token_alg, 'require_pkce', o.require_pkce OR o.auth_method = 'none', 'skip_consent', o.skip_consent,
    'disabled', o.disabled));
COMMENT ON FUNCTION auth.oidc_client_json IS 'a client in the words of RFC 7591';

CREATE FUNCTION auth.oidc_text_array(value jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN pg_catalog.jsonb_typeof(value) = 'array'
              THEN ARRAY(SELECT x FROM pg_catalog.jsonb_array_elements_text(value) WITH ORDINALITY e (x, i) ORDER BY i) END;
COMMENT ON FUNCTION auth.oidc_text_array IS 'a JSON array of strings; NULL for anything else';

CREATE FUNCTION auth.oidc_caller_is_admin(c auth.caller) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM auth.users u
                  WHERE u.id = (auth.session_find(c)).user_id AND u.role = 'admin' AND u.deleted_at IS NULL);
END
$$;
COMMENT ON FUNCTION auth.oidc_caller_is_admin IS 'whether a living session of an administrator calls';

CREATE FUNCTION auth_api.oidc_client_create(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made record;
  o auth.oauth_clients;
  bad text;
BEGIN
  IF NOT auth.oidc_caller_is_admin(c) THEN
    RETURN auth.granted('{"error":"access_denied","error_description":"Client registration is disabled"}', status => 403);
  END IF;
  SELECT x INTO bad
    FROM unnest(auth.oidc_text_array(input -> 'redirect_uris') || auth.oidc_text_array(input -> 'post_logout_redirect_uris')) x
   WHERE NOT auth.oidc_redirect_uri_is_sound(x);
  IF bad IS NOT NULL OR auth.oidc_text_array(input -> 'redirect_uris') IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_redirect_uri', 'redirect URI is not allowed: ' || COALESCE(bad, 'none is given'));
  END IF;
  BEGIN
    made := auth.oidc_client_register(
      name => COALESCE(input ->> 'client_name', 'client'),
      redirect_uris => auth.oidc_text_array(input -> 'redirect_uris'),
      auth_method => COALESCE(input ->> 'token_endpoint_auth_method', 'client_secret_basic'),
      post_logout_redirect_uris => COALESCE(auth.oidc_text_array(input -> 'post_logout_redirect_uris'), '{}'),
      scopes => COALESCE(string_to_array(input ->> 'scope', ' '), '{openid,profile,email,offline_access}'),
      grant_types => COALESCE(auth.oidc_text_array(input -> 'grant_types'), '{authorization_code,refresh_token}'),
      skip_consent => COALESCE((input ->> 'skip_consent')::boolean, false),
      require_pkce => COALESCE((input ->> 'require_pkce')::boolean, false),
      jwks => input -> 'jwks',
      uri => input ->> 'client_uri',
      created_by => (auth.session_find(c)).user_id,
      id_token_alg => COALESCE(input ->> 'id_token_signed_response_alg', 'EdDSA'));
  EXCEPTION WHEN check_violation THEN
    RETURN auth.oidc_refuse(400, 'invalid_client_metadata', 'the combination of grants, keys and authentication is not allowed');
  END;
  SELECT x.* INTO STRICT o FROM auth.oauth_clients x WHERE x.id = made.id;
  RETURN auth.granted(auth.oidc_client_json(o, made.client_secret), status => 201);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_create IS
  'POST /oauth2/create-client and /oauth2/register (RFC 7591), for administrators: nobody else may put a client in front of users';

CREATE FUNCTION auth_api.oidc_client_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o auth.oauth_clients;
BEGIN
  IF NOT auth.oidc_caller_is_admin(c) THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  SELECT x.* INTO o FROM auth.oauth_clients x WHERE x.id = input ->> 'client_id';
  IF o.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'client not found');
  END IF;
  RETURN auth.granted(auth.oidc_client_json(o));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_get IS 'GET /oauth2/get-client, for administrators';

CREATE FUNCTION auth_api.oidc_client_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT auth.oidc_caller_is_admin(c) THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  RETURN auth.granted((SELECT auth.json_array_agg(auth.oidc_client_json(o) ORDER BY o.created_at, o.id) FROM auth.oauth_clients o));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_list IS 'GET /oauth2/get-clients, for administrators';

CREATE FUNCTION auth_api.oidc_client_public(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o constant auth.oauth_clients := auth.oidc_client_find(input ->> 'client_id');
BEGIN
  IF o.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'client not found');
  END IF;
  RETURN auth.granted(json_strip_nulls(auth.json_object('client_id', o.id, 'client_name', o.name, 'client_uri', o.uri)));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_public IS 'GET /oauth2/public-client: what a consent page shows';

CREATE FUNCTION auth_api.oidc_client_delete(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT auth.oidc_caller_is_admin(c) THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  DELETE FROM auth.oauth_clients x WHERE x.id = input ->> 'client_id' AND NOT x.configured;
  IF NOT FOUND THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'client not found');
  END IF;
  RETURN auth.granted(NULL);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_delete IS 'POST /oauth2/delete-client: the client, with all its tokens and consents';

CREATE FUNCTION auth_api.oidc_client_rotate(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o auth.oauth_clients;
  secret text;
BEGIN
  IF NOT auth.oidc_caller_is_admin(c) THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  SELECT x.* INTO o FROM auth.oauth_clients x WHERE x.id = input ->> 'client_id' AND NOT x.configured;
  secret := auth.oidc_client_rotate_secret(o.id);
  IF secret IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'client not found');
  END IF;
  RETURN auth.granted(auth.oidc_client_json(o, secret));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_rotate IS 'POST /oauth2/client/rotate-secret, for administrators';

CREATE FUNCTION auth_api.oidc_consent_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.json_object(
             'id', o.id, 'clientId', o.client_id, 'userId', o.user_id, 'scopes', to_jsonb(o.scopes),
             'createdAt', o.created_at, 'updatedAt', o.updated_at) ORDER BY o.created_at)
      FROM auth.oauth_consents o WHERE o.user_id = s.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent_list IS 'GET /oauth2/get-consents: what the caller has allowed, to whom';

CREATE FUNCTION auth_api.oidc_consent_delete(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  withdrawn auth.oauth_consents;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  DELETE FROM auth.oauth_consents o WHERE o.id = input ->> 'id' AND o.user_id = s.user_id RETURNING o.* INTO withdrawn;
  IF withdrawn.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'no consent');
  END IF;
  DELETE FROM auth.oauth_grants g WHERE g.user_id = s.user_id AND g.client_id = withdrawn.client_id;
  RETURN auth.granted(NULL);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent_delete IS 'POST /oauth2/delete-consent: withdrawn, with all tokens that came of it';

CREATE FUNCTION auth_api.oidc_client_name(client_id text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (auth.oidc_client_find(client_id)).name;
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_name IS 'for whom a sign-in page asks, once the edge has verified that the client asked us';

CREATE FUNCTION auth_api.oidc_consent_page(c auth.caller, client_id text, scope text, language text)
RETURNS TABLE (client_name text, email text, scope_words text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT o.name, u.email,
           (SELECT string_agg(COALESCE(translate(o.scope_words -> s ->> language, E'\n', ' '), ''), E'\n' ORDER BY i)
              FROM unnest(string_to_array(scope, ' ')) WITH ORDINALITY asked (s, i))
      FROM auth.oauth_clients o, auth.users u
     WHERE o.id = oidc_consent_page.client_id AND NOT o.disabled AND u.id = (auth.session_find(c)).user_id;
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent_page IS
  'who asks whom, and what scopes of the client''s own mean, a line each; no row: no such client, or nobody is signed in';
