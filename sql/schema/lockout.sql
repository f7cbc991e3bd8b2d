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
  failed_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
  locked_until  timestamptz,
  CONSTRAINT lockouts_pkey PRIMARY KEY (email)
) WITH (fillfactor = 70);
COMMENT ON TABLE auth.lockouts IS 'one row an address under attack; its lock makes counting atomic';
COMMENT ON COLUMN auth.lockouts.failed_at IS 'the last failure that counted';
COMMENT ON COLUMN auth.lockouts.locked_until IS 'what is announced to the client, and true';
CREATE INDEX lockouts_failed_at_idx ON auth.lockouts (failed_at);

SELECT pg_catalog.pg_extension_config_dump('auth.login_attempts', '');
SELECT pg_catalog.pg_extension_config_dump('auth.lockouts', '');

CREATE FUNCTION auth.client_network(ip inet) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE pg_catalog.family(ip) WHEN 6 THEN pg_catalog.network(pg_catalog.set_masklen(ip, 64))::text
                                    ELSE COALESCE(pg_catalog.host(ip), 'unknown') END;
COMMENT ON FUNCTION auth.client_network IS 'what counts as one client: an IPv4 address, an IPv6 /64 (RFC 6177)';

CREATE FUNCTION auth.lockout_seconds(address text) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN COALESCE((SELECT ceil(extract(epoch FROM l.locked_until - now()))::integer
                     FROM auth.lockouts l WHERE l.email = address AND l.locked_until > now()), 0);
END
$$;
COMMENT ON FUNCTION auth.lockout_seconds IS 'seconds until an address may sign in again; 0: now';

CREATE FUNCTION auth.lockout_refusal(c auth.caller, address text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  locked_seconds constant integer := auth.lockout_seconds(address);
  client_seconds constant integer := auth.rate_limit_wait('sign_in_failure', auth.client_network(c.ip));
BEGIN
  IF locked_seconds > 0 THEN
    RETURN auth.refuse('ACCOUNT_LOCKED', NULL, locked_seconds);
  ELSIF client_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, client_seconds);
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.lockout_refusal IS
  'why no password of this address is looked at now: the address is locked, or the client has failed too often anywhere. '
  'A row of NULLs: go on';

CREATE FUNCTION auth.lockout_count_failure(c auth.caller, address text, method text DEFAULT 'password') RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 5;
  counted constant interval := '15 minutes';
  locked constant interval := '30 minutes';
BEGIN
  PERFORM auth.rate_limit_count('sign_in_failure', auth.client_network(c.ip));
  INSERT INTO auth.login_attempts (email, ip_address, method) VALUES (address, host(c.ip), lockout_count_failure.method);
  -- From here on the failures of one address are counted one after the other, each seeing those before it.
  INSERT INTO auth.lockouts AS l (email) VALUES (address)
    ON CONFLICT ON CONSTRAINT lockouts_pkey DO UPDATE SET failed_at = now();
  IF (SELECT count(*) FROM auth.login_attempts a
       WHERE a.email = address AND NOT a.successful AND a.attempted_at > now() - counted) >= most THEN
    UPDATE auth.lockouts l SET locked_until = greatest(l.locked_until, now() + locked) WHERE l.email = address;
  END IF;
  RETURN auth.lockout_seconds(address);
END
$$;
COMMENT ON FUNCTION auth.lockout_count_failure IS
  'one more failure of an address: 5 within 15 minutes lock it for 30. Seconds that it is now locked for; 0: not';

CREATE FUNCTION auth.lockout_clear(address text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.lockouts l WHERE l.email = address;
  DELETE FROM auth.login_attempts a WHERE a.email = address;
END
$$;
COMMENT ON FUNCTION auth.lockout_clear IS 'after a success, or by an admin: the failures of an address are forgotten';

CREATE FUNCTION auth.password_refused(c auth.caller, address text, of_user_id text, error text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  locked_seconds constant integer := auth.lockout_count_failure(c, address);
BEGIN
  PERFORM auth.security_event(c, of_user_id, 'LOGIN_FAILURE', auth.json_object('code', error)::jsonb);
  IF locked_seconds > 0 THEN
    PERFORM auth.security_event(c, of_user_id, 'ACCOUNT_LOCKED', auth.json_object('seconds', locked_seconds)::jsonb);
  END IF;
  RETURN auth.refuse(error, CASE WHEN error IN ('INVALID_CREDENTIALS', 'INVALID_EMAIL_OR_PASSWORD')
                                 THEN 'Invalid email or password' END);
END
$$;
COMMENT ON FUNCTION auth.password_refused IS
  'a wrong password, wherever it was asked for: counted, remembered, refused. The fifth locks, and the sixth is told so';
