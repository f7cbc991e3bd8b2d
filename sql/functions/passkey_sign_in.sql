-- Sign-in with a passkey. The credential that answers names the user, so that there is nothing to enumerate beforehand.

CREATE FUNCTION auth_api.passkey_authenticate_options(c auth.caller, rp_id text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  known constant json := auth.passkey_descriptors(me.user_id);
  named constant boolean := json_array_length(known) > 0;
  challenge constant text := auth.passkey_challenge_issue(c, 'authentication', CASE WHEN named THEN me.user_id END);
BEGIN
  RETURN auth.granted(
    CASE WHEN named
         THEN auth.json_object('rpId', rp_id, 'challenge', challenge, 'allowCredentials', known, 'timeout', 60000,
                               'userVerification', 'preferred')
         ELSE auth.json_object('rpId', rp_id, 'challenge', challenge, 'timeout', 60000, 'userVerification', 'preferred') END,
    auth.passkey_challenge_cookie());
END
$$;
COMMENT ON FUNCTION auth_api.passkey_authenticate_options IS
  'GET /passkey/generate-authenticate-options: any passkey of this service; of who is signed in already, theirs';

CREATE FUNCTION auth.passkey_verify(
    public_key text, client_data bytea, authenticator_data bytea, signature bytea, rp_id text, origins text,
    OUT outcome text, OUT challenge_digest bytea, OUT counter bigint, OUT user_verified boolean, OUT backed_up boolean)
  LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'mana_passkey_verify';
COMMENT ON FUNCTION auth.passkey_verify IS
  'Verifies what an authenticator answered (Web Authentication level 2, section 7.2) by a COSE key in base64, for a relying party and '
  'the origins of its pages, one a line. outcome is valid, mismatch or bad_signature; the other columns are NULL unless it is valid. '
  'The caller compares the digest of the challenge and the counter. A row of NULLs when an argument is NULL.';

CREATE FUNCTION auth.passkey_refused(c auth.caller, p auth.passkeys, error text, status integer, dialect text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p.id IS NOT NULL THEN
    PERFORM auth.rate_limit_count('passkey_failure', p.id);
  END IF;
  PERFORM auth.security_event(c, p.user_id, 'PASSKEY_LOGIN_FAILURE', auth.json_object('code', error, 'passkeyId', p.id)::jsonb);
  RETURN CASE
    WHEN dialect = 'v1' THEN auth.refuse('PASSKEY_VERIFICATION_FAILED')
    WHEN error = 'PASSKEY_NOT_FOUND' THEN auth.refuse_as(status, 'Passkey not found', error)
    ELSE auth.refuse_as(status, 'Authentication failed', 'AUTHENTICATION_FAILED') END;
END
$$;
COMMENT ON FUNCTION auth.passkey_refused IS 'an answer that does not sign in: counted for its passkey, remembered, refused';

CREATE FUNCTION auth.passkey_assert(
    c auth.caller, asked auth.passkey_challenges, credential_id text, client_data bytea, authenticator_data bytea, signature bytea,
    user_handle text, rp_id text, origins text, dialect text,
    OUT refusal auth.reply, OUT u auth.users, OUT p auth.passkeys, OUT user_verified boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wait_seconds integer;
  answer record;
BEGIN
  SELECT x.* INTO p FROM auth.passkeys x WHERE x.credential_id = passkey_assert.credential_id;
  wait_seconds := auth.rate_limit_wait('passkey_failure', p.id);
  IF wait_seconds > 0 THEN
    refusal := auth.refuse('RATE_LIMITED', NULL, wait_seconds);
    RETURN;
  END IF;
  u := auth.user_lock(p.user_id);
  SELECT x.* INTO p FROM auth.passkeys x WHERE x.id = p.id AND x.user_id = u.id; -- as it is now, behind the lock
  IF p.id IS NULL THEN
    refusal := auth.passkey_refused(c, p, 'PASSKEY_NOT_FOUND', 401, dialect);
    RETURN;
  END IF;
  SELECT v.* INTO answer
    FROM auth.passkey_verify(p.public_key, client_data, authenticator_data, signature, rp_id, origins) v;
  IF answer.outcome = 'bad_signature' THEN
    refusal := auth.passkey_refused(c, p, 'SIGNATURE', 401, dialect);
  ELSIF answer.outcome IS DISTINCT FROM 'valid' OR answer.challenge_digest IS DISTINCT FROM asked.challenge_digest THEN
    refusal := auth.passkey_refused(c, p, 'MISMATCH', 400, dialect);
  ELSIF asked.user_id <> u.id OR passkey_assert.user_handle <> p.user_handle
     OR (asked.user_id IS NULL AND p.user_handle IS NOT NULL AND passkey_assert.user_handle IS NULL) THEN
    refusal := auth.passkey_refused(c, p, 'USER', 400, dialect);
  ELSIF (p.counter > 0 OR answer.counter > 0) AND answer.counter <= p.counter THEN
    refusal := auth.passkey_refused(c, p, 'COUNTER', 400, dialect);
  ELSE
    UPDATE auth.passkeys x SET counter = answer.counter, backed_up = answer.backed_up, last_used_at = now()
     WHERE x.id = p.id;
    user_verified := answer.user_verified;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.passkey_assert IS
  'verifies an answer of an authenticator to a challenge that was taken: signature, challenge, user and counter. refusal: why it is not '
  'accepted, as a reply; a row of NULLs: the user u (locked) holds the key p, and user_verified says whether the authenticator verified '
  'the person';

CREATE FUNCTION auth_api.passkey_sign_in(
    c auth.caller, cookie_digest bytea, credential_id text, client_data bytea, authenticator_data bytea, signature bytea,
    user_handle text, rp_id text, origins text, dialect text, trusted_digest bytea, device_digest bytea DEFAULT NULL)
RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asked constant auth.passkey_challenges := auth.passkey_challenge_consume(passkey_sign_in.cookie_digest, 'authentication');
  a record;
  u auth.users;
  p auth.passkeys;
  refusal auth.reply;
  gate auth.two_factor_gate := ROW(false, NULL, '');
BEGIN
  IF asked.cookie_digest IS NULL THEN
    RETURN auth.refuse('CHALLENGE_NOT_FOUND');
  END IF;
  a := auth.passkey_assert(c, asked, credential_id, client_data, authenticator_data, signature, user_handle, rp_id, origins, dialect);
  refusal := a.refusal;
  u := a.u;
  p := a.p;
  IF NOT (refusal IS NULL) THEN
    RETURN refusal;
  ELSIF NOT u.email_verified THEN
    PERFORM auth.security_event_once(c, u.id, 'PASSKEY_LOGIN_FAILURE', '{"code":"EMAIL_NOT_VERIFIED"}');
    RETURN auth.refuse('EMAIL_NOT_VERIFIED');
  ELSIF NOT a.user_verified THEN -- a touch proves possession of the key; a PIN or a finger proves the person
    gate := auth.two_factor_gate(c, u, true, 'passkey', trusted_digest);
  END IF;
  RETURN CASE WHEN gate.asked THEN auth.two_factor_asked(gate) ELSE auth.passkey_granted(
    c, u, p.id, a.user_verified, dialect, gate.cookies || auth.known_device_cookie(u.id, true, device_digest)) END;
END
$$;
COMMENT ON FUNCTION auth_api.passkey_sign_in IS
  'POST /passkey/verify-authentication: consumes the challenge of the cookie, verifies the answer of the authenticator, its challenge, '
  'user and counter, and opens the session (or asks for the second factor, where the authenticator has not verified the user) in one '
  'transaction. Refusals: CHALLENGE_NOT_FOUND, RATE_LIMITED after 10 failures of one passkey in 5 minutes, EMAIL_NOT_VERIFIED.';

CREATE FUNCTION auth.passkey_granted(
    c auth.caller, u auth.users, passkey_id text, user_verified boolean, dialect text, more_cookies text)
RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_open(c, u.id, true, CASE WHEN user_verified THEN 'passkey' END);
BEGIN
  PERFORM auth.security_event(c, u.id, 'PASSKEY_LOGIN_SUCCESS', auth.json_object('passkeyId', passkey_id)::jsonb);
  IF dialect = 'v1' THEN
    RETURN auth.granted(
      auth.json_object('session', auth.session_json(s, auth.fresh_token()), 'user', auth.user_json(u),
                       'accessToken', auth.access_token(), 'refreshToken', auth.fresh_token()),
      auth.session_cookies(true) || more_cookies, auth.user_claims(u, s.id));
  END IF;
  RETURN auth.granted(
    auth.json_object('session', auth.session_json(s, auth.fresh_token()), 'user', auth.user_json(u)),
    auth.session_cookies(true) || more_cookies);
END
$$;
COMMENT ON FUNCTION auth.passkey_granted IS 'the user is who holds the key: the session, and what the client reads';
