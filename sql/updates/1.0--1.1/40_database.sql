-- The service works in a database of any locale, and under a publication.

CREATE FUNCTION auth.lower_case(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN pg_catalog.lower(value COLLATE pg_catalog."und-x-icu") COLLATE pg_catalog."C";

-- The index over the search text is rebuilt only where a name has another lower case than before.
CREATE OR REPLACE FUNCTION auth.user_search_text(u_name text, u_email text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN u_email || E'\n' || auth.lower_case(u_name);
DO $$
BEGIN
  IF EXISTS (SELECT FROM auth.users u WHERE auth.lower_case(u.name) <> lower(u.name)) THEN
    REINDEX INDEX auth.users_search_idx;
  END IF;
END
$$;

ALTER TABLE auth.users DROP CONSTRAINT users_email_is_lower_case,
  ADD CONSTRAINT users_email_is_lower_case CHECK (email = pg_catalog.lower(email COLLATE pg_catalog."C"));
ALTER TABLE auth.invitations DROP CONSTRAINT invitations_email_is_lower_case,
  ADD CONSTRAINT invitations_email_is_lower_case CHECK (email = pg_catalog.lower(email COLLATE pg_catalog."C"));
ALTER TABLE auth.magic_links DROP CONSTRAINT magic_links_email_is_lower_case,
  ADD CONSTRAINT magic_links_email_is_lower_case CHECK (email = pg_catalog.lower(email COLLATE pg_catalog."C"));

-- A database of a Turkic locale stored I as a dotless i (U+0131). The local part of an address is ASCII, so each was an I.
DO $$
DECLARE
  dotless constant text := U&'\0131';
  clashing text;
BEGIN
  UPDATE auth.users u SET email = replace(u.email, dotless, 'i')
   WHERE strpos(u.email, dotless) > 0 AND NOT EXISTS (SELECT FROM auth.users x WHERE x.email = replace(u.email, dotless, 'i'));
  SELECT string_agg(u.id, ', ') INTO clashing FROM auth.users u WHERE strpos(u.email, dotless) > 0;
  IF clashing IS NOT NULL THEN
    RAISE WARNING 'users whose address exists twice, with and without a dotless i: %', clashing
      USING HINT = 'Sign-in finds the user without it. Erase or merge the others.';
  END IF;
END
$$;

ALTER TABLE auth.encryption_vault_audit REPLICA IDENTITY FULL;
DO $$
DECLARE
  part regclass;
BEGIN
  FOR part IN SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = 'auth.encryption_vault_audit'::regclass LOOP
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', part);
  END LOOP;
END
$$;
