-- How apps without cookies stay signed in: a refresh token is exchanged for an access JWT and the next refresh token.
--
-- The token that opened a session is the first of its chain. Exchanging it leaves the cookie of that token alone: a cookie
-- carries our signature, which a script that stole the bare token cannot make, and the bare token is dead from then on.

CREATE FUNCTION auth.session_extend(s auth.sessions) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF auth.session_extended_to(s) IS NOT NULL THEN
    UPDATE auth.sessions x SET expires_at = auth.session_extended_to(s), updated_at = now(), last_activity_at = now()
     WHERE x.id = s.id;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.session_extend IS 'extends a session that is used, by auth.session_extended_to';

CREATE FUNCTION auth.session_token_add(s auth.sessions, fresh_digest bytea) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most_unspent constant integer := 200;
BEGIN
  DELETE FROM auth.session_tokens t
   WHERE t.digest IN (SELECT x.digest FROM auth.session_tokens x WHERE x.session_id = s.id AND x.spent_at IS NULL
                       ORDER BY x.issued_at DESC, x.digest OFFSET most_unspent - 1);
  INSERT INTO auth.session_tokens (digest, session_id) VALUES (fresh_digest, s.id);
END
$$;
COMMENT ON FUNCTION auth.session_token_add IS 'one more refresh token of a session; of the unspent ones the oldest go';

CREATE FUNCTION auth.session_tokens_reply(c auth.caller, s auth.sessions) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u auth.users;
BEGIN
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  PERFORM auth.session_extend(s);
  RETURN auth.granted(auth.json_object('accessToken', auth.access_token(), 'refreshToken', auth.fresh_token()),
                      NULL, auth.user_claims(u, s.id));
END
$$;
COMMENT ON FUNCTION auth.session_tokens_reply IS
  '{"accessToken","refreshToken"} of a session; the refresh token is the one of c.fresh_digest';

CREATE FUNCTION auth.session_refresh_by_token(c auth.caller, presented bytea) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  replay constant interval := make_interval(secs => current_setting('mana_auth.refresh_replay_seconds')::integer);
  s auth.sessions;
  spent timestamptz;
BEGIN
  -- The session's row is the mutex: of two refreshes with one token the second sees it spent.
  SELECT x.* INTO s FROM auth.sessions x
   WHERE (x.token_digest = presented OR x.id = (SELECT t.session_id FROM auth.session_tokens t WHERE t.digest = presented))
     AND x.expires_at > now()
     FOR NO KEY UPDATE;
  IF s.id IS NULL THEN
    RETURN auth.refuse('TOKEN_EXPIRED', 'Session expired');
  END IF;
  SELECT t.spent_at INTO spent FROM auth.session_tokens t WHERE t.digest = presented;
  IF spent < clock_timestamp() - replay THEN
    PERFORM auth.session_remove(s.id);
    PERFORM auth.security_event(c, s.user_id, 'REFRESH_TOKEN_REUSED', auth.json_object('session', s.id)::jsonb);
    PERFORM auth.notice_mail('refresh_token_reused', s.user_id);
    RETURN auth.refuse('TOKEN_EXPIRED', 'Session expired');
  ELSIF spent IS NULL THEN
    INSERT INTO auth.session_tokens AS t (digest, session_id, issued_at, spent_at)
    VALUES (presented, s.id, s.created_at, clock_timestamp())
    ON CONFLICT ON CONSTRAINT session_tokens_pkey DO UPDATE SET spent_at = excluded.spent_at;
    PERFORM auth.session_token_add(s, c.fresh_digest);
  ELSIF NOT EXISTS (SELECT FROM auth.session_tokens t WHERE t.digest = c.fresh_digest AND t.session_id = s.id) THEN
    RETURN auth.refuse('TOKEN_EXPIRED', 'Session expired'); -- a second successor would be a second chain
  END IF;
  RETURN auth.session_tokens_reply(c, s);
END
$$;
COMMENT ON FUNCTION auth.session_refresh_by_token IS
  'exchanges a refresh token for its successor, the token of c.fresh_digest, which the edge derives from the token presented. '
  'The same token again within mana_auth.refresh_replay_seconds yields the same successor. Later it was stolen: that ends the '
  'session, writes REFRESH_TOKEN_REUSED and tells the user';

CREATE FUNCTION auth_api.session_refresh(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  presented constant bytea := auth.token_digest(input ->> 'refreshToken');
  s auth.sessions;
BEGIN
  IF presented IS NOT NULL THEN
    RETURN auth.session_refresh_by_token(c, presented);
  END IF;
  s := auth.session_hold(c);
  IF s.id IS NULL THEN
    RETURN auth.refuse('TOKEN_EXPIRED', 'Session expired');
  END IF;
  PERFORM auth.session_token_add(s, c.fresh_digest);
  RETURN auth.session_tokens_reply(c, s);
END
$$;
COMMENT ON FUNCTION auth_api.session_refresh IS
  'POST /api/v1/auth/refresh: by the cookie, or by refreshToken (the hex of its SHA-256), which is then spent';

CREATE FUNCTION auth_api.session_to_token(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_hold(c);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED', 'No valid session');
  END IF;
  PERFORM auth.session_token_add(s, c.fresh_digest);
  RETURN auth.session_tokens_reply(c, s);
END
$$;
COMMENT ON FUNCTION auth_api.session_to_token IS
  'POST /api/v1/auth/session-to-token: tokens for an app from the shared cookie, whose own token no script gets to see';

CREATE FUNCTION auth_api.session_log_out(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  presented constant bytea := auth.token_digest(input ->> 'refreshToken');
  s auth.sessions;
BEGIN
  FOR s IN
    DELETE FROM auth.sessions x
     WHERE x.id IN (SELECT y.id FROM auth.sessions y WHERE y.token_digest IN (c.session_digest, presented)
                    UNION ALL SELECT t.session_id FROM auth.session_tokens t WHERE t.digest = presented
                    UNION ALL SELECT y.id FROM auth.sessions y WHERE y.id = auth.session_reference_id(c.session_reference, c.user_id) AND y.user_id = c.user_id)
    RETURNING x.*
  LOOP
    PERFORM auth.security_event(c, s.user_id, 'LOGOUT');
  END LOOP;
  RETURN auth.granted(auth.json_object('success', true), auth.session_cookies_cleared());
END
$$;
COMMENT ON FUNCTION auth_api.session_log_out IS
  'POST /api/v1/auth/logout: ends the sessions of the cookie, of the access JWT and of refreshToken (or its SHA-256)';

CREATE FUNCTION auth_api.session_is_live(c auth.caller) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (auth.session_find(c)).id IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth_api.session_is_live IS
  'POST /api/v1/auth/validate: whether the session behind a verified access JWT still lives';
