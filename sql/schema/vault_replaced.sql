-- Key wraps and recovery wraps that a call replaced or removed: kept for a week, so that the user can undo what a thief did.

CREATE TABLE auth.vault_replaced_wraps (
  id              text        NOT NULL DEFAULT auth.random_id(),
  user_id         text        NOT NULL,
  generation      integer     NOT NULL,
  wrapped_mk      text,
  wrap_iv         text,
  format_version  smallint,
  kek_id          text,
  commitment      bytea,
  recovery        bytea,
  replaced_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at      timestamptz NOT NULL,
  CONSTRAINT vault_replaced_wraps_pkey PRIMARY KEY (id),
  CONSTRAINT vault_replaced_wraps_user_id_fk FOREIGN KEY (user_id) REFERENCES auth.encryption_vaults (user_id) ON DELETE CASCADE,
  CONSTRAINT vault_replaced_wraps_holds_a_wrap CHECK (wrapped_mk IS NOT NULL OR recovery IS NOT NULL),
  CONSTRAINT vault_replaced_wraps_key_is_whole CHECK (pg_catalog.num_nulls(wrapped_mk, wrap_iv, format_version, kek_id) IN (0, 4)),
  CONSTRAINT vault_replaced_wraps_has_a_life CHECK (replaced_at < expires_at)
);
COMMENT ON TABLE auth.vault_replaced_wraps IS
  'key wraps (with the recovery wrap of the same moment) and recovery wraps that were replaced or removed. A vault in zero-knowledge '
  'mode has no key wrap here: entering the mode deletes them';
COMMENT ON COLUMN auth.vault_replaced_wraps.generation IS 'the master key that is wrapped, as encryption_vaults.generation counts them';
COMMENT ON COLUMN auth.vault_replaced_wraps.wrapped_mk IS 'as encryption_vaults.wrapped_mk; NULL: the row holds a recovery wrap only';
COMMENT ON COLUMN auth.vault_replaced_wraps.recovery IS
  'the recovery wrap as JSON {wrap, iv, formatVersion, setAt, proven}, sealed (auth.seal), bound to row and user; NULL: there was none';

CREATE INDEX vault_replaced_wraps_user_id_idx ON auth.vault_replaced_wraps (user_id);
CREATE INDEX vault_replaced_wraps_expires_at_idx ON auth.vault_replaced_wraps (expires_at);

ALTER TABLE auth.vault_replaced_wraps ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.vault_replaced_wraps FORCE ROW LEVEL SECURITY;
CREATE POLICY vault_replaced_wraps_user_isolation ON auth.vault_replaced_wraps
  USING (user_id = auth.identity() OR auth.identity() = '*') WITH CHECK (user_id = auth.identity() OR auth.identity() = '*');

SELECT pg_catalog.pg_extension_config_dump('auth.vault_replaced_wraps', '');
