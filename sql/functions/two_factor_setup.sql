-- Setting up a second factor and giving it up. The password is asked for again before any of it; where a second
-- factor is on, the session must hold a proof by it, too.

CREATE FUNCTION auth.session_rotate(c auth.caller, s auth.sessions) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.session_tokens t WHERE t.session_id = s.id;
  UPDATE auth.sessions x SET token_digest = c.fresh_digest, updated_at = now() WHERE x.id = s.id;
END
$$;
COMMENT ON FUNCTION auth.session_rotate IS
  'a new token for a session: who has learnt the old one, or a refresh token of it, is out. The session and what was allowed to '
  'clients in it stay';

CREATE FUNCTION auth.two_factor_enable(c auth.caller, u auth.users, method text) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  enabled auth.users;
BEGIN
  UPDATE auth.users x SET two_factor_enabled = true, updated_at = now() WHERE x.id = u.id RETURNING x.* INTO enabled;
  PERFORM auth.security_event(c, u.id, 'TWO_FACTOR_ENABLED', auth.json_object('method', method)::jsonb);
  PERFORM auth.mail_queue('two_factor_enabled', u.email, u.locale, auth.json_object('name', u.name), u.id);
  RETURN enabled;
END
$$;
COMMENT ON FUNCTION auth.two_factor_enable IS 'from here on a user (locked) is asked for the second factor; the owner is told';

CREATE FUNCTION auth.two_factor_remove(c auth.caller, u auth.users) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  disabled auth.users;
BEGIN
  DELETE FROM auth.two_factor_auth x WHERE x.user_id = u.id;
  DELETE FROM auth.two_factor_backup_codes x WHERE x.user_id = u.id;
  DELETE FROM auth.two_factor_codes x WHERE x.user_id = u.id;
  DELETE FROM auth.two_factor_challenges x WHERE x.user_id = u.id;
  DELETE FROM auth.trusted_devices x WHERE x.user_id = u.id;
  UPDATE auth.users x SET two_factor_enabled = false, updated_at = now() WHERE x.id = u.id RETURNING x.* INTO disabled;
  IF u.two_factor_enabled THEN
    PERFORM auth.security_event(c, u.id, 'TWO_FACTOR_DISABLED');
    PERFORM auth.mail_queue('two_factor_disabled', u.email, u.locale, auth.json_object('name', u.name), u.id);
  END IF;
  RETURN disabled;
END
$$;
COMMENT ON FUNCTION auth.two_factor_remove IS
  'wipes the second factor of a user (locked), with codes, challenges and trusted devices; the owner is told';

