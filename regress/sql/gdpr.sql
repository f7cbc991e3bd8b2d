-- What there is about a user, counted in two databases.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.40';

-- The sync service has a database of its own, with row-level security; in it a role that may read and delete, and no more.
\set ECHO none
\set home :DBNAME
CREATE DATABASE mana_sync TEMPLATE template0;
CREATE ROLE mana_gdpr LOGIN PASSWORD 'story' NOSUPERUSER NOBYPASSRLS;
\connect mana_sync
CREATE TABLE sync_changes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), app_id text NOT NULL, table_name text NOT NULL, record_id text NOT NULL,
  user_id text NOT NULL, op text NOT NULL CHECK (op IN ('insert', 'update', 'delete')), data jsonb,
  field_timestamps jsonb DEFAULT '{}', client_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
ALTER TABLE sync_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE sync_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY sync_changes_user_isolation ON sync_changes
  USING (user_id = current_setting('app.current_user_id', true)) WITH CHECK (user_id = current_setting('app.current_user_id', true));
GRANT SELECT, DELETE ON sync_changes TO mana_gdpr;
\connect :home
\set ECHO all
SET story.ip = '192.0.2.40';
SET client_min_messages = warning;
SET ROLE auth_edge;
SELECT story.member('gwen@example.com', 'Gwen');
SELECT refusal FROM story.sign_in('gwen@example.com', 'gwen-1');
RESET ROLE;
SELECT id AS gwen FROM auth.users WHERE email = 'gwen@example.com' \gset

-- Nobody has declared the sync database: it says so, and so do the credits. All 23 apps are named.
SELECT story.mask(json_build_object('user', s -> 'user', 'auth', s -> 'auth', 'credits', s -> 'credits', 'totals', s -> 'totals')::text)
  FROM auth.gdpr_summary(:'gwen', NULL) s;
SELECT string_agg(p ->> 'projectId', ' ') FROM auth.gdpr_summary(:'gwen', NULL) s, json_array_elements(s -> 'projects') p;
SELECT DISTINCT p ->> 'available', p ->> 'error', p ->> 'reason', p ->> 'totalCount', p ->> 'lastActivityAt'
  FROM auth.gdpr_summary(:'gwen', NULL) s, json_array_elements(s -> 'projects') p;

-- Declared, but not for us.
CREATE EXTENSION postgres_fdw;
\set ECHO none
SELECT format('CREATE SERVER mana_sync FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L, fetch_size %L)',
              split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), 'mana_sync', '50') \gexec
SELECT format('CREATE SERVER bare FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
              split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), 'mana_sync') \gexec
\set ECHO all
CREATE VIEW story.projects AS
  SELECT p ->> 'projectId' AS app, p ->> 'available' AS available, p ->> 'reason' AS reason, p -> 'entities' AS entities,
         p ->> 'totalCount' AS total, p ->> 'lastActivityAt' AS last, p ->> 'projectName' AS name, p ->> 'icon' AS icon, n
    FROM auth.users u, auth.gdpr_summary(u.id, '{"balance":12.50,"totalEarned":20,"totalSpent":7.5}') s,
         json_array_elements(s -> 'projects') WITH ORDINALITY AS e (p, n)
   WHERE u.email = 'gwen@example.com';
SELECT DISTINCT available, reason FROM story.projects;
CREATE USER MAPPING FOR auth_owner SERVER mana_sync OPTIONS (user 'mana_gdpr', password 'story', password_required 'false');
SELECT DISTINCT available, reason FROM story.projects;
GRANT USAGE ON FOREIGN SERVER mana_sync TO auth_owner;
SELECT DISTINCT available, reason FROM story.projects;

