-- The database compares passwords; failures are counted by network and device.

DROP FUNCTION auth_api.sign_in_lookup(auth.caller, text);
DROP FUNCTION auth_api.sign_in_finish(
  auth.caller, text, text, integer, boolean, text, boolean, text, text, bytea, text, text);
DROP FUNCTION auth.sign_in_granted(auth.caller, auth.users, boolean, text, text, bytea);
DROP FUNCTION auth_api.password_lookup(auth.caller);
DROP FUNCTION auth_api.password_verify(auth.caller, integer, boolean);
DROP FUNCTION auth_api.password_change(auth.caller, integer, boolean, text, boolean, text);
DROP FUNCTION auth_api.user_delete(auth.caller, integer, boolean, text, text, text);
DROP FUNCTION auth_api.erasure_start(auth.caller, integer, boolean, text, text, text, integer);
DROP FUNCTION auth.user_delete_refusal(auth.caller, auth.sessions, auth.users, integer, boolean, text, text, text);
DROP FUNCTION auth_api.two_factor_enable(auth.caller, integer, boolean, text, text);
DROP FUNCTION auth_api.two_factor_disable(auth.caller, integer, boolean, bytea);
DROP FUNCTION auth_api.two_factor_totp_uri(auth.caller, integer, boolean, text);
DROP FUNCTION auth_api.two_factor_backup_codes(auth.caller, integer, boolean);
DROP FUNCTION auth_api.two_factor_verify(auth.caller, bytea, text, text, boolean, boolean);
DROP FUNCTION auth.two_factor_signed_in(auth.caller, auth.users, auth.two_factor_challenges, text, boolean);
DROP FUNCTION auth.password_refusal(auth.caller, auth.users, integer, boolean, text);
DROP FUNCTION auth.password_refused(auth.caller, text, text, text);
DROP FUNCTION auth.lockout_refusal(auth.caller, text);
DROP FUNCTION auth.lockout_count_failure(auth.caller, text, text);

ALTER TABLE auth.login_attempts
  ADD COLUMN class text NOT NULL DEFAULT 'strangers',
  ADD COLUMN scope text NOT NULL DEFAULT 'network unknown',
  ADD CONSTRAINT login_attempts_class_is_known CHECK (class IN ('strangers', 'known'));
UPDATE auth.login_attempts a
   SET scope = 'network ' || pg_catalog.network(pg_catalog.set_masklen(
         a.ip_address::inet, CASE pg_catalog.family(a.ip_address::inet) WHEN 6 THEN 48 ELSE 24 END))::text
 WHERE a.ip_address IS NOT NULL;

-- A lock of 1.0 holds for all networks until it ends.
ALTER TABLE auth.lockouts
  ADD COLUMN scope text NOT NULL DEFAULT 'strangers',
  DROP CONSTRAINT lockouts_pkey,
  ADD CONSTRAINT lockouts_pkey PRIMARY KEY (email, scope);

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
CREATE INDEX known_devices_digest_idx ON auth.known_devices (digest);
CREATE INDEX known_devices_last_seen_at_idx ON auth.known_devices (last_seen_at);
SELECT pg_catalog.pg_extension_config_dump('auth.known_devices', '');

CREATE TYPE auth.lockout_scope AS (address text, class text, name text);