CREATE FUNCTION auth.two_factor_reset(user_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock(two_factor_reset.user_id);
BEGIN
  IF NOT COALESCE(u.two_factor_enabled, false) THEN
    RETURN false;
  END IF;
  PERFORM auth.two_factor_remove(NULL, u);
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth.two_factor_reset IS
  'for a DBA whose user has lost device and backup codes: the password is enough again. Leaves its event, and the owner is told; '
  'false: there was no second factor';

CREATE FUNCTION auth.two_factor_backup_codes_make(user_id text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  how_many constant integer := 10;
  alphabet constant text := '0123456789abcdefghjkmnpqrstvwxyz'; -- of Crockford's base 32: no letter looks like a digit
  codes text[] := '{}';
  random bytea;
BEGIN
  FOR i IN 1 .. how_many LOOP
    random := auth.random_bytes(10);
    codes := codes || (SELECT string_agg(substr(alphabet, (get_byte(random, n) & 31) + 1, 1), '' ORDER BY n)
                         FROM generate_series(0, 9) n);
  END LOOP;
  DELETE FROM auth.two_factor_backup_codes x WHERE x.user_id = two_factor_backup_codes_make.user_id;
  INSERT INTO auth.two_factor_backup_codes (user_id, digest)
  SELECT two_factor_backup_codes_make.user_id, auth.two_factor_code_digest(two_factor_backup_codes_make.user_id, code)
    FROM unnest(codes) code;
  RETURN to_json(ARRAY(SELECT substr(code, 1, 5) || '-' || substr(code, 6) FROM unnest(codes) code));
END
$$;
COMMENT ON FUNCTION auth.two_factor_backup_codes_make IS 'ten new codes of 50 random bits, shown this once; the older ones are dead';

CREATE FUNCTION auth.two_factor_setup_refusal(
    c auth.caller, me auth.sessions, u auth.users, challenge text, output bytea)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  refusal constant auth.reply := auth.password_refusal(c, u, challenge, output, 'better-auth');
BEGIN
  RETURN CASE WHEN refusal.refusal IS NOT NULL THEN refusal ELSE auth.step_up_by_password(c, me, 'two-factor') END;
END
$$;
COMMENT ON FUNCTION auth.two_factor_setup_refusal IS
  'why a user (locked) may not change or see the second factor: the password is wrong, or one is on already and the session holds no '
  'proof beyond the password. A row of NULLs: go on';

CREATE FUNCTION auth_api.two_factor_enable(
    c auth.caller, challenge text, output bytea, method text, issuer text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id);
  refusal auth.reply;
  sealed bytea;
BEGIN
  me := auth.session_find(c); -- the call before us may have given it another token
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.two_factor_setup_refusal(c, me, u, challenge, output);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF method = 'otp' THEN
    INSERT INTO auth.two_factor_auth AS x (user_id, by_mail) VALUES (u.id, true)
    ON CONFLICT ON CONSTRAINT two_factor_auth_pkey DO UPDATE
      SET by_mail = true, by_mail_since = CASE WHEN x.by_mail THEN x.by_mail_since ELSE now() END;
    PERFORM auth.two_factor_enable(c, u, 'otp');
    PERFORM auth.session_rotate(c, me);
    RETURN auth.granted(auth.json_object('method', 'otp'), auth.session_cookies(me.remember_me));
  ELSIF EXISTS (SELECT FROM auth.two_factor_auth x WHERE x.user_id = u.id AND x.confirmed_at IS NOT NULL) THEN
    RETURN auth.refuse('TOTP_ALREADY_ENABLED');
  END IF;
  INSERT INTO auth.two_factor_auth AS x (user_id, secret, shown_at) VALUES (u.id, auth.totp_new(auth.two_factor_context(u.id)), now())
  ON CONFLICT ON CONSTRAINT two_factor_auth_pkey DO UPDATE SET secret = excluded.secret, shown_at = excluded.shown_at, last_step = 0
  RETURNING x.secret INTO sealed;
  RETURN auth.granted(auth.json_object(
    'method', 'totp', 'totpURI', auth.totp_uri(sealed, auth.two_factor_context(u.id), issuer, u.email),
    'backupCodes', auth.two_factor_backup_codes_make(u.id)));
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_enable IS
  'POST /two-factor/enable: a secret for an authenticator app, in force once a code of it was shown, and backup codes; or codes '
  'by mail, in force at once';

CREATE FUNCTION auth_api.two_factor_disable(
    c auth.caller, challenge text, output bytea, device_digest bytea)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id);
  refusal auth.reply;
BEGIN
  me := auth.session_find(c);
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.two_factor_setup_refusal(c, me, u, challenge, output);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  PERFORM auth.two_factor_remove(c, u);
  PERFORM auth.session_rotate(c, me);
  RETURN auth.granted(auth.json_object('status', true),
    auth.session_cookies(me.remember_me) || CASE WHEN device_digest IS NOT NULL THEN E'\ntrust_device - 0' ELSE '' END);
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_disable IS 'POST /two-factor/disable: wipes the second factor, with a new token for the session';

CREATE FUNCTION auth_api.two_factor_totp_uri(c auth.caller, challenge text, output bytea, issuer text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c); -- behind the lock: the session may have ended meanwhile
  refusal auth.reply;
  sealed bytea;
BEGIN
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.two_factor_setup_refusal(c, me, u, challenge, output);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  UPDATE auth.two_factor_auth x SET shown_at = now() WHERE x.user_id = u.id AND x.secret IS NOT NULL RETURNING x.secret INTO sealed;
  RETURN CASE
    WHEN sealed IS NULL THEN auth.refuse('TOTP_NOT_ENABLED')
    ELSE auth.granted(auth.json_object('totpURI', auth.totp_uri(sealed, auth.two_factor_context(u.id), issuer, u.email))) END;
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_totp_uri IS 'POST /two-factor/get-totp-uri: the secret again, for another app';

CREATE FUNCTION auth_api.two_factor_backup_codes(c auth.caller, challenge text, output bytea)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c); -- behind the lock: the session may have ended meanwhile
  refusal auth.reply;
BEGIN
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.two_factor_setup_refusal(c, me, u, challenge, output);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF NOT COALESCE(u.two_factor_enabled, false) THEN
    RETURN auth.refuse('TWO_FACTOR_NOT_ENABLED');
  END IF;
  PERFORM auth.security_event(c, u.id, 'BACKUP_CODES_GENERATED');
  RETURN auth.granted(auth.json_object('status', true, 'backupCodes', auth.two_factor_backup_codes_make(u.id)));
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_backup_codes IS 'POST /two-factor/generate-backup-codes';

CREATE FUNCTION auth.two_factor_sweep(batch integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  swept bigint := 0;
  n bigint;
BEGIN
  DELETE FROM auth.two_factor_challenges t WHERE t.digest IN (
    SELECT x.digest FROM auth.two_factor_challenges x WHERE x.expires_at < now()
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.two_factor_codes t WHERE t.bearer IN (
    SELECT x.bearer FROM auth.two_factor_codes x WHERE x.expires_at < now()
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.trusted_devices t WHERE t.id IN (
    SELECT x.id FROM auth.trusted_devices x WHERE x.expires_at < now()
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  RETURN swept;
END
$$;
COMMENT ON FUNCTION auth.two_factor_sweep IS 'the second factors'' part of auth.sweep';
