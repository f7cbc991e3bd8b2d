-- Showing a second factor. Every way in asks auth.two_factor_gate before it opens a session; what it then takes is here.

CREATE FUNCTION auth.two_factor_context(user_id text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN 'two_factor_auth:' || user_id;
COMMENT ON FUNCTION auth.two_factor_context IS 'what a sealed secret is bound to';

CREATE FUNCTION auth.two_factor_code_digest(subject text, code text) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.hmac_sha256(convert_to(subject || ':' || code, 'UTF8'), auth.secret('two-factor-code'));
END
$$;
COMMENT ON FUNCTION auth.two_factor_code_digest IS 'how a short code is kept; subject: whose it is';

CREATE FUNCTION auth.two_factor_code_typed(code text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN regexp_replace(
    translate(normalize(code, NFKC), '٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹', '01234567890123456789') COLLATE "C", '[^0-9A-Za-z]', '', 'g');
END
$$;
COMMENT ON FUNCTION auth.two_factor_code_typed IS
  'The ASCII letters and digits of a code as somebody typed it: without blanks, dashes and invisible characters; digits of '
  'Japanese, Arabic and Persian keyboards become ASCII';

CREATE FUNCTION auth.two_factor_backup_digests(user_id text, code text) RETURNS bytea[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY[
    auth.two_factor_code_digest(user_id, translate(lower(code COLLATE "C"), 'oil', '011')),
    auth.two_factor_code_digest(user_id, substr(code, 1, 5) || '-' || substr(code, 6))];
END
$$;
COMMENT ON FUNCTION auth.two_factor_backup_digests IS
  'the digests under which a backup code (of two_factor_code_typed) can be stored: in lower case without its dash, the letters o, i '
  'and l taken for digits; or, made by version 1.0, in its own case with the dash';

CREATE FUNCTION auth.two_factor_gate(c auth.caller, u auth.users, remember boolean, proven text, device_digest bytea)
  RETURNS auth.two_factor_gate LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifetime constant interval := '10 minutes';
  device_token text;
  methods json;
BEGIN
  IF NOT COALESCE(u.two_factor_enabled, false) THEN
    RETURN ROW(false, NULL, '')::auth.two_factor_gate;
  END IF;
  device_token := auth.trusted_device_rotate(c, u.id, device_digest);
  IF device_token IS NOT NULL THEN
    RETURN ROW(false, NULL, E'\ntrust_device ' || device_token || ' 2592000')::auth.two_factor_gate;
  END IF;
  SELECT to_json(array_remove(ARRAY[
           CASE WHEN f.confirmed_at IS NOT NULL THEN 'totp' END, CASE WHEN f.by_mail AND proven <> 'mail' THEN 'otp' END], NULL))
    INTO methods FROM auth.two_factor_auth f
   WHERE f.user_id = u.id AND (f.confirmed_at IS NOT NULL OR f.by_mail AND proven <> 'mail');
  IF methods IS NULL THEN
    RETURN ROW(true, NULL, NULL)::auth.two_factor_gate;
  END IF;
  INSERT INTO auth.two_factor_challenges (digest, user_id, proven, remember, expires_at)
  VALUES (c.fresh_digest, u.id, two_factor_gate.proven, two_factor_gate.remember, now() + lifetime);
  RETURN ROW(true, methods,
    CASE WHEN NOT remember THEN E'dont_remember true session\n' ELSE '' END
    || CASE WHEN device_digest IS NOT NULL THEN E'trust_device - 0\n' ELSE '' END
    || E'session_token - 0\nsession_data - 0\ntwo_factor \x01 600')::auth.two_factor_gate;
END
$$;
COMMENT ON FUNCTION auth.two_factor_gate IS
  'whether a user (locked) whose first factor is proven (password, mail, passkey) must show a second one: not in a browser that '
  'they trust. If so, a challenge is opened for the fresh token, which goes into a cookie';

CREATE FUNCTION auth.two_factor_waits(gate auth.two_factor_gate, body json, status integer, location text) RETURNS auth.reply
LANGUAGE sql IMMUTABLE
  RETURN ROW(NULL, NULL, NULL, status, body::text, location, gate.cookies, NULL, NULL, gate.methods IS NOT NULL)::auth.reply;
COMMENT ON FUNCTION auth.two_factor_waits IS
  'the answer of a door to a user who is asked for the second factor: its cookie, and auth.reply.second_factor_asked unless no factor '
  'can be shown at this door';

CREATE FUNCTION auth.two_factor_asked(gate auth.two_factor_gate) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN gate.methods IS NULL THEN auth.refuse('TWO_FACTOR_REQUIRED')
              ELSE auth.two_factor_waits(gate, auth.json_object('twoFactorRedirect', true, 'twoFactorMethods', gate.methods), NULL, NULL) END;
COMMENT ON FUNCTION auth.two_factor_asked IS 'the answer to a sign-in that is asked for its second factor';

CREATE FUNCTION auth.two_factor_page_url(gate auth.two_factor_gate, callback_url text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN gate.methods IS NULL OR callback_url IS NULL THEN callback_url
              ELSE '/two-factor?' || auth.form_query('callbackURL', callback_url) END;
END
$$;
COMMENT ON FUNCTION auth.two_factor_page_url IS
  'our page that asks for the second factor before it leads on to a URL; the URL itself where the factor cannot be '
  'shown';

CREATE FUNCTION auth.two_factor_challenge(digest bytea) RETURNS auth.two_factor_challenges
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  challenge auth.two_factor_challenges;
BEGIN
  SELECT x.* INTO challenge FROM auth.two_factor_challenges x
   WHERE x.digest = two_factor_challenge.digest AND x.expires_at > now();
  RETURN challenge;
END
$$;
COMMENT ON FUNCTION auth.two_factor_challenge IS 'the sign-in behind the cookie; a row of NULLs: none, or it has ended';

CREATE FUNCTION auth.two_factor_locked_seconds(f auth.two_factor_auth) RETURNS integer LANGUAGE sql STABLE
  RETURN greatest(pg_catalog.ceil(EXTRACT(epoch FROM f.locked_until - pg_catalog.now()))::integer, 0);
COMMENT ON FUNCTION auth.two_factor_locked_seconds IS 'seconds until codes are looked at again; 0 or NULL: they are';

CREATE FUNCTION auth_api.two_factor_verify(
    c auth.caller, challenge_digest bytea, method text, code text, trust_device boolean, without_session boolean,
    device_digest bytea DEFAULT NULL)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 5; -- wrong codes of one sign-in
  me auth.sessions := auth.session_find(c);
  challenge auth.two_factor_challenges;
  u auth.users;
  f auth.two_factor_auth;
  presented bytea; -- the digest of the token that came
  seconds integer;
BEGIN
  IF me.id IS NULL THEN
    challenge := auth.two_factor_challenge(challenge_digest);
  END IF;
  -- Of two codes of one user the second is looked at when the first is done with, and what it finds is asked for again.
  u := auth.user_lock(COALESCE(me.user_id, challenge.user_id));
  IF me.id IS NULL THEN
    challenge := auth.two_factor_challenge(challenge_digest);
  ELSE
    me := auth.session_find(c);
  END IF;
  presented := COALESCE(challenge.digest, me.token_digest);
  IF u.id IS NULL OR presented IS NULL THEN
    RETURN auth.refuse('INVALID_TWO_FACTOR_COOKIE');
  END IF;
  SELECT x.* INTO f FROM auth.two_factor_auth x WHERE x.user_id = u.id;
  code := auth.two_factor_code_typed(code);
  IF method = 'any' THEN
    method := auth.two_factor_method_of(f, presented, code);
  END IF;
  IF method = 'totp' AND (f.secret IS NULL OR challenge.digest IS NOT NULL AND f.confirmed_at IS NULL) THEN
    RETURN auth.refuse('TOTP_NOT_ENABLED');
  ELSIF f.user_id IS NULL THEN
    RETURN auth.refuse(CASE method WHEN 'backup' THEN 'BACKUP_CODES_NOT_ENABLED' ELSE 'TOTP_NOT_ENABLED' END);
  ELSIF auth.two_factor_locked_seconds(f) > 0 THEN
    RETURN auth.refuse('ACCOUNT_TEMPORARILY_LOCKED', NULL, auth.two_factor_locked_seconds(f));
  ELSIF challenge.failures >= most THEN
    DELETE FROM auth.two_factor_challenges x WHERE x.digest = challenge.digest;
    RETURN auth.two_factor_refused_for_good('TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE');
  ELSIF method = 'otp' THEN
    CASE (SELECT x.failures >= most FROM auth.two_factor_codes x WHERE x.bearer = presented AND x.expires_at > now())
      WHEN true THEN
        DELETE FROM auth.two_factor_codes x WHERE x.bearer = presented;
        RETURN auth.refuse('TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE');
      WHEN false THEN NULL;
      ELSE RETURN auth.refuse('OTP_HAS_EXPIRED');
    END CASE;
  END IF;
  -- Counted before it is compared, in shared memory: a caller that rolls back does not undo it.
  seconds := auth.rate_limit_count('code_guess', COALESCE('session ' || me.id, u.id));
  IF seconds > 0 THEN
    RETURN auth.refuse('ACCOUNT_TEMPORARILY_LOCKED', NULL, seconds);
  ELSIF NOT auth.two_factor_code_take(f, presented, method, code) THEN
    UPDATE auth.two_factor_challenges x SET failures = x.failures + 1 WHERE x.digest = challenge.digest;
    UPDATE auth.two_factor_codes x SET failures = x.failures + 1 WHERE x.bearer = presented;
    RETURN CASE WHEN me.id IS NULL THEN auth.two_factor_refused(c, u, f, method)
                ELSE auth.two_factor_refused_in_session(c, me, method) END;
  END IF;
  UPDATE auth.two_factor_auth x SET failures = 0, locked_until = NULL WHERE x.user_id = u.id;
  PERFORM auth.rate_limit_clear('code_guess', COALESCE('session ' || me.id, u.id));
  IF me.id IS NOT NULL THEN
    UPDATE auth.sessions x SET code_failures = 0 WHERE x.id = me.id AND x.code_failures > 0;
    PERFORM auth.step_up_prove(me.id, 'second-factor');
  END IF;
  IF without_session THEN
    RETURN auth.granted(auth.json_object('user', auth.user_json(u)));
  ELSIF challenge.digest IS NULL THEN
    RETURN auth.two_factor_confirmed(c, u, f, me, method);
  END IF;
  RETURN auth.two_factor_signed_in(c, u, challenge, method, trust_device, device_digest);
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_verify IS
  'POST /two-factor/verify-totp, -otp, -backup-code; method: totp, otp, backup, or any (whatever the code looks like). For the '
  'session of the caller, else for the sign-in behind the cookie, which it finishes. Five wrong codes end a sign-in, ten in a row '
  'lock the second factor; ten of a session end the session';

CREATE FUNCTION auth.two_factor_method_of(f auth.two_factor_auth, bearer bytea, code text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted bytea;
BEGIN
  IF code !~ '^[0-9]{6}$' THEN
    RETURN 'backup';
  ELSIF f.confirmed_at IS NULL THEN
    RETURN 'otp';
  END IF;
  wanted := auth.two_factor_code_digest(encode(bearer, 'hex'), code);
  RETURN CASE WHEN EXISTS (SELECT FROM auth.two_factor_codes x
                            WHERE x.bearer = two_factor_method_of.bearer AND x.digest = wanted)
              THEN 'otp' ELSE 'totp' END;
END
$$;
COMMENT ON FUNCTION auth.two_factor_method_of IS
  'what a code that somebody has typed into the one field of our page is meant as';

CREATE FUNCTION auth.two_factor_code_take(f auth.two_factor_auth, bearer bytea, method text, code text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted bytea;
BEGIN
  IF method = 'totp' THEN
    -- What was matched is taken by the statement that asks whether it still can be: a code works once.
    UPDATE auth.two_factor_auth x SET last_step = matched.step
      FROM (SELECT auth.totp_match(f.secret, auth.two_factor_context(f.user_id), code, clock_timestamp()) AS step) matched
     WHERE x.user_id = f.user_id AND x.last_step < matched.step;
  ELSIF method = 'otp' THEN
    wanted := auth.two_factor_code_digest(encode(two_factor_code_take.bearer, 'hex'), code);
    DELETE FROM auth.two_factor_codes x
     WHERE x.bearer = two_factor_code_take.bearer AND x.digest = wanted AND x.expires_at > now();
  ELSE
    DELETE FROM auth.two_factor_backup_codes x
     WHERE x.user_id = f.user_id AND x.digest = ANY (auth.two_factor_backup_digests(f.user_id, code));
  END IF;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.two_factor_code_take IS 'takes a code, if it is right: it is used up, whoever else shows it';

CREATE FUNCTION auth.two_factor_refused(c auth.caller, u auth.users, f auth.two_factor_auth, method text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 10;
  locked constant interval := '15 minutes';
  longest constant interval := '1 day';
  now_failed constant integer := f.failures + 1;
  error constant text := CASE method WHEN 'backup' THEN 'INVALID_BACKUP_CODE' ELSE 'INVALID_CODE' END;
  seconds integer;
BEGIN
  UPDATE auth.two_factor_auth x
     SET failures = now_failed,
         locked_until = CASE WHEN now_failed % most = 0
                             THEN now() + least(locked * 2 ^ least(now_failed / most - 1, 10), longest) ELSE x.locked_until END
   WHERE x.user_id = f.user_id
  RETURNING auth.two_factor_locked_seconds(x) INTO seconds;
  PERFORM auth.security_event(c, f.user_id, 'LOGIN_FAILURE', auth.json_object('code', error, 'method', method)::jsonb);
  IF seconds > 0 THEN
    PERFORM auth.security_event(c, f.user_id, 'ACCOUNT_LOCKED', auth.json_object('seconds', seconds, 'method', method)::jsonb);
    PERFORM auth.mail_queue('two_factor_locked', u.email, u.locale,
                            auth.json_object('name', u.name, 'minutes', ceil(seconds / 60.0)::integer::text), u.id);
  END IF;
  RETURN auth.refuse(error);
END
$$;
COMMENT ON FUNCTION auth.two_factor_refused IS
  'a wrong code of a user (locked): counted and remembered. The tenth in a row locks for 15 minutes, each further tenth for twice '
  'as long, up to a day, and its owner is told: whoever guesses knows the password';

CREATE FUNCTION auth.two_factor_refused_in_session(c auth.caller, me auth.sessions, method text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 10;
  error constant text := CASE method WHEN 'backup' THEN 'INVALID_BACKUP_CODE' ELSE 'INVALID_CODE' END;
  failures integer;
BEGIN
  UPDATE auth.sessions x SET code_failures = x.code_failures + 1 WHERE x.id = me.id RETURNING x.code_failures INTO failures;
  PERFORM auth.security_event(c, me.user_id, 'LOGIN_FAILURE', auth.json_object('code', error, 'method', method)::jsonb);
  IF failures >= most THEN
    PERFORM auth.session_remove(me.id);
    PERFORM auth.security_event(c, me.user_id, 'LOGOUT', '{"by":"wrong-codes"}');
  END IF;
  RETURN auth.refuse(error);
END
$$;
COMMENT ON FUNCTION auth.two_factor_refused_in_session IS
  'Refuses a wrong code of a session and counts it there; the tenth since the last right one ends the session. Somebody who stole a '
  'cookie must not lock the second factor of its owner.';

CREATE FUNCTION auth.two_factor_refused_for_good(error text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN ROW(error, NULL, NULL, NULL, NULL, NULL, 'two_factor - 0', NULL, NULL, NULL)::auth.reply;
COMMENT ON FUNCTION auth.two_factor_refused_for_good IS 'a refusal after which the sign-in begins anew';

CREATE FUNCTION auth.two_factor_confirmed(
    c auth.caller, u auth.users, f auth.two_factor_auth, me auth.sessions, method text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF method <> 'totp' OR f.confirmed_at IS NOT NULL THEN
    RETURN auth.granted(auth.json_object('token', auth.presented_token(), 'user', auth.user_json(u)));
  END IF;
  UPDATE auth.two_factor_auth x SET confirmed_at = now() WHERE x.user_id = u.id;
  u := auth.two_factor_enable(c, u, 'totp');
  PERFORM auth.session_rotate(c, me);
  RETURN auth.granted(auth.json_object('token', auth.fresh_token(), 'user', auth.user_json(u)),
                      auth.session_cookies(me.remember_me));
END
$$;
COMMENT ON FUNCTION auth.two_factor_confirmed IS
  'a right code of somebody signed in: the first of a new secret puts it in force, and the session gets a new token';

CREATE FUNCTION auth.two_factor_signed_in(
    c auth.caller, u auth.users, challenge auth.two_factor_challenges, method text, trust_device boolean, device_digest bytea)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.two_factor_challenges x WHERE x.digest = challenge.digest;
  PERFORM auth.session_open(c, u.id, challenge.remember, 'second-factor');
  PERFORM auth.security_event(c, u.id, 'LOGIN_SUCCESS',
                              auth.json_object('method', challenge.proven, 'secondFactor', method)::jsonb);
  IF method = 'backup' THEN
    PERFORM auth.mail_queue('backup_code_used', u.email, u.locale, auth.json_object('name', u.name, 'left', (
      SELECT count(*) FROM auth.two_factor_backup_codes x WHERE x.user_id = u.id)::text), u.id);
  END IF;
  RETURN auth.granted(
    auth.json_object('token', auth.fresh_token(), 'user', auth.user_json(u)),
    auth.session_cookies(challenge.remember) || E'\ntwo_factor - 0'
    || CASE WHEN trust_device THEN E'\ntrust_device ' || auth.trusted_device_add(c, u.id) || ' 2592000' ELSE '' END
    || CASE WHEN trust_device AND challenge.remember THEN E'\ndont_remember - 0' ELSE '' END
    || auth.known_device_cookie(u.id, challenge.remember, device_digest));
END
$$;
COMMENT ON FUNCTION auth.two_factor_signed_in IS 'a right code of a sign-in: the session, and the browser trusted if wished';

CREATE FUNCTION auth_api.two_factor_send(c auth.caller, challenge_digest bytea) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifetime constant interval := '5 minutes';
  me constant auth.sessions := auth.session_find(c);
  challenge auth.two_factor_challenges;
  u auth.users;
  f auth.two_factor_auth;
  presented bytea := me.token_digest;
  code text;
  wait_seconds integer;
BEGIN
  IF me.id IS NULL THEN
    challenge := auth.two_factor_challenge(challenge_digest);
    presented := challenge.digest;
  END IF;
  u := auth.user_lock(COALESCE(me.user_id, challenge.user_id));
  SELECT x.* INTO f FROM auth.two_factor_auth x WHERE x.user_id = u.id;
  IF u.id IS NULL THEN
    RETURN auth.refuse('INVALID_TWO_FACTOR_COOKIE');
  ELSIF NOT COALESCE(f.by_mail, false) OR challenge.proven = 'mail' THEN
    RETURN auth.refuse('OTP_NOT_CONFIGURED');
  ELSIF auth.two_factor_locked_seconds(f) > 0 THEN
    RETURN auth.refuse('ACCOUNT_TEMPORARILY_LOCKED', NULL, auth.two_factor_locked_seconds(f));
  END IF;
  wait_seconds := auth.rate_limit_count('mail/otp', u.id);
  IF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  END IF;
  -- 63 random bits modulo a million: no code is likelier than another by more than 2^-43
  code := lpad(((('x' || encode(auth.random_bytes(8), 'hex'))::bit(64)::bigint & 9223372036854775807) % 1000000)::text, 6, '0');
  INSERT INTO auth.two_factor_codes AS x (bearer, user_id, digest, expires_at)
  VALUES (presented, u.id, auth.two_factor_code_digest(encode(presented, 'hex'), code), now() + lifetime)
  ON CONFLICT ON CONSTRAINT two_factor_codes_pkey DO UPDATE
    SET digest = excluded.digest, failures = 0, expires_at = excluded.expires_at;
  PERFORM auth.mail_queue('otp', u.email, u.locale, auth.json_object('name', u.name, 'code', code), u.id, lifetime);
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_send IS
  'POST /two-factor/send-otp: a code by mail for five minutes, to who has chosen that; the older one is dead. Never for a sign-in '
  'that began with a mail: the mailbox alone must not do';

CREATE FUNCTION auth_api.two_factor_page(c auth.caller, challenge_digest bytea) RETURNS TABLE (totp boolean, by_mail boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  challenge constant auth.two_factor_challenges := auth.two_factor_challenge(challenge_digest);
BEGIN
  RETURN QUERY SELECT f.confirmed_at IS NOT NULL, f.by_mail AND challenge.proven <> 'mail'
                 FROM auth.two_factor_auth f WHERE f.user_id = challenge.user_id;
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_page IS 'what the page asks for; no row: no sign-in waits for a second factor';