-- Records count by their latest operation; who was deleted last is not counted, but the app was used then. Apps that are not
-- in the table come behind, under their id; those with nothing but deleted records do not come. Others' rows are theirs.
\connect mana_sync
INSERT INTO sync_changes (app_id, table_name, record_id, user_id, op, client_id, data, created_at) VALUES
  ('todo', 'tasks', '1', :'gwen', 'insert', 'c', '{"t": "a"}', '2026-01-01 10:00+00'),
  ('todo', 'tasks', '1', :'gwen', 'update', 'c', '{"t": "b"}', '2026-01-02 10:00+00'),
  ('todo', 'tasks', '2', :'gwen', 'insert', 'c', '{"t": "c"}', '2026-01-01 11:00+00'),
  ('todo', 'tasks', '3', :'gwen', 'insert', 'c', NULL, '2026-01-01 12:00+00'),
  ('todo', 'tasks', '3', :'gwen', 'delete', 'c', NULL, '2026-02-03 04:05:06.789+00'),
  ('todo', 'boardViews_x', 'a', :'gwen', 'insert', 'c', NULL, '2026-01-03 10:00+00'),
  ('chat', 'messages', '1', :'gwen', 'insert', 'c', NULL, '2026-01-03 10:00+00'),
  ('chat', 'messages', '1', :'gwen', 'delete', 'c', NULL, '2026-01-04 10:00+00'),
  ('zitare', 'favorites', '1', :'gwen', 'insert', 'c', NULL, '2026-01-04 10:00+00'),
  ('"odd"', 'things', '1', :'gwen', 'insert', 'c', NULL, '2026-01-04 10:00+00'),
  ('gone', 'things', '1', :'gwen', 'delete', 'c', NULL, '2026-01-04 10:00+00'),
  ('todo', 'tasks', '1', 'somebody-else', 'insert', 'c', NULL, '2026-01-04 10:00+00');
\connect :home
SET story.ip = '192.0.2.40';
SELECT app, name, icon, entities, total, last FROM story.projects WHERE last IS NOT NULL OR n > 23 ORDER BY n;
SELECT count(*), bool_and(available = 'true') FROM story.projects;
SELECT s -> 'credits', s -> 'totals' FROM auth.gdpr_summary(:'gwen', '{"balance":12.50,"totalEarned":20,"totalSpent":7.5}') s;

-- Row-level security there shows nothing to whom has not said who they are: the count is right because it says so.
CREATE USER MAPPING FOR CURRENT_USER SERVER bare OPTIONS (user 'mana_gdpr', password 'story');
CREATE FOREIGN TABLE story.bare (user_id text) SERVER bare OPTIONS (schema_name 'public', table_name 'sync_changes');
SELECT count(*) FROM story.bare;

-- What mana-credits said may be anything.
SELECT (auth.gdpr_summary(:'gwen', '{"unavailable":"timed_out"}') -> 'credits')::text;
SELECT (auth.gdpr_summary(:'gwen', '{"balance":"12","totalSpent":null}') -> 'credits')::text;
SELECT (auth.gdpr_summary(:'gwen', '[1]') -> 'credits')::text;
SELECT auth.gdpr_summary('nobody', NULL) IS NULL;

