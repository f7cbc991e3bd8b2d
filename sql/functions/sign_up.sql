-- Signing up with a password.

CREATE FUNCTION auth.signup_refusal() RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := current_setting('mana_auth.signup_daily_max')::integer;
  midnight constant timestamptz := date_trunc('day', now(), 'UTC') + interval '24 hours';
BEGIN
  IF most > 0 THEN
    PERFORM auth.lock_hold('signup_daily_max');
    IF (SELECT count(*) FROM auth.security_events e
         WHERE e.event_type = 'REGISTER' AND e.created_at >= midnight - interval '24 hours') >= most THEN
      RETURN auth.refuse('SIGNUP_LIMIT_REACHED',
        'Das tägliche Registrierungslimit ist erreicht. Versuche es morgen wieder.',
        ceil(extract(epoch FROM midnight - now()))::integer);
    END IF;
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.signup_refusal IS 'why nobody can sign up today (UTC); NULL: they can';

CREATE FUNCTION auth.sign_up_done(c auth.caller, u auth.users, email text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.security_event(c, u.id, 'REGISTER');
  PERFORM auth.outbound_queue('credits', '/api/v1/internal/gifts/redeem-pending',
    auth.json_object('userId', u.id, 'email', sign_up_done.email), u.id,
    after => auth.outbound_queue('credits', '/api/v1/internal/credits/init', auth.json_object('userId', u.id), u.id));
END
$$;
COMMENT ON FUNCTION auth.sign_up_done IS 'what follows on a new account, however it was made; email: as it was typed';

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
  IF auth.email_is_reserved(address) THEN -- asked after the insert, which has waited for a change of the address under way
    DELETE FROM auth.users x WHERE x.id = u.id;
    u := NULL;
  END IF;
  IF u.id IS NULL THEN
    RETURN auth.sign_up_again(c, address, name, image);
  END IF;
  INSERT INTO auth.accounts (account_id, provider_id, user_id, password) 
  VALUES (u.id, 'credential', u.id, auth.password_at_rest(password_hash));
  PERFORM auth.verification_mail(u, callback_url);
  PERFORM auth.sign_up_done(c, u, sign_up.email);
  RETURN auth.granted(auth.json_object('token', NULL::text, 'user', auth.user_json(u)));
END
$$;
COMMENT ON FUNCTION auth_api.sign_up IS
  'POST /sign-up/email: user, password account, verification mail and the calls to mana-credits in one transaction; '
  '{"token":null,"user"}. A known address gets the same answer about a user that does not exist, and its owner a mail';

CREATE FUNCTION auth.sign_up_again(c auth.caller, address text, name text, image text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  phantom auth.users;
  owner auth.users;
  token text;
  mail text;
BEGIN
  IF current_setting('mana_auth.signup_duplicate') = 'conflict' THEN
    RETURN auth.refuse('EMAIL_ALREADY_REGISTERED');
  END IF;
  SELECT u.* INTO owner FROM auth.users u WHERE u.email = address;
  token := auth.verification_issue('decoy', NULL, auth.json_object('email', address), interval '1 hour');
  mail := auth.mail_queue('existing_account', address, owner.locale, auth.json_object('name', owner.name), owner.id);
  IF auth.rate_limit_count('mail/existing_account', address) > 0 THEN
    PERFORM auth.mail_take_back(mail, 'decoy', token);
  ELSE
    PERFORM auth.mail_take_back(NULL, 'decoy', token);
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
COMMENT ON FUNCTION auth.sign_up_again IS 'the answer to a sign-up with a known address, and the mail to its owner; a token is made and taken back, for a new address '
  'costs one too';
