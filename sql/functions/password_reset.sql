-- A forgotten password, and another verification mail: the same answer whether or not the address is known.

CREATE FUNCTION auth_api.password_reset_request(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(input ->> 'email');
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.email = address AND x.deleted_at IS NULL;
  PERFORM auth.security_event(c, u.id, 'PASSWORD_RESET_REQUESTED');
  IF u.id IS NOT NULL AND auth.rate_limit_count('mail/reset_password', address) = 0 THEN
    PERFORM auth.mail_queue('reset_password', u.email, u.locale, auth.json_object(
      'name', u.name, 'callbackURL', COALESCE(input ->> 'redirectTo', '/'),
      'token', auth.verification_issue('reset-password', u.id, auth.json_object('email', u.email), interval '1 hour')), u.id);
  END IF;
  RETURN auth.granted(auth.json_object('status', true,
    'message', 'If this email exists in our system, check your email for the reset link'));
END
$$;
COMMENT ON FUNCTION auth_api.password_reset_request IS
  'POST /request-password-reset: a mail with a link for one hour; older links die. Both cases write, so both take as long';

CREATE FUNCTION auth_api.password_reset_check(c auth.caller, token text, callback_url text) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.granted(NULL, status => 302, location =>
    CASE WHEN EXISTS (SELECT FROM auth.verification v
                       WHERE v.identifier = auth.verification_identifier('reset-password', token) AND v.expires_at > now())
         THEN auth.url_with(callback_url, 'token', token)
         ELSE auth.url_with(callback_url, 'error', 'INVALID_TOKEN') END);
END
$$;
COMMENT ON FUNCTION auth_api.password_reset_check IS
  'GET /reset-password/:token: sends the browser on to the page that asks for the new password; uses nothing up';

CREATE FUNCTION auth_api.password_reset(c auth.caller, token text, new_hash text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v constant auth.verification := auth.verification_consume('reset-password', token);
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.id = v.user_id AND x.email = v.value::jsonb ->> 'email' FOR NO KEY UPDATE;
  IF u.id IS NULL THEN
    RETURN auth.refuse('INVALID_TOKEN');
  END IF;
  INSERT INTO auth.accounts AS a (account_id, provider_id, user_id, password) VALUES (u.id, 'credential', u.id, new_hash)
  ON CONFLICT ON CONSTRAINT accounts_provider_id_account_id_unique DO UPDATE
    SET password = EXCLUDED.password, password_version = a.password_version + 1, updated_at = now();
  PERFORM auth.sessions_end(c, u.id, NULL);
  PERFORM auth.lockout_clear(u.email);
  PERFORM auth.security_event(c, u.id, 'PASSWORD_RESET_COMPLETED');
  PERFORM auth.mail_queue('password_changed', u.email, u.locale, auth.json_object('name', u.name), u.id);
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.password_reset IS
  'POST /reset-password: takes the token, sets the password, ends all sessions; tells the owner by mail';

CREATE FUNCTION auth_api.verification_send(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(input ->> 'email');
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.email = address AND NOT x.email_verified AND x.deleted_at IS NULL;
  PERFORM auth.security_event(c, u.id, 'VERIFICATION_REQUESTED');
  IF u.id IS NOT NULL AND auth.rate_limit_count('mail/verify_email', address) = 0 THEN
    PERFORM auth.verification_mail(u, input ->> 'callbackURL');
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.verification_send IS 'POST /send-verification-email: a new link where the address is not verified yet';

CREATE FUNCTION auth_api.signup_status(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := current_setting('mana_auth.signup_daily_max')::integer;
  today constant timestamptz := date_trunc('day', now(), 'UTC');
  made bigint;
BEGIN
  IF most = 0 THEN
    RETURN auth.granted(auth.json_object('registrationOpen', true, 'spotsRemaining', NULL::integer, 'totalToday', 0,
                                         'limit', 0, 'resetsAt', ''));
  END IF;
  SELECT count(*) INTO made FROM auth.security_events e WHERE e.event_type = 'REGISTER' AND e.created_at >= today;
  RETURN auth.granted(auth.json_object('registrationOpen', made < most, 'spotsRemaining', greatest(most - made, 0),
    'totalToday', made, 'limit', most, 'resetsAt', today + interval '1 day'));
END
$$;
COMMENT ON FUNCTION auth_api.signup_status IS 'GET /api/v1/auth/signup-status';

CREATE FUNCTION auth.sweep(batch integer DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  swept bigint := 0;
  n bigint;
BEGIN
  DELETE FROM auth.sessions s WHERE s.id IN (
    SELECT x.id FROM auth.sessions x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.verification v WHERE v.id IN (
    SELECT x.id FROM auth.verification x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.login_attempts l WHERE l.id IN (
    SELECT x.id FROM auth.login_attempts x WHERE x.attempted_at < now() - interval '1 day'
     ORDER BY x.attempted_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.lockouts l WHERE l.email IN (
    SELECT x.email FROM auth.lockouts x
     WHERE x.window_since < now() - interval '1 day' AND (x.locked_until IS NULL OR x.locked_until < now())
     LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.outbox o WHERE o.id IN (
    SELECT x.id FROM auth.outbox x
     WHERE (x.state = 'sent' AND x.finished_at < now() - interval '7 days')
        OR (x.state = 'dead' AND x.finished_at < now() - interval '90 days')
     LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  PERFORM auth.vault_audit_make_partitions();
  RETURN swept;
END
$$;
COMMENT ON FUNCTION auth.sweep IS
  'removes what has expired, at most batch rows of a kind, and makes the audit''s next months; called by edges every minute';

CREATE FUNCTION auth_api.sweep() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('auth.sweep', 0)) THEN
    RETURN 0; -- another edge is at it
  END IF;
  RETURN auth.sweep();
END
$$;
COMMENT ON FUNCTION auth_api.sweep IS 'auth.sweep, by one edge at a time';
