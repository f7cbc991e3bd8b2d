-- What an admin may see and begin for a user. Who is an admin says the database, not the JWT; each act is in the admin's own trail.

CREATE FUNCTION auth.admin_acting(c auth.caller) RETURNS auth.users
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x
   WHERE x.id = (auth.session_find(c)).user_id AND x.role = 'admin' AND x.deleted_at IS NULL;
  RETURN u;
END
$$;
COMMENT ON FUNCTION auth.admin_acting IS 'the admin whose live session this is; a row of NULLs: nobody''s, or not an admin''s';

CREATE FUNCTION auth_api.admin_user_data(c auth.caller, of_user_id text, credits jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  summary json;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  summary := auth.gdpr_summary(of_user_id, credits);
  IF summary IS NULL THEN
    RETURN auth.granted(auth.json_object('error', 'Not found', 'message', 'User not found'), status => 404);
  END IF;
  PERFORM auth.security_event(c, admin.id, 'ADMIN_USER_DATA_VIEWED', auth.json_object('userId', of_user_id)::jsonb);
  RETURN auth.granted(summary);
END
$$;
COMMENT ON FUNCTION auth_api.admin_user_data IS 'GET /admin/users/:id/data: auth.gdpr_summary of any user';

CREATE FUNCTION auth_api.admin_user_erase(
    c auth.caller, of_user_id text, worker text, lease_seconds integer,
    OUT refusal text, OUT message text, OUT retry_after_seconds integer, OUT status integer, OUT body text, OUT location text,
    OUT cookies text, OUT claims text, OUT erasure_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock_to_end(of_user_id);
  admin constant auth.users := auth.admin_acting(c); -- of two admins who erase each other the second is none any more
  blocked auth.reply := auth.organization_release_refusal(u.id);
BEGIN
  IF admin.id IS NULL THEN
    refusal := 'FORBIDDEN';
  ELSIF u.id IS NULL THEN
    status := 404;
    body := auth.json_object('error', 'Not found', 'message', 'User not found');
  ELSIF u.id = admin.id THEN
    refusal := 'FORBIDDEN';
    message := 'One''s own account is deleted by DELETE /api/v1/me/data';
  ELSE
    IF blocked.refusal IS NULL THEN
      blocked := auth.step_up_refusal(c, auth.session_find(c), 'admin');
    END IF;
    refusal := blocked.refusal;
    message := blocked.message;
    body := blocked.body;
  END IF;
  IF admin.id IS NOT NULL AND refusal IS NULL AND status IS NULL THEN
    PERFORM auth.security_event(c, admin.id, 'ADMIN_USER_ERASED', auth.json_object('userId', u.id)::jsonb);
    erasure_id := auth.user_erase(c, u, 'admin:' || admin.id);
    PERFORM auth.erasure_lease(erasure_id, worker, lease_seconds);
  END IF;
END
$$;
COMMENT ON FUNCTION auth_api.admin_user_erase IS
  'DELETE /admin/users/:id/data: begins an erasure as its user would, with step-up; nobody erases themselves that way';
