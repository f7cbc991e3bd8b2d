-- What admins do about how somebody gets in: sessions, lockouts, the mail that proves an address.

CREATE FUNCTION auth_api.admin_session_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  ELSIF NOT EXISTS (SELECT FROM auth.users u WHERE u.id = input ->> 'id' AND u.deleted_at IS NULL) THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  END IF;
  PERFORM auth.admin_event(c, admin, 'ADMIN_SESSIONS_VIEWED', input ->> 'id');
  RETURN auth.granted(auth.json_object('sessions', (
    SELECT auth.json_array_agg(auth.json_object(
             'id', s.id, 'ipAddress', s.ip_address, 'userAgent', s.user_agent, 'deviceId', s.device_id,
             'deviceName', s.device_name, 'createdAt', s.created_at, 'lastActivityAt', s.last_activity_at,
             'expiresAt', s.expires_at) ORDER BY s.last_activity_at DESC, s.id)
      FROM auth.sessions s WHERE s.user_id = input ->> 'id' AND s.expires_at > now())));
END
$$;
COMMENT ON FUNCTION auth_api.admin_session_list IS 'GET /admin/users/:id/sessions: the live ones, without their tokens';

CREATE FUNCTION auth_api.admin_session_revoke(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  session_id constant text := input ->> 'sessionId';
  u auth.users;
  ended bigint;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  u := auth.user_lock(input ->> 'id');
  IF u.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  ELSIF session_id IS NULL THEN
    ended := auth.sessions_end(c, u.id, NULL);
  ELSIF auth.session_end(c, u.id, session_id) THEN
    ended := 1;
  ELSE
    RETURN auth.refuse('NOT_FOUND', 'Session not found');
  END IF;
  PERFORM auth.admin_event(c, admin, 'ADMIN_SESSIONS_REVOKED', u.id, jsonb_build_object('sessions', ended));
  RETURN auth.granted(auth.json_object('success', true, 'revoked', ended));
END
$$;
COMMENT ON FUNCTION auth_api.admin_session_revoke IS
  'DELETE /admin/users/:id/sessions and /admin/users/:id/sessions/:sessionId: all of them with what clients were allowed, or one';

CREATE FUNCTION auth_api.admin_unlock(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  refusal auth.reply;
  u auth.users;
  was_locked boolean;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  refusal := auth.step_up_refusal(c, auth.session_find(c), 'admin');
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  u := auth.user_lock(input ->> 'id');
  IF u.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  END IF;
  was_locked := auth.user_unlock(u);
  PERFORM auth.admin_event(c, admin, 'ADMIN_UNLOCKED', u.id, jsonb_build_object('wasLocked', was_locked));
  RETURN auth.granted(auth.json_object('success', true, 'wasLocked', was_locked));
END
$$;
COMMENT ON FUNCTION auth_api.admin_unlock IS 'POST /admin/users/:id/unlock: after wrong passwords and after wrong codes. With step-up: '
  'whoever unlocks an account at will guesses without limit';

CREATE FUNCTION auth.user_unlock(u auth.users) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was_locked constant boolean := auth.lockout_seconds(u.email) > 0
    OR EXISTS (SELECT FROM auth.two_factor_auth f WHERE f.user_id = u.id AND f.locked_until > now());
BEGIN
  PERFORM auth.lockout_clear(u.email);
  UPDATE auth.two_factor_auth f SET failures = 0, locked_until = NULL WHERE f.user_id = u.id;
  PERFORM auth.rate_limit_clear('code_guess', u.id);
  RETURN was_locked;
END
$$;
COMMENT ON FUNCTION auth.user_unlock IS 'forgets the wrong passwords and codes of a user; whether they were locked out';

CREATE FUNCTION auth_api.admin_verification_send(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  u auth.users;
  wait_seconds integer;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  u := auth.user_lock(input ->> 'id');
  IF u.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  ELSIF u.email_verified THEN
    RETURN auth.admin_refuse(409, 'Already verified', 'The address is verified already');
  END IF;
  wait_seconds := auth.rate_limit_count('mail/admin_verify_email', u.email); -- not of the limit that strangers use up
  IF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  END IF;
  PERFORM auth.verification_mail(u, NULL);
  PERFORM auth.admin_event(c, admin, 'ADMIN_VERIFICATION_SENT', u.id);
  RETURN auth.granted(auth.json_object('success', true));
END
$$;
COMMENT ON FUNCTION auth_api.admin_verification_send IS 'POST /admin/users/:id/resend-verification: a new link; the older ones are dead';
