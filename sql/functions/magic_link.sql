-- Signing in by a link in a mail. The link proves the address and nothing else: who has a second factor is asked for it.

CREATE FUNCTION auth_api.magic_link_send(
    c auth.caller, email text, name text, callback_url text, new_user_url text, error_url text, locale text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifetime constant interval := '10 minutes';
  address constant text := auth.email_normal(email);
  token constant text := auth.random_id(32);
  u auth.users;
BEGIN
  IF NOT auth.email_is_valid(address) THEN
    RETURN auth.refuse('INVALID_EMAIL');
  ELSIF NOT auth.mail_inputs_fit(name, callback_url, new_user_url, error_url) THEN
    RETURN auth.mail_inputs_refused();
  END IF;
  IF NOT auth.mail_is_limited('magic_link', address)
     OR NOT EXISTS (SELECT FROM auth.magic_links l WHERE l.email = address AND l.expires_at > now()) THEN
    SELECT x.* INTO u FROM auth.users x WHERE x.email = address;
    INSERT INTO auth.magic_links AS l (email, digest, name, expires_at)
    VALUES (address, sha256(convert_to(token, 'UTF8')), COALESCE(magic_link_send.name, ''), now() + lifetime)
    ON CONFLICT ON CONSTRAINT magic_links_pkey DO UPDATE
      SET digest = excluded.digest, name = excluded.name, expires_at = excluded.expires_at, created_at = now();
    PERFORM auth.mail_queue('magic_link', address, COALESCE(u.locale, magic_link_send.locale), auth.json_object(
      'name', COALESCE(u.name, ''), 'token', token, 'callbackURL', COALESCE(callback_url, '/'),
      'newUserCallbackURL', COALESCE(new_user_url, ''), 'errorCallbackURL', COALESCE(error_url, '')), u.id, lifetime);
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.magic_link_send IS
  'POST /sign-in/magic-link: a mail with a link for ten minutes; the older link of the address is dead. Known or not, an address '
  'gets the same answer and the same mail. Beyond the limit of mails the newest link stays as it is';

CREATE FUNCTION auth_api.magic_link_verify(
    c auth.caller, token text, callback_url text, new_user_url text, error_url text, locale text,
    trusted_digest bytea DEFAULT NULL, device_digest bytea DEFAULT NULL)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  presented constant bytea := sha256(convert_to(token, 'UTF8'));
  u auth.users := auth.magic_link_owner((SELECT l.email FROM auth.magic_links l WHERE l.digest = presented));
  link auth.magic_links;
  refusal auth.reply;
  gate auth.two_factor_gate;
  is_new boolean := false;
BEGIN
  DELETE FROM auth.magic_links l WHERE l.digest = presented RETURNING l.* INTO link;
  IF link.email IS NULL OR link.expires_at <= now() THEN
    RETURN CASE WHEN callback_url IS NOT NULL AND auth.verification_was_done('magic-link', token)
                THEN auth.granted(NULL, status => 302, location => callback_url)
                ELSE auth.magic_link_refused(error_url, 'INVALID_TOKEN') END;
  ELSIF u.id IS NULL THEN
    refusal := auth.signup_refusal();
    IF refusal.refusal IS NOT NULL THEN
      RETURN auth.magic_link_refused(error_url, refusal.refusal);
    END IF;
    INSERT INTO auth.users AS x (name, email, email_verified, locale) VALUES (link.name, link.email, true, magic_link_verify.locale)
    ON CONFLICT ON CONSTRAINT users_email_unique DO NOTHING
    RETURNING x.* INTO u;
    IF auth.email_is_reserved(link.email) THEN -- asked after the insert, as in auth_api.sign_up
      DELETE FROM auth.users x WHERE x.id = u.id;
      RETURN auth.magic_link_refused(error_url, 'INVALID_TOKEN');
    END IF;
    is_new := u.id IS NOT NULL;
    IF is_new THEN
      PERFORM auth.sign_up_done(c, u, link.email);
    ELSE
      u := auth.magic_link_owner(link.email); -- somebody signed up with the address just now
    END IF;
  END IF;
  IF u.id IS NULL THEN
    RETURN auth.magic_link_refused(error_url, 'INVALID_TOKEN');
  ELSIF NOT u.email_verified THEN
    u := auth.account_claim(c, u, 'magic-link');
  END IF;
  PERFORM auth.verification_done('magic-link', token, u.id);
  gate := auth.two_factor_gate(c, u, true, 'mail', trusted_digest);
  IF gate.asked THEN
    RETURN CASE WHEN gate.methods IS NULL THEN auth.magic_link_refused(error_url, 'TWO_FACTOR_REQUIRED')
                WHEN callback_url IS NULL THEN auth.two_factor_asked(gate)
                ELSE auth.two_factor_waits(gate, NULL, 302, auth.two_factor_page_url(gate, callback_url)) END;
  END IF;
  RETURN auth.magic_link_granted(
    c, u, gate, CASE WHEN is_new THEN COALESCE(new_user_url, callback_url) ELSE callback_url END, device_digest);
END
$$;
COMMENT ON FUNCTION auth_api.magic_link_verify IS
  'GET and POST /magic-link/verify: takes the token and signs in, after the second factor of who has one; an address without account gets one. 302 to the callback, or '
  'JSON without. An account that somebody else may have made with the address beforehand is made its owner''s alone';

CREATE FUNCTION auth.magic_link_owner(address text) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u auth.users := auth.user_lock((SELECT x.id FROM auth.users x WHERE x.email = address));
BEGIN
  RETURN CASE WHEN u.email = address THEN u END;
END
$$;
COMMENT ON FUNCTION auth.magic_link_owner IS 'whose address it is, locked; a row of NULLs: nobody''s, or no longer theirs';

CREATE FUNCTION auth.magic_link_granted(c auth.caller, u auth.users, gate auth.two_factor_gate, callback_url text, device_digest bytea)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_open(c, u.id, true, 'mail');
BEGIN
  PERFORM auth.security_event(c, u.id, 'LOGIN_SUCCESS', '{"method":"magic-link"}');
  RETURN auth.granted(
    CASE WHEN callback_url IS NULL THEN auth.json_object(
      'token', auth.fresh_token(), 'user', auth.user_json(u), 'session', auth.session_json(s, auth.fresh_token())) END,
    auth.session_cookies(true) || gate.cookies || auth.known_device_cookie(u.id, true, device_digest),
    NULL, CASE WHEN callback_url IS NOT NULL THEN 302 END, callback_url);
END
$$;
COMMENT ON FUNCTION auth.magic_link_granted IS 'the answer to a good link: signed in';

CREATE FUNCTION auth.magic_link_refused(error_url text, problem text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.granted(NULL, status => 302, location => auth.url_with(error_url, 'error', problem));
COMMENT ON FUNCTION auth.magic_link_refused IS 'the answer to a link that is used, expired or made up';
