-- The doors. auth_api.vault_* are procedures that commit before they disclose.

CREATE FUNCTION auth.vault_failed(c auth.caller, input jsonb, routine text, sqlstate text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.vault_session(c);
  action constant text := CASE routine
    WHEN 'vault_init' THEN 'init' WHEN 'vault_key' THEN 'failed_fetch' WHEN 'vault_rotate' THEN 'rotate'
    WHEN 'vault_set_recovery' THEN 'recovery_set' WHEN 'vault_clear_recovery' THEN 'recovery_clear'
    WHEN 'vault_restore' THEN 'restore' WHEN 'vault_zero_knowledge' THEN auth.vault_zk_action(input) END;
BEGIN
  IF me.id IS NOT NULL THEN
    PERFORM auth.vault_audit_write(c, me.user_id, action, 'failed-' || sqlstate, 500);
  END IF;
END
$$;
COMMENT ON FUNCTION auth.vault_failed IS 'the row of a call that raised: all else that it did is undone';

-- The committing procedures: extension/vault.c runs the routine of the same name in schema auth.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['vault_init', 'vault_key', 'vault_rotate', 'vault_set_recovery', 'vault_clear_recovery',
                              'vault_zero_knowledge', 'vault_restore'] LOOP
    EXECUTE format(
      'CREATE OR REPLACE PROCEDURE auth_api.%1$I(c auth.caller, input jsonb, OUT refusal text, OUT message text, '
      'OUT retry_after_seconds integer, OUT status integer, OUT body text) '
      'LANGUAGE c AS ''MODULE_PATHNAME'', ''mana_vault_call''', name);
    EXECUTE format('COMMENT ON PROCEDURE auth_api.%1$I IS %2$L', name,
      'runs auth.' || name || ', commits its row of the trail, and only then discloses a key; not inside a transaction block');
  END LOOP;
END
$$;
