-- One-time tokens that travel by mail. The row keeps a digest; the token is in the mail alone.

CREATE TABLE auth.verification (
  id          text        NOT NULL DEFAULT auth.random_id(),
  identifier  text        NOT NULL,
  value       text        NOT NULL,
  user_id     text,
  expires_at  timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  updated_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  session_id  text,
  CONSTRAINT verification_pkey PRIMARY KEY (id),
  CONSTRAINT verification_identifier_unique UNIQUE (identifier),
  CONSTRAINT verification_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT verification_session_id_sessions_id_fk FOREIGN KEY (session_id) REFERENCES auth.sessions (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.verification IS 'single-use tokens: used by the DELETE that finds them';
COMMENT ON COLUMN auth.verification.identifier IS
  'kind:SHA-256 of the token in hex, for instance verify-email:9f86...; kinds verify-email, reset-password, magic-link, ...';
COMMENT ON COLUMN auth.verification.value IS 'JSON, by kind';
COMMENT ON COLUMN auth.verification.session_id IS
  'session that requested the token, which ends with it; NULL: requested without a session';

CREATE INDEX verification_user_id_idx ON auth.verification (user_id);
CREATE INDEX verification_session_id_idx ON auth.verification (session_id);
CREATE INDEX verification_expires_at_idx ON auth.verification (expires_at);

SELECT pg_catalog.pg_extension_config_dump('auth.verification', '');

CREATE FUNCTION auth.verification_identifier(kind text, token text) RETURNS text LANGUAGE sql STABLE
  RETURN kind || ':' || pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(token, 'UTF8')), 'hex');
COMMENT ON FUNCTION auth.verification_identifier IS 'where the row of a token is found';

CREATE FUNCTION auth.verification_issue(
    kind text, for_user_id text, what json, lifetime interval, of_session_id text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  token text := auth.random_id(32);
BEGIN
  PERFORM auth.user_lock(for_user_id); -- of two that are issued at once the later one lives
  DELETE FROM auth.verification v WHERE v.user_id = for_user_id AND v.identifier LIKE kind || ':%';
  INSERT INTO auth.verification (identifier, value, user_id, expires_at, session_id)
  VALUES (auth.verification_identifier(kind, token), what::text, for_user_id, now() + lifetime, of_session_id);
  RETURN token;
END
$$;
COMMENT ON FUNCTION auth.verification_issue IS
  'a new token of a kind for a user, for a mail; the older ones of that kind and user are dead. It dies with the session that '
  'requested it, which the caller holds (auth.session_hold)';

CREATE FUNCTION auth.verification_find(kind text, token text) RETURNS auth.verification
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v auth.verification;
BEGIN
  SELECT x.* INTO v FROM auth.verification x WHERE x.identifier = auth.verification_identifier(kind, token);
  RETURN v;
END
$$;
COMMENT ON FUNCTION auth.verification_find IS 'looks at a token and leaves it; a row of NULLs when there is none';

CREATE FUNCTION auth.verification_consume(kind text, token text, only_of text DEFAULT NULL) RETURNS auth.verification
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v auth.verification := auth.verification_find(kind, token);
  taken auth.verification;
BEGIN
  IF v.id IS NULL OR v.user_id <> only_of THEN
    RETURN NULL;
  END IF;
  PERFORM auth.user_lock(v.user_id);
  IF v.session_id IS NOT NULL THEN
    -- The session first, as a sign-out locks them: it deletes the session, and with it the token.
    PERFORM FROM auth.sessions s WHERE s.id = v.session_id AND s.expires_at > now() FOR NO KEY UPDATE;
    IF NOT FOUND THEN
      RETURN NULL;
    END IF;
  END IF;
  DELETE FROM auth.verification x WHERE x.id = v.id RETURNING x.* INTO taken;
  IF taken.expires_at <= now() THEN
    taken.user_id := NULL;
  END IF;
  RETURN taken;
END
$$;
COMMENT ON FUNCTION auth.verification_consume IS
  'takes a token, with its user locked: the row is gone whoever else asks. user_id NULL: unknown, used, not of the user '
  'only_of, requested by a session that has ended, or expired (then expires_at tells)';

CREATE FUNCTION auth.verification_revoke_all(of_user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.verification v WHERE v.user_id = of_user_id AND v.identifier NOT LIKE 'verify-email:%';
  DELETE FROM auth.two_factor_challenges x WHERE x.user_id = of_user_id;
  DELETE FROM auth.trusted_devices x WHERE x.user_id = of_user_id;
  DELETE FROM auth.magic_links l USING auth.users u WHERE u.id = of_user_id AND l.email = u.email;
END
$$;
COMMENT ON FUNCTION auth.verification_revoke_all IS
  'after a change of the password or the address: links, tickets and trusted devices from before are dead. What proves '
  'the present address stays';
