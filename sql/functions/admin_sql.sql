-- For whom there is no page: what the role auth_admin may do in psql, by address. Each act is in the trail of who it is about,
-- with the role that did it.

CREATE FUNCTION auth.user_named(address text) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.email = auth.email_normal(address) AND x.deleted_at IS NULL FOR NO KEY UPDATE;
  IF u.id IS NULL THEN
    RAISE EXCEPTION 'there is no user "%"', address USING ERRCODE = 'no_data_found';
  END IF;
  RETURN u;
END
$$;
COMMENT ON FUNCTION auth.user_named IS 'the user of an address, locked; raises when there is none';

CREATE FUNCTION auth.dba_event(of_user_id text, event_type text, more jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO auth.security_events (user_id, event_type, metadata)
  VALUES (of_user_id, dba_event.event_type, more || jsonb_build_object('role', session_user));
END
$$;
COMMENT ON FUNCTION auth.dba_event IS 'an act of somebody in psql, in the trail of the user that it is about';

CREATE FUNCTION auth.grant_admin(address text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_named(address);
BEGIN
  IF NOT u.email_verified THEN
    RAISE EXCEPTION 'the address "%" is not verified', address
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Whoever signed up with it may be somebody else.';
  END IF;
  UPDATE auth.users x SET role = 'admin', updated_at = now() WHERE x.id = u.id;
  PERFORM auth.dba_event(u.id, 'ADMIN_ROLE_CHANGED', jsonb_build_object('from', u.role, 'to', 'admin'));
  RETURN u.id;
END
$$;
COMMENT ON FUNCTION auth.grant_admin IS
  'makes a user an admin: the first one, whom nobody else can make. Their next access JWT says so; the id of the user';

CREATE FUNCTION auth.revoke_admin(address text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  is_last constant boolean :=
    auth.admin_is_last((SELECT x.id FROM auth.users x WHERE x.email = auth.email_normal(address) AND x.deleted_at IS NULL));
  u constant auth.users := auth.user_named(address);
BEGIN
  IF is_last THEN
    RAISE EXCEPTION '"%" is the only admin', address
      USING ERRCODE = 'restrict_violation', HINT = 'Make another user an admin first: auth.grant_admin.';
  ELSIF u.role <> 'admin' THEN
    RAISE EXCEPTION '"%" is no admin', address USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  UPDATE auth.users x SET role = 'user', updated_at = now() WHERE x.id = u.id;
  PERFORM auth.dba_event(u.id, 'ADMIN_ROLE_CHANGED', jsonb_build_object('from', u.role, 'to', 'user'));
  RETURN u.id;
END
$$;
COMMENT ON FUNCTION auth.revoke_admin IS 'takes it away, at once: routes read the role in each call. Never from the only one';

CREATE FUNCTION auth.set_access_tier(address text, tier auth.access_tier) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_named(address);
BEGIN
  UPDATE auth.users x SET access_tier = tier, updated_at = now() WHERE x.id = u.id;
  PERFORM auth.dba_event(u.id, 'ADMIN_TIER_CHANGED', jsonb_build_object('from', u.access_tier, 'to', tier));
  RETURN u.id;
END
$$;
COMMENT ON FUNCTION auth.set_access_tier IS 'which apps are open to a user';

CREATE FUNCTION auth.unlock_user(address text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_named(address);
  was_locked constant boolean := auth.user_unlock(u);
BEGIN
  PERFORM auth.dba_event(u.id, 'ADMIN_UNLOCKED', jsonb_build_object('wasLocked', was_locked));
  RETURN was_locked;
END
$$;
COMMENT ON FUNCTION auth.unlock_user IS 'lets a user sign in again before the time; whether they were locked out';

CREATE FUNCTION auth.end_sessions(address text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_named(address);
  ended constant bigint := auth.sessions_end(NULL, u.id, NULL);
BEGIN
  PERFORM auth.dba_event(u.id, 'ADMIN_SESSIONS_REVOKED', jsonb_build_object('sessions', ended));
  RETURN ended;
END
$$;
COMMENT ON FUNCTION auth.end_sessions IS 'signs a user out everywhere; of how many sessions';

CREATE VIEW auth.user_overview AS
  SELECT u.id, u.email, u.name, u.role, u.access_tier, u.kind, u.email_verified, u.two_factor_enabled, u.created_at,
         (SELECT pg_catalog.count(*) FROM auth.sessions s WHERE s.user_id = u.id AND s.expires_at > pg_catalog.now()) AS sessions,
         (SELECT pg_catalog.max(s.last_activity_at) FROM auth.sessions s WHERE s.user_id = u.id) AS last_active_at,
         (SELECT max(l.locked_until) FROM auth.lockouts l WHERE l.email = u.email AND l.locked_until > pg_catalog.now()) AS locked_until
    FROM auth.users u WHERE u.deleted_at IS NULL;
COMMENT ON VIEW auth.user_overview IS 'for admins: users, without what proves who they are';
CREATE VIEW auth.event_overview AS
  SELECT e.created_at, e.event_type, e.user_id, u.email, e.ip_address, e.user_agent, e.metadata
    FROM auth.security_events e LEFT JOIN auth.users u ON u.id = e.user_id;
COMMENT ON VIEW auth.event_overview IS 'for admins: what happened, to whom';
