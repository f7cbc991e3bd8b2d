-- Proving that an address is one's own: the links of verification mails, also of changes of address.

CREATE FUNCTION auth.verification_mail(u auth.users, callback_url text, OUT token text, OUT mail_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifetime constant interval := '1 hour';
BEGIN
  token := auth.verification_issue('verify-email', u.id, auth.json_object(
    'email', u.email, 'passwordVersion', auth.sign_up_version(u.id)), lifetime);
  mail_id := auth.mail_queue('verify_email', u.email, u.locale, auth.json_object(
    'name', u.name, 'callbackURL', COALESCE(callback_url, '/'), 'token', token), u.id, lifetime);
END
$$;
COMMENT ON FUNCTION auth.verification_mail IS 'promises the mail whose link proves the address; older links are dead';

CREATE FUNCTION auth_api.verification_send(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(input ->> 'email');
  limited boolean;
  u auth.users;
  token text;
  mail_id text;
BEGIN
  IF NOT auth.mail_inputs_fit(NULL, input ->> 'callbackURL') THEN
    RETURN auth.mail_inputs_refused();
  END IF;
  limited := auth.mail_is_limited('verify_email', address);
  SELECT x.* INTO u FROM auth.users x
   WHERE x.email = address AND NOT x.email_verified AND x.deleted_at IS NULL
     AND NOT (limited AND auth.verification_is_live('verify-email', x.id));
  u.email := address;
  SELECT m.token, m.mail_id INTO token, mail_id FROM auth.verification_mail(u, input ->> 'callbackURL') m;
  IF u.id IS NULL THEN
    PERFORM auth.mail_take_back(mail_id, 'verify-email', token);
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.verification_send IS
  'POST /send-verification-email: a new link where the address is not verified yet; any other address costs the same work';

CREATE FUNCTION auth_api.verification_send_v1(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r constant auth.reply := auth_api.verification_send(c, input);
BEGIN
  IF r.refusal IS NOT NULL THEN
    RETURN auth.refuse('VALIDATION', r.message);
  END IF;
  RETURN auth.granted(auth.json_object('success', true));
END
$$;
COMMENT ON FUNCTION auth_api.verification_send_v1 IS 'POST /api/v1/auth/resend-verification';

CREATE FUNCTION auth_api.verification_verify_email(
    c auth.caller, token text, callback_url text, trusted_digest bytea DEFAULT NULL, device_digest bytea DEFAULT NULL) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.verification_take(c, token, callback_url, trusted_digest, device_digest);
END
$$;
COMMENT ON FUNCTION auth_api.verification_verify_email IS
  'GET /verify-email by a program: takes the token, marks the address as verified (or changes it) and signs in; 302 to the '
  'callback, or JSON without. Confirms the sign-up that asked for the link';

CREATE FUNCTION auth.verification_take(
    c auth.caller, token text, callback_url text, trusted_digest bytea, device_digest bytea,
    password_version integer DEFAULT NULL, proof text DEFAULT NULL) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v auth.verification := auth.verification_consume('verify-email', token);
  change auth.verification;
  u auth.users;
BEGIN
  IF v.user_id IS NOT NULL THEN
    u := auth.email_verify(c, v.user_id, v.value::jsonb ->> 'email', COALESCE(
      verification_take.password_version, (v.value::jsonb ->> 'passwordVersion')::integer, 1), -- 1: a link of version 1.0
      COALESCE(proof = 'password' AND verification_take.password_version = 1, false)); -- 1: nobody else has signed up since
  ELSIF v.id IS NULL THEN
    change := auth.verification_consume('change-email', token);
    u := auth.email_change_finish(c, change.user_id, change.value::jsonb ->> 'email', change.value::jsonb ->> 'newEmail',
                                  change.session_id, token);
  END IF;
  IF u.id IS NOT NULL AND change.id IS NOT NULL THEN
    RETURN auth.email_change_granted(u, callback_url);
  ELSIF u.id IS NOT NULL THEN
    PERFORM auth.verification_done('verify-email', token, u.id);
    RETURN auth.verification_granted(c, u, callback_url, trusted_digest, device_digest, proof);
  ELSIF v.id IS NULL AND change.id IS NULL AND auth.email_change_was_done(token) THEN
    RETURN auth.email_change_granted(u, callback_url);
  ELSIF callback_url IS NOT NULL AND auth.verification_was_done('verify-email', token) THEN
    RETURN auth.granted(NULL, status => 302, location => callback_url);
  END IF;
  RETURN auth.verification_refused(
    CASE WHEN COALESCE(v.expires_at, change.expires_at) <= now() THEN 'TOKEN_EXPIRED' ELSE 'INVALID_TOKEN' END, callback_url);
END
$$;
COMMENT ON FUNCTION auth.verification_take IS
  'takes a link that proves an address (and signs in), or changes it (and opens no session). password_version: the sign-up that was '
  'proven by its cookie or password; NULL: the one that asked for the link. proof: how the user has proven their identity besides '
  'the link; NULL: not. A second use goes to the callback and gives nothing else';

CREATE FUNCTION auth_api.verification_verify_email_legacy(c auth.caller, email text, expires_at bigint, callback_url text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(email);
  made_at constant timestamptz := to_timestamp(expires_at) - interval '1 hour';
  accepted_until constant timestamptz :=
    (NULLIF(current_setting('mana_auth.legacy_links_until'), '')::timestamp AT TIME ZONE 'UTC');
  owner auth.users;
BEGIN
  IF accepted_until IS NULL OR accepted_until <= now() THEN
    RETURN auth.verification_refused('INVALID_TOKEN', callback_url);
  ELSIF expires_at IS NULL OR to_timestamp(expires_at) <= now() THEN
    RETURN auth.verification_refused('TOKEN_EXPIRED', callback_url);
  END IF;
  SELECT x.* INTO owner FROM auth.users x WHERE x.email = address;
  owner := auth.user_lock(owner.id);
  IF owner.email_verified AND owner.email = address THEN
    NULL; -- its work is done
  ELSIF owner.id IS NULL OR owner.email <> address OR date_trunc('second', owner.created_at) > made_at
        OR (auth.email_verify(c, owner.id, address)).id IS NULL THEN
    -- an account that is younger than the link did not ask for it
    RETURN auth.verification_refused('INVALID_TOKEN', callback_url);
  END IF;
  RETURN auth.granted(CASE WHEN callback_url IS NULL THEN auth.json_object('status', true, 'user', NULL::text) END,
                      status => CASE WHEN callback_url IS NOT NULL THEN 302 END, location => callback_url);
END
$$;
COMMENT ON FUNCTION auth_api.verification_verify_email_legacy IS
  'GET /verify-email with a link of the legacy service, a JWT of one hour that the edge has verified: marks the address as verified, '
  'and does nothing else. It opens no session, for nothing tells whether the link was used before, and changes no address. Refuses '
  'after mana_auth.legacy_links_until, which the edge cannot set: the edge has the key of these links, and could make them.';

CREATE FUNCTION auth.email_verify(c auth.caller, of_user_id text, address text, password_version integer DEFAULT 1, by_its_maker boolean DEFAULT false)
RETURNS auth.users LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock(of_user_id);
BEGIN
  IF u.id IS NULL OR u.email <> address THEN
    RETURN NULL;
  ELSIF u.email_verified THEN
    RETURN u;
  END IF;
  RETURN auth.account_claim(c, u, 'verification', email_verify.password_version, email_verify.by_its_maker);
END
$$;
COMMENT ON FUNCTION auth.email_verify IS
  'marks the address as verified, and keeps the password of one sign-up (1: of an account that was imported, or signed up once); '
  'a row of NULLs: the address is no longer the user''s';

CREATE FUNCTION auth.verification_granted(
    c auth.caller, u auth.users, callback_url text, trusted_digest bytea, device_digest bytea, proof text DEFAULT NULL)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gate constant auth.two_factor_gate := auth.two_factor_gate(c, u, true, 'mail', trusted_digest);
BEGIN
  IF gate.asked THEN
    RETURN auth.two_factor_waits(
      gate,
      CASE WHEN callback_url IS NULL THEN auth.json_object(
        'status', true, 'user', NULL::text, 'twoFactorRedirect', gate.methods IS NOT NULL,
        'twoFactorMethods', COALESCE(gate.methods, '[]')) END,
      CASE WHEN callback_url IS NOT NULL THEN 302 END, auth.two_factor_page_url(gate, callback_url));
  END IF;
  PERFORM auth.session_open(c, u.id, true, proof);
  RETURN auth.granted(
    CASE WHEN callback_url IS NULL THEN auth.json_object('status', true, 'user', NULL::text) END,
    auth.session_cookies(true) || gate.cookies || auth.known_device_cookie(u.id, true, device_digest),
    NULL, CASE WHEN callback_url IS NOT NULL THEN 302 END, callback_url);
END
$$;
COMMENT ON FUNCTION auth.verification_granted IS
  'the answer to a link that proves an address: signed in, unless a second factor is asked for. proof: that of the session';

CREATE FUNCTION auth.verification_refused(problem text, callback_url text) RETURNS auth.reply
LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN callback_url IS NOT NULL
              THEN auth.granted(NULL, status => 302, location => auth.url_with(callback_url, 'error', problem))
              ELSE auth.refuse_as(401, CASE problem WHEN 'TOKEN_EXPIRED' THEN 'Token expired' ELSE 'Invalid token' END, problem)
         END;
COMMENT ON FUNCTION auth.verification_refused IS 'the answer to a link that is used, expired or made up';
