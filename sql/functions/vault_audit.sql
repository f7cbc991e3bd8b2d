-- Writing and checking the vault's trail.

CREATE FUNCTION auth.vault_audit_mac(a auth.encryption_vault_audit) RETURNS bytea
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_vault_audit_mac';
COMMENT ON FUNCTION auth.vault_audit_mac IS 'what the mac of a row must be';

CREATE FUNCTION auth.vault_audit_write(c auth.caller, user_id text, action auth.vault_action, context text, status integer) RETURNS void
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'mana_vault_audit_write';
COMMENT ON FUNCTION auth.vault_audit_write IS
  'one row of the trail; the identity of the transaction must be the user''s. Warns when there is no next month to write to';

CREATE FUNCTION auth.vault_audit_settled() RETURNS timestamptz
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'mana_vault_audit_settled';
COMMENT ON FUNCTION auth.vault_audit_settled IS
  'a time before which no row will be added any more: who writes one holds a lock from before its time is taken to the commit';

CREATE FUNCTION auth.vault_audit_digest(since timestamptz, until timestamptz, OUT row_count bigint, OUT digest bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  SELECT count(*), sha256(convert_to(coalesce(string_agg(a.id, ',' ORDER BY a.created_at, a.id), ''), 'UTF8'))
    INTO row_count, digest FROM auth.encryption_vault_audit a WHERE a.created_at >= since AND a.created_at < until;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_digest IS 'which rows there are in a time; what is in them their own MACs cover';

CREATE FUNCTION auth.vault_audit_seal_mac(s auth.vault_audit_seals, previous bytea) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.hmac_sha256(
    convert_to(auth.json_object('number', s.number, 'kind', s.kind, 'since', extract(epoch FROM s.since),
      'until', extract(epoch FROM s.until), 'rows', s.row_count, 'digest', encode(s.digest, 'hex'),
      'previous', encode(previous, 'hex'))::text, 'UTF8'), auth.secret('audit'));
END
$$;

CREATE FUNCTION auth.vault_audit_seal_add(s auth.vault_audit_seals) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  previous record;
BEGIN
  SELECT x.number, x.mac INTO previous FROM auth.vault_audit_seals x ORDER BY x.number DESC LIMIT 1;
  s.number := coalesce(previous.number, 0) + 1;
  s.sealed_at := now();
  s.mac := auth.vault_audit_seal_mac(s, previous.mac);
  INSERT INTO auth.vault_audit_seals SELECT s.*;
  RAISE LOG 'vault audit: entry % (%) up to %, % rows, MAC %', s.number, s.kind, s.until, s.row_count, encode(s.mac, 'hex');
END
$$;
COMMENT ON FUNCTION auth.vault_audit_seal_add IS
  'one entry of the chain, also written to the server''s log: who keeps the log elsewhere can tell that the chain was cut short';

CREATE FUNCTION auth.vault_audit_seal(at_least interval DEFAULT '10 minutes') RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  settled timestamptz;
  s auth.vault_audit_seals;
  sealed bigint := 0;
BEGIN
  settled := auth.vault_audit_settled();
  PERFORM auth.identity_assume('*');
  LOCK TABLE auth.vault_audit_seals IN SHARE ROW EXCLUSIVE MODE;
  s.kind := 'sealed';
  s.since := coalesce((SELECT max(x.until) FROM auth.vault_audit_seals x WHERE x.kind = 'sealed'),
                      date_trunc('month', (SELECT min(a.created_at) FROM auth.encryption_vault_audit a), 'UTC'));
  WHILE s.since + at_least < settled LOOP -- never across months, so that a month can be dropped
    s.until := least(settled, (date_trunc('month', s.since AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
    SELECT d.row_count, d.digest INTO s.row_count, s.digest FROM auth.vault_audit_digest(s.since, s.until) d;
    PERFORM auth.vault_audit_seal_add(s);
    sealed := sealed + s.row_count;
    s.since := s.until;
  END LOOP;
  RETURN sealed;
EXCEPTION WHEN lock_not_available THEN
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_seal IS
  'remembers which rows there are up to now, unless the last time is younger than at_least; how many. NULL: not '
  'now, somebody has been writing for two seconds. Edges call it every minute';

CREATE FUNCTION auth.vault_audit_verify(since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
RETURNS TABLE (id text, at timestamptz, problem text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.vault_audit_seals;
  previous auth.vault_audit_seals;
  d record;
BEGIN
  PERFORM auth.identity_assume('*');
  RETURN QUERY
    SELECT a.id, a.created_at, 'changed or forged' FROM auth.encryption_vault_audit a
     WHERE a.created_at >= vault_audit_verify.since AND a.created_at < vault_audit_verify.until
       AND a.mac IS DISTINCT FROM auth.vault_audit_mac(ROW(a.*)::auth.encryption_vault_audit);
  FOR s IN SELECT x.* FROM auth.vault_audit_seals x ORDER BY x.number LOOP
    IF s.number <> coalesce(previous.number, 0) + 1 THEN
      RETURN QUERY SELECT NULL::text, s.since, format('entries before number %s are missing', s.number);
    ELSIF s.mac <> auth.vault_audit_seal_mac(s, previous.mac) THEN
      RETURN QUERY SELECT NULL::text, s.since, format('entry number %s was changed or forged', s.number);
    END IF;
    previous := s;
    CONTINUE WHEN s.kind = 'dropped' OR s.since >= vault_audit_verify.until OR s.until <= vault_audit_verify.since
               OR EXISTS (SELECT FROM auth.vault_audit_seals x WHERE x.kind = 'dropped' AND s.since >= x.since AND s.until <= x.until);
    SELECT x.row_count, x.digest INTO d FROM auth.vault_audit_digest(s.since, s.until) x;
    IF d.row_count <> s.row_count OR d.digest <> s.digest THEN
      RETURN QUERY SELECT NULL::text, s.since, format('%s rows up to %s when they were sealed, now %s or others',
                                                      s.row_count, s.until, d.row_count);
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_verify IS
  'rows only when something is wrong: a row changed, forged or put to another time; a sealed row gone or added; an entry of the '
  'chain of seals changed or gone';

CREATE FUNCTION auth.vault_audit_drop(month timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name constant text := auth.vault_audit_partition_name(month);
  kept_months constant integer := current_setting('mana_auth.audit_retention_months');
  s auth.vault_audit_seals;
BEGIN
  s.kind := 'dropped';
  s.since := date_trunc('month', month, 'UTC');
  s.until := (date_trunc('month', month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
  -- The name of a partition has four digits for the year: a year before Christ or after 9999 would name another month.
  IF s.since IS NULL OR s.since < '2000-01-01 00:00:00Z' THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'there is no audit of this month';
  ELSIF s.until > now() THEN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'the month is not over';
  ELSIF s.until > (now() AT TIME ZONE 'UTC' - make_interval(months => kept_months)) AT TIME ZONE 'UTC' THEN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
      MESSAGE = format('the audit is kept for %s months', kept_months),
      HINT = 'A superuser can change mana_auth.audit_retention_months.';
  END IF;
  PERFORM auth.vault_audit_seal('0');
  SET LOCAL lock_timeout = '2s';
  EXECUTE format('DROP TABLE auth.%I', name);
  SELECT coalesce(sum(x.row_count), 0), sha256(coalesce(string_agg(x.mac, '' ORDER BY x.number), '')) INTO s.row_count, s.digest
    FROM auth.vault_audit_seals x WHERE x.kind = 'sealed' AND x.since >= s.since AND x.until <= s.until;
  PERFORM auth.vault_audit_seal_add(s);
  RETURN s.row_count;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_drop IS
  'drops the month of a time, once it is older than mana_auth.audit_retention_months, and adds the fact to the chain of seals; '
  'returns the number of its rows';

CREATE FUNCTION auth.vault_audit_pseudonymize(for_user_id text, pseudonym text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a auth.encryption_vault_audit;
  rows bigint := 0;
BEGIN
  PERFORM auth.vault_hold(for_user_id);
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
