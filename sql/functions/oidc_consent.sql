-- What users have allowed: seen, narrowed and withdrawn by them; and what is asked on the consent page.

CREATE FUNCTION auth.oidc_consent_json(o auth.oauth_consents) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object('id', o.id, 'clientId', o.client_id, 'userId', o.user_id, 'scopes', pg_catalog.to_jsonb(o.scopes),
                          'createdAt', o.created_at, 'updatedAt', o.updated_at);
COMMENT ON FUNCTION auth.oidc_consent_json IS 'a consent as Better Auth shows it';

CREATE FUNCTION auth_api.oidc_consent_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.oidc_consent_json(o) ORDER BY o.created_at, o.id)
      FROM auth.oauth_consents o WHERE o.user_id = s.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent_list IS 'GET /oauth2/get-consents: what the caller has allowed, to whom';

CREATE FUNCTION auth_api.oidc_consent_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  o auth.oauth_consents;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT x.* INTO o FROM auth.oauth_consents x WHERE x.id = input ->> 'id' AND x.user_id = s.user_id;
  IF o.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'no consent'); -- nor is it said whether somebody else has it
  END IF;
  RETURN auth.granted(auth.oidc_consent_json(o));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent_get IS 'GET /oauth2/get-consent: one of the caller''s own';

CREATE FUNCTION auth.oidc_consent_needs_proof(s auth.sessions, client_id text, allowed text[]) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN 'offline_access' = ANY (allowed)
     AND greatest(s.created_at, s.proved_at) <= now() - auth.step_up_lifetime()
     AND NOT EXISTS (SELECT FROM auth.oauth_consents o
                      WHERE o.user_id = s.user_id AND o.client_id = oidc_consent_needs_proof.client_id AND 'offline_access' = ANY (o.scopes));
END
$$;
COMMENT ON FUNCTION auth.oidc_consent_needs_proof IS
  'whether a session is too old to allow a client offline_access, which outlives the session: neither did it begin, nor was it '
  'proven, within auth.step_up_lifetime. What the user has allowed before needs no new proof';

CREATE FUNCTION auth.oidc_consent_event(c auth.caller, s auth.sessions, client_id text, allowed text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.security_event_once(c, s.user_id, 'OAUTH_CONSENT_GIVEN',
            auth.json_object('clientId', oidc_consent_event.client_id, 'scopes', to_json(allowed), 'session', s.id)::jsonb);
END
$$;
COMMENT ON FUNCTION auth.oidc_consent_event IS 'the event of a consent: to whom, for what, in which session';

CREATE FUNCTION auth_api.oidc_consent_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  asked constant text[] := auth.oidc_text_array(input -> 'update' -> 'scopes');
  refusal auth.reply;
  o auth.oauth_consents;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT x.* INTO o FROM auth.oauth_consents x WHERE x.id = input ->> 'id' AND x.user_id = s.user_id FOR UPDATE;
  IF o.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'no consent');
  ELSIF asked IS NULL OR cardinality(asked) = 0
        OR NOT auth.oidc_scopes_within(asked, (SELECT x.scopes FROM auth.oauth_clients x WHERE x.id = o.client_id)) THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'unable to provide scopes to ' || o.client_id);
  ELSIF auth.oidc_consent_needs_proof(s, o.client_id, asked) THEN
    refusal := auth.step_up_refusal(c, s, 'oauth-consent');
    IF refusal.refusal IS NOT NULL THEN
      RETURN refusal;
    END IF;
  END IF;
  PERFORM auth.oidc_consent_event(c, s, o.client_id, asked);
  UPDATE auth.oauth_consents x
     SET scopes = (SELECT array_agg(scope ORDER BY i) FROM (
                     SELECT scope, min(n) AS i FROM unnest(asked) WITH ORDINALITY w (scope, n) GROUP BY scope) once),
         updated_at = now()
   WHERE x.id = o.id RETURNING x.* INTO o;
  DELETE FROM auth.oauth_grants g WHERE g.user_id = s.user_id AND g.client_id = o.client_id AND NOT auth.oidc_scopes_within(g.scopes, o.scopes);
  RETURN auth.granted(auth.oidc_consent_json(o));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent_update IS
  'POST /oauth2/update-consent: other scopes, of those that the client may ask for. What goes beyond them is withdrawn at once; '
  'STEP_UP_REQUIRED: an old session adds offline_access';

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
