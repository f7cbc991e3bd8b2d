-- Passkeys (Web Authentication): public keys of users, and the challenges that wait for an answer.

CREATE TABLE auth.passkeys (
  id             text        NOT NULL DEFAULT auth.random_id(),
  name           text,
  public_key     text        NOT NULL,
  user_id        text        NOT NULL,
  credential_id  text        NOT NULL,
  counter        bigint      NOT NULL DEFAULT 0,
  device_type    text        NOT NULL,
  backed_up      boolean     NOT NULL DEFAULT false,
  transports     text,
  created_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
  aaguid         text,
  user_handle    text,
  last_used_at   timestamptz,
  CONSTRAINT passkeys_pkey PRIMARY KEY (id),
  CONSTRAINT passkeys_credential_id_unique UNIQUE (credential_id),
  CONSTRAINT passkeys_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT passkeys_counter_has_32_bits CHECK (counter BETWEEN 0 AND 4294967295),
  CONSTRAINT passkeys_device_type_is_known CHECK (device_type IN ('singleDevice', 'multiDevice'))
) WITH (fillfactor = 85);
COMMENT ON TABLE auth.passkeys IS 'ways in without a password: the private key never leaves its authenticator';
COMMENT ON COLUMN auth.passkeys.public_key IS 'COSE (RFC 9053) in base64';
COMMENT ON COLUMN auth.passkeys.credential_id IS 'the authenticator''s name for the key, in base64url';
COMMENT ON COLUMN auth.passkeys.counter IS
  'signatures so far; one that does not count further was made by a copy. 0: the authenticator does not count';
COMMENT ON COLUMN auth.passkeys.device_type IS 'multiDevice: the key may be backed up; backed_up: it is';
COMMENT ON COLUMN auth.passkeys.transports IS 'how a browser reaches the authenticator, by comma: internal,hybrid';
COMMENT ON COLUMN auth.passkeys.aaguid IS 'model of the authenticator';
COMMENT ON COLUMN auth.passkeys.user_handle IS
  'what the authenticator was told to call the user; NULL: a key of the service before us, which did not keep it';
CREATE INDEX passkeys_user_id_idx ON auth.passkeys (user_id, created_at);
SELECT pg_catalog.pg_extension_config_dump('auth.passkeys', '');

CREATE TABLE auth.passkey_challenges (
  cookie_digest     bytea       NOT NULL,
  challenge_digest  bytea       NOT NULL,
  ceremony          text        NOT NULL,
  user_id           text,
  expires_at        timestamptz NOT NULL DEFAULT pg_catalog.now() + interval '5 minutes',
  session_id        text,
  purpose           text,
  CONSTRAINT passkey_challenges_pkey PRIMARY KEY (cookie_digest),
  CONSTRAINT passkey_challenges_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT passkey_challenges_ceremony_is_known CHECK (ceremony IN ('registration', 'authentication', 'step-up')),
  CONSTRAINT passkey_challenges_session_id_sessions_id_fk FOREIGN KEY (session_id) REFERENCES auth.sessions (id) ON DELETE CASCADE,
  CONSTRAINT passkey_challenges_step_up_is_of_a_session
    CHECK ((ceremony = 'step-up') = (session_id IS NOT NULL AND purpose IS NOT NULL) AND (session_id IS NULL) = (purpose IS NULL))
);
COMMENT ON TABLE auth.passkey_challenges IS 'single use: taken by the DELETE that finds them';
COMMENT ON COLUMN auth.passkey_challenges.cookie_digest IS 'SHA-256 of the cookie that ties the challenge to one browser';
COMMENT ON COLUMN auth.passkey_challenges.challenge_digest IS 'SHA-256 of the challenge as it was sent, in base64url';
COMMENT ON COLUMN auth.passkey_challenges.user_id IS
  'whose passkeys may answer: in a registration who is signed in; else NULL: anybody''s, unless the options named some';
COMMENT ON COLUMN auth.passkey_challenges.session_id IS 'of a step-up: the one session that the answer proves';
COMMENT ON COLUMN auth.passkey_challenges.purpose IS 'of a step-up: the one purpose (auth.step_up_purposes) that the answer proves';
CREATE INDEX passkey_challenges_session_id_idx ON auth.passkey_challenges (session_id);
CREATE INDEX passkey_challenges_user_id_idx ON auth.passkey_challenges (user_id);
CREATE INDEX passkey_challenges_expires_at_idx ON auth.passkey_challenges (expires_at);
SELECT pg_catalog.pg_extension_config_dump('auth.passkey_challenges', '');
