-- What the apps keep about a user with us: the profile that they edit, and whether the tour is over.

CREATE FUNCTION auth_api.profile_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  called constant text := CASE WHEN jsonb_typeof(input -> 'name') = 'string' THEN btrim(input ->> 'name') END;
  sets_image constant boolean := COALESCE(jsonb_typeof(input -> 'image') IN ('string', 'null'), false);
  shows_name constant boolean :=
    CASE WHEN jsonb_typeof(input -> 'feedbackShowRealName') = 'boolean' THEN (input ->> 'feedbackShowRealName')::boolean END;
  u auth.users;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED', 'Invalid or expired token');
  ELSIF length(called) NOT BETWEEN 1 AND 80 THEN
    RETURN auth.refuse('VALIDATION', 'name must be 1–80 characters');
  ELSIF called IS NULL AND NOT sets_image AND shows_name IS NULL THEN
    RETURN auth.refuse('VALIDATION', 'no fields to update');
  END IF;
  UPDATE auth.users x
     SET name = COALESCE(called, x.name),
         image = CASE WHEN sets_image THEN input ->> 'image' ELSE x.image END,
         feedback_show_real_name = COALESCE(shows_name, x.feedback_show_real_name), updated_at = now()
   WHERE x.id = me.user_id
  RETURNING x.* INTO STRICT u;
  PERFORM auth.security_event_once(c, u.id, 'PROFILE_UPDATED');
  RETURN auth.granted(auth.json_object('name', u.name, 'image', u.image, 'feedbackShowRealName', u.feedback_show_real_name));
END
$$;
COMMENT ON FUNCTION auth_api.profile_update IS 'PATCH /api/v1/me/profile: what is of another type is as if it were not there';

CREATE FUNCTION auth_api.onboarding_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED', 'Invalid or expired token');
  END IF;
  RETURN auth.granted((SELECT auth.json_object('completedAt', u.onboarding_completed_at)
                         FROM auth.users u WHERE u.id = me.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.onboarding_get IS 'GET /api/v1/me/onboarding';

CREATE FUNCTION auth_api.onboarding_complete(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  UPDATE auth.users u SET onboarding_completed_at = now()
   WHERE u.id = me.user_id AND u.onboarding_completed_at IS NULL;
  RETURN auth_api.onboarding_get(c, input);
END
$$;
COMMENT ON FUNCTION auth_api.onboarding_complete IS 'POST /api/v1/me/onboarding/complete: the first time counts';

CREATE FUNCTION auth_api.onboarding_reset(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  UPDATE auth.users u SET onboarding_completed_at = NULL WHERE u.id = me.user_id;
  RETURN auth_api.onboarding_get(c, input);
END
$$;
COMMENT ON FUNCTION auth_api.onboarding_reset IS 'PATCH /api/v1/me/onboarding/reset';
