-- Second factors: what a user proves beside the password, and what waits for that proof. No row holds anything that signs in:
-- secrets are sealed, codes are keyed digests, tokens digests.

CREATE FUNCTION auth.totp_new(context text) RETURNS bytea
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_totp_new';
COMMENT ON FUNCTION auth.totp_new IS 'a new secret for an authenticator app, sealed; SQL never sees it open';
CREATE FUNCTION auth.totp_match(sealed bytea, context text, code text, at timestamptz) RETURNS bigint
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_totp_match';
COMMENT ON FUNCTION auth.totp_match IS
  'the step of 30 seconds (RFC 6238) that a code is of, now or one beside; NULL: it is wrong';
CREATE FUNCTION auth.totp_uri(sealed bytea, context text, issuer text, account text) RETURNS text
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_totp_uri';
COMMENT ON FUNCTION auth.totp_uri IS 'otpauth:// for an authenticator app: the one place where the secret is shown';

CREATE TABLE auth.two_factor_auth (
  user_id       text        NOT NULL,
  secret        bytea,
  confirmed_at  timestamptz,
  by_mail       boolean     NOT NULL DEFAULT false,
  last_step     bigint      NOT NULL DEFAULT 0,
  failures      integer     NOT NULL DEFAULT 0,
  locked_until  timestamptz,
  created_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
  shown_at      timestamptz,
  by_mail_since timestamptz,
  CONSTRAINT two_factor_auth_pkey PRIMARY KEY (user_id),
  CONSTRAINT two_factor_auth_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT two_factor_auth_has_a_factor CHECK (secret IS NOT NULL OR by_mail),
  CONSTRAINT two_factor_auth_confirms_a_secret CHECK (confirmed_at IS NULL OR secret IS NOT NULL)
);
COMMENT ON TABLE auth.two_factor_auth IS
  'the second factor of a user. Asked for when users.two_factor_enabled says so: a secret alone is one that is being set up';
COMMENT ON COLUMN auth.two_factor_auth.secret IS 'of the authenticator app, sealed in the context two_factor_auth:user_id; NULL: none';
COMMENT ON COLUMN auth.two_factor_auth.confirmed_at IS 'when a code of the secret was shown first; NULL: not yet';
COMMENT ON COLUMN auth.two_factor_auth.shown_at IS
  'when the secret was last shown to its user; NULL: not since version 1.1';
COMMENT ON COLUMN auth.two_factor_auth.by_mail IS 'the user has chosen codes by mail';
COMMENT ON COLUMN auth.two_factor_auth.by_mail_since IS 'when the user chose them beside an older app; NULL: as long as the row exists';
COMMENT ON COLUMN auth.two_factor_auth.last_step IS 'the step of the last code taken; only later ones are (RFC 6238, section 5.2)';
COMMENT ON COLUMN auth.two_factor_auth.failures IS 'wrong codes since the last right one; each tenth locks';
SELECT pg_catalog.pg_extension_config_dump('auth.two_factor_auth', '');

