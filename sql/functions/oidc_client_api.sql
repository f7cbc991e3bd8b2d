-- The management of clients over HTTP, for administrators; and what everybody may know of a client.

CREATE FUNCTION auth.oidc_caller_is_admin(c auth.caller) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM auth.users u
                  WHERE u.id = (auth.session_find(c)).user_id AND u.role = 'admin' AND u.deleted_at IS NULL);
END
$$;
COMMENT ON FUNCTION auth.oidc_caller_is_admin IS 'whether a living session of an administrator calls';

CREATE FUNCTION auth.oidc_admin_refusal(c auth.caller) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN auth.oidc_caller_is_admin(c) THEN auth.step_up_refusal(c, auth.session_find(c), 'oauth-client')
              ELSE auth.refuse('FORBIDDEN') END;
END
$$;
COMMENT ON FUNCTION auth.oidc_admin_refusal IS
  'refuses to change clients for everybody but administrators with step-up: a client receives the tokens of users. All NULL: go on';

CREATE FUNCTION auth.oidc_metadata_refusal(m jsonb) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN auth.oidc_metadata_fault(m) IS NOT NULL
              THEN auth.oidc_refuse(400, 'invalid_client_metadata', auth.oidc_metadata_fault(m))
              WHEN auth.oidc_metadata_redirect_fault(m) IS NOT NULL
              THEN auth.oidc_refuse(400, 'invalid_redirect_uri', 'redirect URI is not allowed: ' || auth.oidc_metadata_redirect_fault(m))
         END;
COMMENT ON FUNCTION auth.oidc_metadata_refusal IS 'RFC 7591, section 3.2.2; all NULL: nothing is wrong';

