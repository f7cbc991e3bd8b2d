-- The vault's trail: a row for every call but status, granted or refused. Append-only, a month a partition.

-- A domain and not a constraint of the table: that would be read anew for each row.
CREATE DOMAIN auth.vault_action AS text CONSTRAINT encryption_vault_audit_action_is_known CHECK (VALUE IN (
  'init', 'fetch', 'rotate', 'failed_fetch', 'recovery_set', 'recovery_clear', 'zk_enable', 'zk_disable', 'rewrap', 'erase', 'restore'));
COMMENT ON DOMAIN auth.vault_action IS 'what was asked of a vault';

CREATE TABLE auth.encryption_vault_audit (
  id          text        NOT NULL,
  user_id     text        NOT NULL,
  action      auth.vault_action NOT NULL,
  ip_address  text,
  user_agent  text,
  context     text,
  status      integer     NOT NULL,
  request_id  text,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  mac         bytea       NOT NULL
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE auth.encryption_vault_audit IS
  'who asked for what of a vault, and what came of it. No foreign key: a trail outlives its user';
COMMENT ON COLUMN auth.encryption_vault_audit.status IS 'HTTP status that the caller was meant to see';
COMMENT ON COLUMN auth.encryption_vault_audit.context IS 'why, where the action and status do not say it';
COMMENT ON COLUMN auth.encryption_vault_audit.mac IS
  'HMAC-SHA-256 over the other columns under the audit key, which is sealed under the key ring: a row changed or made by '
  'somebody without it shows (auth.vault_audit_verify)';

ALTER TABLE auth.encryption_vault_audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.encryption_vault_audit FORCE ROW LEVEL SECURITY;
CREATE POLICY encryption_vault_audit_user_isolation ON auth.encryption_vault_audit
  USING (user_id = auth.identity() OR auth.identity() = '*') WITH CHECK (user_id = auth.identity() OR auth.identity() = '*');
CREATE POLICY encryption_vault_audit_auditor ON auth.encryption_vault_audit FOR SELECT TO auth_auditor USING (true);

-- It has no key, because C appends its rows and nothing finds one by its id. Without a replica identity PostgreSQL refuses
-- the UPDATE of an erasure while a publication covers the table.
ALTER TABLE auth.encryption_vault_audit REPLICA IDENTITY FULL;

SELECT pg_catalog.pg_extension_config_dump('auth.encryption_vault_audit', '');

CREATE TABLE auth.vault_audit_seals (
  number      bigint      NOT NULL,
  kind        text        NOT NULL,
  since       timestamptz NOT NULL,
  until       timestamptz NOT NULL,
  row_count   bigint      NOT NULL,
  digest      bytea       NOT NULL,
  sealed_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
  mac         bytea       NOT NULL,
  CONSTRAINT vault_audit_seals_pkey PRIMARY KEY (number),
  CONSTRAINT vault_audit_seals_kind_is_known CHECK (kind IN ('sealed', 'dropped')),
  CONSTRAINT vault_audit_seals_has_extent CHECK (since < until)
);
COMMENT ON TABLE auth.vault_audit_seals IS
  'what the trail held from since to until when that was over, and which months were dropped: each entry''s MAC covers the one '
  'before, so that a row or an entry which is missing later shows (auth.vault_audit_verify)';
SELECT pg_catalog.pg_extension_config_dump('auth.vault_audit_seals', '');

CREATE FUNCTION auth.vault_audit_partition_name(month timestamptz) RETURNS text LANGUAGE sql STABLE
  RETURN 'encryption_vault_audit_' || pg_catalog.to_char(month AT TIME ZONE 'UTC', 'YYYYMM');

CREATE FUNCTION auth.vault_audit_make_partitions(months_ahead integer DEFAULT 3, months_back integer DEFAULT 0) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- Without time zone: adding a month to a timestamptz counts the month of the session's zone.
  first_month constant timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
  month timestamptz;
  name text;
  made integer := 0;
BEGIN
  PERFORM auth.lock_hold('vault_audit_make_partitions');
  FOR i IN -months_back..months_ahead LOOP
    month := (first_month + make_interval(months => i)) AT TIME ZONE 'UTC';
    name := auth.vault_audit_partition_name(month);
    CONTINUE WHEN to_regclass('auth.' || name) IS NOT NULL;
    EXECUTE format('CREATE TABLE auth.%I PARTITION OF auth.encryption_vault_audit FOR VALUES FROM (%L) TO (%L)',
                   name, month, (first_month + make_interval(months => i + 1)) AT TIME ZONE 'UTC');
    EXECUTE format('ALTER TABLE auth.%I OWNER TO auth_owner', name);
    EXECUTE format('ALTER TABLE auth.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE auth.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE auth.%I REPLICA IDENTITY FULL', name); -- a partition does not inherit it
    -- Indexes are made on the partitions alone: a dump could not be restored with one on the parent as well.
    EXECUTE format('CREATE INDEX %I ON auth.%I (user_id, created_at)', name || '_user_id_idx', name);
    EXECUTE format('CREATE INDEX %I ON auth.%I USING brin (created_at)', name || '_created_at_idx', name);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_make_partitions IS
  'makes the audit''s months up to months_ahead, and back to months_back for an import; how many were missing. There is no default partition: without a month nothing '
  'can be audited, and without an audit row no key is handed out. None belongs to the extension: a dump has them as tables of '
  'its own, and a month can be dropped';
