-- A user's own sessions: seeing them, ending them. The token of another session is never shown; its id serves as a handle.

CREATE FUNCTION auth.session_token_shown(c auth.caller, s auth.sessions) RETURNS json LANGUAGE sql STABLE
  RETURN CASE WHEN s.token_digest = c.session_digest THEN auth.presented_token() ELSE pg_catalog.to_json(s.id) END;
COMMENT ON FUNCTION auth.session_token_shown IS 'the real token of the session whose cookie was presented, else the handle';

CREATE FUNCTION auth_api.session_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF NOT auth.session_is_fresh(me) THEN
    RETURN auth.refuse('SESSION_NOT_FRESH');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.session_json(s, auth.session_token_shown(c, s)) ORDER BY s.created_at, s.id)
      FROM auth.sessions s WHERE s.user_id = me.user_id AND s.expires_at > now()));
END
$$;
COMMENT ON FUNCTION auth_api.session_list IS
  'GET /list-sessions, by a fresh session: the live ones; token is the real one for the caller''s own and a handle for the others';

CREATE FUNCTION auth_api.session_list_v1(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.json_object(
             'id', s.id, 'userId', s.user_id, 'current', s.id = me.id, 'ipAddress', s.ip_address,
             'userAgent', s.user_agent, 'deviceId', s.device_id, 'deviceName', s.device_name, 'createdAt', s.created_at,
             'lastActivityAt', s.last_activity_at, 'expiresAt', s.expires_at) ORDER BY s.last_activity_at DESC, s.id)
      FROM auth.sessions s WHERE s.user_id = me.user_id AND s.expires_at > now()));
END
$$;
COMMENT ON FUNCTION auth_api.session_list_v1 IS 'GET /api/v1/auth/sessions: the devices that are signed in, last used first';

CREATE FUNCTION auth.session_end(c auth.caller, of_user_id text, session_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM auth.sessions s WHERE s.id = session_end.session_id AND s.user_id = of_user_id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM auth.session_remove(session_end.session_id);
  PERFORM auth.security_event(c, of_user_id, 'LOGOUT', '{"by":"revoke"}');
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth.session_end IS 'revokes one session of a user; false: it is none of theirs';

CREATE FUNCTION auth_api.session_revoke(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  digest constant bytea := auth.token_digest(input ->> 'token');
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  PERFORM auth.session_end(c, me.user_id, s.id)
     FROM auth.sessions s
    WHERE s.user_id = me.user_id AND (s.token_digest = digest OR sha256(convert_to(s.id, 'UTF8')) = digest);
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.session_revoke IS
  'POST /revoke-session: input token is a session token or a handle, or the SHA-256 of either; what is not the caller''s stays';

CREATE FUNCTION auth_api.session_revoke_id(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF NOT auth.session_end(c, me.user_id, input ->> 'id') THEN
    RETURN auth.refuse('NOT_FOUND', 'Session not found');
  END IF;
  RETURN auth.granted(auth.json_object('success', true));
END
$$;
COMMENT ON FUNCTION auth_api.session_revoke_id IS 'DELETE /api/v1/auth/sessions/:id';

CREATE FUNCTION auth_api.session_revoke_all(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  PERFORM auth.sessions_end(c, me.user_id, NULL);
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.session_revoke_all IS 'POST /revoke-sessions: all of them, the caller''s too';

CREATE FUNCTION auth_api.session_revoke_others(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  PERFORM auth.sessions_end(c, me.user_id, me.id);
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.session_revoke_others IS 'POST /revoke-other-sessions';

CREATE FUNCTION auth_api.session_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  RETURN CASE WHEN me.id IS NULL THEN auth.refuse('UNAUTHORIZED') ELSE auth.refuse_as(400, 'No fields to update') END;
END
$$;
COMMENT ON FUNCTION auth_api.session_update IS 'POST /update-session: a session has no field that its user may set';
