-- Links that sign in, or up, whoever reads the mails of an address. The row keeps a digest; the token is in the mail alone.

CREATE TABLE auth.magic_links (
  email       text        NOT NULL,
  digest      bytea       NOT NULL,
  name        text        NOT NULL DEFAULT '',
  expires_at  timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT magic_links_pkey PRIMARY KEY (email),
  CONSTRAINT magic_links_digest_unique UNIQUE (digest),
  CONSTRAINT magic_links_digest_is_sha256 CHECK (pg_catalog.octet_length(digest) = 32),
  CONSTRAINT magic_links_email_is_lower_case CHECK (email = pg_catalog.lower(email COLLATE pg_catalog."C"))
);
COMMENT ON TABLE auth.magic_links IS
  'one link an address: a newer one takes its place. Used by the DELETE that finds it. There may be no account yet';
COMMENT ON COLUMN auth.magic_links.digest IS 'SHA-256 of the token';
COMMENT ON COLUMN auth.magic_links.name IS 'of the account that the link makes, if the address has none';

CREATE INDEX magic_links_expires_at_idx ON auth.magic_links (expires_at);

SELECT pg_catalog.pg_extension_config_dump('auth.magic_links', '');
