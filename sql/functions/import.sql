-- Taking over the rows of the service before us, a Better Auth database: its schema is renamed, this extension made, and
-- then `SELECT * FROM auth.import_from('auth_before')`. All or nothing, in one transaction; the source is only read.
-- Reading a table can run code of its owner (views, policies, casts to json; the planner evaluates expressions of indexes and
-- constraints). Therefore the import runs as auth_owner, not as the superuser who calls it, and takes plain tables only.

CREATE FUNCTION auth.import_refuse_unsafe(source name) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tables constant name[] := ARRAY['users', 'accounts', 'sessions', 'passkeys', 'user_settings', 'api_keys', 'organizations', 'members',
                                  'invitations', 'encryption_vaults', 'encryption_vault_audit', 'security_events'];
  from_table name;
  found text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_namespace n JOIN pg_roles o ON o.oid = n.nspowner
                  WHERE n.nspname = source AND (o.rolsuper OR o.rolname = 'auth_owner')
                    AND NOT EXISTS (SELECT FROM aclexplode(n.nspacl) a
                                     WHERE a.privilege_type = 'CREATE' AND a.grantee NOT IN (n.nspowner, 'auth_owner'::regrole))) THEN
    RAISE EXCEPTION 'schema % can be changed by another role during the import', quote_ident(source)
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('ALTER SCHEMA %I OWNER TO CURRENT_USER, and REVOKE CREATE ON SCHEMA from everybody else.', source);
  ELSIF NOT has_schema_privilege(source::text, 'USAGE') OR EXISTS (
          SELECT FROM pg_class c WHERE c.relnamespace = to_regnamespace(quote_ident(source)) AND c.relname = ANY (tables)
             AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT has_table_privilege(c.oid, 'SELECT')) THEN
    RAISE EXCEPTION 'auth_owner, as whom the import runs, may not read schema %', quote_ident(source)
      USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT USAGE ON SCHEMA %1$I TO auth_owner; GRANT SELECT ON ALL TABLES IN SCHEMA %1$I TO auth_owner;', source);
  END IF;
  FOREACH from_table IN ARRAY tables LOOP
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = to_regclass(format('%I.%I', source, from_table)) AND c.relkind IN ('r', 'p')) THEN
      EXECUTE format('LOCK TABLE %I.%I IN ACCESS SHARE MODE', source, from_table); -- what is checked below stays so until the end
    END IF;
  END LOOP;
  SELECT string_agg(format('%s %s', x.name, x.why), ', ' ORDER BY x.name, x.why) INTO found FROM auth.import_unsafe(source, tables) x;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'an import would run code of other roles: %', found
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Remove what is named, or import from plain copies that their owner made.';
  END IF;
END
$$;
COMMENT ON FUNCTION auth.import_refuse_unsafe IS
  'raises unless the source is plain tables in a schema that only a superuser can change; locks the tables';

