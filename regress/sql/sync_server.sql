-- The foreign server mana_sync, declared by Mallory, who may use postgres_fdw and has no right in this database's accounts.
-- This cluster lets everybody in without a password, as trust and peer do: her server must not become a way in as postgres.
\pset format unaligned
\pset tuples_only on
\set ECHO none
SET client_min_messages = warning;
\set home :DBNAME
\set boss :USER
CREATE ROLE mallory LOGIN;
CREATE DATABASE hers OWNER mallory TEMPLATE template0;
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO mallory;
GRANT CREATE ON SCHEMA public TO mallory;
SELECT split_part(current_setting('unix_socket_directories'), ',', 1) AS host, current_setting('port') AS port \gset
\connect hers mallory
CREATE TABLE public.seen (who_is_super boolean);
CREATE TABLE public.sync_changes (id text, user_id text);
INSERT INTO public.sync_changes VALUES ('1', 'victim'), ('2', 'victim');
CREATE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO public.seen SELECT rolsuper FROM pg_roles WHERE rolname = current_user; RETURN NULL; END $$;
CREATE TRIGGER look BEFORE DELETE ON public.sync_changes FOR EACH ROW EXECUTE FUNCTION public.look();
\connect :home mallory
CREATE SERVER mana_sync FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host :'host', port :'port', dbname 'hers');
\set ECHO all
GRANT USAGE ON FOREIGN SERVER mana_sync TO PUBLIC;
CREATE USER MAPPING FOR PUBLIC SERVER mana_sync OPTIONS (user :'boss');
\connect :home :boss
SELECT auth.sync_found('victim');
SET ROLE auth_owner;
SELECT auth.sync_found('victim');
SELECT auth.sync_erase('victim');
SELECT reason FROM auth.sync_records('victim', NULL, NULL, NULL, 10, 1000);
RESET ROLE;

-- A password that nobody asks for is none; neither is an empty one, nor the word of somebody who is not a superuser.
ALTER USER MAPPING FOR PUBLIC SERVER mana_sync OPTIONS (ADD password 'made-up');
SET ROLE auth_owner;
SELECT auth.sync_found('victim');
RESET ROLE;
ALTER USER MAPPING FOR PUBLIC SERVER mana_sync OPTIONS (SET password '');
SET ROLE auth_owner;
SELECT auth.sync_found('victim');
RESET ROLE;
ALTER USER MAPPING FOR PUBLIC SERVER mana_sync OPTIONS (DROP password, ADD password_required 'false');
SET ROLE auth_owner;
SELECT auth.sync_found('victim');
RESET ROLE;
\connect :home mallory
ALTER USER MAPPING FOR PUBLIC SERVER mana_sync OPTIONS (SET password_required 'false');
\connect hers :boss
SELECT count(*), bool_or(who_is_super) FROM public.seen;

-- A superuser's server goes without, if its mapping says so.
\connect :home :boss
ALTER SERVER mana_sync OWNER TO CURRENT_USER;
ALTER USER MAPPING FOR PUBLIC SERVER mana_sync OPTIONS (SET user 'mallory', SET password_required 'true');
SET ROLE auth_owner;
SELECT auth.sync_found('victim');
RESET ROLE;
ALTER USER MAPPING FOR PUBLIC SERVER mana_sync OPTIONS (SET password_required 'false');
SET ROLE auth_owner;
SELECT auth.sync_found('victim');
RESET ROLE;

\set ECHO none
SET client_min_messages = warning;
DROP SERVER mana_sync CASCADE;
REVOKE USAGE ON FOREIGN DATA WRAPPER postgres_fdw FROM mallory;
DROP DATABASE hers WITH (FORCE);
REVOKE CREATE ON SCHEMA public FROM mallory;
DROP ROLE mallory;
