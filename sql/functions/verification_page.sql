-- The link of a verification mail in a browser. In the browser that signed up it completes the sign-up. Any other browser, and
-- a sign-up from an app, needs the chosen password or a new one: the mail may have been caused by somebody else's sign-up.

CREATE FUNCTION auth.sign_up_of_link(token text) RETURNS auth.accounts
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v auth.verification := auth.verification_find('verify-email', token);
  u constant auth.users := auth.user_lock(v.user_id); -- no sign-up takes the place of this one until we are done
  a auth.accounts;
BEGIN
  v := auth.verification_find('verify-email', token);
  IF u.id IS NULL OR u.email_verified OR v.expires_at <= now() OR u.email <> v.value::jsonb ->> 'email' THEN
    RETURN NULL;
  END IF;
  SELECT x.* INTO a FROM auth.accounts x
   WHERE x.user_id = v.user_id AND x.provider_id = 'credential' AND x.password IS NOT NULL;
  RETURN a;
END
$$;
COMMENT ON FUNCTION auth.sign_up_of_link IS
  'the sign-up that waits for the first proof of its address by this link, its user locked; a row of NULLs: there is none';

CREATE FUNCTION auth_api.verification_page(c auth.caller, token text, browser_digest bytea) RETURNS TABLE (asks boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a constant auth.accounts := auth.sign_up_of_link(token);
BEGIN
  RETURN QUERY SELECT a.id IS NOT NULL AND (verification_page.browser_digest = a.browser_digest) IS NOT TRUE;
END
$$;
COMMENT ON FUNCTION auth_api.verification_page IS
  'whether the page of a link asks for a password: this is not the browser that signed up. Takes nothing';

CREATE FUNCTION auth_api.verification_open(
    c auth.caller, token text, callback_url text, trusted_digest bytea, device_digest bytea, browser_digest bytea) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a constant auth.accounts := auth.sign_up_of_link(token);
BEGIN
  IF a.id IS NOT NULL AND (browser_digest = a.browser_digest) IS NOT TRUE THEN
    RETURN auth.refuse('SIGN_UP_ELSEWHERE');
  END IF;
  RETURN auth.verification_take(c, token, callback_url, trusted_digest, device_digest, a.password_version);
END
$$;
COMMENT ON FUNCTION auth_api.verification_open IS
  'POST /verify-email by a browser: as auth_api.verification_verify_email in the browser that signed up. SIGN_UP_ELSEWHERE in any '
  'other one; the link stays valid';

CREATE FUNCTION auth_api.verification_lookup(c auth.caller, token text) RETURNS TABLE (
    challenge text, locked_seconds integer, email text, name text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a constant auth.accounts := auth.sign_up_of_link(token);
BEGIN
  RETURN QUERY
    SELECT auth.password_challenge_of(u.email, a.password),
           COALESCE((auth.lockout_refusal(c, auth.lockout_scope(c, u.email, u.id, NULL, NULL))).retry_after_seconds, 0),
           u.email, u.name
      FROM auth.users u WHERE u.id = a.user_id;
END
$$;
COMMENT ON FUNCTION auth_api.verification_lookup IS
  'the challenge from which the edge computes the output of the chosen password, how long the caller is locked, and the words by '
  'which a new password is judged; no row: the link asks for none';

CREATE FUNCTION auth_api.verification_finish(
    c auth.caller, token text, callback_url text, trusted_digest bytea, device_digest bytea, challenge text, output bytea, new_hash text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a constant auth.accounts := auth.sign_up_of_link(token);
  u auth.users;
  refusal auth.reply;
BEGIN
  IF a.id IS NULL THEN
    RETURN auth.verification_take(c, token, callback_url, trusted_digest, device_digest);
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = a.user_id;
  IF new_hash IS NOT NULL THEN
    PERFORM auth.sign_up_pending(u, new_hash, NULL);
    RETURN auth.verification_take(c, token, callback_url, trusted_digest, device_digest, auth.sign_up_version(u.id));
  END IF;
  refusal := auth.password_check(c, u, auth.lockout_scope(c, u.email, u.id, NULL, NULL), challenge, output, 'INVALID_PASSWORD');
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  RETURN auth.verification_take(c, token, callback_url, trusted_digest, device_digest, a.password_version, 'password');
END
$$;
COMMENT ON FUNCTION auth_api.verification_finish IS
  'the password of the page of a link: the one of the newest sign-up (challenge, output), or a new one (new_hash), which replaces '
  'it. Either completes the sign-up and signs in; a wrong one counts like a sign-in, and the link stays valid. '
  'PASSWORD_CHALLENGE_STALE: a newer sign-up has replaced the password since the challenge was given';
