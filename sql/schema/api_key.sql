-- API keys: a user's own keys for the programs that work for them.

CREATE TABLE auth.api_keys (
  id                   text        NOT NULL DEFAULT auth.random_id(),
  user_id              text        NOT NULL,
  name                 text        NOT NULL,
  key_prefix           text        NOT NULL,
  key_digest           bytea       NOT NULL,
  scopes               text[]      NOT NULL DEFAULT '{stt,tts}',
  rate_limit_requests  integer     NOT NULL DEFAULT 60,
  rate_limit_window    integer     NOT NULL DEFAULT 60,
  created_at           timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at           timestamptz,
  last_used_at         timestamptz,
  revoked_at           timestamptz,
  CONSTRAINT api_keys_pkey PRIMARY KEY (id),
  CONSTRAINT api_keys_key_digest_unique UNIQUE (key_digest),
  CONSTRAINT api_keys_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT api_keys_key_digest_is_sha256 CHECK (pg_catalog.octet_length(key_digest) = 32),
  CONSTRAINT api_keys_rate_limit_is_positive CHECK (rate_limit_requests > 0 AND rate_limit_window > 0)
) WITH (fillfactor = 85);
COMMENT ON TABLE auth.api_keys IS 'keys by their SHA-256: the key itself was shown once, when it was made. One that was revoked or has '
  'expired stays for a year, to be seen';
COMMENT ON COLUMN auth.api_keys.key_prefix IS 'the first 8 characters behind sk_live_, for people to tell keys apart';
COMMENT ON COLUMN auth.api_keys.scopes IS 'what the services that ask may let it do';
COMMENT ON COLUMN auth.api_keys.rate_limit_requests IS
  'how many requests those services may take in rate_limit_window seconds; they count';
COMMENT ON COLUMN auth.api_keys.expires_at IS 'NULL: when it is revoked';
COMMENT ON COLUMN auth.api_keys.last_used_at IS 'to the minute';
CREATE INDEX api_keys_user_id_idx ON auth.api_keys (user_id, created_at);
CREATE INDEX api_keys_ended_idx ON auth.api_keys ((LEAST(revoked_at, expires_at)));
SELECT pg_catalog.pg_extension_config_dump('auth.api_keys', '');
