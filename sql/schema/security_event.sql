-- What happened to an account, for its owner, for admins and for the limits that count it.

CREATE TABLE auth.security_events (
  id          uuid        NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
  user_id     text,
  event_type  text        NOT NULL,
  ip_address  text,
  user_agent  text,
  metadata    jsonb,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  CONSTRAINT security_events_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE auth.security_events IS 'sign-ins, refusals and changes of what protects an account';
COMMENT ON COLUMN auth.security_events.user_id IS
  'no foreign key: the events outlive their user without anything personal, as a random id that names nobody any more';
COMMENT ON COLUMN auth.security_events.event_type IS
  'LOGIN_SUCCESS, LOGIN_FAILURE, REGISTER, LOGOUT, PASSWORD_CHANGED, PASSWORD_RESET_REQUESTED, PASSWORD_RESET_COMPLETED, '
  'EMAIL_VERIFIED, ACCOUNT_DELETED, ACCOUNT_LOCKED, PROFILE_UPDATED, ... An event of an address without account has no '
  'user_id, and does not hold the address';

CREATE INDEX security_events_user_id_idx ON auth.security_events (user_id, created_at);
CREATE INDEX security_events_created_at_idx ON auth.security_events (created_at);
CREATE INDEX security_events_event_type_idx ON auth.security_events (event_type, created_at);

SELECT pg_catalog.pg_extension_config_dump('auth.security_events', '');

CREATE FUNCTION auth.security_event(c auth.caller, user_id text, event_type text, metadata jsonb DEFAULT NULL)
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO auth.security_events (user_id, event_type, ip_address, user_agent, metadata)
  VALUES (security_event.user_id, security_event.event_type, host(c.ip), c.user_agent, security_event.metadata);
END
$$;
COMMENT ON FUNCTION auth.security_event IS 'writes one event with the caller''s address and user agent';

CREATE FUNCTION auth.security_event_once(
    c auth.caller, user_id text, event_type text, metadata jsonb DEFAULT NULL, within interval DEFAULT '10 minutes')
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM auth.security_events e
                  WHERE e.user_id = security_event_once.user_id AND e.created_at > now() - within
                    AND e.event_type = security_event_once.event_type
                    AND e.metadata IS NOT DISTINCT FROM security_event_once.metadata) THEN
    PERFORM auth.security_event(c, user_id, event_type, metadata);
  END IF;
END
$$;
COMMENT ON FUNCTION auth.security_event_once IS
  'auth.security_event for what a caller can repeat at will: nothing is written when the user has the same event within a time. '
  'Otherwise whoever holds a session or an address fills the trail of its user';
