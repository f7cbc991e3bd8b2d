-- POST /api/v1/auth/step-up: renewing the proof of a session by a password or a code, or for one purpose by a
-- passkey or a token that was mailed.

CREATE FUNCTION auth.step_up_done(c auth.caller, me auth.sessions, method text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.security_event(c, me.user_id, 'STEP_UP', auth.json_object('method', method)::jsonb);
  RETURN auth.granted(auth.json_object('success', true, 'expiresAt', now() + auth.step_up_lifetime()));
END
$$;
COMMENT ON FUNCTION auth.step_up_done IS 'the answer to a proof that was accepted, with its event';

CREATE FUNCTION auth_api.step_up_password(c auth.caller, challenge text, output bytea) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c);
  refusal auth.reply;
BEGIN
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.password_refusal(c, u, challenge, output, 'v1');
  IF refusal.refusal IS NULL AND NOT auth.step_up_prove(me.id, 'password') THEN
    refusal := auth.refuse('TWO_FACTOR_REQUIRED');
    refusal.body := auth.json_object('methods', to_json(auth.step_up_methods(u, 'two-factor')));
  END IF;
  RETURN CASE WHEN refusal.refusal IS NULL THEN auth.step_up_done(c, me, 'password') ELSE refusal END;
END
$$;
COMMENT ON FUNCTION auth_api.step_up_password IS
  'POST /api/v1/auth/step-up {password}; not enough for users with a second factor';

CREATE FUNCTION auth_api.step_up_code(c auth.caller, code text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c);
  r auth.reply;
BEGIN
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF NOT COALESCE(u.two_factor_enabled, false) THEN
    RETURN auth.refuse('TWO_FACTOR_NOT_ENABLED');
  END IF;
  r := auth_api.two_factor_verify(c, NULL, 'any', code, false, true);
  RETURN CASE WHEN r.refusal IS NULL THEN auth.step_up_done(c, me, 'second-factor') ELSE r END;
END
$$;
COMMENT ON FUNCTION auth_api.step_up_code IS
  'POST /api/v1/auth/step-up {code}: of the authenticator app, of a mail, or a backup code; counted and used up as at a sign-in, and '
  'recorded by auth_api.two_factor_verify';

CREATE FUNCTION auth_api.step_up_mail(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifetime constant interval := '10 minutes';
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c);
  purpose constant text := input ->> 'purpose';
  wait_seconds integer;
BEGIN
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF array_position(auth.step_up_purposes(), purpose) IS NULL THEN
    RETURN auth.refuse('VALIDATION', 'Unknown purpose');
  ELSIF NOT auth.step_up_mail_counts(u, purpose) THEN
    RETURN auth.step_up_refusal(c, me, purpose);
  END IF;
  wait_seconds := auth.rate_limit_count('mail/step_up', u.id);
  IF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  END IF;
  PERFORM auth.mail_queue('step_up', u.email, u.locale, auth.json_object(
    'name', u.name, 'token', auth.verification_issue('step-up', u.id,
      auth.json_object('email', u.email, 'purpose', purpose), lifetime, me.id)), u.id, lifetime);
  RETURN auth.granted(auth.json_object('success', true));
END
$$;
COMMENT ON FUNCTION auth_api.step_up_mail IS
  'POST /api/v1/auth/step-up/mail {purpose}: a token to the current address, good for ten minutes, for this session and this purpose';

CREATE FUNCTION auth_api.step_up_token(c auth.caller, token text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c);
  v auth.verification := auth.verification_find('step-up', token);
BEGIN
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF v.session_id = me.id AND v.value::jsonb ->> 'email' = u.email THEN
    v := auth.verification_consume('step-up', token, u.id);
  ELSE
    v := NULL; -- of another session, which keeps it
  END IF;
  IF v.user_id IS NULL THEN
    RETURN auth.refuse(CASE WHEN v.expires_at <= now() THEN 'TOKEN_EXPIRED' ELSE 'TOKEN_INVALID' END);
  END IF;
  UPDATE auth.sessions s SET mail_proved_at = now(), mail_proved_for = v.value::jsonb ->> 'purpose' WHERE s.id = me.id;
  RETURN auth.step_up_done(c, me, 'mail');
END
$$;
COMMENT ON FUNCTION auth_api.step_up_token IS
  'POST /api/v1/auth/step-up {token}: a token of auth_api.step_up_mail, by the session that requested it; the session is proven for '
  'its purpose alone';

CREATE FUNCTION auth_api.step_up_passkey_options(c auth.caller, purpose text, rp_id text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c);
  challenge constant text := auth.base64url(auth.random_bytes(32));
BEGIN
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF array_position(auth.step_up_purposes(), purpose) IS NULL THEN
    RETURN auth.refuse('VALIDATION', 'Unknown purpose');
  ELSIF NOT EXISTS (SELECT FROM auth.passkeys p WHERE p.user_id = u.id) THEN
    RETURN auth.refuse('NOT_FOUND', 'There is no passkey');
  END IF;
  INSERT INTO auth.passkey_challenges (cookie_digest, challenge_digest, ceremony, user_id, session_id, purpose)
  VALUES (c.fresh_digest, sha256(convert_to(challenge, 'UTF8')), 'step-up', u.id, me.id, step_up_passkey_options.purpose);
  RETURN auth.granted(
    auth.json_object('rpId', rp_id, 'challenge', challenge, 'allowCredentials', auth.passkey_descriptors(u.id), 'timeout', 60000,
                     'userVerification', 'required'),
    auth.passkey_challenge_cookie());
END
$$;
COMMENT ON FUNCTION auth_api.step_up_passkey_options IS
  'POST /api/v1/auth/step-up/passkey {purpose}: a challenge for the passkeys of the caller, good once, for five minutes, for this session '
  'and this purpose';

CREATE FUNCTION auth_api.step_up_passkey(
    c auth.caller, cookie_digest bytea, credential_id text, client_data bytea, authenticator_data bytea, signature bytea,
    user_handle text, rp_id text, origins text)
RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asked constant auth.passkey_challenges := auth.passkey_challenge_consume(step_up_passkey.cookie_digest, 'step-up');
  me auth.sessions := auth.session_find(c);
  a record;
  refusal auth.reply;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF asked.session_id IS DISTINCT FROM me.id THEN
    RETURN auth.refuse('CHALLENGE_NOT_FOUND'); -- none, or of another session
  END IF;
  a := auth.passkey_assert(c, asked, credential_id, client_data, authenticator_data, signature, user_handle, rp_id, origins, 'v1');
  refusal := a.refusal;
  IF refusal IS NULL AND NOT a.user_verified THEN -- a touch proves possession of the key, not the person
    refusal := auth.refuse('PASSKEY_VERIFICATION_FAILED');
  END IF;
  IF NOT (refusal IS NULL) THEN
    RETURN refusal;
  END IF;
  UPDATE auth.sessions s SET passkey_proved_at = now(), passkey_proved_for = asked.purpose WHERE s.id = me.id RETURNING s.* INTO me;
  RETURN CASE WHEN me.id IS NULL THEN auth.refuse('UNAUTHORIZED') ELSE auth.step_up_done(c, me, 'passkey') END;
END
$$;
COMMENT ON FUNCTION auth_api.step_up_passkey IS
  'POST /api/v1/auth/step-up {passkey}: the answer to a challenge of auth_api.step_up_passkey_options, with user verification, by the '
  'session that asked for it; the session is proven for its purpose alone';
