-- Signing in with a password. Two calls, because the edge hashes between them.

CREATE FUNCTION auth_api.sign_in_lookup(
    c auth.caller, email text, device_digest bytea DEFAULT NULL, trusted_digest bytea DEFAULT NULL)
  RETURNS TABLE (challenge text, locked_seconds integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := COALESCE(auth.email_normal(email), '');
  of_user_id constant text := auth.sign_in_user_id(address);
  refusal constant auth.reply := auth.lockout_refusal(
    c, auth.lockout_scope(c, address, of_user_id, device_digest, trusted_digest));
BEGIN
  challenge := auth.password_challenge_of(address, auth.password_stored(of_user_id));
  locked_seconds := COALESCE(refusal.retry_after_seconds, 0);
  RETURN NEXT;
END
$$;
COMMENT ON FUNCTION auth_api.sign_in_lookup IS
  'one row, of the same form for known and unknown addresses: the challenge from which the edge computes the output, and how long '
  'the caller is locked. device_digest, trusted_digest: of the cookies device and trust_device';

CREATE FUNCTION auth.sign_in_user_id(address text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT u.id FROM auth.users u WHERE u.email = address AND u.deleted_at IS NULL);
END
$$;
COMMENT ON FUNCTION auth.sign_in_user_id IS 'the user of a normal address; NULL: there is none';

CREATE FUNCTION auth_api.sign_in_finish(
    c auth.caller, email text, challenge text, output bytea, new_hash text,
    remember boolean, callback_url text, dialect text, trusted_digest bytea DEFAULT NULL,
    device_id text DEFAULT NULL, device_name text DEFAULT NULL, device_digest bytea DEFAULT NULL)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := COALESCE(auth.email_normal(email), '');
  of_user_id constant text := auth.sign_in_user_id(address);
  scope constant auth.lockout_scope := auth.lockout_scope(c, address, of_user_id, device_digest, trusted_digest);
  refusal auth.reply := auth.lockout_refusal(c, scope); -- before any row is locked
  u auth.users;
  granted auth.reply;
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  u := auth.user_lock(of_user_id); -- a change of the password, or of the address, is now before us or after
  IF u.email <> address THEN
    u := NULL;
  END IF;
  refusal := auth.password_check(c, u, scope, challenge, output,
                                 CASE dialect WHEN 'v1' THEN 'INVALID_CREDENTIALS' ELSE 'INVALID_EMAIL_OR_PASSWORD' END);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF NOT u.email_verified THEN
    PERFORM auth.security_event_once(c, u.id, 'LOGIN_FAILURE', '{"code":"EMAIL_NOT_VERIFIED"}');
    RETURN auth.refuse('EMAIL_NOT_VERIFIED');
  END IF;
  IF new_hash IS NOT NULL THEN
    UPDATE auth.accounts a SET password = auth.password_at_rest(new_hash)
     WHERE a.user_id = u.id AND a.provider_id = 'credential';
  END IF;
  granted := auth.sign_in_granted(c, u, remember, callback_url, dialect, trusted_digest, device_digest);
  UPDATE auth.sessions s SET device_id = sign_in_finish.device_id, device_name = sign_in_finish.device_name
   WHERE s.token_digest = c.fresh_digest AND (sign_in_finish.device_id IS NOT NULL OR sign_in_finish.device_name IS NOT NULL);
  RETURN granted;
END
$$;
COMMENT ON FUNCTION auth_api.sign_in_finish IS
  'POST /sign-in/email, after the edge has computed the output from the challenge: the check, the rehash and the session (or the '
  'challenge of a second factor, except in a browser whose cookie trusted_digest is of, if trusted) in one transaction. An app names '
  'its device for the list';

CREATE FUNCTION auth.sign_in_granted(
    c auth.caller, u auth.users, remember boolean, callback_url text, dialect text, trusted_digest bytea, device_digest bytea)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gate constant auth.two_factor_gate := auth.two_factor_gate(c, u, remember, 'password', trusted_digest);
  cookies text;
  s auth.sessions;
BEGIN
  IF gate.asked THEN
    RETURN auth.two_factor_asked(gate);
  END IF;
  cookies := auth.session_cookies(remember) || gate.cookies || auth.known_device_cookie(u.id, remember, device_digest);
  s := auth.session_open(c, u.id, remember, 'password'); -- a trusted browser is excused from the factor and has not shown it
  PERFORM auth.security_event(c, u.id, 'LOGIN_SUCCESS');
  RETURN CASE
    WHEN dialect = 'v1' THEN auth.granted(
      auth.json_object('redirect', false, 'token', auth.fresh_token(), 'user', auth.user_json(u),
                       'accessToken', auth.access_token(), 'refreshToken', auth.fresh_token()),
      cookies, auth.user_claims(u, s.id))
    WHEN callback_url IS NULL THEN auth.granted(
      auth.json_object('redirect', false, 'token', auth.fresh_token(), 'user', auth.user_json(u)),
      cookies)
    ELSE auth.granted(
      auth.json_object('redirect', true, 'token', auth.fresh_token(), 'url', callback_url, 'user', auth.user_json(u)),
      cookies, location => callback_url) END;
END
$$;
COMMENT ON FUNCTION auth.sign_in_granted IS 'the password is right: the session, and what the client reads; or the second factor first';
