-- Signing in with a passkey. Nobody says who they are beforehand: the key that answers does, so that there is nothing to
-- enumerate. Two calls, because the edge verifies between them; the second takes the challenge.

CREATE FUNCTION auth_api.passkey_authenticate_options(c auth.caller, rp_id text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  known constant json := auth.passkey_descriptors(me.user_id);
  named constant boolean := json_array_length(known) > 0;
  challenge constant text := auth.passkey_challenge_issue(c, 'authentication', CASE WHEN named THEN me.user_id END);
BEGIN
  RETURN auth.granted(
    CASE WHEN named
         THEN auth.json_object('rpId', rp_id, 'challenge', challenge, 'allowCredentials', known, 'timeout', 60000,
                               'userVerification', 'preferred')
         ELSE auth.json_object('rpId', rp_id, 'challenge', challenge, 'timeout', 60000, 'userVerification', 'preferred') END,
    auth.passkey_challenge_cookie());
END
$$;
COMMENT ON FUNCTION auth_api.passkey_authenticate_options IS
  'GET /passkey/generate-authenticate-options: any passkey of this service; of who is signed in already, theirs';

CREATE FUNCTION auth_api.passkey_sign_in_lookup(c auth.caller, credential_id text) RETURNS TABLE (id text, public_key text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT p.id, p.public_key FROM auth.passkeys p WHERE p.credential_id = passkey_sign_in_lookup.credential_id;
END
$$;
COMMENT ON FUNCTION auth_api.passkey_sign_in_lookup IS 'the key that the edge verifies a signature by; no row: none of ours';

CREATE FUNCTION auth.passkey_refused(c auth.caller, p auth.passkeys, error text, status integer, dialect text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p.id IS NOT NULL THEN
    PERFORM auth.rate_limit_count('passkey_failure', p.id);
  END IF;
  PERFORM auth.security_event(c, p.user_id, 'PASSKEY_LOGIN_FAILURE', auth.json_object('code', error, 'passkeyId', p.id)::jsonb);
  RETURN CASE
    WHEN dialect = 'v1' THEN auth.refuse('PASSKEY_VERIFICATION_FAILED')
    WHEN error = 'PASSKEY_NOT_FOUND' THEN auth.refuse_as(status, 'Passkey not found', error)
    ELSE auth.refuse_as(status, 'Authentication failed', 'AUTHENTICATION_FAILED') END;
END
$$;
COMMENT ON FUNCTION auth.passkey_refused IS 'an answer that does not sign in: counted for its passkey, remembered, refused';

CREATE FUNCTION auth_api.passkey_sign_in(
    c auth.caller, cookie_digest bytea, challenge_digest bytea, passkey_id text, outcome text, user_handle text,
    counter bigint, user_verified boolean, backed_up boolean, dialect text, device_digest bytea)
RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asked constant auth.passkey_challenges := auth.passkey_challenge_consume(passkey_sign_in.cookie_digest, 'authentication');
  wait_seconds constant integer := auth.rate_limit_wait('passkey_failure', passkey_id);
  p auth.passkeys;
  u auth.users;
  gate auth.two_factor_gate := ROW(false, NULL, '');
BEGIN
  IF asked.cookie_digest IS NULL THEN
    RETURN auth.refuse('CHALLENGE_NOT_FOUND');
  ELSIF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  END IF;
  SELECT x.* INTO p FROM auth.passkeys x WHERE x.id = passkey_id;
  u := auth.user_lock(p.user_id);
  SELECT x.* INTO p FROM auth.passkeys x WHERE x.id = passkey_id AND x.user_id = u.id; -- what it is now, behind the lock
  IF p.id IS NULL THEN
    RETURN auth.passkey_refused(c, p, 'PASSKEY_NOT_FOUND', 401, dialect);
  ELSIF outcome = 'bad_signature' THEN
    RETURN auth.passkey_refused(c, p, 'SIGNATURE', 401, dialect);
  ELSIF outcome <> 'valid' OR asked.challenge_digest <> passkey_sign_in.challenge_digest THEN
    RETURN auth.passkey_refused(c, p, 'MISMATCH', 400, dialect);
  ELSIF asked.user_id <> u.id OR passkey_sign_in.user_handle <> p.user_handle
     OR (asked.user_id IS NULL AND p.user_handle IS NOT NULL AND passkey_sign_in.user_handle IS NULL) THEN
    RETURN auth.passkey_refused(c, p, 'USER', 400, dialect);
  ELSIF (p.counter > 0 OR passkey_sign_in.counter > 0) AND passkey_sign_in.counter <= p.counter THEN
    RETURN auth.passkey_refused(c, p, 'COUNTER', 400, dialect);
  END IF;
  UPDATE auth.passkeys x SET counter = passkey_sign_in.counter, backed_up = passkey_sign_in.backed_up, last_used_at = now()
   WHERE x.id = p.id;
  IF NOT u.email_verified THEN
    PERFORM auth.security_event(c, u.id, 'PASSKEY_LOGIN_FAILURE', '{"code":"EMAIL_NOT_VERIFIED"}');
    RETURN auth.refuse('EMAIL_NOT_VERIFIED');
  ELSIF NOT user_verified THEN -- a touch proves that somebody has the key; a PIN or a finger, that it is theirs
    gate := auth.two_factor_gate(c, u, true, 'passkey', device_digest);
  END IF;
  RETURN CASE WHEN gate.asked THEN auth.two_factor_asked(gate) ELSE auth.passkey_granted(c, u, p.id, user_verified, dialect, gate.cookies) END;
END
$$;
COMMENT ON FUNCTION auth_api.passkey_sign_in IS
  'POST /passkey/verify-authentication after the edge has verified (outcome valid, mismatch or bad_signature): the challenge, the '
  'user, the counter, and the session (or the challenge of a second factor, where the authenticator has not asked for one '
  'itself) in one transaction';

CREATE FUNCTION auth.passkey_granted(
    c auth.caller, u auth.users, passkey_id text, user_verified boolean, dialect text, more_cookies text)
RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_open(c, u.id, true, CASE WHEN user_verified THEN 'passkey' END);
BEGIN
  PERFORM auth.security_event(c, u.id, 'PASSKEY_LOGIN_SUCCESS', auth.json_object('passkeyId', passkey_id)::jsonb);
  IF dialect = 'v1' THEN
    RETURN auth.granted(
      auth.json_object('session', auth.session_json(s, auth.fresh_token()), 'user', auth.user_json(u),
                       'accessToken', auth.access_token(), 'refreshToken', auth.fresh_token()),
      auth.session_cookies(true) || more_cookies, auth.user_claims(u, s.id));
  END IF;
  RETURN auth.granted(
    auth.json_object('session', auth.session_json(s, auth.fresh_token()), 'user', auth.user_json(u)),
    auth.session_cookies(true) || more_cookies);
END
$$;
COMMENT ON FUNCTION auth.passkey_granted IS 'the user is who holds the key: the session, and what the client reads';
