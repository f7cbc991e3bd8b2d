-- Guessing of passwords. Failures are counted by address (whether or not the account exists) and by scope: the network of the
-- caller, or, where the caller shows that the user was signed in there before, the device or the session. A stranger's failures
-- therefore lock neither the user's own devices nor another network. Each class of scopes, strangers and known, has a total bound
-- as well, so that many networks together get no more guesses (NIST SP 800-63B, 5.2.2).

CREATE TABLE auth.login_attempts (
  id            text        NOT NULL DEFAULT auth.random_id(),
  email         text        NOT NULL,
  ip_address    text,
  successful    boolean     NOT NULL DEFAULT false,
  method        text        NOT NULL DEFAULT 'password',
  attempted_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  class         text        NOT NULL DEFAULT 'strangers',
  scope         text        NOT NULL DEFAULT 'network unknown',
  CONSTRAINT login_attempts_pkey PRIMARY KEY (id),
  CONSTRAINT login_attempts_class_is_known CHECK (class IN ('strangers', 'known'))
);
COMMENT ON TABLE auth.login_attempts IS 'failed sign-ins of the last day; those of a scope are deleted by its next success';
COMMENT ON COLUMN auth.login_attempts.class IS 'strangers: counted by network; known: by device or session of the user';
COMMENT ON COLUMN auth.login_attempts.scope IS 'network with its prefix length, device with its id, or session with its id';
CREATE INDEX login_attempts_email_attempted_at_idx ON auth.login_attempts (email, attempted_at);
CREATE INDEX login_attempts_attempted_at_idx ON auth.login_attempts (attempted_at);

CREATE TABLE auth.lockouts (
  email         text        NOT NULL,
  failed_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
  locked_until  timestamptz,
  scope         text        NOT NULL DEFAULT 'strangers',
  CONSTRAINT lockouts_pkey PRIMARY KEY (email, scope)
) WITH (fillfactor = 70);
COMMENT ON TABLE auth.lockouts IS
  'locked scopes of an address. The row of a class serializes the attempts of that class, so that counting is atomic';
COMMENT ON COLUMN auth.lockouts.failed_at IS 'time of the last attempt';
COMMENT ON COLUMN auth.lockouts.locked_until IS 'lock expiry, as reported to the client; NULL: not locked';
COMMENT ON COLUMN auth.lockouts.scope IS 'a scope (auth.login_attempts.scope), or a whole class: strangers, known';
CREATE INDEX lockouts_failed_at_idx ON auth.lockouts (failed_at);

CREATE TABLE auth.known_devices (
  id            text        NOT NULL DEFAULT auth.random_id(),
  user_id       text        NOT NULL,
  digest        bytea       NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
  last_seen_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT known_devices_pkey PRIMARY KEY (id),
  CONSTRAINT known_devices_user_id_digest_unique UNIQUE (user_id, digest),
  CONSTRAINT known_devices_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT known_devices_digest_is_sha256 CHECK (pg_catalog.octet_length(digest) = 32)
);
COMMENT ON TABLE auth.known_devices IS
  'browsers in which a user has signed in during the last 90 days: wrong passwords from elsewhere do not lock them. They prove '
  'nothing else';
COMMENT ON COLUMN auth.known_devices.digest IS 'SHA-256 of the token in the cookie, a new one with each sign-in';
CREATE INDEX known_devices_digest_idx ON auth.known_devices (digest);
CREATE INDEX known_devices_last_seen_at_idx ON auth.known_devices (last_seen_at);

SELECT pg_catalog.pg_extension_config_dump('auth.login_attempts', '');
SELECT pg_catalog.pg_extension_config_dump('auth.lockouts', '');
SELECT pg_catalog.pg_extension_config_dump('auth.known_devices', '');

CREATE TYPE auth.lockout_scope AS (address text, class text, name text);
COMMENT ON TYPE auth.lockout_scope IS 'where the failures of an attempt are counted; name: as in auth.login_attempts.scope';
