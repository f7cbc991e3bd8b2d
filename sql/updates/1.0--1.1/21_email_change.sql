-- Changes of address that can be reverted.

CREATE TABLE auth.email_changes (
  id             text        NOT NULL DEFAULT auth.random_id(),
  user_id        text        NOT NULL,
  old_email      text        NOT NULL,
  new_email      text        NOT NULL,
  digest         bytea       NOT NULL,
  changed_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  expires_at     timestamptz NOT NULL DEFAULT pg_catalog.now() + interval '7 days',
  reverted_at    timestamptz,
  suspect_since  timestamptz NOT NULL,
  CONSTRAINT email_changes_pkey PRIMARY KEY (id),
  CONSTRAINT email_changes_digest_unique UNIQUE (digest),
  CONSTRAINT email_changes_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT email_changes_digest_is_sha256 CHECK (pg_catalog.octet_length(digest) = 32)
);
CREATE INDEX email_changes_user_id_idx ON auth.email_changes (user_id, changed_at);
CREATE INDEX email_changes_old_email_idx ON auth.email_changes (old_email);
CREATE INDEX email_changes_expires_at_idx ON auth.email_changes (expires_at);
SELECT pg_catalog.pg_extension_config_dump('auth.email_changes', '');
