-- CREATE EXTENSION and its update in a database where somebody else has been before: Mallory, who may create schemas and
-- nothing more. What she prepared must not get the rights of auth_owner, and the script must not run it.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
\set ECHO none
SET client_min_messages = warning;
\set home :DBNAME
\set boss :USER
CREATE ROLE mallory LOGIN;
CREATE ROLE eve LOGIN;
CREATE ROLE support;
CREATE DATABASE prepared TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
GRANT CREATE ON DATABASE prepared TO mallory;
\connect prepared mallory
SET client_min_messages = warning;
\set ECHO all
CREATE SCHEMA auth;
GRANT ALL ON SCHEMA auth TO PUBLIC;
CREATE FUNCTION auth.mine(OUT email text) RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER AS
  $$ BEGIN RETURN QUERY EXECUTE 'SELECT u.email FROM auth.users u'; END $$;
GRANT EXECUTE ON FUNCTION auth.mine() TO eve;

-- Version 1.0 took the function over: it reads as auth_owner.
\connect prepared :boss
SET client_min_messages = warning;
CREATE EXTENSION mana_auth VERSION '1.0' CASCADE;
INSERT INTO auth.users (id, name, email) VALUES ('ada', 'Ada', 'ada@example.com');
\connect prepared eve
SELECT auth.mine();
\connect prepared mallory
CREATE FUNCTION auth.planted() RETURNS text LANGUAGE sql RETURN 'planted'; -- the privilege to create survived, too
-- The update finds what belongs to auth_owner without being a member, and what others put there,
\connect prepared :boss
ALTER EXTENSION mana_auth UPDATE;
ALTER FUNCTION auth.mine() OWNER TO mallory;
ALTER EXTENSION mana_auth UPDATE;
DROP FUNCTION auth.mine(), auth.planted();
ALTER EXTENSION mana_auth UPDATE;
-- and lets nobody create objects there any more.
\connect prepared mallory
CREATE FUNCTION auth.again() RETURNS text LANGUAGE sql RETURN 'planted';
\connect prepared :boss
SET client_min_messages = warning;
DROP EXTENSION mana_auth;

-- A new installation takes no schema with something in it,
CREATE TYPE auth.mood AS ENUM ('good');
CREATE EXTENSION mana_auth;
DROP TYPE auth.mood;
ALTER DEFAULT PRIVILEGES FOR ROLE mallory IN SCHEMA auth GRANT ALL ON TABLES TO eve;
CREATE EXTENSION mana_auth;
DROP SCHEMA auth CASCADE;
-- nor an empty one of somebody, who could drop it or fill it,
CREATE SCHEMA auth AUTHORIZATION mallory;
CREATE EXTENSION mana_auth;
ALTER SCHEMA auth OWNER TO CURRENT_USER;
GRANT CREATE ON SCHEMA auth TO mallory;
CREATE EXTENSION mana_auth;
REVOKE CREATE ON SCHEMA auth FROM mallory;
GRANT CREATE ON SCHEMA auth TO PUBLIC;
CREATE EXTENSION mana_auth;
DROP SCHEMA auth;
CREATE SCHEMA auth_api AUTHORIZATION mallory;
CREATE EXTENSION mana_auth;
DROP SCHEMA auth_api;

-- nor roles that are more than they should be, or in other hands,
BEGIN;
ALTER ROLE auth_owner LOGIN;
CREATE EXTENSION mana_auth;
ROLLBACK;
BEGIN;
ALTER ROLE auth_edge BYPASSRLS;
ALTER ROLE auth_admin CREATEROLE;
CREATE EXTENSION mana_auth;
ROLLBACK;
BEGIN;
GRANT auth_owner TO mallory;
CREATE EXTENSION mana_auth;
ROLLBACK;
BEGIN;
GRANT auth_admin TO mallory WITH ADMIN OPTION;
CREATE EXTENSION mana_auth;
ROLLBACK;
BEGIN;
GRANT auth_admin TO support;
GRANT support TO auth_edge;
CREATE EXTENSION mana_auth;
ROLLBACK;