CREATE FUNCTION auth.oidc_metadata_details(m jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
  RETURN (SELECT COALESCE(pg_catalog.jsonb_object_agg(name, value), '{}') FROM pg_catalog.jsonb_each(m) d (name, value)
           WHERE name = ANY ('{logo_uri,contacts,tos_uri,policy_uri,software_id,software_version}'::text[]));
COMMENT ON FUNCTION auth.oidc_metadata_details IS 'the part of the metadata on which nothing depends';

CREATE FUNCTION auth_api.oidc_client_create(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  refusal constant auth.reply := auth.oidc_metadata_refusal(input);
  blocked constant auth.reply := auth.oidc_admin_refusal(c);
  made record;
  o auth.oauth_clients;
BEGIN
  IF blocked.refusal = 'FORBIDDEN' THEN
    RETURN auth.granted('{"error":"access_denied","error_description":"Client registration is disabled"}', status => 403);
  ELSIF blocked.refusal IS NOT NULL THEN
    RETURN blocked;
  ELSIF refusal.status IS NOT NULL THEN
    RETURN refusal;
  ELSIF NOT input ? 'redirect_uris' AND input -> 'grant_types' IS DISTINCT FROM '["client_credentials"]' THEN
    RETURN auth.oidc_refuse(400, 'invalid_redirect_uri', 'redirect_uris is required');
  END IF;
  BEGIN
    made := auth.oidc_client_register(
      name => COALESCE(input ->> 'client_name', 'client'),
      redirect_uris => COALESCE(auth.oidc_text_array(input -> 'redirect_uris'), '{}'),
      auth_method => COALESCE(input ->> 'token_endpoint_auth_method', 'client_secret'),
      post_logout_redirect_uris => COALESCE(auth.oidc_text_array(input -> 'post_logout_redirect_uris'), '{}'),
      scopes => COALESCE(string_to_array(input ->> 'scope', ' '), '{openid,profile,email,offline_access}'),
      grant_types => COALESCE(auth.oidc_text_array(input -> 'grant_types'), '{authorization_code,refresh_token}'),
      skip_consent => COALESCE((input ->> 'skip_consent')::boolean, false),
      require_pkce => COALESCE((input ->> 'require_pkce')::boolean, false),
      jwks => input -> 'jwks',
      uri => input ->> 'client_uri',
      created_by => (auth.session_find(c)).user_id,
      id_token_alg => COALESCE(input ->> 'id_token_signed_response_alg', 'EdDSA'),
      details => auth.oidc_metadata_details(input));
  EXCEPTION WHEN check_violation THEN
    RETURN auth.oidc_refuse(400, 'invalid_client_metadata', 'the combination of grants, keys and authentication is not allowed');
  END;
  SELECT x.* INTO STRICT o FROM auth.oauth_clients x WHERE x.id = made.id;
  RETURN auth.granted(auth.oidc_client_json(o, made.client_secret), status => 201);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_create IS
  'POST /oauth2/create-client and /oauth2/register (RFC 7591), for administrators: nobody else may put a client in front of users';

CREATE FUNCTION auth_api.oidc_client_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m constant jsonb := input -> 'update';
  refusal constant auth.reply := auth.oidc_metadata_refusal(m);
  blocked constant auth.reply := auth.oidc_admin_refusal(c);
  o auth.oauth_clients;
BEGIN
  IF blocked.refusal IS NOT NULL THEN
    RETURN blocked;
  END IF;
  SELECT x.* INTO o FROM auth.oauth_clients x WHERE x.id = input ->> 'client_id' FOR UPDATE;
  IF o.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'client not found');
  ELSIF o.configured THEN
    RETURN auth.oidc_refuse(400, 'invalid_client', 'trusted clients must be updated manually');
  ELSIF refusal.status IS NOT NULL THEN
    RETURN refusal;
  END IF;
  BEGIN
    UPDATE auth.oauth_clients x
       SET name = COALESCE(m ->> 'client_name', x.name), uri = COALESCE(m ->> 'client_uri', x.uri),
           redirect_uris = COALESCE(auth.oidc_text_array(m -> 'redirect_uris'), x.redirect_uris),
           post_logout_redirect_uris = COALESCE(auth.oidc_text_array(m -> 'post_logout_redirect_uris'), x.post_logout_redirect_uris),
           scopes = COALESCE(string_to_array(m ->> 'scope', ' '), x.scopes),
           grant_types = COALESCE(auth.oidc_text_array(m -> 'grant_types'), x.grant_types),
           jwks = COALESCE(m -> 'jwks', x.jwks),
           id_token_alg = COALESCE(m ->> 'id_token_signed_response_alg', x.id_token_alg),
           skip_consent = COALESCE((m ->> 'skip_consent')::boolean, x.skip_consent),
           require_pkce = COALESCE((m ->> 'require_pkce')::boolean, x.require_pkce),
           disabled = COALESCE((m ->> 'disabled')::boolean, x.disabled),
           details = x.details || auth.oidc_metadata_details(m), updated_at = now()
     WHERE x.id = o.id RETURNING x.* INTO o;
  EXCEPTION WHEN check_violation THEN
    RETURN auth.oidc_refuse(400, 'invalid_client_metadata', 'the combination of grants, keys and authentication is not allowed');
  END;
  -- what a client may no longer ask for, it no longer has
  DELETE FROM auth.oauth_grants g WHERE g.client_id = o.id AND NOT auth.oidc_scopes_within(g.scopes, o.scopes);
  DELETE FROM auth.oauth_access_tokens t WHERE t.client_id = o.id AND NOT auth.oidc_scopes_within(t.scopes, o.scopes);
  RETURN auth.granted(auth.oidc_client_json(o));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_update IS
  'POST /oauth2/update-client, for administrators: what is not named stays as it was. The secret has a routine of its own';

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
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.oidc_client_json(o) ORDER BY o.created_at, o.id)
      FROM (SELECT x.* FROM auth.oauth_clients x ORDER BY x.created_at, x.id
             LIMIT (input ->> 'limit')::bigint OFFSET COALESCE((input ->> 'offset')::bigint, 0)) o));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_list IS 'GET /oauth2/get-clients?limit&offset, for administrators';

CREATE FUNCTION auth_api.oidc_client_public(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o constant auth.oauth_clients := auth.oidc_client_find(input ->> 'client_id');
BEGIN
  IF o.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'client not found');
  END IF;
  RETURN auth.granted(json_strip_nulls(auth.json_object(
    'client_id', o.id, 'client_name', o.name, 'client_uri', o.uri, 'logo_uri', o.details -> 'logo_uri',
    'contacts', o.details -> 'contacts', 'tos_uri', o.details -> 'tos_uri', 'policy_uri', o.details -> 'policy_uri')));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_public IS
  'GET /oauth2/public-client, and POST /oauth2/public-client-prelogin for who shows a request that we have signed: what a consent '
  'page shows';

CREATE FUNCTION auth_api.oidc_client_delete(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  blocked constant auth.reply := auth.oidc_admin_refusal(c);
BEGIN
  IF blocked.refusal IS NOT NULL THEN
    RETURN blocked;
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
  blocked constant auth.reply := auth.oidc_admin_refusal(c);
  o auth.oauth_clients;
  secret text;
BEGIN
  IF blocked.refusal IS NOT NULL THEN
    RETURN blocked;
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

