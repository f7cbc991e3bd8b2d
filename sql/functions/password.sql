-- Passwords: asking for the present one, changing it, setting a new one after it was forgotten. The edge hashes; whether a
-- password is right is decided by auth.password_check.

CREATE FUNCTION auth_api.password_lookup(c auth.caller) RETURNS TABLE (
    challenge text, locked_seconds integer, email text, name text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  RETURN QUERY
    SELECT auth.password_challenge_of(u.email, auth.password_stored(u.id)),
           auth.lockout_seconds(auth.lockout_scope(c, u.email, u.id, NULL, NULL)), u.email, u.name
      FROM auth.users u WHERE u.id = me.user_id;
END
$$;
COMMENT ON FUNCTION auth_api.password_lookup IS
  'the challenge from which the edge computes the output of the caller''s present password, how long the session is locked, and what '
  'a new password must not be made of; no row: no live session';

CREATE FUNCTION auth_api.password_verify(c auth.caller, challenge text, output bytea) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c); -- behind the lock: the session may have ended meanwhile
  refusal auth.reply;
BEGIN
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.password_refusal(c, u, challenge, output, 'better-auth');
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  PERFORM auth.step_up_prove(me.id, 'password');
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.password_verify IS
  'POST /verify-password; a right one is a proof of identity (auth.step_up_refusal)';

CREATE FUNCTION auth_api.password_change(
    c auth.caller, challenge text, output bytea, new_hash text, problem text, revoke_others boolean, dialect text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c); -- behind the lock: the session may have ended meanwhile
  refusal auth.reply;
BEGIN
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.password_refusal(c, u, challenge, output, dialect);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF problem IS NOT NULL OR new_hash IS NULL THEN -- only now: before, it would tell whether the present one was right
    RETURN auth.refuse(COALESCE(problem, 'SERVICE_UNAVAILABLE'));
  END IF;
  PERFORM auth.password_set(c, u, new_hash, 'PASSWORD_CHANGED', CASE WHEN NOT revoke_others THEN me.id END);
  IF dialect = 'v1' OR NOT revoke_others THEN
    RETURN auth.granted(CASE WHEN dialect = 'v1' THEN auth.json_object('success', true)
                             ELSE auth.json_object('token', NULL::text, 'user', auth.user_json(u)) END);
  END IF;
  PERFORM auth.session_open(c, u.id, me.remember_me, 'password');
  RETURN auth.granted(auth.json_object('token', auth.fresh_token(), 'user', auth.user_json(u)),
                      auth.session_cookies(me.remember_me));
END
$$;
COMMENT ON FUNCTION auth_api.password_change IS
  'POST /change-password. problem: the error of a new password that is too short, too long or guessable; it is answered only to '
  'callers who know the present one. The other sessions end in any case; with revoke_others the caller''s gets a new token too';

