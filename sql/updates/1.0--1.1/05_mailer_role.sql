-- The role that may claim mails. Edges of 1.0 send mails, so it starts as a part of auth_edge.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'auth_mailer') THEN
    CREATE ROLE auth_mailer NOLOGIN NOSUPERUSER NOBYPASSRLS;
    GRANT auth_mailer TO auth_edge;
  END IF;
END
$$;

