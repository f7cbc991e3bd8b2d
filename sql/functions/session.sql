-- Sessions: opening, finding, showing, ending.

CREATE FUNCTION auth.session_find(c auth.caller) RETURNS auth.sessions
  LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'mana_session_find';
COMMENT ON FUNCTION auth.session_find IS
  'the live session behind the cookie, or behind the access JWT''s sub and sid; a row of NULLs when there is none';

CREATE FUNCTION auth.session_hold(c auth.caller) RETURNS auth.sessions
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.sessions := auth.session_find(c);
BEGIN
  PERFORM FROM auth.sessions x WHERE x.id = s.id FOR KEY SHARE;
  IF NOT FOUND THEN
    s := NULL;
  END IF;
  RETURN s;
END
$$;
COMMENT ON FUNCTION auth.session_hold IS
  'auth.session_find for who hangs something on the session: it cannot end before the transaction does';

CREATE FUNCTION auth.session_is_fresh(s auth.sessions) RETURNS boolean LANGUAGE sql STABLE
  RETURN s.created_at > pg_catalog.now() - INTERVAL '1 day';
COMMENT ON FUNCTION auth.session_is_fresh IS 'whether somebody signed in less than a day ago, for what a forgotten device must not do';

CREATE FUNCTION auth.user_find(id text) RETURNS auth.users
  LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'mana_user_find';
COMMENT ON FUNCTION auth.user_find IS 'a user; a row of NULLs when there is none';

CREATE FUNCTION auth.token_digest(token text) RETURNS bytea LANGUAGE sql STABLE
  RETURN CASE WHEN token OPERATOR(pg_catalog.~) '^[0-9a-f]{64}$' THEN pg_catalog.decode(token, 'hex')
              ELSE pg_catalog.sha256(pg_catalog.convert_to(token, 'UTF8')) END;
COMMENT ON FUNCTION auth.token_digest IS
  'digest of a token that came as it is, or as the hex of its SHA-256 (tokens have 32 characters, so neither is the other)';

CREATE FUNCTION auth.session_json(s auth.sessions, token json) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object(
    'expiresAt', s.expires_at, 'token', token, 'createdAt', s.created_at, 'updatedAt', s.updated_at,
    'ipAddress', COALESCE(s.ip_address, ''), 'userAgent', COALESCE(s.user_agent, ''), 'userId', s.user_id,
    'activeOrganizationId', s.active_organization_id, 'id', s.id);
COMMENT ON FUNCTION auth.session_json IS
  'a session as clients see it; token: auth.presented_token() for the caller''s own, a handle for another';

CREATE FUNCTION auth.session_cookies(remember boolean) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN remember THEN E'session_token \x01 604800'
              ELSE E'session_token \x01 session\ndont_remember true session' END;
COMMENT ON FUNCTION auth.session_cookies IS 'cookies of a session that was just opened';

CREATE FUNCTION auth.session_cookies_cleared() RETURNS text LANGUAGE sql IMMUTABLE
  RETURN E'session_token - 0\nsession_data - 0\ndont_remember - 0';
COMMENT ON FUNCTION auth.session_cookies_cleared IS 'takes the cookies of a session away';

