-- What admins do: about whom, by whom and what is in the trail of the admin. Who is an admin says the database in each call.

CREATE FUNCTION auth.admin_is_last(of_user_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM auth.users u WHERE u.id = of_user_id AND u.role = 'admin' AND u.deleted_at IS NULL) THEN
    RETURN false;
  END IF;
  PERFORM auth.lock_hold('admins');
  RETURN NOT EXISTS (SELECT FROM auth.users u WHERE u.id <> of_user_id AND u.role = 'admin' AND u.deleted_at IS NULL);
END
$$;
COMMENT ON FUNCTION auth.admin_is_last IS
  'whether there would be no admin without this one. Asked before the user is locked, by whatever ends an admin: of two that '
  'end each other the second waits, and sees what the first left';

CREATE FUNCTION auth.user_lock_to_end(of_user_id text) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.admin_is_last(of_user_id);
  RETURN auth.user_lock(of_user_id);
END
$$;
COMMENT ON FUNCTION auth.user_lock_to_end IS 'auth.user_lock for who ends an account: behind the lock of the admins, if it is one of theirs';

CREATE FUNCTION auth.admin_event(c auth.caller, admin auth.users, event_type text, of_user_id text, more jsonb DEFAULT '{}')
  RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.security_event(c, admin.id, event_type, jsonb_strip_nulls(jsonb_build_object('userId', of_user_id)) || more);
END
$$;
COMMENT ON FUNCTION auth.admin_event IS 'an act of an admin, in the admin''s own trail';

CREATE FUNCTION auth_api.admin_tier_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  u auth.users;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  SELECT x.* INTO u FROM auth.users x WHERE x.id = input ->> 'id' AND x.deleted_at IS NULL;
  IF u.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  END IF;
  PERFORM auth.admin_event(c, admin, 'ADMIN_TIER_VIEWED', u.id);
  RETURN auth.granted(auth.json_object('id', u.id, 'email', u.email, 'accessTier', u.access_tier));
END
$$;
COMMENT ON FUNCTION auth_api.admin_tier_get IS 'GET /admin/users/:id/tier';

CREATE FUNCTION auth_api.admin_tier_set(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  tier constant auth.access_tier := auth.tier_read(input ->> 'tier');
  refusal auth.reply;
  u auth.users;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  ELSIF tier IS NULL THEN
    RETURN auth.tier_refusal();
  END IF;
  refusal := auth.step_up_refusal(c, auth.session_find(c), 'admin');
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  u := auth.user_lock(input ->> 'id');
  IF u.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  END IF;
  PERFORM auth.admin_event(c, admin, 'ADMIN_TIER_CHANGED', u.id, jsonb_build_object('from', u.access_tier, 'to', tier));
  UPDATE auth.users x SET access_tier = tier, updated_at = now() WHERE x.id = u.id;
  RETURN auth.granted(auth.json_object('success', true,
                                       'user', auth.json_object('id', u.id, 'email', u.email, 'accessTier', tier)));
END
$$;
COMMENT ON FUNCTION auth_api.admin_tier_set IS 'PUT /admin/users/:id/tier, with step-up';

CREATE FUNCTION auth_api.admin_role_set(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  is_last constant boolean := auth.admin_is_last(input ->> 'id');
  admin constant auth.users := auth.admin_acting(c); -- read under the lock: whoever has just ended this admin is seen
  wanted constant text := input ->> 'role';
  refusal auth.reply;
  u auth.users;
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
  ELSIF is_last AND wanted <> 'admin' THEN
    RETURN auth.refuse('LAST_ADMIN');
  ELSIF wanted = 'admin' AND NOT u.email_verified THEN
    RETURN auth.refuse('EMAIL_NOT_VERIFIED', 'Nobody becomes an admin before the address is verified');
  END IF;
  PERFORM auth.admin_event(c, admin, 'ADMIN_ROLE_CHANGED', u.id, jsonb_build_object('from', u.role, 'to', wanted));
  UPDATE auth.users x SET role = wanted::auth.user_role, updated_at = now() WHERE x.id = u.id;
  RETURN auth.granted(auth.json_object('success', true, 'user', auth.json_object('id', u.id, 'email', u.email, 'role', wanted)));
END
$$;
COMMENT ON FUNCTION auth_api.admin_role_set IS
  'PUT /admin/users/:id/role: user or admin, with step-up; the last admin stays one';

CREATE FUNCTION auth_api.admin_stats(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  week constant timestamptz := now() - interval '7 days';
  ways_in constant text[] := ARRAY['LOGIN_SUCCESS', 'PASSKEY_LOGIN_SUCCESS'];
BEGIN
  IF (auth.admin_acting(c)).id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  RETURN auth.granted(auth.json_object(
    'totalUsers', (SELECT count(*) FROM auth.users u WHERE u.deleted_at IS NULL),
    'newUsers7d', (SELECT count(*) FROM auth.users u WHERE u.deleted_at IS NULL AND u.created_at > week),
    'newUsers30d', (SELECT count(*) FROM auth.users u WHERE u.deleted_at IS NULL AND u.created_at > now() - interval '30 days'),
    'activeSessions', (SELECT count(*) FROM auth.sessions s WHERE s.expires_at > now()),
    'uniqueUsers24h', (SELECT count(DISTINCT s.user_id) FROM auth.sessions s WHERE s.last_activity_at > now() - interval '1 day'),
    'loginSuccess7d', (SELECT count(*) FROM auth.security_events e WHERE e.event_type = ANY (ways_in) AND e.created_at > week),
    'loginFailed7d', (SELECT count(*) FROM auth.security_events e WHERE e.event_type = 'LOGIN_FAILURE' AND e.created_at > week),
    'generatedAt', now()));
END
$$;
COMMENT ON FUNCTION auth_api.admin_stats IS 'GET /admin/stats';

CREATE FUNCTION auth_api.admin_event_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  most constant bigint := COALESCE((input ->> 'limit')::bigint, 50);
  of_user_id constant text := input ->> 'id';
  of_type constant text := input ->> 'type';
  before auth.security_events;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  ELSIF of_user_id IS NOT NULL AND NOT EXISTS (SELECT FROM auth.users u WHERE u.id = of_user_id) THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  END IF;
  IF input ? 'before' THEN
    SELECT e.* INTO before FROM auth.security_events e WHERE e.id::text = input ->> 'before' AND input ->> 'before' ~ '^[0-9a-f-]{36}$';
    IF before.id IS NULL THEN
      RETURN auth.admin_refuse(400, 'Bad request', 'before is no event');
    END IF;
  END IF;
  PERFORM auth.admin_event(c, admin, 'ADMIN_EVENTS_VIEWED', of_user_id);
  RETURN auth.granted(auth.json_object('events', (
    SELECT auth.json_array_agg(auth.json_object(
             'id', e.id, 'userId', e.user_id, 'eventType', e.event_type, 'ipAddress', e.ip_address,
             'userAgent', e.user_agent, 'metadata', e.metadata, 'createdAt', e.created_at) ORDER BY e.created_at DESC, e.id DESC)
      FROM (SELECT x.* FROM auth.security_events x
             WHERE (of_user_id IS NULL OR x.user_id = of_user_id) AND (of_type IS NULL OR x.event_type = of_type)
               AND (before.id IS NULL OR (x.created_at, x.id) < (before.created_at, before.id))
             ORDER BY x.created_at DESC, x.id DESC LIMIT most) e)));
END
$$;
COMMENT ON FUNCTION auth_api.admin_event_list IS
  'GET /admin/security-events and /admin/users/:id/security-events?limit&type&before: newest first, behind the event that is named';
