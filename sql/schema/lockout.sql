-- Guessing: failures are counted by address (whatever its spelling) and by client, whether or not the account exists.

CREATE TABLE auth.login_attempts (
  id            text        NOT NULL DEFAULT auth.random_id(),
  email         text        NOT NULL,
  ip_address    text,
  successful    boolean     NOT NULL DEFAULT false,
  method        text        NOT NULL DEFAULT 'password',
  attempted_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT login_attempts_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE auth.login_attempts IS 'failed sign-ins of the last day; those of an address go with its next success';
CREATE INDEX login_attempts_email_attempted_at_idx ON auth.login_attempts (email, attempted_at);
CREATE INDEX login_attempts_attempted_at_idx ON auth.login_attempts (attempted_at);

CREATE TABLE auth.lockouts (
  email         text        NOT NULL,
  failures      integer     NOT NULL DEFAULT 0,
  window_since  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  locked_until  timestamptz,
  CONSTRAINT lockouts_pkey PRIMARY KEY (email)
) WITH (fillfactor = 70);
COMMENT ON TABLE auth.lockouts IS 'one row an address under attack; its lock makes counting atomic';
COMMENT ON COLUMN auth.lockouts.locked_until IS 'what is announced to the client, and true';

SELECT pg_catalog.pg_extension_config_dump('auth.login_attempts', '');
SELECT pg_catalog.pg_extension_config_dump('auth.lockouts', '');

CREATE FUNCTION auth.lockout_seconds(address text) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN COALESCE((SELECT ceil(extract(epoch FROM l.locked_until - now()))::integer
                     FROM auth.lockouts l WHERE l.email = address AND l.locked_until > now()), 0);
END
$$;
COMMENT ON FUNCTION auth.lockout_seconds IS 'seconds until an address may sign in again; 0: now';

CREATE FUNCTION auth.lockout_count_failure(c auth.caller, address text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 5;
  counted constant interval := '15 minutes';
  locked constant interval := '30 minutes';
  l auth.lockouts;
BEGIN
  INSERT INTO auth.login_attempts (email, ip_address) VALUES (address, host(c.ip));
  INSERT INTO auth.lockouts AS o (email, failures) VALUES (address, 1)
    ON CONFLICT (email) DO UPDATE SET
      failures = CASE WHEN o.window_since < now() - counted THEN 1 ELSE o.failures + 1 END,
      window_since = CASE WHEN o.window_since < now() - counted THEN now() ELSE o.window_since END,
      locked_until = CASE WHEN o.window_since >= now() - counted AND o.failures + 1 >= most
                          THEN greatest(o.locked_until, now() + locked) ELSE o.locked_until END
    RETURNING * INTO l;
  RETURN CASE WHEN l.locked_until > now() THEN ceil(extract(epoch FROM l.locked_until - now()))::integer ELSE 0 END;
END
$$;
COMMENT ON FUNCTION auth.lockout_count_failure IS
  'one more failure of an address: 5 within 15 minutes lock it for 30. Seconds that it is now locked for; 0: not';

CREATE FUNCTION auth.lockout_clear(address text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.lockouts WHERE email = address;
  DELETE FROM auth.login_attempts WHERE email = address;
END
$$;
COMMENT ON FUNCTION auth.lockout_clear IS 'after a success, or by an admin: the failures of an address are forgotten';
