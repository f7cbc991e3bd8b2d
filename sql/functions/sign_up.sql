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
  IF 'credits' = ANY (string_to_array(current_setting('mana_auth.erasure_services'), ',')) THEN
    PERFORM auth.credits_tell(u, email);
  END IF;
END
$$;
COMMENT ON FUNCTION auth.sign_up_done IS
  'what follows on a new account, however it was made; email: as it was typed. mana-credits is told if the edge knows its URL';

CREATE FUNCTION auth.credits_tell(u auth.users, email text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.outbound_queue('credits', '/api/v1/internal/gifts/redeem-pending',
    auth.json_object('userId', u.id, 'email', credits_tell.email), u.id,
    after => auth.outbound_queue('credits', '/api/v1/internal/credits/init', auth.json_object('userId', u.id), u.id));
END
$$;
COMMENT ON FUNCTION auth.credits_tell IS 'promises mana-credits a new user: an account there, then the gifts that wait for the address';

CREATE FUNCTION auth.credits_tell_since(since timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  told bigint;
BEGIN
  PERFORM auth.credits_tell(u, u.email) FROM auth.users u
   WHERE u.created_at >= since AND u.deleted_at IS NULL
     AND NOT EXISTS (SELECT FROM auth.outbound_calls o WHERE o.user_id = u.id AND o.target = 'credits');
  GET DIAGNOSTICS told = ROW_COUNT;
  RETURN told;
END
$$;
COMMENT ON FUNCTION auth.credits_tell_since IS
  'for a DBA, when MANA_CREDITS_URL is set later: tells mana-credits of the users since a time of whom it was not told; their number';

CREATE FUNCTION auth_api.sign_up(
    c auth.caller, email text, name text, image text, password_hash text, callback_url text, locale text,
    in_browser boolean DEFAULT false)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(email);
  browser constant bytea := CASE WHEN in_browser THEN c.fresh_digest END;
  refusal auth.reply;
  u auth.users;
BEGIN
  IF NOT auth.email_is_valid(address) THEN
    RETURN auth.refuse('INVALID_EMAIL');
  ELSIF NOT auth.mail_inputs_fit(name, callback_url) THEN
    RETURN auth.mail_inputs_refused();
  END IF;
  refusal := auth.signup_refusal();
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
    RETURN auth.sign_up_known(c, address, name, image, password_hash, callback_url, locale, browser);
  END IF;
  PERFORM auth.sign_up_pending(u, password_hash, browser);
  PERFORM auth.mail_is_limited('verify_email', address); -- counted only: the first mail always goes
  PERFORM auth.verification_mail(u, callback_url);
  PERFORM auth.sign_up_done(c, u, sign_up.email);
  RETURN auth.sign_up_granted(u, browser);
END
$$;
COMMENT ON FUNCTION auth_api.sign_up IS
  'POST /sign-up/email: user, password account, verification mail and the calls to mana-credits in one transaction; '
  '{"token":null,"user"}. A known address gets the same answer about a user that does not exist. in_browser: the browser gets a '
  'cookie, by which the link completes this sign-up there without the password';

CREATE FUNCTION auth.sign_up_granted(u auth.users, browser_digest bytea) RETURNS auth.reply LANGUAGE sql STABLE
  RETURN auth.granted(auth.json_object('token', NULL::text, 'user', auth.user_json(u)),
                      CASE WHEN browser_digest IS NOT NULL THEN E'sign_up \x01 86400' END);
COMMENT ON FUNCTION auth.sign_up_granted IS 'the answer to every sign-up';

CREATE FUNCTION auth.sign_up_known(
    c auth.caller, address text, name text, image text, password_hash text, callback_url text, locale text, browser_digest bytea)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  phantom auth.users;
  owner auth.users;
BEGIN
  SELECT u.* INTO owner FROM auth.users u WHERE u.email = address;
  IF NOT owner.email_verified THEN
    owner := auth.user_lock(owner.id); -- the proof of the address is now before this, or after
  END IF;
  IF owner.email = address AND NOT owner.email_verified THEN
    PERFORM auth.sign_up_replace(c, owner, name, image, password_hash, callback_url, locale, browser_digest);
  ELSIF current_setting('mana_auth.signup_duplicate') = 'conflict' THEN
    RETURN auth.refuse('EMAIL_ALREADY_REGISTERED');
  ELSE
    PERFORM auth.sign_up_told(address, owner);
  END IF;
  phantom.id := auth.random_id();
  phantom.name := name;
  phantom.email := address;
  phantom.email_verified := false;
  phantom.image := image;
  phantom.created_at := now();
  phantom.updated_at := now();
  phantom.access_tier := 'public';
  RETURN auth.sign_up_granted(phantom, browser_digest);
END
$$;
COMMENT ON FUNCTION auth.sign_up_known IS
  'a sign-up with a known address: it takes the place of the older one if nobody has proven the address, and changes nothing '
  'otherwise. The answer is that of a new address, and another user id each time';

CREATE FUNCTION auth.sign_up_replace(
    c auth.caller, u auth.users, name text, image text, password_hash text, callback_url text, locale text, browser_digest bytea)
  RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  limited constant boolean := auth.mail_is_limited('verify_email', u.email);
BEGIN
  UPDATE auth.users x
     SET name = sign_up_replace.name, image = sign_up_replace.image, locale = sign_up_replace.locale, updated_at = now()
   WHERE x.id = u.id
  RETURNING x.* INTO u;
  PERFORM auth.sign_up_pending(u, password_hash, browser_digest);
  IF NOT limited OR NOT auth.verification_is_live('verify-email', u.id) THEN
    PERFORM auth.verification_mail(u, callback_url);
  END IF;
  PERFORM auth.security_event_once(c, u.id, 'REGISTER_AGAIN');
END
$$;
COMMENT ON FUNCTION auth.sign_up_replace IS
  'a newer sign-up with an address that nobody has proven (user locked): its name and password replace the older ones, whose '
  'links die. Beyond the limit of mails the newest link stays: it proves the address, and keeps no password that it is not of';

CREATE FUNCTION auth.sign_up_told(address text, owner auth.users) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  token text;
  mail text;
BEGIN
  token := auth.verification_issue('decoy', NULL, auth.json_object('email', address), interval '1 hour');
  mail := auth.mail_queue('existing_account', address, owner.locale, auth.json_object('name', COALESCE(owner.name, '')), owner.id);
  IF auth.mail_is_limited('existing_account', address) THEN
    PERFORM auth.mail_take_back(mail, 'decoy', token);
  ELSE
    PERFORM auth.mail_take_back(NULL, 'decoy', token);
  END IF;
END
$$;
COMMENT ON FUNCTION auth.sign_up_told IS
  'tells the owner of an address that somebody signed up with it; makes a token and takes it back, because a new address costs one';
