-- What a DBA does with vaults: move them to another key, count them, check them.

CREATE PROCEDURE auth.vault_rewrap(batch integer DEFAULT 500)
LANGUAGE plpgsql AS $$
DECLARE
  active text := auth.kek_active_id();
  last_user text := '';
  last_id text := '';
  r record;
BEGIN
  IF active IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'MA503', MESSAGE = 'there is no key ring', HINT = 'Set mana_auth.kek_file and reload.';
  END IF;
  LOOP
    SELECT * INTO r FROM auth.vault_rewrap_batch(last_user, batch);
    EXIT WHEN r.last_user IS NULL;
    last_user := r.last_user;
    COMMIT;
  END LOOP;
  LOOP
    SELECT * INTO r FROM auth.vault_replaced_rewrap_batch(last_id, batch);
    EXIT WHEN r.last_id IS NULL;
    last_id := r.last_id;
    COMMIT;
  END LOOP;
  WHILE auth.reseal_batch(batch) > 0 LOOP
    COMMIT;
  END LOOP;
END
$$;
COMMENT ON PROCEDURE auth.vault_rewrap IS
  'moves all wraps to the active key and the present format, and whatever else is sealed to that key, `batch` rows a transaction; '
  'may be stopped and called again';

CREATE FUNCTION auth.vault_rewrap_batch(after_user text, batch integer, OUT last_user text, OUT moved integer, OUT failed integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v auth.encryption_vaults;
  w auth.vault_wrap;
BEGIN
  PERFORM auth.identity_assume('*');
  moved := 0;
  failed := 0;
  FOR v IN SELECT x.* FROM auth.encryption_vaults x
            WHERE x.user_id > after_user AND x.wrapped_mk IS NOT NULL
              AND (x.kek_id <> auth.kek_active_id() OR x.format_version < 2 OR x.commitment IS NULL)
            ORDER BY x.user_id LIMIT batch FOR UPDATE LOOP
    last_user := v.user_id;
    w := auth.vault_rewrapped(v.user_id, auth.vault_wrap_of(v));
    IF w.wrapped_mk IS NULL THEN
      failed := failed + 1;
      RAISE WARNING 'the vault of user % does not open with key %', v.user_id, v.kek_id;
      CONTINUE;
    END IF;
    PERFORM auth.vault_rewrap_one(NULL, v, w);
    moved := moved + 1;
  END LOOP;
END
$$;
COMMENT ON FUNCTION auth.vault_rewrap_batch IS 'one transaction of auth.vault_rewrap';

CREATE FUNCTION auth.vault_counts() RETURNS TABLE (state text, kek_id text, format_version smallint, vaults bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.identity_assume('*');
  RETURN QUERY
    SELECT CASE WHEN v.zero_knowledge THEN 'zero-knowledge' WHEN v.recovery_wrapped_mk IS NOT NULL THEN 'standard with recovery'
                ELSE 'standard' END,
           CASE WHEN v.wrapped_mk IS NOT NULL THEN v.kek_id END, v.format_version, count(*)
      FROM auth.encryption_vaults v GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
END
$$;
COMMENT ON FUNCTION auth.vault_counts IS 'vaults by state, key and format: also the progress of auth.vault_rewrap';

CREATE FUNCTION auth.vault_retire_kek(id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  vaults bigint;
  others bigint;
BEGIN
  PERFORM auth.identity_assume('*');
  SELECT count(*) INTO vaults FROM auth.encryption_vaults v WHERE v.kek_id = id AND v.wrapped_mk IS NOT NULL;
  SELECT COALESCE(sum(s.sealed), 0) INTO others FROM auth.sealed_counts() s WHERE s.kek_id = id;
  IF vaults + others > 0 OR id = auth.kek_active_id() THEN
    RAISE EXCEPTION USING ERRCODE = 'object_in_use',
      MESSAGE = CASE WHEN id = auth.kek_active_id() THEN format('key %s is active', id)
                     ELSE format('key %s is needed by %s vaults and %s other values', id, vaults, others) END,
      HINT = 'Put another key first in the ring, reload, and CALL auth.vault_rewrap().';
  END IF;
END
$$;
COMMENT ON FUNCTION auth.vault_retire_kek IS 'raises unless a key may be taken out of the ring: it is not active, and no vault and no other sealed value needs it';

CREATE FUNCTION auth.vault_check() RETURNS TABLE (user_id text, problem text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.identity_assume('*');
  RETURN QUERY
    SELECT v.user_id, 'its wrap does not open with key ' || v.kek_id FROM auth.encryption_vaults v
     WHERE v.wrapped_mk IS NOT NULL AND (auth.vault_rewrapped(v.user_id, auth.vault_wrap_of(v))).wrapped_mk IS NULL
    UNION ALL
    SELECT v.user_id, 'it is neither standard nor zero-knowledge' FROM auth.encryption_vaults v
     WHERE v.zero_knowledge <> (v.wrapped_mk IS NULL) OR v.zero_knowledge AND v.recovery_wrapped_mk IS NULL
    UNION ALL
    SELECT v.user_id, 'its recovery wrap is of an older key' FROM auth.encryption_vaults v
     WHERE v.recovery_generation <> v.generation
    UNION ALL
    SELECT v.user_id, 'a replaced key wrap was kept in zero-knowledge mode' FROM auth.encryption_vaults v
     WHERE v.zero_knowledge AND EXISTS (
       SELECT FROM auth.vault_replaced_wraps k WHERE k.user_id = v.user_id AND k.wrapped_mk IS NOT NULL)
    UNION ALL
    SELECT v.user_id, 'its user is gone' FROM auth.encryption_vaults v
     WHERE NOT EXISTS (SELECT FROM auth.users u WHERE u.id = v.user_id);
END
$$;
COMMENT ON FUNCTION auth.vault_check IS 'rows only when something is wrong, with the constraints off as well';

CREATE FUNCTION auth.vault_trail(for_user_id text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
RETURNS TABLE (at timestamptz, action text, status integer, context text, ip_address text, user_agent text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.identity_assume(for_user_id);
  RETURN QUERY
    SELECT a.created_at, a.action::text, a.status, a.context, a.ip_address, a.user_agent FROM auth.encryption_vault_audit a
     WHERE a.user_id = for_user_id AND a.created_at >= since AND a.created_at < until ORDER BY a.created_at;
END
$$;
COMMENT ON FUNCTION auth.vault_trail IS 'what happened to a user''s vault, in order';
