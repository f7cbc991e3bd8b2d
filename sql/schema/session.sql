-- Sessions: the token itself is known to its client alone, the row keeps a digest.

CREATE TABLE auth.sessions (
  id                      text        NOT NULL DEFAULT auth.random_id(),
  user_id                 text        NOT NULL,
  token_digest            bytea       NOT NULL,
  expires_at              timestamptz NOT NULL,
  created_at              timestamptz NOT NULL DEFAULT pg_catalog.now(),
  updated_at              timestamptz NOT NULL DEFAULT pg_catalog.now(),
  last_activity_at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
  ip_address              text,
  user_agent              text,
  device_id               text,
  device_name             text,
  remember_me             boolean     NOT NULL DEFAULT true,
  active_organization_id  text,
  vault_generation        integer,
  proved_at               timestamptz,
  proof                   text,
  mail_proved_at          timestamptz,
  mail_proved_for         text,
  passkey_proved_at       timestamptz,
  passkey_proved_for      text,
  code_failures           integer     NOT NULL DEFAULT 0,
  CONSTRAINT sessions_pkey PRIMARY KEY (id),
  CONSTRAINT sessions_token_digest_unique UNIQUE (token_digest),
  CONSTRAINT sessions_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT sessions_token_digest_is_sha256 CHECK (pg_catalog.octet_length(token_digest) = 32),
  CONSTRAINT sessions_proof_is_known CHECK (proof IN ('password', 'second-factor', 'passkey', 'mail')),
  CONSTRAINT sessions_proof_has_a_time CHECK ((proof IS NULL) = (proved_at IS NULL)),
  CONSTRAINT sessions_mail_proof_has_a_purpose CHECK ((mail_proved_for IS NULL) = (mail_proved_at IS NULL)),
  CONSTRAINT sessions_passkey_proof_has_a_purpose CHECK ((passkey_proved_for IS NULL) = (passkey_proved_at IS NULL))
) WITH (fillfactor = 85);
COMMENT ON TABLE auth.sessions IS 'who is signed in where';
COMMENT ON COLUMN auth.sessions.token_digest IS 'SHA-256 of the session token';
COMMENT ON COLUMN auth.sessions.device_id IS 'what an app calls the device that it is on, and how; browsers say nothing';
COMMENT ON COLUMN auth.sessions.vault_generation IS 'which master key the session was given; 0: more than one; NULL: none yet';
COMMENT ON COLUMN auth.sessions.remember_me IS 'false: ends after a day, and its cookie with the browser';
COMMENT ON COLUMN auth.sessions.proved_at IS 'when the user last proved their identity in this session (auth.step_up_refusal); NULL: never';
COMMENT ON COLUMN auth.sessions.proof IS
  'how: password, also in a trusted browser of a user with a second factor; second-factor, by a code; passkey, with user '
  'verification; mail, a link to the address of the account';
COMMENT ON COLUMN auth.sessions.mail_proved_at IS 'when the session presented a step-up token that was mailed to the address of the account';
COMMENT ON COLUMN auth.sessions.mail_proved_for IS 'the one purpose of that token';
COMMENT ON COLUMN auth.sessions.passkey_proved_at IS 'when a passkey with user verification answered a step-up of this session';
COMMENT ON COLUMN auth.sessions.passkey_proved_for IS 'the one purpose of that step-up';
COMMENT ON COLUMN auth.sessions.code_failures IS 'Wrong codes of the second factor in this session since the last right one; ten end it.';

CREATE INDEX sessions_user_id_idx ON auth.sessions (user_id, created_at);
CREATE INDEX sessions_expires_at_idx ON auth.sessions (expires_at);

SELECT pg_catalog.pg_extension_config_dump('auth.sessions', '');

CREATE TABLE auth.session_tokens (
  digest      bytea       NOT NULL,
  session_id  text        NOT NULL,
  issued_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
  spent_at    timestamptz,
  CONSTRAINT session_tokens_pkey PRIMARY KEY (digest),
  CONSTRAINT session_tokens_session_id_sessions_id_fk FOREIGN KEY (session_id) REFERENCES auth.sessions (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.session_tokens IS
  'what apps without cookies present to stay signed in. Each is good for one refresh, which gives the next; the token that '
  'opened the session is the first, and has a row once it is spent. The cookie keeps that token: it is signed, and so of no '
  'use to who has read it in a script';
COMMENT ON COLUMN auth.session_tokens.digest IS 'SHA-256 of the token';
COMMENT ON COLUMN auth.session_tokens.spent_at IS
  'when it was exchanged; presented again after mana_auth.refresh_replay_seconds it was stolen, and the session ends';
CREATE INDEX session_tokens_session_id_idx ON auth.session_tokens (session_id, issued_at);
CREATE INDEX session_tokens_spent_at_idx ON auth.session_tokens (spent_at) WHERE spent_at IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('auth.session_tokens', '');
