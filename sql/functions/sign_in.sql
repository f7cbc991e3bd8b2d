-- Signing in with a password. Two calls, because the edge hashes between them.

CREATE FUNCTION auth_api.sign_in_lookup(c auth.caller, email text) RETURNS TABLE (
    user_id text, password text, password_version integer, locked_seconds integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(email);
BEGIN
  RETURN QUERY
    SELECT a.user_id, a.password, a.password_version, auth.lockout_seconds(address)
      FROM (VALUES (1)) one
      LEFT JOIN auth.users u ON u.email = address AND u.deleted_at IS NULL
      LEFT JOIN auth.accounts a ON a.user_id = u.id AND a.provider_id = 'credential' AND a.account_id = u.id;
END
$$;
COMMENT ON FUNCTION auth_api.sign_in_lookup IS
  'one row: what the edge verifies a password against, NULLs where there is none (it hashes a dummy), and how long the '
  'address is locked';

CREATE FUNCTION auth_api.sign_in_finish(
    c auth.caller, email text, user_id text, password_version integer, verified boolean, new_hash text,
    remember boolean, callback_url text, dialect text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(email);
  locked integer := auth.lockout_seconds(address);
  u auth.users;
  s auth.sessions;
BEGIN
  IF locked > 0 THEN
    RETURN auth.refuse('ACCOUNT_LOCKED', NULL, locked);
  END IF;
  IF verified THEN
    -- The lock keeps a password change out, and is what a parallel one waits for.
    PERFORM FROM auth.accounts a
      WHERE a.user_id = sign_in_finish.user_id AND a.provider_id = 'credential'
        AND a.password_version = sign_in_finish.password_version FOR NO KEY UPDATE;
    IF FOUND THEN
      SELECT x.* INTO u FROM auth.users x WHERE x.id = sign_in_finish.user_id AND x.email = address;
    END IF;
  END IF;
  IF u.id IS NULL THEN
    locked := auth.lockout_count_failure(c, address);
    PERFORM auth.security_event(c, sign_in_finish.user_id, CASE WHEN locked > 0 THEN 'ACCOUNT_LOCKED' ELSE 'LOGIN_FAILURE' END,
                                auth.json_object('email', address)::jsonb);
    RETURN auth.refuse(CASE dialect WHEN 'v1' THEN 'INVALID_CREDENTIALS' ELSE 'INVALID_EMAIL_OR_PASSWORD' END,
                       'Invalid email or password');
  ELSIF NOT u.email_verified THEN
    PERFORM auth.security_event(c, u.id, 'LOGIN_FAILURE', '{"code":"EMAIL_NOT_VERIFIED"}');
    RETURN auth.refuse('EMAIL_NOT_VERIFIED');
  END IF;
  IF new_hash IS NOT NULL THEN
    UPDATE auth.accounts a SET password = new_hash
     WHERE a.user_id = u.id AND a.provider_id = 'credential';
  END IF;
  PERFORM auth.lockout_clear(address);
  PERFORM auth.security_event(c, u.id, 'LOGIN_SUCCESS');
  s := auth.session_open(c, u.id, remember);
  RETURN auth.granted(
    CASE WHEN dialect = 'v1'
         THEN auth.json_object('redirect', false, 'token', auth.fresh_token(), 'user', auth.user_json(u),
                               'accessToken', auth.access_token(), 'refreshToken', auth.fresh_token())
         WHEN callback_url IS NULL
         THEN auth.json_object('redirect', false, 'token', auth.fresh_token(), 'user', auth.user_json(u))
         ELSE auth.json_object('redirect', true, 'token', auth.fresh_token(), 'url', callback_url,
                               'user', auth.user_json(u)) END,
    auth.session_cookies(remember), CASE WHEN dialect = 'v1' THEN auth.user_claims(u, s.id) END, NULL,
    CASE WHEN dialect <> 'v1' THEN callback_url END);
END
$$;
COMMENT ON FUNCTION auth_api.sign_in_finish IS
  'POST /sign-in/email after the password was verified or not: lockout, events, rehash and the session in one transaction. '
  'Refuses a password that was verified against a version that has changed since';
