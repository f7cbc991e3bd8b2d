-- How a user proves who they are: today a password (provider `credential`), later other providers.

CREATE TABLE auth.accounts (
  id                        text        NOT NULL DEFAULT auth.random_id(),
  account_id                text        NOT NULL,
  provider_id               text        NOT NULL,
  user_id                   text        NOT NULL,
  access_token              text,
  refresh_token             text,
  id_token                  text,
  access_token_expires_at   timestamptz,
  refresh_token_expires_at  timestamptz,
  scope                     text,
  password                  text,
  password_version          integer     NOT NULL DEFAULT 1,
  created_at                timestamptz NOT NULL DEFAULT pg_catalog.now(),
  updated_at                timestamptz NOT NULL DEFAULT pg_catalog.now(),
  browser_digest            bytea,
  CONSTRAINT accounts_pkey PRIMARY KEY (id),
  CONSTRAINT accounts_provider_id_account_id_unique UNIQUE (provider_id, account_id),
  CONSTRAINT accounts_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT accounts_browser_digest_is_sha256 CHECK (pg_catalog.octet_length(browser_digest) = 32)
);
COMMENT ON TABLE auth.accounts IS 'ways in: a password is the account with provider_id credential and account_id = user_id';
COMMENT ON COLUMN auth.accounts.password IS
  'argon2id in PHC form with a keyed MAC of its output (auth.password_seal), or scrypt as salt:key in hex as the legacy service wrote '
  'it; rehashed at the next sign-in';
COMMENT ON COLUMN auth.accounts.password_version IS
  'counts changes; what was verified against an older version does not sign in';
COMMENT ON COLUMN auth.accounts.browser_digest IS
  'while the address has not been proven: SHA-256 of the cookie of the browser that signed up with this password. NULL: no browser';

CREATE INDEX accounts_user_id_idx ON auth.accounts (user_id);

SELECT pg_catalog.pg_extension_config_dump('auth.accounts', '');