CREATE FUNCTION auth.import_unsafe(source name, tables name[]) RETURNS TABLE (name text, why text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
  WITH RECURSIVE read (oid) AS (
    SELECT c.oid FROM pg_class c
     WHERE c.relnamespace = to_regnamespace(quote_ident(source)) AND c.relname = ANY (tables) AND c.relkind NOT IN ('i', 'I', 'c', 'S')
    UNION
    SELECT i.inhrelid FROM read r JOIN pg_inherits i ON i.inhparent = r.oid
  ), parts (oid, classid, objid) AS ( -- what the planner evaluates
    SELECT k.conrelid, 'pg_constraint'::regclass, k.oid FROM pg_constraint k
    UNION ALL
    SELECT i.indrelid, 'pg_class'::regclass, i.indexrelid FROM pg_index i
    UNION ALL
    SELECT e.stxrelid, 'pg_statistic_ext'::regclass, e.oid FROM pg_statistic_ext e
    UNION ALL
    SELECT d.adrelid, 'pg_attrdef'::regclass, d.oid FROM pg_attrdef d
      JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated <> ''
    UNION ALL
    SELECT c.oid, 'pg_class'::regclass, c.oid FROM pg_class c WHERE c.relkind = 'p'
  ), callable (classid, objid, owner) AS (
    SELECT 'pg_proc'::regclass, p.oid, p.proowner FROM pg_proc p
    UNION ALL
    SELECT 'pg_operator'::regclass, o.oid, o.oprowner FROM pg_operator o
    UNION ALL
    SELECT 'pg_opclass'::regclass, o.oid, o.opcowner FROM pg_opclass o
  )
  SELECT r.oid::regclass::text, 'is not a table' FROM read r JOIN pg_class c ON c.oid = r.oid WHERE c.relkind NOT IN ('r', 'p')
  UNION ALL
  SELECT r.oid::regclass::text, 'has row level security' FROM read r JOIN pg_class c ON c.oid = r.oid WHERE c.relrowsecurity
  UNION ALL
  SELECT r.oid::regclass::text, 'has rules' FROM read r JOIN pg_class c ON c.oid = r.oid WHERE c.relhasrules AND c.relkind IN ('r', 'p')
  UNION ALL
  SELECT r.oid::regclass::text, format('has column %I of type %s', a.attname, format_type(a.atttypid, a.atttypmod))
    FROM read r
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_type e ON e.oid = CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END
    JOIN pg_roles o ON o.oid = e.typowner
   WHERE e.typtype = 'c'
      OR NOT o.rolsuper AND (e.typtype <> 'e' OR EXISTS (SELECT FROM pg_cast k WHERE k.castsource = e.oid))
  UNION ALL
  SELECT r.oid::regclass::text, format('has %s, which calls %s', pg_describe_object(p.classid, p.objid, 0), pg_describe_object(k.classid, k.objid, 0))
    FROM read r
    JOIN parts p ON p.oid = r.oid
    JOIN pg_depend d ON d.classid = p.classid AND d.objid = p.objid
    JOIN callable k ON k.classid = d.refclassid AND k.objid = d.refobjid
    JOIN pg_roles o ON o.oid = k.owner AND NOT o.rolsuper;
END
$$;
COMMENT ON FUNCTION auth.import_unsafe IS 'which tables of a source could run code of roles that are not superuser when they are read, and how';

CREATE FUNCTION auth.import_refuse_unreadable(source name) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found bigint;
BEGIN
  IF to_regnamespace(quote_ident(source)) IS NULL
     OR NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = to_regnamespace(quote_ident(source)) AND c.relname = 'users') THEN
    RAISE EXCEPTION 'there is no table %.users', quote_ident(source) USING ERRCODE = 'undefined_table';
  ELSIF EXISTS (SELECT FROM auth.users) THEN
    RAISE EXCEPTION 'there are users here already' USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'An import is the first thing that a new database does.';
  END IF;
  PERFORM auth.import_refuse_unsafe(source);
  EXECUTE format('SELECT count(*) FROM %I.users x WHERE to_jsonb(x) ->> ''two_factor_enabled'' = ''true''', source) INTO found;
  IF found > 0 THEN
    RAISE EXCEPTION '% users have a second factor, whose secret only the service before us can read', found
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Have them switched off there, and tell these users to set them up anew: an import must not weaken an account silently.';
  END IF;
END
$$;
COMMENT ON FUNCTION auth.import_refuse_unreadable IS 'what an import cannot do well it does not begin';