CREATE TABLE auth.two_factor_backup_codes (
  user_id     text        NOT NULL,
  digest      bytea       NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT two_factor_backup_codes_pkey PRIMARY KEY (user_id, digest),
  CONSTRAINT two_factor_backup_codes_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.two_factor_backup_codes IS 'for when the device is lost; each is used by the DELETE that finds it';
COMMENT ON COLUMN auth.two_factor_backup_codes.digest IS
  'HMAC-SHA-256 under a key that is sealed: 60 bits are too few for a digest that a stolen dump could be tried against';
SELECT pg_catalog.pg_extension_config_dump('auth.two_factor_backup_codes', '');

CREATE TABLE auth.two_factor_challenges (
  digest      bytea       NOT NULL,
  user_id     text        NOT NULL,
  proven      text        NOT NULL,
  remember    boolean     NOT NULL,
  failures    integer     NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at  timestamptz NOT NULL,
  CONSTRAINT two_factor_challenges_pkey PRIMARY KEY (digest),
  CONSTRAINT two_factor_challenges_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT two_factor_challenges_digest_is_sha256 CHECK (pg_catalog.octet_length(digest) = 32),
  CONSTRAINT two_factor_challenges_proven_is_known CHECK (proven IN ('password', 'mail', 'passkey'))
);
COMMENT ON TABLE auth.two_factor_challenges IS 'sign-ins that wait for their second factor; gone with the right code, or the fifth wrong one';
COMMENT ON COLUMN auth.two_factor_challenges.digest IS 'SHA-256 of the token in the cookie';
COMMENT ON COLUMN auth.two_factor_challenges.proven IS 'the first factor. After a link in a mail a code by mail would prove nothing new';
CREATE INDEX two_factor_challenges_user_id_idx ON auth.two_factor_challenges (user_id);
CREATE INDEX two_factor_challenges_expires_at_idx ON auth.two_factor_challenges (expires_at);
SELECT pg_catalog.pg_extension_config_dump('auth.two_factor_challenges', '');

CREATE TABLE auth.two_factor_codes (
  bearer      bytea       NOT NULL,
  user_id     text        NOT NULL,
  digest      bytea       NOT NULL,
  failures    integer     NOT NULL DEFAULT 0,
  expires_at  timestamptz NOT NULL,
  CONSTRAINT two_factor_codes_pkey PRIMARY KEY (bearer),
  CONSTRAINT two_factor_codes_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.two_factor_codes IS 'codes that went out by mail, each good for the sign-in or session that asked for it';
COMMENT ON COLUMN auth.two_factor_codes.bearer IS 'the digest of that challenge''s token, or of that session''s';
COMMENT ON COLUMN auth.two_factor_codes.digest IS 'HMAC-SHA-256 under a key that is sealed';
CREATE INDEX two_factor_codes_user_id_idx ON auth.two_factor_codes (user_id);
CREATE INDEX two_factor_codes_expires_at_idx ON auth.two_factor_codes (expires_at);
SELECT pg_catalog.pg_extension_config_dump('auth.two_factor_codes', '');

CREATE TABLE auth.trusted_devices (
  id            text        NOT NULL DEFAULT auth.random_id(),
  user_id       text        NOT NULL,
  token_digest  bytea       NOT NULL,
  ip_address    text,
  user_agent    text,
  created_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
  last_used_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at    timestamptz NOT NULL,
  CONSTRAINT trusted_devices_pkey PRIMARY KEY (id),
  CONSTRAINT trusted_devices_token_digest_unique UNIQUE (token_digest),
  CONSTRAINT trusted_devices_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT trusted_devices_token_digest_is_sha256 CHECK (pg_catalog.octet_length(token_digest) = 32)
);
COMMENT ON TABLE auth.trusted_devices IS 'browsers in which the second factor is not asked for, for 30 days after the last sign-in';
COMMENT ON COLUMN auth.trusted_devices.token_digest IS 'SHA-256 of the token in the cookie, a new one with each sign-in';
CREATE INDEX trusted_devices_user_id_idx ON auth.trusted_devices (user_id, created_at);
CREATE INDEX trusted_devices_expires_at_idx ON auth.trusted_devices (expires_at);
SELECT pg_catalog.pg_extension_config_dump('auth.trusted_devices', '');

CREATE TYPE auth.two_factor_gate AS (asked boolean, methods json, cookies text);
COMMENT ON TYPE auth.two_factor_gate IS 'what auth.two_factor_gate says of a sign-in';
COMMENT ON COLUMN auth.two_factor_gate.asked IS 'no session may be opened yet';
COMMENT ON COLUMN auth.two_factor_gate.methods IS 'if asked: how the second factor can be shown; NULL: in no way';
COMMENT ON COLUMN auth.two_factor_gate.cookies IS
  'if asked: all cookies of the answer. If not: what follows on the cookies of the session, a line break in front, or empty';
