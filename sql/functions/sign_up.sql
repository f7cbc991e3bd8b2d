-- Signing up with a password, and proving that the address is one's own.

CREATE FUNCTION auth.signup_refusal() RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := current_setting('mana_auth.signup_daily_max')::integer;
  midnight constant timestamptz := date_trunc('day', now(), 'UTC') + interval '1 day';
BEGIN
  IF most > 0 THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('auth.signup_daily_max', 0));
    IF (SELECT count(*) FROM auth.security_events e
         WHERE e.event_type = 'REGISTER' AND e.created_at >= midnight - interval '1 day') >= most THEN
      RETURN auth.refuse('SIGNUP_LIMIT_REACHED', NULL, ceil(extract(epoch FROM midnight - now()))::integer);
    END IF;
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.signup_refusal IS 'why nobody can sign up today (UTC); NULL: they can';

CREATE FUNCTION auth.verification_mail(u auth.users, callback_url text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.mail_queue('verify_email', u.email, u.locale, auth.json_object(
    'name', u.name, 'callbackURL', COALESCE(callback_url, '/'),
    'token', auth.verification_issue('verify-email', u.id, auth.json_object('email', u.email), interval '1 hour')), u.id);
END
$$;
COMMENT ON FUNCTION auth.verification_mail IS 'promises the mail whose link proves the address; older links are dead';

CREATE FUNCTION auth_api.sign_up(
    c auth.caller, email text, name text, image text, password_hash text, callback_url text, locale text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(email);
  refusal auth.reply := auth.signup_refusal();
  u auth.users;
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  INSERT INTO auth.users AS x (name, email, image, locale)
  VALUES (sign_up.name, address, sign_up.image, sign_up.locale)
  ON CONFLICT ON CONSTRAINT users_email_unique DO NOTHING
  RETURNING x.* INTO u;
  IF u.id IS NULL THEN
    RETURN auth.sign_up_again(c, address, name, image);
  END IF;
  INSERT INTO auth.accounts (account_id, provider_id, user_id, password) VALUES (u.id, 'credential', u.id, password_hash);
  PERFORM auth.verification_mail(u, callback_url);
  PERFORM auth.security_event(c, u.id, 'REGISTER');
  RETURN auth.granted(auth.json_object('token', NULL::text, 'user', auth.user_json(u)));
END
$$;
COMMENT ON FUNCTION auth_api.sign_up IS
  'POST /sign-up/email: user, password account and verification mail in one transaction; {"token":null,"user"}. A known '
  'address gets the same answer about a user that does not exist, and its owner a mail';

CREATE FUNCTION auth.sign_up_again(c auth.caller, address text, name text, image text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  phantom auth.users;
  owner auth.users;
BEGIN
  IF current_setting('mana_auth.signup_duplicate') = 'conflict' THEN
    RETURN auth.refuse('EMAIL_ALREADY_REGISTERED');
  END IF;
  SELECT u.* INTO STRICT owner FROM auth.users u WHERE u.email = address;
  IF auth.rate_limit_count('mail/existing_account', address) = 0 THEN
    PERFORM auth.mail_queue('existing_account', owner.email, owner.locale, auth.json_object('name', owner.name), owner.id);
  END IF;
  phantom.id := auth.random_id();
  phantom.name := name;
  phantom.email := address;
  phantom.email_verified := false;
  phantom.image := image;
  phantom.created_at := now();
  phantom.updated_at := now();
  phantom.access_tier := 'public';
  RETURN auth.granted(auth.json_object('token', NULL::text, 'user', auth.user_json(phantom)));
END
$$;
COMMENT ON FUNCTION auth.sign_up_again IS 'the answer to a sign-up with a known address, and the mail to its owner';

CREATE FUNCTION auth_api.verification_verify_email(c auth.caller, token text, callback_url text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v auth.verification := auth.verification_consume('verify-email', token);
  u auth.users;
  s auth.sessions;
  problem text;
BEGIN
  IF v.id IS NULL THEN
    v := auth.verification_consume('change-email', token);
    IF v.user_id IS NOT NULL THEN
      u := auth.email_change_finish(c, v);
    END IF;
  ELSIF v.user_id IS NOT NULL THEN
    UPDATE auth.users x SET email_verified = true, updated_at = now()
     WHERE x.id = v.user_id AND x.email = v.value::jsonb ->> 'email'
    RETURNING x.* INTO u;
  END IF;
  IF u.id IS NULL THEN
    problem := CASE WHEN v.expires_at <= now() THEN 'TOKEN_EXPIRED' ELSE 'INVALID_TOKEN' END;
    RETURN CASE WHEN callback_url IS NULL THEN auth.refuse(problem)
                ELSE auth.granted(NULL, NULL, NULL, 302, auth.url_with(callback_url, 'error', problem)) END;
  END IF;
  PERFORM auth.security_event(c, u.id, 'EMAIL_VERIFIED');
  s := auth.session_open(c, u.id, true);
  RETURN auth.granted(
    CASE WHEN callback_url IS NULL THEN auth.json_object('status', true, 'user', NULL::text) END,
    auth.session_cookies(true), NULL, CASE WHEN callback_url IS NOT NULL THEN 302 END, callback_url);
END
$$;
COMMENT ON FUNCTION auth_api.verification_verify_email IS
  'GET /verify-email: takes the token, marks the address as verified and signs in; 302 to the callback, or JSON without';
