-- The committing procedures: extension/vault.c runs the routine of the same name in schema auth.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['vault_init', 'vault_key', 'vault_rotate', 'vault_set_recovery', 'vault_clear_recovery',
                              'vault_zero_knowledge'] LOOP
    EXECUTE format(
      'CREATE PROCEDURE auth_api.%1$I(c auth.caller, input jsonb, OUT refusal text, OUT message text, '
      'OUT retry_after_seconds integer, OUT status integer, OUT body text, OUT location text, OUT cookies text, '
      'OUT claims text) LANGUAGE c AS ''MODULE_PATHNAME'', ''mana_vault_call''', name);
    EXECUTE format('COMMENT ON PROCEDURE auth_api.%1$I IS %2$L', name,
      'runs auth.' || name || ', commits its row of the trail, and only then discloses a key; not inside a transaction block');
  END LOOP;
END
$$;
