-- How many may still sign up today.

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
    'totalToday', made, 'limit', most, 'resetsAt', today + interval '24 hours'));
END
$$;
COMMENT ON FUNCTION auth_api.signup_status IS 'GET /api/v1/auth/signup-status';
