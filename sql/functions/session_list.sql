-- A user's own sessions: seeing them, ending them. The token of another session is never shown; its id serves as a handle.

CREATE FUNCTION auth_api.session_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.session_json(s, CASE WHEN s.id = me.id AND c.session_digest IS NOT NULL
                                                         THEN auth.presented_token() ELSE to_json(s.id) END)
                               ORDER BY s.created_at, s.id)
      FROM auth.sessions s WHERE s.user_id = me.user_id AND s.expires_at > now()));
END
$$;
COMMENT ON FUNCTION auth_api.session_list IS
  'GET /list-sessions: the live sessions; token is the real one for the caller''s own and a handle for the others';

CREATE FUNCTION auth_api.session_revoke(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  digest constant bytea := decode(input ->> 'token', 'hex');
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  DELETE FROM auth.sessions s
   WHERE s.user_id = me.user_id AND (s.token_digest = digest OR sha256(convert_to(s.id, 'UTF8')) = digest);
  IF FOUND THEN
    PERFORM auth.security_event(c, me.user_id, 'LOGOUT', '{"by":"revoke"}');
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.session_revoke IS
  'POST /revoke-session: input token is the SHA-256 of a session token or of a handle; what is not the caller''s stays';

CREATE FUNCTION auth_api.session_revoke_by_id(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  DELETE FROM auth.sessions s WHERE s.user_id = me.user_id AND s.id = input ->> 'id';
  IF NOT FOUND THEN
    RETURN auth.refuse('NOT_FOUND', 'Session not found');
  END IF;
  PERFORM auth.security_event(c, me.user_id, 'LOGOUT', '{"by":"revoke"}');
  RETURN auth.granted(auth.json_object('success', true));
END
$$;
COMMENT ON FUNCTION auth_api.session_revoke_by_id IS 'DELETE /api/v1/auth/sessions/:id';

CREATE FUNCTION auth_api.session_revoke_all(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  DELETE FROM auth.sessions s WHERE s.user_id = me.user_id;
  PERFORM auth.security_event(c, me.user_id, 'LOGOUT', '{"by":"revoke-all"}');
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

CREATE FUNCTION auth_api.session_refresh(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  grace constant interval := '30 seconds';
  digest constant bytea := decode(input ->> 'refreshToken', 'hex');
  s auth.sessions;
  t auth.session_tokens;
  u auth.users;
BEGIN
  IF digest IS NULL THEN
    s := auth.session_find(c);
    IF s.id IS NULL THEN
      RETURN auth.refuse('TOKEN_EXPIRED', 'Session expired');
    END IF;
    SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
    RETURN auth.granted(auth.json_object('accessToken', auth.access_token(), 'refreshToken', auth.presented_token()),
                        NULL, auth.user_claims(u, s.id));
  END IF;
  UPDATE auth.sessions x SET token_digest = c.fresh_digest, last_activity_at = now()
   WHERE x.token_digest = digest AND x.expires_at > now()
  RETURNING x.* INTO s;
  IF s.id IS NOT NULL THEN
    INSERT INTO auth.session_tokens (digest, session_id, spent_at) VALUES (session_refresh.digest, s.id, now());
  ELSE
    SELECT x.* INTO t FROM auth.session_tokens x WHERE x.digest = session_refresh.digest FOR UPDATE;
    SELECT x.* INTO s FROM auth.sessions x WHERE x.id = t.session_id AND x.expires_at > now() FOR UPDATE;
    IF s.id IS NULL THEN
      RETURN auth.refuse('TOKEN_EXPIRED', 'Session expired');
    ELSIF t.spent_at < now() - grace THEN
      DELETE FROM auth.sessions x WHERE x.id = s.id;
      PERFORM auth.security_event(c, s.user_id, 'REFRESH_TOKEN_REUSED', auth.json_object('session', s.id)::jsonb);
      RETURN auth.refuse('TOKEN_EXPIRED', 'Session expired');
    END IF;
    UPDATE auth.session_tokens x SET spent_at = COALESCE(x.spent_at, now()) WHERE x.digest = session_refresh.digest;
    INSERT INTO auth.session_tokens (digest, session_id) VALUES (c.fresh_digest, s.id);
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  RETURN auth.granted(auth.json_object('accessToken', auth.access_token(), 'refreshToken', auth.fresh_token()),
                      NULL, auth.user_claims(u, s.id));
END
$$;
COMMENT ON FUNCTION auth_api.session_refresh IS
  'POST /api/v1/auth/refresh: a new access JWT by the cookie, or by refreshToken (its SHA-256), which is exchanged for a new '
  'one. One that was spent more than half a minute ago ends its session: it was stolen. Within it, parallel tabs each get one';

CREATE FUNCTION auth_api.session_to_token(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED', 'No valid session');
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  RETURN auth.granted(auth.json_object('accessToken', auth.access_token(), 'refreshToken', auth.presented_token()),
                      NULL, auth.user_claims(u, s.id));
END
$$;
COMMENT ON FUNCTION auth_api.session_to_token IS 'POST /api/v1/auth/session-to-token: tokens for an app from the shared cookie';

CREATE FUNCTION auth_api.session_log_out(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  digest constant bytea := decode(input ->> 'refreshToken', 'hex');
  ended text;
BEGIN
  DELETE FROM auth.sessions s
   WHERE s.token_digest IN (c.session_digest, digest)
      OR s.id IN (SELECT t.session_id FROM auth.session_tokens t WHERE t.digest = session_log_out.digest)
      OR (s.id = c.session_id AND s.user_id = c.user_id)
  RETURNING s.user_id INTO ended;
  IF ended IS NOT NULL THEN
    PERFORM auth.security_event(c, ended, 'LOGOUT');
  END IF;
  RETURN auth.granted(auth.json_object('success', true), auth.session_cookies_cleared());
END
$$;
COMMENT ON FUNCTION auth_api.session_log_out IS
  'POST /api/v1/auth/logout: ends the session of the cookie, of the access JWT and of refreshToken (its SHA-256)';