-- Away: another database, another password, a query that hangs, a table that is none. Each is told apart, none is a zero.
ALTER SERVER mana_sync OPTIONS (SET dbname 'nowhere');
SELECT DISTINCT available, reason FROM story.projects;
ALTER SERVER mana_sync OPTIONS (SET dbname 'mana_sync');
\connect mana_sync
BEGIN;
LOCK TABLE sync_changes;
SELECT format('dbname=%s host=%s port=%s', :'home', split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port')) AS home_conn \gset
CREATE EXTENSION dblink;
SELECT * FROM dblink(:'home_conn', 'SELECT DISTINCT available, reason FROM story.projects') AS t (available text, reason text);
-- Who waits for it can be cancelled: nothing sits in a library that does not listen.
\set SHOW_CONTEXT never
SELECT * FROM dblink(:'home_conn' || ' options=-cstatement_timeout=1500', 'SELECT available, reason FROM story.projects') AS t (available text, reason text);
\set SHOW_CONTEXT errors
ROLLBACK;
ALTER TABLE sync_changes RENAME TO elsewhere;
\connect :home
SELECT DISTINCT available, reason FROM story.projects;
\connect mana_sync
ALTER TABLE elsewhere RENAME TO sync_changes;
\connect :home

-- Over the edge: with a live session, and not without.
SET story.ip = '192.0.2.40';
SET ROLE auth_edge;
SELECT refusal, status, body::json -> 'user' ->> 'email' FROM auth_api.gdpr_data(story.bearer('gwen@example.com'), NULL);
SELECT refusal, message FROM auth_api.gdpr_data(story.caller('made-up'), NULL);

-- Printed for people.
RESET ROLE;
SELECT auth.json_pretty('{"a":[],"b":{},"c":[1,{"d":"x\"{,}\\"}],"e":null}', 1);

-- More than a batch goes as well.
\connect mana_sync
INSERT INTO sync_changes (app_id, table_name, record_id, user_id, op, client_id)
  SELECT 'todo', 'tasks', n::text, 'long-here', 'insert', 'c' FROM generate_series(1, 40001) n;
\connect :home
SET story.ip = '192.0.2.40';
SELECT deleted, reason FROM auth.sync_erase('long-here');
SELECT found, reason FROM auth.sync_found('long-here');

-- Erased: what is theirs there goes, with the right number even where the first answer was lost; what is others' stays.
SELECT count(*) FROM auth.users u, auth.user_erase(story.caller(), u, 'admin:story') WHERE u.id = :'gwen';
SELECT id AS erasure FROM auth.erasures WHERE user_id = :'gwen' \gset
SET ROLE auth_edge;
SELECT source FROM auth_api.erasure_claim('w', 20, NULL);
SELECT auth_api.erasure_sync_delete(:'erasure', 'nobody');
SELECT auth_api.erasure_sync_find(:'erasure', 'w');
RESET ROLE;
SELECT deleted FROM auth.sync_erase(:'gwen');
SET ROLE auth_edge;
SELECT auth_api.erasure_sync_delete(:'erasure', 'w');
SELECT source FROM auth_api.erasure_claim('w', 20, NULL);
SELECT auth_api.erasure_auth(:'erasure', 'w');
SELECT body::json -> 'deletedFromProjects', body::json -> 'complete' FROM auth_api.erasure_report(:'erasure', 'w');
RESET ROLE;
SELECT requested_by FROM auth.erasures WHERE id = :'erasure';
\connect mana_sync
SELECT user_id, count(*) FROM sync_changes GROUP BY user_id;

-- A device that has not heard of it sends one more; it is deleted when its JWT has expired, and tried again where that fails.
INSERT INTO sync_changes (app_id, table_name, record_id, user_id, op, client_id) VALUES ('todo', 'tasks', '9', :'gwen', 'insert', 'c');
\connect :home
SELECT auth_api.erasure_echo();
UPDATE auth.erasure_echoes SET due_at = now() WHERE user_id = :'gwen';
ALTER SERVER mana_sync OPTIONS (SET dbname 'nowhere');
SELECT auth_api.erasure_echo();
ALTER SERVER mana_sync OPTIONS (SET dbname 'mana_sync');
SELECT count(*), bool_and(due_at > now()) FROM auth.erasure_echoes;
UPDATE auth.erasure_echoes SET due_at = now();
SELECT auth_api.erasure_echo();
SELECT found FROM auth.sync_found(:'gwen');
SELECT count(*) FROM auth.erasure_echoes;

-- The other stories have no such database.
\set ECHO none
SET client_min_messages = warning;
DROP SERVER mana_sync CASCADE;
DROP SERVER bare CASCADE;
DROP DATABASE mana_sync;
DROP ROLE mana_gdpr;