CREATE FUNCTION auth.device_kind(user_agent text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN pg_catalog.regexp_replace(user_agent, '[0-9._]+', '', 'g');
COMMENT ON FUNCTION auth.device_kind IS 'a user agent without its versions, which change every month';

CREATE FUNCTION auth.new_device_mail(c auth.caller, of_user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ways_in constant text[] := ARRAY['REGISTER', 'EMAIL_VERIFIED', 'LOGIN_SUCCESS', 'PASSKEY_LOGIN_SUCCESS'];
  seen boolean; -- NULL: nobody was ever here
BEGIN
  SELECT bool_or(auth.device_kind(e.user_agent) IS NOT DISTINCT FROM auth.device_kind(c.user_agent)) INTO seen
    FROM auth.security_events e WHERE e.user_id = of_user_id AND e.event_type = ANY (ways_in);
  IF NOT seen THEN
    PERFORM auth.mail_queue('new_device', u.email, u.locale, auth.json_object(
              'name', u.name, 'device', COALESCE(c.user_agent, '?'), 'ip', COALESCE(host(c.ip), '?')), u.id)
       FROM auth.users u WHERE u.id = of_user_id;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.new_device_mail IS
  'tells a user that somebody got in with a kind of device that no event of theirs knows; before the event is written';

CREATE FUNCTION auth.session_open(c auth.caller, for_user_id text, remember boolean, proof text DEFAULT NULL) RETURNS auth.sessions
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := current_setting('mana_auth.session_limit')::integer;
  s auth.sessions;
BEGIN
  PERFORM FROM auth.users u WHERE u.id = for_user_id FOR NO KEY UPDATE; -- sessions of one user are opened one at a time
  IF current_setting('mana_auth.new_device_mail')::boolean THEN
    PERFORM auth.new_device_mail(c, for_user_id);
  END IF;
  INSERT INTO auth.sessions (user_id, token_digest, expires_at, ip_address, user_agent, remember_me, proved_at, proof)
  VALUES (for_user_id, c.fresh_digest, now() + CASE WHEN remember THEN interval '7 days' ELSE interval '1 day' END,
          host(c.ip), c.user_agent, remember, CASE WHEN session_open.proof IS NOT NULL THEN now() END, session_open.proof)
  RETURNING * INTO s;
  DELETE FROM auth.sessions x
   WHERE x.id IN (SELECT o.id FROM auth.sessions o WHERE o.user_id = for_user_id AND o.id <> s.id
                   ORDER BY o.created_at DESC, o.id OFFSET most - 1);
  RETURN s;
END
$$;
COMMENT ON FUNCTION auth.session_open IS
  'a new session for the token behind c.fresh_digest: 7 days, or 1 without remember; over the limit the oldest go. proof: what the '
  'sign-in has proven (auth.sessions.proof); NULL: nothing that auth.step_up_refusal accepts';

CREATE FUNCTION auth.session_remove(of_session_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- With the lock, a grant that the session makes meanwhile is either seen below or refused (auth.session_hold).
  PERFORM FROM auth.sessions s WHERE s.id = of_session_id FOR UPDATE;
  DELETE FROM auth.oauth_grants g WHERE g.session_id = of_session_id;
  DELETE FROM auth.sessions s WHERE s.id = of_session_id;
END
$$;
COMMENT ON FUNCTION auth.session_remove IS
  'deletes a session that its user, an administrator or the service itself distrusts, with what clients were allowed in it, also with '
  'offline_access. Signing out and expiry leave such grants (OpenID Connect Core, section 11)';

CREATE FUNCTION auth.sessions_end(c auth.caller, of_user_id text, except_session_id text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ended bigint;
BEGIN
  PERFORM auth.user_lock(of_user_id); -- of two that end several sessions of one user, one waits here
  -- What was allowed to clients there ends, too, with offline_access or without; the lock as in auth.session_remove.
  PERFORM FROM auth.sessions s WHERE s.user_id = of_user_id AND s.id IS DISTINCT FROM except_session_id ORDER BY s.id FOR UPDATE;
  DELETE FROM auth.oauth_grants g
   WHERE g.user_id = of_user_id AND (except_session_id IS NULL OR g.session_id IS DISTINCT FROM except_session_id);
  DELETE FROM auth.sessions s WHERE s.user_id = of_user_id AND s.id IS DISTINCT FROM except_session_id;
  GET DIAGNOSTICS ended = ROW_COUNT;
  IF except_session_id IS NULL THEN
    DELETE FROM auth.known_devices d WHERE d.user_id = of_user_id;
    DELETE FROM auth.trusted_devices d WHERE d.user_id = of_user_id;
  END IF;
  IF ended > 0 THEN
    PERFORM auth.security_event(c, of_user_id, 'LOGOUT', auth.json_object('sessions', ended)::jsonb);
  END IF;
  RETURN ended;
END
$$;
COMMENT ON FUNCTION auth.sessions_end IS 'ends the sessions of a user, but for one; how many. Without an exception '
  'known and trusted devices end, too: none of them proves anything any more';

CREATE FUNCTION auth.session_extended_to(s auth.sessions) RETURNS timestamptz LANGUAGE sql STABLE
RETURN CASE WHEN s.remember_me AND s.expires_at < least(now() + interval '6 days', s.created_at + interval '365 days')
            THEN least(now() + interval '7 days', s.created_at + interval '365 days') END;
COMMENT ON FUNCTION auth.session_extended_to IS
  'until when a use extends a session: 7 days from now, a year after the sign-in at the latest. NULL: it does not, because the session '
  'is not remembered, was extended within a day, or has had its year';

CREATE FUNCTION auth.session_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.sessions;
  u auth.users;
  cookies text;
BEGIN
  IF c.session_digest IS NULL THEN
    RETURN auth.granted('null');
  END IF;
  s := auth.session_find(c);
  IF s.id IS NULL THEN
    DELETE FROM auth.sessions x WHERE x.token_digest = c.session_digest AND x.expires_at <= now();
    RETURN auth.granted('null', auth.session_cookies_cleared());
  END IF;
  u := auth.user_find(s.user_id);
  IF auth.session_extended_to(s) IS NOT NULL AND (input ->> 'disableRefresh') IS DISTINCT FROM 'true' THEN
    UPDATE auth.sessions x SET expires_at = auth.session_extended_to(s), updated_at = now(), last_activity_at = now()
     WHERE x.id = s.id AND x.expires_at > now()
    RETURNING x.* INTO s;
    cookies := E'session_token \x03 604800';
  END IF;
  RETURN auth.granted(
    auth.json_object('session', auth.session_json(s, auth.presented_token()), 'user', auth.user_json(u)),
    cookies, auth.user_claims(u, s.id));
END
$$;
CREATE FUNCTION auth_api.session_get(c auth.caller, input jsonb) RETURNS auth.reply
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'mana_session_get';
COMMENT ON FUNCTION auth_api.session_get IS
  'GET /get-session: {session, user} or null. A session older than a day of its seven is extended (input disableRefresh: '
  'true leaves it); the cookies of a dead one are cleared';

CREATE FUNCTION auth_api.session_sign_out(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ended text;
BEGIN
  DELETE FROM auth.sessions s WHERE s.token_digest = c.session_digest RETURNING s.user_id INTO ended;
  IF ended IS NOT NULL THEN
    PERFORM auth.security_event(c, ended, 'LOGOUT');
  END IF;
  RETURN auth.granted(auth.json_object('success', true), auth.session_cookies_cleared());
END
$$;
COMMENT ON FUNCTION auth_api.session_sign_out IS 'POST /sign-out: {"success":true}, with or without a session';

CREATE FUNCTION auth.token_issue(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.sessions := auth.session_find(c);
  u auth.users;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  u := auth.user_find(s.user_id);
  RETURN auth.granted(auth.json_object('token', auth.access_token()), NULL, auth.user_claims(u, s.id));
END
$$;
CREATE FUNCTION auth_api.token_issue(c auth.caller, input jsonb) RETURNS auth.reply
  LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'mana_token_issue';
COMMENT ON FUNCTION auth_api.token_issue IS 'GET /token: an access JWT of a live session';
