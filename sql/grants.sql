-- Who owns and who may call. Last, so that nothing escapes it: every member of the extension belongs to auth_owner, and
-- nothing to PUBLIC. Objects that are not members are left alone, whatever schema they are in. What this script has just
-- made still belongs to who runs it; there, default privileges (ALTER DEFAULT PRIVILEGES) are taken back as well. What a
-- DBA granted later on older members stays.

DO $$
DECLARE
  member record;
  grantee text;
BEGIN
  FOR member IN
    WITH members AS (
      SELECT m.classid, m.objid FROM pg_catalog.pg_depend m
        JOIN pg_catalog.pg_extension e ON e.oid = m.refobjid AND e.extname = 'mana_auth'
       WHERE m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND m.deptype = 'e')
    SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
           CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS grant_kind,
           c.oid::pg_catalog.regclass::text AS name, c.relowner AS owner, c.relacl AS acl, c.relkind <> 'S' AS ownable
      FROM members m JOIN pg_catalog.pg_class c ON m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = m.objid
     WHERE c.relkind IN ('r', 'p', 'v', 'S')
    UNION ALL
    SELECT CASE p.prokind WHEN 'a' THEN 'AGGREGATE' ELSE 'ROUTINE' END, 'ROUTINE', p.oid::pg_catalog.regprocedure::text, p.proowner, p.proacl, true
      FROM members m JOIN pg_catalog.pg_proc p ON m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = m.objid
    UNION ALL
    SELECT 'TYPE', 'TYPE', t.oid::pg_catalog.regtype::text, t.typowner, t.typacl, true
      FROM members m JOIN pg_catalog.pg_type t ON m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = m.objid
     WHERE t.typtype IN ('c', 'd', 'e')
  LOOP
    IF member.owner <> 'auth_owner'::pg_catalog.regrole THEN
      IF member.ownable THEN
        EXECUTE pg_catalog.format('ALTER %s %s OWNER TO auth_owner', member.kind, member.name);
      END IF;
      FOR grantee IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END
          FROM pg_catalog.aclexplode(member.acl) a WHERE a.grantee <> member.owner
      LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %s CASCADE', member.grant_kind, member.name, grantee);
      END LOOP;
    END IF;
    IF member.grant_kind = 'ROUTINE' THEN
      EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', member.name);
      IF member.name LIKE 'auth\_api.%' THEN
        EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO auth_edge', member.name);
      END IF;
    END IF;
  END LOOP;
END
$$;

ALTER SCHEMA auth OWNER TO auth_owner;
ALTER SCHEMA auth_api OWNER TO auth_owner;
DO $$
DECLARE
  o record;
BEGIN
  FOR o IN
    SELECT pg_catalog.format('REVOKE CREATE ON SCHEMA %I FROM %s CASCADE', n.nspname,
             CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END) AS sql
      FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
     WHERE n.nspname IN ('auth', 'auth_api') AND a.grantee <> n.nspowner AND a.privilege_type = 'CREATE'
  LOOP
    EXECUTE o.sql;
  END LOOP;
END
$$;
GRANT USAGE ON SCHEMA auth_api TO auth_edge;
-- Mails hold the links that reset passwords: who reads them can sign in as anybody without a second factor.
REVOKE EXECUTE ON FUNCTION auth_api.outbox_claim, auth_api.outbox_done, auth_api.outbox_failed FROM auth_edge;
GRANT USAGE ON SCHEMA auth, auth_api TO auth_mailer;
GRANT EXECUTE ON FUNCTION auth_api.outbox_claim, auth_api.outbox_done, auth_api.outbox_failed TO auth_mailer;
GRANT USAGE ON SCHEMA auth TO auth_edge; -- the types auth.caller and auth.reply; no routine and no table
GRANT USAGE ON SCHEMA auth TO auth_admin, auth_auditor;
-- Who looks after the vaults, without seeing a key; who reads the trail, without being able to change it.
GRANT EXECUTE ON PROCEDURE auth.vault_rewrap(integer) TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.kek_active_id(), auth.sealed_counts(), auth.vault_retire_kek(text), auth.reseal_batch(integer),
  auth.vault_rewrap_batch(text, integer), auth.vault_replaced_rewrap_batch(text, integer), auth.vault_counts(), auth.vault_check(), auth.vault_audit_make_partitions(integer, integer),
  auth.vault_audit_seal(interval), auth.vault_audit_drop(timestamptz) TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.vault_trail(text, timestamptz, timestamptz),
  auth.vault_audit_verify(timestamptz, timestamptz) TO auth_admin, auth_auditor;
GRANT SELECT ON auth.encryption_vault_audit, auth.vault_audit_seals TO auth_auditor;
GRANT SELECT ON auth.erasure_overview, auth.user_overview, auth.event_overview, auth.outbox_overview TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.grant_admin(text), auth.revoke_admin(text), auth.set_access_tier(text, auth.access_tier),
  auth.unlock_user(text), auth.end_sessions(text), auth.passwords_seal() TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.erasure_retry(text), auth.outbox_retry(), auth.credits_tell_since(timestamptz) TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.rotate_signing_key(interval), auth.revoke_signing_keys() TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.oidc_client_register, auth.oidc_client_rotate_secret, auth.oidc_resource_register TO auth_admin;
