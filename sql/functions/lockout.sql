-- Lockout: 5 failures of a scope within 15 minutes lock it for 30. 20 failures of a class within 15 minutes lock the class for
-- 30 minutes; 50 within a day, until the first of them is a day old. So no more than 100 guesses of one account are evaluated in
-- a day. A client with more than 20 failures, of whatever accounts, is slowed down to one attempt in 10 seconds.

CREATE FUNCTION auth.client_network(ip inet) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE pg_catalog.family(ip) WHEN 6 THEN pg_catalog.network(pg_catalog.set_masklen(ip, 64))::text
                                    ELSE COALESCE(pg_catalog.host(ip), 'unknown') END;
COMMENT ON FUNCTION auth.client_network IS 'what counts as one client: an IPv4 address, an IPv6 /64 (RFC 6177)';

CREATE FUNCTION auth.lockout_stranger(c auth.caller, address text) RETURNS auth.lockout_scope LANGUAGE sql IMMUTABLE
  RETURN ROW(address, 'strangers', 'network ' || COALESCE(
    pg_catalog.network(pg_catalog.set_masklen(c.ip, CASE pg_catalog.family(c.ip) WHEN 6 THEN 48 ELSE 24 END))::text, 'unknown')
  )::auth.lockout_scope;
COMMENT ON FUNCTION auth.lockout_stranger IS 'scope of a caller who shows nothing: the IPv4 /24 or the IPv6 /48';

CREATE FUNCTION auth.lockout_scope(c auth.caller, address text, of_user_id text, device_digest bytea, trusted_digest bytea)
  RETURNS auth.lockout_scope LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kept constant interval := '90 days';
  me constant auth.sessions := auth.session_find(c);
  device text;
BEGIN
  IF me.user_id = of_user_id THEN
    RETURN ROW(address, 'known', 'session ' || me.id)::auth.lockout_scope;
  END IF;
  SELECT d.id INTO device FROM auth.known_devices d
   WHERE d.user_id = of_user_id AND d.digest = device_digest AND d.last_seen_at > now() - kept;
  IF device IS NULL THEN
    SELECT d.id INTO device FROM auth.trusted_devices d
     WHERE d.user_id = of_user_id AND d.token_digest = trusted_digest AND d.expires_at > now();
  END IF;
  IF device IS NULL THEN
    RETURN auth.lockout_stranger(c, address);
  END IF;
  RETURN ROW(address, 'known', 'device ' || device)::auth.lockout_scope;
END
$$;
COMMENT ON FUNCTION auth.lockout_scope IS
  'scope of a caller who gives a password for an address: a live session of that user, a device on which they have signed in (the '
  'cookies device and trust_device), or the network';

CREATE FUNCTION auth.lockout_seconds(address text) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN COALESCE((SELECT ceil(extract(epoch FROM max(l.locked_until) - now()))::integer
                     FROM auth.lockouts l WHERE l.email = address AND l.locked_until > now()), 0);
END
$$;
COMMENT ON FUNCTION auth.lockout_seconds(text) IS 'seconds until no scope of an address is locked; 0: none is';

CREATE FUNCTION auth.lockout_seconds(s auth.lockout_scope) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN COALESCE((SELECT ceil(extract(epoch FROM max(l.locked_until) - now()))::integer FROM auth.lockouts l
                    WHERE l.email = s.address AND l.scope IN (s.name, s.class) AND l.locked_until > now()), 0);
END
$$;
COMMENT ON FUNCTION auth.lockout_seconds(auth.lockout_scope) IS 'seconds until a scope may try again; 0: now';

CREATE FUNCTION auth.lockout_refusal(c auth.caller, s auth.lockout_scope) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  client constant text := auth.client_network(c.ip);
  seconds integer := auth.lockout_seconds(s);
BEGIN
  IF seconds > 0 THEN
    RETURN auth.refuse('ACCOUNT_LOCKED', NULL, seconds);
  ELSIF s.class = 'strangers' AND auth.rate_limit_wait('sign_in_failure', client) > 0 THEN
    seconds := auth.rate_limit_wait('sign_in_slow', client);
    IF seconds > 0 THEN
      RETURN auth.refuse('RATE_LIMITED', NULL, seconds);
    END IF;
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.lockout_refusal IS
  'why no password of this scope is evaluated now: the scope is locked, or the client is slowed down. Counts nothing. A row of '
  'NULLs: go on';

CREATE FUNCTION auth.lockout_take(c auth.caller, s auth.lockout_scope) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  client constant text := auth.client_network(c.ip);
  refusal auth.reply;
  seconds integer;
