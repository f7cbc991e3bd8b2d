-- Taking over another service's tables, which belong to somebody else: Mallory. What she attached to them must not run,
-- neither as the superuser who calls the import nor as auth_owner.
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
\set ECHO none
SET client_min_messages = warning;
\set home :DBNAME
\set boss :USER
CREATE ROLE mallory LOGIN;
CREATE DATABASE taken TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
GRANT CREATE ON DATABASE taken TO mallory;
\connect taken :boss
SET client_min_messages = warning;
CREATE EXTENSION mana_auth CASCADE;
\connect taken mallory
CREATE SCHEMA old;
CREATE TABLE old.seen (who text);
GRANT INSERT ON old.seen TO PUBLIC;
CREATE FUNCTION old.look(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO old.seen VALUES (current_user); RETURN $1; END $$;
CREATE TYPE old.kind AS ENUM ('user', 'admin');
CREATE FUNCTION old.look(old.kind) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RAISE 'ran as %', current_user; END $$;
CREATE FUNCTION old.fold(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN IF current_user <> 'mallory' THEN RAISE 'ran as %', current_user; END IF; RETURN $1; END $$;
CREATE TABLE old.real_users (id text PRIMARY KEY, name text NOT NULL, email text NOT NULL, email_verified boolean NOT NULL,
  created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, role old.kind NOT NULL DEFAULT 'user', access_tier text NOT NULL DEFAULT 'public');
INSERT INTO old.real_users VALUES ('ada', 'Ada', 'ada@example.com', true, now(), now());
CREATE VIEW old.users AS SELECT old.look(id) AS id, name, email, email_verified, created_at, updated_at, role, access_tier FROM old.real_users;
GRANT USAGE ON SCHEMA old TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA old TO PUBLIC;
\set ECHO all

-- Her schema: she could put a view in the place of a table at any moment.
\connect taken :boss
SELECT auth.import_from('old');
ALTER SCHEMA old OWNER TO CURRENT_USER;
GRANT CREATE ON SCHEMA old TO mallory;
SELECT auth.import_from('old');
REVOKE CREATE ON SCHEMA old FROM mallory;
-- A view, an expression of an index, a cast that to_jsonb looks for, a policy, a type, a child: each would run hers.
SELECT auth.import_from('old');
DROP VIEW old.users;
ALTER TABLE old.real_users RENAME TO users;
BEGIN;
CREATE INDEX ON old.users ((upper(old.fold(name) || old.fold('constant'))));
SELECT auth.import_from('old');
ROLLBACK;
BEGIN;
CREATE INDEX nothing ON old.users (id) WHERE false AND old.fold('constant') = id;
SELECT auth.import_from('old');
ROLLBACK;
BEGIN;
ALTER TABLE old.users ADD CHECK (old.fold('constant') <> id) NOT VALID;
SELECT auth.import_from('old');
ROLLBACK;
BEGIN;
CREATE STATISTICS old.telling ON (old.fold('constant') || name), id FROM old.users;
SELECT auth.import_from('old');
ROLLBACK;
BEGIN;
ALTER TABLE old.users ADD folded text GENERATED ALWAYS AS (CASE WHEN name IS NULL THEN old.fold(name) END) STORED;
SELECT auth.import_from('old');
ROLLBACK;
BEGIN;
CREATE CAST (old.kind AS json) WITH FUNCTION old.look(old.kind);
SELECT auth.import_from('old');
ROLLBACK;
BEGIN;
CREATE DOMAIN old.word AS text;
ALTER DOMAIN old.word OWNER TO mallory;
ALTER TABLE old.users ADD word old.word;
ALTER TABLE old.users ADD words old.word[];
SELECT auth.import_from('old');
ROLLBACK;
BEGIN;
CREATE POLICY looked ON old.users USING (old.look(id) = id);
ALTER TABLE old.users ENABLE ROW LEVEL SECURITY;
SELECT auth.import_from('old');
ROLLBACK;
BEGIN;
CREATE FOREIGN DATA WRAPPER any_wrapper;
CREATE SERVER any_server FOREIGN DATA WRAPPER any_wrapper;
CREATE FOREIGN TABLE old.more_users () INHERITS (old.users) SERVER any_server;
SELECT auth.import_from('old');
ROLLBACK;
BEGIN;
CREATE MATERIALIZED VIEW old.accounts AS SELECT 1;
GRANT SELECT ON old.accounts TO auth_owner;
SELECT auth.import_from('old');
ROLLBACK;

-- It needs no more than SELECT, and says so.
REVOKE SELECT ON old.users FROM PUBLIC;
SELECT auth.import_from('old');
GRANT SELECT ON old.users TO auth_owner;
SELECT what, source_rows, imported FROM auth.import_from('old') WHERE source_rows > 0;
SELECT email FROM auth.users;
SELECT count(*) FROM old.seen;

\set ECHO none
\connect :home :boss
SET client_min_messages = warning;
DROP DATABASE taken WITH (FORCE);
DROP ROLE mallory;