CREATE FUNCTION auth.import_table(source name, from_table name, statement text, OUT source_rows bigint, OUT imported bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  source_rows := 0;
  imported := 0;
  IF to_regclass(format('%I.%I', source, from_table)) IS NULL THEN
    RETURN;
  END IF;
  EXECUTE format('SELECT count(*) FROM %I.%I', source, from_table) INTO source_rows;
  -- rows come as jsonb, so that a column which an older database lacks is NULL
  EXECUTE format('WITH x AS MATERIALIZED (SELECT to_jsonb(t) AS r FROM %I.%I t) %s', source, from_table, statement);
  GET DIAGNOSTICS imported = ROW_COUNT;
END
$$;
COMMENT ON FUNCTION auth.import_table IS 'runs an INSERT over x (r jsonb), the rows of a table; 0 and 0 where there is no such table';

CREATE FUNCTION auth.import_from(source name)
RETURNS TABLE (what text, source_rows bigint, imported bigint, why_fewer text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  step record;
BEGIN
  PERFORM auth.import_refuse_unreadable(source);
  PERFORM auth.identity_assume('*');
  IF to_regclass(format('%I.encryption_vault_audit', source)) IS NOT NULL THEN
    EXECUTE format(
      'SELECT auth.vault_audit_make_partitions(0, (12 * extract(year FROM age) + extract(month FROM age) + 1)::integer)
         FROM (SELECT age(now(), COALESCE(min(created_at), now())) FROM %I.encryption_vault_audit) a (age)', source);
  END IF;
  FOR step IN
    SELECT * FROM (VALUES
      ('users', NULL, $x$
        INSERT INTO auth.users (id, name, email, email_verified, image, created_at, updated_at, role, access_tier, kind, deleted_at,
                                onboarding_completed_at, feedback_show_real_name, feedback_karma)
        SELECT r ->> 'id', r ->> 'name', auth.email_normal(r ->> 'email'), (r ->> 'email_verified')::boolean, r ->> 'image',
               (r ->> 'created_at')::timestamptz, (r ->> 'updated_at')::timestamptz, (r ->> 'role')::auth.user_role,
               (r ->> 'access_tier')::auth.access_tier, COALESCE((r ->> 'kind')::auth.user_kind, 'human'),
               (r ->> 'deleted_at')::timestamptz, (r ->> 'onboarding_completed_at')::timestamptz,
               COALESCE((r ->> 'feedback_show_real_name')::boolean, false), COALESCE((r ->> 'feedback_karma')::integer, 0)
          FROM x $x$),
      ('accounts', NULL, $x$
        INSERT INTO auth.accounts (id, account_id, provider_id, user_id, access_token, refresh_token, id_token, access_token_expires_at,
                                   refresh_token_expires_at, scope, password, created_at, updated_at)
        SELECT r ->> 'id', r ->> 'account_id', r ->> 'provider_id', r ->> 'user_id', r ->> 'access_token', r ->> 'refresh_token',
               r ->> 'id_token', (r ->> 'access_token_expires_at')::timestamptz, (r ->> 'refresh_token_expires_at')::timestamptz,
               r ->> 'scope', r ->> 'password', (r ->> 'created_at')::timestamptz, (r ->> 'updated_at')::timestamptz
          FROM x $x$),
      ('sessions', 'those that are over stay behind', $x$
        INSERT INTO auth.sessions (id, user_id, token_digest, expires_at, created_at, updated_at, last_activity_at, ip_address, user_agent,
                                   device_id, device_name, active_organization_id)
        SELECT r ->> 'id', r ->> 'user_id', sha256(convert_to(r ->> 'token', 'UTF8')), (r ->> 'expires_at')::timestamptz,
               (r ->> 'created_at')::timestamptz, (r ->> 'updated_at')::timestamptz,
               COALESCE((r ->> 'last_activity_at')::timestamptz, (r ->> 'updated_at')::timestamptz), r ->> 'ip_address', r ->> 'user_agent',
               r ->> 'device_id', r ->> 'device_name', r ->> 'active_organization_id'
          FROM x WHERE (r ->> 'expires_at')::timestamptz > now() $x$),
      ('passkeys', NULL, $x$
        INSERT INTO auth.passkeys (id, name, public_key, user_id, credential_id, counter, device_type, backed_up, transports, created_at,
                                   last_used_at)
        SELECT r ->> 'id', COALESCE(r ->> 'friendly_name', r ->> 'name'), r ->> 'public_key', r ->> 'user_id', r ->> 'credential_id',
               COALESCE((r ->> 'counter')::bigint, 0), r ->> 'device_type', COALESCE((r ->> 'backed_up')::boolean, false),
               CASE jsonb_typeof(r -> 'transports')
                 WHEN 'array' THEN (SELECT string_agg(t, ',') FROM jsonb_array_elements_text(r -> 'transports') t)
                 ELSE r ->> 'transports' END,
               (r ->> 'created_at')::timestamptz, (r ->> 'last_used_at')::timestamptz
          FROM x $x$),
      ('user_settings', NULL, $x$
        INSERT INTO auth.user_settings (user_id, global_settings, app_overrides, device_settings, created_at, updated_at)
        SELECT r ->> 'user_id', r -> 'global_settings', r -> 'app_overrides', r -> 'device_settings',
               COALESCE((r ->> 'created_at')::timestamptz, now()), COALESCE((r ->> 'updated_at')::timestamptz, now())
          FROM x $x$),
      ('api_keys', NULL, $x$
        INSERT INTO auth.api_keys (id, user_id, name, key_prefix, key_digest, scopes, rate_limit_requests, rate_limit_window, created_at,
                                   last_used_at, revoked_at)
        SELECT r ->> 'id', r ->> 'user_id', r ->> 'name', r ->> 'key_prefix', decode(r ->> 'key_hash', 'hex'),
               ARRAY(SELECT jsonb_array_elements_text(r -> 'scopes')), (r ->> 'rate_limit_requests')::integer,
               (r ->> 'rate_limit_window')::integer, (r ->> 'created_at')::timestamptz, (r ->> 'last_used_at')::timestamptz,
               (r ->> 'revoked_at')::timestamptz
          FROM x $x$),
      ('organizations', NULL, $x$
        INSERT INTO auth.organizations (id, name, slug, logo, metadata, created_at, updated_at)
        SELECT r ->> 'id', r ->> 'name', COALESCE(r ->> 'slug', r ->> 'id'), r ->> 'logo', NULLIF(r -> 'metadata', 'null'),
               (r ->> 'created_at')::timestamptz, COALESCE((r ->> 'updated_at')::timestamptz, (r ->> 'created_at')::timestamptz)
          FROM x $x$),
      ('members', 'of users that are gone, or twice in one organization', $x$
        INSERT INTO auth.members (id, organization_id, user_id, role, created_at)
        SELECT DISTINCT ON (r ->> 'organization_id', r ->> 'user_id')
               r ->> 'id', r ->> 'organization_id', r ->> 'user_id', r ->> 'role', (r ->> 'created_at')::timestamptz
          FROM x WHERE EXISTS (SELECT FROM auth.users u WHERE u.id = r ->> 'user_id')
         ORDER BY r ->> 'organization_id', r ->> 'user_id', r ->> 'created_at' $x$),
      ('invitations', 'those that wait no longer', $x$
        INSERT INTO auth.invitations (id, organization_id, email, role, status, expires_at, inviter_id)
        SELECT DISTINCT ON (r ->> 'organization_id', auth.email_normal(r ->> 'email'))
               r ->> 'id', r ->> 'organization_id', auth.email_normal(r ->> 'email'), r ->> 'role', 'pending', (r ->> 'expires_at')::timestamptz,
               r ->> 'inviter_id'
          FROM x WHERE r ->> 'status' = 'pending' AND (r ->> 'expires_at')::timestamptz > now()
                   AND EXISTS (SELECT FROM auth.users u WHERE u.id = r ->> 'inviter_id')
         ORDER BY r ->> 'organization_id', auth.email_normal(r ->> 'email'), r ->> 'created_at' DESC $x$),
      ('encryption_vaults', NULL, $x$
        INSERT INTO auth.encryption_vaults (user_id, wrapped_mk, wrap_iv, format_version, kek_id, recovery_wrapped_mk, recovery_iv,
                                            recovery_format_version, recovery_set_at, zero_knowledge, created_at, rotated_at)
        SELECT r ->> 'user_id', r ->> 'wrapped_mk', r ->> 'wrap_iv', (r ->> 'format_version')::smallint, r ->> 'kek_id',
               r ->> 'recovery_wrapped_mk', r ->> 'recovery_iv', (r ->> 'recovery_format_version')::smallint,
               (r ->> 'recovery_set_at')::timestamptz, (r ->> 'zero_knowledge')::boolean, (r ->> 'created_at')::timestamptz,
               (r ->> 'rotated_at')::timestamptz
          FROM x $x$),
      ('encryption_vault_audit', NULL, $x$
        INSERT INTO auth.encryption_vault_audit
        SELECT a.id, a.user_id, a.action, a.ip_address, a.user_agent, a.context, a.status, a.request_id, a.created_at, auth.vault_audit_mac(a)
          FROM x, LATERAL (SELECT (jsonb_populate_record(NULL::auth.encryption_vault_audit, r - 'mac')).*) a $x$),
      ('security_events', NULL, $x$
        INSERT INTO auth.security_events (id, user_id, event_type, ip_address, user_agent, metadata, created_at)
        SELECT (r ->> 'id')::uuid, r ->> 'user_id', r ->> 'event_type', r ->> 'ip_address', r ->> 'user_agent',
               NULLIF(r -> 'metadata', 'null'), (r ->> 'created_at')::timestamptz
          FROM x $x$)
    ) AS steps (name, fewer, statement)
  LOOP
    SELECT t.source_rows, t.imported INTO source_rows, imported FROM auth.import_table(source, step.name::name, step.statement) t;
    what := step.name;
    why_fewer := CASE WHEN imported < source_rows THEN step.fewer END;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION auth.import_from IS
  'a Better Auth database in another schema of this one, taken over: passwords, cookies (with the same BETTER_AUTH_SECRET), vaults '
  '(with the same key as env-v1), passkeys, organizations. To be called by a superuser; runs as auth_owner, which must be granted SELECT there. Not taken: links in mails, OAuth rows, JWT '
  'keys (apps refresh), and second factors, which it refuses to drop';
