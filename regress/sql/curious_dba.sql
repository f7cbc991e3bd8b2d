-- A curious DBA who is not superuser: auth_admin looks after the service, auth_auditor reads the vault's audit log. They see metadata and
-- no key, and no privilege that they have leads to one.
\pset format unaligned
\pset tuples_only on
\pset fieldsep '   '
SET story.ip = '192.0.2.81';
SELECT current_user AS superuser \gset
TRUNCATE story.master_keys RESTART IDENTITY;
CREATE ROLE curious_admin LOGIN IN ROLE auth_admin;
CREATE ROLE curious_auditor LOGIN IN ROLE auth_auditor;
SELECT story.member('secretive@example.com');
SET ROLE auth_edge;
SELECT (story.sign_in('secretive@example.com', 'secretive')).refusal;
CALL story.vault('init', story.bearer('secretive@example.com'));
CALL story.vault('set_recovery', story.bearer('secretive@example.com'), story.recovery('A'));
RESET ROLE;

-- Tries a statement with the rights of the caller, and says how it went: an SQLSTATE, or whether what came out holds a key or a credential.
CREATE FUNCTION story.holds_secret(said text) RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$
  SELECT EXISTS (SELECT FROM story.master_keys k WHERE position(k.key IN said) > 0 OR position(encode(decode(k.key, 'base64'), 'hex') IN said) > 0)
      OR EXISTS (SELECT FROM auth.encryption_vaults v WHERE position(v.wrapped_mk IN said) > 0 OR position(v.recovery_wrapped_mk IN said) > 0)
      OR EXISTS (SELECT FROM auth.accounts a WHERE position(a.password IN said) > 0)
      OR EXISTS (SELECT FROM auth.sessions s WHERE position(encode(s.token_digest, 'hex') IN said) > 0);
$$;
CREATE FUNCTION story.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  said text;
BEGIN
  IF statement ~ '^(SELECT|TABLE)' THEN
    EXECUTE format('SELECT string_agg(r::text, E''\n'') FROM (%s) r', statement) INTO said;
    RETURN CASE WHEN story.holds_secret(said) THEN 'HOLDS A SECRET' ELSE 'no secret' END;
  END IF;
  EXECUTE statement;
  RETURN 'DONE';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END
$$;
-- The attempt recognises what it looks for.
SELECT story.attempt('SELECT * FROM auth.sessions'), story.attempt('SELECT 1');

-- What they can read, and what they can call. A new grant changes these lists.
\c - curious_admin
SELECT c.oid::regclass, story.attempt(format('TABLE %s', c.oid::regclass)) FROM pg_class c
 WHERE c.relnamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT c.relispartition
   AND story.attempt(format('TABLE %s', c.oid::regclass)) <> '42501' ORDER BY c.relname COLLATE "C";
SELECT p.proname FROM pg_proc p WHERE p.pronamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace)
   AND has_function_privilege(p.oid, 'EXECUTE') ORDER BY p.proname COLLATE "C";
SELECT story.mask(s), story.attempt('SELECT * FROM ' || s) FROM unnest(ARRAY['auth.vault_counts()', 'auth.vault_check()', 'auth.sealed_counts()', 'auth.kek_active_id()',
  'auth.vault_audit_verify()', format('auth.vault_trail(%L)', story.id_of('secretive@example.com'))]) s;
\c - curious_auditor
SELECT c.oid::regclass, story.attempt(format('TABLE %s', c.oid::regclass)) FROM pg_class c
 WHERE c.relnamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT c.relispartition
   AND story.attempt(format('TABLE %s', c.oid::regclass)) <> '42501' ORDER BY c.relname COLLATE "C";
SELECT p.proname FROM pg_proc p WHERE p.pronamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace)
   AND has_function_privilege(p.oid, 'EXECUTE') ORDER BY p.proname COLLATE "C";
SELECT story.mask(s), story.attempt('SELECT * FROM ' || s) FROM unnest(ARRAY['auth.encryption_vault_audit', 'auth.vault_audit_seals', 'auth.vault_audit_verify()',
  format('auth.vault_trail(%L)', story.id_of('secretive@example.com'))]) s;

-- What a DBA would try next. 42501: permission denied. 42602: no parameter of that name.
\c - :superuser
CREATE TABLE story.attempts (statement text);
GRANT SELECT ON story.attempts TO PUBLIC;
INSERT INTO story.attempts VALUES
  ('SELECT auth.unseal(private_key, ''jwks'') FROM auth.jwks'), ('SELECT auth.unseal(''\x01'', ''x'')'), ('SELECT auth.identity_assume(''*'')'),
  ('SELECT auth.session_proof(''x'', ''x'')'), ('SELECT auth.password_seal(''x'', ''x'')'), ('SELECT * FROM auth_api.signing_keys()'), ('SELECT auth_api.edge_secret()'),
  ('SELECT wrapped_mk FROM auth.encryption_vaults'), ('SELECT recovery FROM auth.vault_replaced_wraps'), ('SELECT password FROM auth.accounts'),
  ('SET ROLE auth_owner'), ('SET ROLE auth_edge'), ('GRANT auth_owner TO CURRENT_USER'),
  ('SELECT pg_read_file(current_setting(''mana_auth.kek_file''))'), ('SELECT current_setting(''mana_auth.kek_file'')'), ('SELECT setting FROM pg_settings WHERE name = ''mana_auth.kek_file'' AND setting <> '''''),
  ('SELECT lo_import(''/etc/passwd'')'), ('COPY story.attempts FROM PROGRAM ''id'''), ('COPY auth.encryption_vaults TO ''/tmp/vaults'''),
  ('ALTER TABLE auth.encryption_vaults DISABLE ROW LEVEL SECURITY'), ('ALTER TABLE auth.encryption_vaults NO FORCE ROW LEVEL SECURITY'), ('ALTER TABLE auth.encryption_vaults OWNER TO CURRENT_USER'),
  ('CREATE POLICY open ON auth.encryption_vaults USING (true)'), ('CREATE TRIGGER spy AFTER INSERT ON auth.encryption_vaults EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
  ('CREATE RULE spy AS ON UPDATE TO auth.encryption_vaults DO ALSO NOTHING'), ('CREATE FUNCTION auth.spy() RETURNS void LANGUAGE sql AS ''SELECT 1'''), ('CREATE VIEW auth.spy AS SELECT 1'),
  ('ALTER FUNCTION auth_api.vault_status(auth.caller, jsonb) OWNER TO CURRENT_USER'), ('GRANT SELECT ON auth.encryption_vaults TO CURRENT_USER'), ('CREATE PUBLICATION spy FOR TABLE auth.encryption_vaults'),
  ('ALTER EXTENSION mana_auth DROP TABLE auth.encryption_vaults'), ('DROP EXTENSION mana_auth'), ('LOAD ''mana_auth'''), ('SET mana_auth.identity = ''*'''), ('SET session_replication_role = replica'),
  ('UPDATE auth.encryption_vault_audit SET status = 200'), ('DELETE FROM auth.encryption_vault_audit');
\c - curious_admin
SELECT story.attempt(statement), statement FROM story.attempts;
\c - curious_auditor
SELECT story.attempt(statement), statement FROM story.attempts;
-- Row-level security is no matter of their settings.
SET row_security = off;
SELECT story.attempt('SELECT wrapped_mk FROM auth.encryption_vaults');
\c - :superuser
DROP TABLE story.attempts;
TRUNCATE story.master_keys RESTART IDENTITY;
DROP FUNCTION story.attempt, story.holds_secret;
DROP ROLE curious_admin, curious_auditor;