BEGIN
  -- From here on the attempts of a class are decided one after the other, each seeing those before it.
  INSERT INTO auth.lockouts AS l (email, scope) VALUES (s.address, s.class)
  ON CONFLICT ON CONSTRAINT lockouts_pkey DO UPDATE SET failed_at = now();
  refusal := auth.lockout_refusal(c, s);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF s.class = 'strangers' AND auth.rate_limit_wait('sign_in_failure', client) > 0 THEN
    seconds := auth.rate_limit_count('sign_in_slow', client);
    IF seconds > 0 THEN
      RETURN auth.refuse('RATE_LIMITED', NULL, seconds);
    END IF;
  END IF;
  seconds := auth.rate_limit_count('password_guess', s.class || ' ' || s.address);
  IF seconds > 0 THEN
    RETURN auth.refuse('ACCOUNT_LOCKED', NULL, seconds);
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.lockout_take IS
  'auth.lockout_refusal for an attempt that is about to be evaluated. It is counted before: in shared memory, where a rollback does '
  'not undo it';

CREATE FUNCTION auth.lockout_lock(s auth.lockout_scope, scope text, until timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO auth.lockouts AS l (email, scope, locked_until) VALUES (s.address, lockout_lock.scope, until)
  ON CONFLICT ON CONSTRAINT lockouts_pkey DO UPDATE
    SET failed_at = now(), locked_until = greatest(l.locked_until, excluded.locked_until);
END
$$;
COMMENT ON FUNCTION auth.lockout_lock IS 'locks a scope, or a class, of an address; a lock is never shortened';

CREATE FUNCTION auth.lockout_count_failure(c auth.caller, s auth.lockout_scope, method text DEFAULT 'password') RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  counted constant interval := '15 minutes';
  locked constant interval := '30 minutes';
  most_of_scope constant integer := 5;
  most_of_class constant integer := 20;
  most_of_day constant integer := 50;
  in_scope integer;
  in_class integer;
  fiftieth timestamptz; -- the oldest of the newest 50
BEGIN
  IF s.class = 'strangers' THEN
    PERFORM auth.rate_limit_count('sign_in_failure', auth.client_network(c.ip));
  END IF;
  INSERT INTO auth.login_attempts (email, ip_address, method, class, scope)
  VALUES (s.address, host(c.ip), lockout_count_failure.method, s.class, s.name);
  SELECT count(*) FILTER (WHERE a.scope = s.name), count(*) INTO in_scope, in_class FROM auth.login_attempts a
   WHERE a.email = s.address AND a.class = s.class AND NOT a.successful AND a.attempted_at > now() - counted;
  IF in_scope >= most_of_scope THEN
    PERFORM auth.lockout_lock(s, s.name, now() + locked);
  END IF;
  IF in_class >= most_of_class THEN
    PERFORM auth.lockout_lock(s, s.class, now() + locked);
  END IF;
  SELECT a.attempted_at INTO fiftieth FROM auth.login_attempts a
   WHERE a.email = s.address AND a.class = s.class AND NOT a.successful AND a.attempted_at > now() - interval '1 day'
   ORDER BY a.attempted_at DESC OFFSET most_of_day - 1 LIMIT 1;
  IF FOUND THEN
    PERFORM auth.lockout_lock(s, s.class, fiftieth + interval '1 day');
  END IF;
  RETURN auth.lockout_seconds(s);
END
$$;
COMMENT ON FUNCTION auth.lockout_count_failure IS
  'counts one more failure, after auth.lockout_take; seconds for which the scope is now locked, 0: it is not';

CREATE FUNCTION auth.lockout_forgive(s auth.lockout_scope) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.lockouts l
   WHERE l.email = s.address AND l.scope IN (s.name, s.class) AND (l.locked_until IS NULL OR l.locked_until <= now());
  DELETE FROM auth.login_attempts a WHERE a.email = s.address AND a.scope = s.name;
  PERFORM auth.rate_limit_clear('password_guess', s.class || ' ' || s.address);
END
$$;
COMMENT ON FUNCTION auth.lockout_forgive IS 'after a right password: the failures of its scope no longer count; those of others do';

CREATE FUNCTION auth.lockout_clear(address text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.lockouts l WHERE l.email = address;
  DELETE FROM auth.login_attempts a WHERE a.email = address;
  PERFORM auth.rate_limit_clear('password_guess', class || ' ' || address) FROM unnest(ARRAY['strangers', 'known']) class;
END
$$;
COMMENT ON FUNCTION auth.lockout_clear IS 'unlocks an address in every scope: after a password reset, or by an admin';