CREATE FUNCTION auth.password_set(c auth.caller, u auth.users, new_hash text, event text, except_session_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO auth.accounts AS a (account_id, provider_id, user_id, password) VALUES (u.id, 'credential', u.id, auth.password_at_rest(new_hash))
  ON CONFLICT ON CONSTRAINT accounts_provider_id_account_id_unique DO UPDATE
    SET password = EXCLUDED.password, password_version = a.password_version + 1, updated_at = now();
  DELETE FROM auth.known_devices d WHERE d.user_id = u.id;
  PERFORM auth.sessions_end(c, u.id, except_session_id);
  PERFORM auth.verification_revoke_all(u.id);
  PERFORM auth.security_event(c, u.id, event);
  PERFORM auth.mail_queue('password_changed', u.email, u.locale, auth.json_object('name', u.name), u.id);
END
$$;
COMMENT ON FUNCTION auth.password_set IS
  'a new password of a user (locked): sessions but one, links, known and trusted devices from before are dead, the owner is told';

CREATE FUNCTION auth_api.password_request_reset(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifetime constant interval := '1 hour';
  address constant text := auth.email_normal(input ->> 'email');
  limited boolean;
  u auth.users;
  token text;
  mail text;
BEGIN
  IF NOT auth.mail_inputs_fit(NULL, input ->> 'redirectTo') THEN
    RETURN auth.mail_inputs_refused();
  END IF;
  limited := auth.mail_is_limited('reset_password', address);
  SELECT x.* INTO u FROM auth.users x
   WHERE x.email = address AND x.deleted_at IS NULL AND NOT (limited AND auth.verification_is_live('reset-password', x.id));
  token := auth.verification_issue('reset-password', u.id, auth.json_object('email', address), lifetime);
  mail := auth.mail_queue('reset_password', address, u.locale, auth.json_object(
    'name', u.name, 'callbackURL', COALESCE(input ->> 'redirectTo', '/reset-password'), 'token', token), u.id, lifetime);
  IF u.id IS NULL THEN
    PERFORM auth.mail_take_back(mail, 'reset-password', token);
  END IF;
  IF NOT limited THEN -- by address, known or not: the limit bounds the events as well
    PERFORM auth.security_event(c, u.id, 'PASSWORD_RESET_REQUESTED');
  END IF;
  RETURN auth.granted(auth.json_object('status', true,
    'message', 'If this email exists in our system, check your email for the reset link'));
END
$$;
COMMENT ON FUNCTION auth_api.password_request_reset IS
  'POST /request-password-reset: a mail with a link for one hour; older links die. An unknown address costs the same work. '
  'Beyond the limit of mails the newest link stays as it is';

CREATE FUNCTION auth_api.password_request_reset_v1(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r constant auth.reply := auth_api.password_request_reset(c, input);
BEGIN
  IF r.refusal IS NOT NULL THEN
    RETURN auth.refuse('VALIDATION', r.message);
  END IF;
  RETURN auth.granted(auth.json_object('success', true));
END
$$;
COMMENT ON FUNCTION auth_api.password_request_reset_v1 IS 'POST /api/v1/auth/forgot-password';

CREATE FUNCTION auth_api.password_reset_link(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v constant auth.verification := auth.verification_find('reset-password', input ->> 'token');
BEGIN
  RETURN auth.granted(NULL, status => 302, location =>
    CASE WHEN v.expires_at > now() THEN auth.url_with(input ->> 'callbackURL', 'token', input ->> 'token')
         WHEN input ->> 'callbackURL' = '/reset-password' AND auth.verification_was_done('reset-password', input ->> 'token') THEN '/login'
         ELSE auth.url_with(input ->> 'callbackURL', 'error', 'INVALID_TOKEN') END);
END
$$;
COMMENT ON FUNCTION auth_api.password_reset_link IS
  'GET /reset-password/:token: sends the browser on to the page that asks for the new password; uses nothing up. With our own page, a link that '
  'has set a password leads to the sign-in';

CREATE FUNCTION auth_api.password_reset_lookup(c auth.caller, token text) RETURNS TABLE (email text, name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v constant auth.verification := auth.verification_find('reset-password', token);
BEGIN
  RETURN QUERY SELECT u.email, u.name FROM auth.users u WHERE u.id = v.user_id AND v.expires_at > now();
END
$$;
COMMENT ON FUNCTION auth_api.password_reset_lookup IS
  'whom a token is for, so that the new password is judged by address and name; no row: it is dead, and nothing is worth hashing';

CREATE FUNCTION auth_api.password_reset(c auth.caller, token text, new_hash text, dialect text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v constant auth.verification := auth.verification_consume('reset-password', token);
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.id = v.user_id AND x.email = v.value::jsonb ->> 'email';
  IF u.id IS NULL THEN
    RETURN CASE WHEN dialect <> 'v1' THEN auth.refuse('INVALID_TOKEN')
                WHEN v.expires_at <= now() THEN auth.refuse('TOKEN_EXPIRED')
                ELSE auth.refuse('TOKEN_INVALID', 'Invalid token') END;
  END IF;
  PERFORM auth.password_set(c, u, new_hash, 'PASSWORD_RESET_COMPLETED', NULL);
  PERFORM auth.api_keys_end(c, u.id, 'password-reset');
  IF NOT u.email_verified THEN
    PERFORM auth.account_claim(c, u, 'password-reset', auth.sign_up_version(u.id));
  END IF;
  PERFORM auth.lockout_clear(u.email);
  PERFORM auth.verification_done('reset-password', token, u.id);
  RETURN auth.granted(CASE WHEN dialect = 'v1' THEN auth.json_object('success', true) ELSE auth.json_object('status', true) END);
END
$$;
COMMENT ON FUNCTION auth_api.password_reset IS
  'POST /reset-password: takes the token, sets the password, ends all sessions and API keys, unlocks the address. If it is the first '
  'proof of the address, everything else from before ends, too';
