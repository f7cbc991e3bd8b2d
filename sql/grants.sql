-- Who owns and who may call. Last, so that nothing escapes it: everything belongs to auth_owner, nothing to PUBLIC.

DO $$
DECLARE
  o record;
BEGIN
  FOR o IN
    SELECT pg_catalog.format('ALTER %s %s OWNER TO auth_owner',
             CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END,
             c.oid::pg_catalog.regclass) AS sql
      FROM pg_catalog.pg_class c
     WHERE c.relnamespace IN ('auth'::pg_catalog.regnamespace, 'auth_api'::pg_catalog.regnamespace)
       AND c.relkind IN ('r', 'p', 'v', 'c')
    UNION ALL
    SELECT pg_catalog.format('ALTER %s %s OWNER TO auth_owner',
             CASE p.prokind WHEN 'a' THEN 'AGGREGATE' ELSE 'ROUTINE' END, p.oid::pg_catalog.regprocedure)
      FROM pg_catalog.pg_proc p
     WHERE p.pronamespace IN ('auth'::pg_catalog.regnamespace, 'auth_api'::pg_catalog.regnamespace)
    UNION ALL
    SELECT pg_catalog.format('ALTER TYPE %s OWNER TO auth_owner', t.oid::pg_catalog.regtype)
      FROM pg_catalog.pg_type t
     WHERE t.typnamespace = 'auth'::pg_catalog.regnamespace AND t.typtype IN ('e', 'd')
  LOOP
    EXECUTE o.sql;
  END LOOP;
END
$$;

ALTER SCHEMA auth OWNER TO auth_owner;
ALTER SCHEMA auth_api OWNER TO auth_owner;
REVOKE ALL ON ALL ROUTINES IN SCHEMA auth, auth_api FROM PUBLIC;
GRANT USAGE ON SCHEMA auth_api TO auth_edge;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA auth_api TO auth_edge;
-- Mails hold the links that reset passwords: who reads them can sign in as anybody without a second factor.
REVOKE EXECUTE ON FUNCTION auth_api.outbox_claim, auth_api.outbox_done, auth_api.outbox_failed FROM auth_edge;
GRANT USAGE ON SCHEMA auth, auth_api TO auth_mailer;
GRANT EXECUTE ON FUNCTION auth_api.outbox_claim, auth_api.outbox_done, auth_api.outbox_failed TO auth_mailer;
GRANT USAGE ON SCHEMA auth TO auth_edge; -- the types auth.caller and auth.reply; no routine and no table
GRANT USAGE ON SCHEMA auth TO auth_admin, auth_auditor;
-- Who looks after the vaults, without seeing a key; who reads the trail, without being able to change it.
GRANT EXECUTE ON PROCEDURE auth.vault_rewrap(integer) TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.kek_active_id(), auth.sealed_counts(), auth.vault_retire_kek(text), auth.reseal_batch(integer),
  auth.vault_rewrap_batch(text, integer), auth.vault_counts(), auth.vault_check(), auth.vault_audit_make_partitions(integer, integer),
  auth.vault_audit_seal(interval), auth.vault_audit_drop(timestamptz) TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.vault_trail(text, timestamptz, timestamptz),
  auth.vault_audit_verify(timestamptz, timestamptz) TO auth_admin, auth_auditor;
GRANT SELECT ON auth.encryption_vault_audit, auth.vault_audit_seals TO auth_auditor;
GRANT SELECT ON auth.erasure_overview, auth.user_overview, auth.event_overview TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.grant_admin(text), auth.revoke_admin(text), auth.set_access_tier(text, auth.access_tier),
  auth.unlock_user(text), auth.end_sessions(text) TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.erasure_retry(text) TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.rotate_signing_key(interval), auth.revoke_signing_keys() TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.oidc_client_register, auth.oidc_client_rotate_secret, auth.oidc_resource_register TO auth_admin;