-- nor something of auth_owner elsewhere, now or later.
BEGIN;
CREATE SCHEMA elsewhere;
CREATE FUNCTION elsewhere.mine() RETURNS text LANGUAGE sql SECURITY DEFINER RETURN 'x';
ALTER FUNCTION elsewhere.mine() OWNER TO auth_owner;
CREATE EXTENSION mana_auth;
ROLLBACK;
BEGIN;
ALTER DEFAULT PRIVILEGES FOR ROLE auth_owner GRANT SELECT ON TABLES TO mallory;
CREATE EXTENSION mana_auth;
ROLLBACK;

-- pg_trgm is a trusted extension: it could be Mallory's, and DROP EXTENSION ... CASCADE with it the accounts.
DROP EXTENSION pg_trgm;
\connect prepared mallory
CREATE SCHEMA hers;
CREATE EXTENSION pg_trgm SCHEMA hers;
\connect prepared :boss
CREATE EXTENSION mana_auth;
DROP EXTENSION pg_trgm;
CREATE EXTENSION pg_trgm SCHEMA hers;
CREATE EXTENSION mana_auth;
DROP EXTENSION pg_trgm;

-- Functions and operators of her own fit the arguments better than those of pg_catalog, in schemas that are searched: in
-- public, where she may create here, and in that of pg_trgm. The script calls none of them.
GRANT CREATE ON SCHEMA public TO mallory;
\connect prepared mallory
CREATE FUNCTION public.trap(text, text) RETURNS boolean LANGUAGE plpgsql AS
  $$ BEGIN EXECUTE format('GRANT ALL ON SCHEMA public TO mallory'); RAISE 'trapped'; END $$;
CREATE FUNCTION public.trap(name, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE FUNCTION public.format(text, name) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE FUNCTION public.concat(name, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.trap);
CREATE OPERATOR public.|| (LEFTARG = name, RIGHTARG = text, FUNCTION = public.concat);
CREATE OPERATOR public.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = public.trap);
\connect prepared :boss
SET client_min_messages = warning;
CREATE EXTENSION pg_trgm SCHEMA public;
SET search_path = public, pg_catalog;
CREATE EXTENSION mana_auth VERSION '1.0' CASCADE;
-- A reader of all tables that a DBA made (ALTER DEFAULT PRIVILEGES) does not read these.
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO mallory;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO mallory;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO mallory;
CREATE EXTENSION mana_auth;
RESET search_path;
\connect prepared mallory
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace)
   AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege(c.oid, 'SELECT');
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace)
   AND has_function_privilege(p.oid, 'EXECUTE');
SELECT n.nspname FROM pg_namespace n WHERE n.nspname LIKE 'auth%' AND has_schema_privilege(n.oid, 'CREATE');

-- What a DBA grants later survives a second run of the privileges, as an update does it; so does an empty schema of ours.
\connect prepared :boss
SET client_min_messages = warning;
DROP EXTENSION mana_auth CASCADE;
DROP FUNCTION public.format(text, text), public.format(text, name);
SELECT n.nspowner::regrole FROM pg_namespace n WHERE n.nspname = 'auth';
DROP EXTENSION IF EXISTS pgcrypto;
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM mallory;
CREATE EXTENSION mana_auth VERSION '1.0' CASCADE;
GRANT SELECT ON auth.user_overview TO support;
ALTER EXTENSION mana_auth UPDATE;
SELECT has_table_privilege('support', 'auth.user_overview', 'SELECT');
-- Version 1.1 does not need pgcrypto.
DROP EXTENSION pgcrypto;

\set ECHO none
\connect :home :boss
SET client_min_messages = warning;
DROP DATABASE prepared WITH (FORCE);
DROP ROLE mallory, eve, support;
