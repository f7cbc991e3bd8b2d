-- Writing and checking the vault's trail.

CREATE FUNCTION auth.vault_audit_mac(a auth.encryption_vault_audit) RETURNS bytea
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_vault_audit_mac';
COMMENT ON FUNCTION auth.vault_audit_mac IS 'what the mac of a row must be';

CREATE FUNCTION auth.vault_audit_write(c auth.caller, user_id text, action text, context text, status integer) RETURNS void
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'mana_vault_audit_write';
COMMENT ON FUNCTION auth.vault_audit_write IS
  'one row of the trail; the identity of the transaction must be the user''s. Warns a week before there is no month to write to';

CREATE FUNCTION auth.vault_audit_digest(partition text) RETURNS TABLE (row_count bigint, digest bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT count(*), sha256(convert_to(coalesce(string_agg(id, '','' ORDER BY created_at, id), ''''), ''UTF8'')) FROM auth.%I', partition);
END
$$;

CREATE FUNCTION auth.vault_audit_seal(partition text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  d record;
BEGIN
  IF partition >= auth.vault_audit_partition_name(now()) THEN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
      MESSAGE = format('%s is not finished', partition), HINT = 'A month is sealed when it is over.';
  END IF;
  PERFORM auth.identity_assume('*');
  SELECT * INTO STRICT d FROM auth.vault_audit_digest(partition);
  INSERT INTO auth.vault_audit_seals (partition, row_count, digest, mac)
  VALUES (vault_audit_seal.partition, d.row_count, d.digest,
          auth.hmac_sha256(convert_to(partition || ':' || d.row_count, 'UTF8') || d.digest, auth.secret('audit')));
  RETURN d.row_count;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_seal IS 'remembers what a finished month holds; how many rows';

CREATE FUNCTION auth.vault_audit_verify(since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
RETURNS TABLE (partition text, id text, problem text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.vault_audit_seals;
  d record;
BEGIN
  PERFORM auth.identity_assume('*');
  RETURN QUERY
    SELECT a.tableoid::regclass::text, a.id, 'changed or forged'
      FROM auth.encryption_vault_audit a
     WHERE a.created_at >= since AND a.created_at < until
       AND a.mac IS DISTINCT FROM auth.vault_audit_mac(ROW(a.*)::auth.encryption_vault_audit);
  FOR s IN SELECT * FROM auth.vault_audit_seals LOOP
    IF s.mac <> auth.hmac_sha256(convert_to(s.partition || ':' || s.row_count, 'UTF8') || s.digest, auth.secret('audit')) THEN
      RETURN QUERY SELECT s.partition, NULL::text, 'its seal was changed or forged';
    ELSIF to_regclass('auth.' || s.partition) IS NOT NULL THEN
      SELECT * INTO STRICT d FROM auth.vault_audit_digest(s.partition);
      IF d.row_count <> s.row_count OR d.digest <> s.digest THEN
        RETURN QUERY SELECT s.partition, NULL::text,
          format('%s rows when it was sealed, %s now, or others', s.row_count, d.row_count);
      END IF;
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_verify IS 'rows only when something is wrong: a row changed or forged, a sealed month altered';

CREATE FUNCTION auth.vault_audit_drop(month timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name constant text := auth.vault_audit_partition_name(month);
BEGIN
  IF month >= date_trunc('month', now(), 'UTC') THEN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('%s is not over', name);
  END IF;
  SET LOCAL lock_timeout = '2s';
  EXECUTE format('DROP TABLE auth.%I', name);
END
$$;
COMMENT ON FUNCTION auth.vault_audit_drop IS 'retention: drops the month that a time lies in, whole; its seal stays';

CREATE FUNCTION auth.vault_audit_pseudonymize(for_user_id text, pseudonym text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a auth.encryption_vault_audit;
  rows bigint := 0;
BEGIN
  PERFORM auth.identity_assume('*');
  FOR a IN SELECT x.* FROM auth.encryption_vault_audit x WHERE x.user_id = for_user_id LOOP
    a.user_id := pseudonym;
    a.ip_address := NULL;
    a.user_agent := NULL;
    UPDATE auth.encryption_vault_audit x SET user_id = pseudonym, ip_address = NULL, user_agent = NULL, mac = auth.vault_audit_mac(a)
     WHERE x.id = a.id AND x.created_at = a.created_at;
    rows := rows + 1;
  END LOOP;
  RETURN rows;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_pseudonymize IS
  'at erasure: the trail stays under a pseudonym, without address and user agent; its MACs are made anew, seals stay valid';
