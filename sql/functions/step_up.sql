-- Step-up authentication (OWASP ASVS 5.0, 7.5.1 and 7.5.3). Operations that a thief of a cookie or of an access JWT must not do
-- require a proof of identity that is at most ten minutes old. The proof belongs to the session: a sign-in leaves one, and
-- POST /api/v1/auth/step-up renews it. Where the proofs are stored: auth.sessions.

CREATE FUNCTION auth.step_up_lifetime() RETURNS interval LANGUAGE sql IMMUTABLE RETURN INTERVAL '10 minutes';
COMMENT ON FUNCTION auth.step_up_lifetime IS 'how long a proof of identity counts';

CREATE FUNCTION auth.step_up_purposes() RETURNS text[] LANGUAGE sql IMMUTABLE
  RETURN ARRAY['change-email', 'delete-account', 'password', 'unlink-account', 'two-factor', 'passkey', 'api-key', 'organization',
               'admin', 'oauth-client', 'oauth-consent', 'vault-rotate', 'vault-recovery', 'vault-zero-knowledge', 'vault-restore'];
COMMENT ON FUNCTION auth.step_up_purposes IS 'every operation, or group of operations, that requires step-up authentication';

CREATE FUNCTION auth.step_up_mail_counts(u auth.users, purpose text) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN NOT (COALESCE(u.two_factor_enabled, false) AND purpose IN ('two-factor', 'passkey', 'admin', 'oauth-client'));
COMMENT ON FUNCTION auth.step_up_mail_counts IS
  'whether a token mailed to the user proves enough for a purpose. A mailbox alone must not remove a second factor, nor add a '
  'passkey, which replaces it, nor act as an administrator';

CREATE FUNCTION auth.step_up_methods(u auth.users, purpose text) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f auth.two_factor_auth;
BEGIN
  IF u.two_factor_enabled THEN
    SELECT x.* INTO f FROM auth.two_factor_auth x WHERE x.user_id = u.id;
  END IF;
  RETURN array_remove(ARRAY[
    CASE WHEN NOT COALESCE(u.two_factor_enabled, false) AND EXISTS (
      SELECT FROM auth.accounts a WHERE a.user_id = u.id AND a.provider_id = 'credential' AND a.password IS NOT NULL)
      THEN 'password' END,
    CASE WHEN f.confirmed_at IS NOT NULL THEN 'totp' END,
    CASE WHEN f.by_mail THEN 'otp' END,
    CASE WHEN f.user_id IS NOT NULL AND EXISTS (SELECT FROM auth.two_factor_backup_codes b WHERE b.user_id = u.id)
      THEN 'backup_code' END,
    CASE WHEN EXISTS (SELECT FROM auth.passkeys p WHERE p.user_id = u.id) THEN 'passkey' END,
    CASE WHEN auth.step_up_mail_counts(u, purpose) THEN 'mail' END], NULL);
END
$$;
COMMENT ON FUNCTION auth.step_up_methods IS
  'how a user can prove their identity for a purpose: password, totp, otp, backup_code, passkey, '
  'mail. A password alone proves nothing where a second factor is on';

CREATE FUNCTION auth.step_up_is_proven(s auth.sessions, u auth.users, purpose text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  since constant timestamptz := now() - auth.step_up_lifetime();
BEGIN
  RETURN COALESCE(s.proved_at > since AND CASE s.proof
                    WHEN 'password' THEN NOT COALESCE(u.two_factor_enabled, false)
                    WHEN 'mail' THEN auth.step_up_methods(u, purpose) = ARRAY['mail']
                    ELSE true END, false)
      OR COALESCE(s.mail_proved_at > since AND s.mail_proved_for = purpose AND auth.step_up_mail_counts(u, purpose), false)
      OR COALESCE(s.passkey_proved_at > since AND s.passkey_proved_for = purpose, false);
END
$$;
COMMENT ON FUNCTION auth.step_up_is_proven IS
  'whether a session holds a proof for a purpose. It is judged by what the user has now: a password that was given before the '
  'second factor was set up is not enough afterwards, and a sign-in by mail is enough only for users without any other method';

CREATE FUNCTION auth.step_up_refusal(c auth.caller, s auth.sessions, purpose text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u auth.users;
  refusal auth.reply := auth.refuse('STEP_UP_REQUIRED');
BEGIN
  IF array_position(auth.step_up_purposes(), purpose) IS NULL THEN
    RAISE EXCEPTION 'unknown purpose of step-up authentication: %', purpose USING ERRCODE = 'invalid_parameter_value';
  ELSIF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF purpose IN ('vault-rotate', 'vault-recovery') AND current_setting('mana_auth.step_up') = 'account' THEN
    RETURN NULL;
  END IF;
  u := auth.user_find(s.user_id);
  IF auth.step_up_is_proven(s, u, purpose) THEN
    RETURN NULL;
  END IF;
  refusal.body := auth.json_object('methods', to_json(auth.step_up_methods(u, purpose)));
  PERFORM auth.security_event_once(
    c, s.user_id, 'STEP_UP_REQUIRED', auth.json_object('purpose', purpose, 'session', s.id)::jsonb, interval '1 day');
  RETURN refusal;
END
$$;
COMMENT ON FUNCTION auth.step_up_refusal IS
  'STEP_UP_REQUIRED with the methods that the user has, unless the session (as auth.session_find returned it) holds a proof for the '
  'purpose (one of auth.step_up_purposes). A row of NULLs: go on. mana_auth.step_up = account exempts rotation and recovery '
  'wraps of the vault, which the user can undo, but neither the restore nor zero-knowledge mode';

CREATE FUNCTION auth.step_up_prove(of_session_id text, proof text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.sessions s SET proved_at = now(), proof = step_up_prove.proof
    FROM auth.users u
   WHERE s.id = of_session_id AND u.id = s.user_id
     AND NOT (step_up_prove.proof = 'password' AND COALESCE(u.two_factor_enabled, false));
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.step_up_prove IS
  'records that the user has just proven their identity in a session. A password does not replace a stronger proof of a user with a '
  'second factor. False: nothing was recorded, or the session has ended';

CREATE FUNCTION auth.step_up_by_password(c auth.caller, s auth.sessions, purpose text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN auth.step_up_prove(s.id, 'password') THEN NULL ELSE auth.step_up_refusal(c, s, purpose) END;
END
$$;
COMMENT ON FUNCTION auth.step_up_by_password IS
  'auth.step_up_refusal for a request whose password was right: that is a proof, unless the user has a second factor';
