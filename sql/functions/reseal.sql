-- Moving sealed values to another key: what must be done before a key may leave the ring. Vaults have their own way (vault_admin).

CREATE FUNCTION auth.reseal(sealed bytea, context text) RETURNS bytea
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_reseal';
COMMENT ON FUNCTION auth.reseal IS 'the same value under the active key; as it is, if it is under that key already';

CREATE FUNCTION auth.sealed_key_id(sealed bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT
  RETURN pg_catalog.convert_from(pg_catalog.substr(sealed, 3, pg_catalog.get_byte(sealed, 1)), 'UTF8');
COMMENT ON FUNCTION auth.sealed_key_id IS 'which key of the ring opens a sealed value';

CREATE FUNCTION auth.sealed_counts() RETURNS TABLE (what text, kek_id text, sealed bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.identity_assume('*'); -- replaced wraps are below row-level security
  RETURN QUERY
    SELECT 'vault_replaced_wraps', x.key_id, count(*) FROM (
      SELECT k.kek_id FROM auth.vault_replaced_wraps k
      UNION ALL SELECT auth.sealed_key_id(k.recovery) FROM auth.vault_replaced_wraps k) x (key_id)
     WHERE x.key_id IS NOT NULL GROUP BY 2
    UNION ALL
    SELECT x.what, auth.sealed_key_id(x.value), count(*) FROM (
      SELECT 'secrets', s.sealed FROM auth.secrets s
      UNION ALL SELECT 'jwks', k.private_key FROM auth.jwks k
      UNION ALL SELECT 'two_factor_auth', f.secret FROM auth.two_factor_auth f
      UNION ALL SELECT 'outbox', o.args FROM auth.outbox o
      UNION ALL SELECT 'outbound_calls', o.body FROM auth.outbound_calls o
      UNION ALL SELECT 'erasures', e.farewell FROM auth.erasures e) x (what, value)
     WHERE x.value IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION auth.sealed_counts IS 'sealed values by table and key: also the progress of auth.vault_rewrap';

CREATE FUNCTION auth.reseal_batch(batch integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  active constant text := auth.kek_active_id();
  moved bigint := 0;
  n bigint;
BEGIN
  UPDATE auth.secrets t SET sealed = auth.reseal(t.sealed, 'secrets:' || t.name) WHERE t.name IN (
    SELECT x.name FROM auth.secrets x WHERE auth.sealed_key_id(x.sealed) <> active LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; moved := moved + n;
  UPDATE auth.jwks t SET private_key = auth.reseal(t.private_key, 'jwks:' || t.id) WHERE t.id IN (
    SELECT x.id FROM auth.jwks x WHERE auth.sealed_key_id(x.private_key) <> active LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; moved := moved + n;
  UPDATE auth.two_factor_auth t SET secret = auth.reseal(t.secret, auth.two_factor_context(t.user_id)) WHERE t.user_id IN (
    SELECT x.user_id FROM auth.two_factor_auth x WHERE auth.sealed_key_id(x.secret) <> active LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; moved := moved + n;
  UPDATE auth.outbox t SET args = auth.reseal(t.args, 'outbox:' || t.id) WHERE t.id IN (
    SELECT x.id FROM auth.outbox x WHERE auth.sealed_key_id(x.args) <> active LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; moved := moved + n;
  UPDATE auth.outbound_calls t SET body = auth.reseal(t.body, 'outbound_calls:' || t.id) WHERE t.id IN (
    SELECT x.id FROM auth.outbound_calls x WHERE auth.sealed_key_id(x.body) <> active LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; moved := moved + n;
  UPDATE auth.erasures t SET farewell = auth.reseal(t.farewell, 'erasures:' || t.id) WHERE t.id IN (
    SELECT x.id FROM auth.erasures x WHERE auth.sealed_key_id(x.farewell) <> active LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; moved := moved + n;
  RETURN moved;
END
$$;
COMMENT ON FUNCTION auth.reseal_batch IS
  'one transaction of auth.vault_rewrap: moves at most batch values of each table to the active key; how many';
