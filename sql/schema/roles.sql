-- The roles of the service. They belong to the cluster, not to this database, so they are made where they are missing and
-- stay when the extension goes. None can log in; the DBA gives the edge its way in (ALTER ROLE auth_edge LOGIN ...).

DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['auth_owner', 'auth_edge', 'auth_mailer', 'auth_admin', 'auth_auditor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role);
      IF role = 'auth_mailer' THEN -- a DBA revokes this where mails have senders of their own, and it stays revoked
        GRANT auth_mailer TO auth_edge;
      END IF;
    END IF;
  END LOOP;
END
$$;

CREATE SCHEMA auth_api;
COMMENT ON SCHEMA auth IS 'accounts, sessions, vault: tables (private) and what a DBA may call';
COMMENT ON SCHEMA auth_api IS 'what an edge worker may call: one routine for each thing that an endpoint needs';
