-- Replaced wraps of the vault are kept for a week; master keys are counted for ever.

-- Without a default at first: routines use the row type of the table.
ALTER TABLE auth.encryption_vaults ADD COLUMN last_generation integer;
UPDATE auth.encryption_vaults SET last_generation = generation;
ALTER TABLE auth.encryption_vaults ALTER COLUMN last_generation SET NOT NULL, ALTER COLUMN last_generation SET DEFAULT 1;
ALTER TABLE auth.encryption_vaults ADD CONSTRAINT encryption_vaults_generation_was_counted CHECK (generation <= last_generation);

-- Recovery wraps from before were stored under the rules of their time, and count as proven.
ALTER TABLE auth.encryption_vaults ADD COLUMN recovery_proven boolean;
UPDATE auth.encryption_vaults SET recovery_proven = true;
ALTER TABLE auth.encryption_vaults ALTER COLUMN recovery_proven SET NOT NULL, ALTER COLUMN recovery_proven SET DEFAULT true;

ALTER DOMAIN auth.vault_action DROP CONSTRAINT encryption_vault_audit_action_is_known;
ALTER DOMAIN auth.vault_action ADD CONSTRAINT encryption_vault_audit_action_is_known CHECK (VALUE IN (
  'init', 'fetch', 'rotate', 'failed_fetch', 'recovery_set', 'recovery_clear', 'zk_enable', 'zk_disable', 'rewrap', 'erase', 'restore'));

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

CREATE INDEX vault_replaced_wraps_user_id_idx ON auth.vault_replaced_wraps (user_id);
CREATE INDEX vault_replaced_wraps_expires_at_idx ON auth.vault_replaced_wraps (expires_at);

ALTER TABLE auth.vault_replaced_wraps ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.vault_replaced_wraps FORCE ROW LEVEL SECURITY;
CREATE POLICY vault_replaced_wraps_user_isolation ON auth.vault_replaced_wraps
  USING (user_id = auth.identity() OR auth.identity() = '*') WITH CHECK (user_id = auth.identity() OR auth.identity() = '*');

SELECT pg_catalog.pg_extension_config_dump('auth.vault_replaced_wraps', '');
