-- Signing in with a password. Two calls, because the edge hashes between them.

CREATE FUNCTION auth_api.sign_in_lookup(c auth.caller, email text) RETURNS TABLE (
    user_id text, password text, password_version integer, locked_seconds integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(email);
  refusal constant auth.reply := auth.lockout_refusal(c, address);
BEGIN
  RETURN QUERY
    SELECT a.user_id, a.password, a.password_version, COALESCE(refusal.retry_after_seconds, 0)
      FROM (VALUES (1)) one
      LEFT JOIN auth.users u ON u.email = address AND u.deleted_at IS NULL
      LEFT JOIN auth.accounts a ON a.user_id = u.id AND a.provider_id = 'credential' AND a.account_id = u.id;
END
$$;
COMMENT ON FUNCTION auth_api.sign_in_lookup IS
  'one row: what the edge verifies a password against, NULLs where there is none (it hashes a dummy), and how long the '
  'address or the client is locked';

CREATE FUNCTION auth_api.sign_in_finish(
    c auth.caller, email text, user_id text, password_version integer, verified boolean, new_hash text,
    remember boolean, callback_url text, dialect text, device_digest bytea DEFAULT NULL,
    device_id text DEFAULT NULL, device_name text DEFAULT NULL)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(email);
  refusal constant auth.reply := auth.lockout_refusal(c, address);
  u auth.users;
  granted auth.reply;
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF verified THEN
    u := auth.user_lock(sign_in_finish.user_id); -- a change of the password, or of the address, is now before us or after
  END IF;
  IF u.id IS NULL OR u.email <> address OR NOT EXISTS (
      SELECT FROM auth.accounts a WHERE a.user_id = u.id AND a.provider_id = 'credential'
         AND a.password_version = sign_in_finish.password_version) THEN
    RETURN auth.password_refused(c, address, sign_in_finish.user_id,
                                 CASE dialect WHEN 'v1' THEN 'INVALID_CREDENTIALS' ELSE 'INVALID_EMAIL_OR_PASSWORD' END);
  ELSIF NOT u.email_verified THEN
    PERFORM auth.security_event(c, u.id, 'LOGIN_FAILURE', '{"code":"EMAIL_NOT_VERIFIED"}');
    RETURN auth.refuse('EMAIL_NOT_VERIFIED');
  END IF;
  IF new_hash IS NOT NULL THEN
    UPDATE auth.accounts a SET password = new_hash WHERE a.user_id = u.id AND a.provider_id = 'credential';
  END IF;
  PERFORM auth.lockout_clear(address);
  granted := auth.sign_in_granted(c, u, remember, callback_url, dialect, device_digest);
  UPDATE auth.sessions s SET device_id = sign_in_finish.device_id, device_name = sign_in_finish.device_name
   WHERE s.token_digest = c.fresh_digest AND (sign_in_finish.device_id IS NOT NULL OR sign_in_finish.device_name IS NOT NULL);
  RETURN granted;
END
$$;
COMMENT ON FUNCTION auth_api.sign_in_finish IS
  'POST /sign-in/email after the password was verified or not: lockout, events, rehash and the session (or the challenge of '
  'a second factor, but in a browser whose cookie device_digest is of, if trusted) in one transaction. '
  'Refuses a password that was verified against a version that has changed since. An app names its device for the list';

CREATE FUNCTION auth.sign_in_granted(
    c auth.caller, u auth.users, remember boolean, callback_url text, dialect text, device_digest bytea)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gate constant auth.two_factor_gate := auth.two_factor_gate(c, u, remember, 'password', device_digest);
  cookies constant text := auth.session_cookies(remember) || gate.cookies;
  s auth.sessions;
BEGIN
  IF gate.asked THEN
    RETURN auth.two_factor_asked(gate);
  END IF;
  s := auth.session_open(c, u.id, remember, CASE WHEN u.two_factor_enabled THEN 'second-factor' ELSE 'password' END);
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
