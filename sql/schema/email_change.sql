-- Changes of address of the last week: each can be reverted from the old address, which nobody else gets until then.

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
COMMENT ON TABLE auth.email_changes IS
  'changes of address that can be reverted. The old address is reserved for its user until the row expires or is reverted';
COMMENT ON COLUMN auth.email_changes.digest IS 'SHA-256 of the token in the mail to the old address';
COMMENT ON COLUMN auth.email_changes.suspect_since IS
  'a revert ends what was set up from here on: when the session that requested the change began, and no later than 7 days before the '
  'change, for whoever signs in with a stolen password has more than one session';
COMMENT ON COLUMN auth.email_changes.reverted_at IS 'when the token was used; NULL: not yet';
CREATE INDEX email_changes_user_id_idx ON auth.email_changes (user_id, changed_at);
CREATE INDEX email_changes_old_email_idx ON auth.email_changes (old_email);
CREATE INDEX email_changes_expires_at_idx ON auth.email_changes (expires_at);
SELECT pg_catalog.pg_extension_config_dump('auth.email_changes', '');

CREATE FUNCTION auth.email_is_reserved(address text, for_user_id text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM auth.email_changes x
                  WHERE x.old_email = address AND x.reverted_at IS NULL AND x.expires_at > now()
                    AND x.user_id IS DISTINCT FROM for_user_id);
END
$$;
COMMENT ON FUNCTION auth.email_is_reserved IS
  'whether an address was given up so recently that its user may still take it back; never for that user';
