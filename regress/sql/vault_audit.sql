-- The vault's trail: no key without its row; nobody changes it unnoticed.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
\pset fieldsep '   '
SET story.ip = '192.0.2.41';
TRUNCATE story.master_keys RESTART IDENTITY;
SELECT story.member('trail@example.com'), story.member('neighbour@example.com');
SET ROLE auth_edge;
SELECT (story.sign_in('trail@example.com', 'trail')).refusal, (story.sign_in('neighbour@example.com', 'neighbour')).refusal;
CALL story.vault('init', story.bearer('neighbour@example.com'));
CALL story.vault('init', story.bearer('trail@example.com'));
SELECT user_id AS me FROM story.bearer('trail@example.com') \gset
SELECT user_id AS neighbour FROM story.bearer('neighbour@example.com') \gset

-- Where a caller could roll the row back there is no key.
SELECT (story.trail()).rows AS before \gset
BEGIN;
CALL auth_api.vault_key(story.bearer('trail@example.com'), NULL, NULL, NULL, NULL, NULL, NULL);
ROLLBACK;
BEGIN;
SAVEPOINT s;
CALL auth_api.vault_rotate(story.bearer('trail@example.com'), NULL, NULL, NULL, NULL, NULL, NULL);
ROLLBACK TO s;
COMMIT;
SELECT 1 \; CALL auth_api.vault_key(story.bearer('trail@example.com'), NULL, NULL, NULL, NULL, NULL, NULL) \; SELECT 2;
CREATE FUNCTION pg_temp.steal() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  r auth.reply;
BEGIN
  CALL auth_api.vault_key(story.bearer('trail@example.com'), NULL, r.refusal, r.message, r.retry_after_seconds, r.status, r.body);
  RETURN r.body;
END
$$;
SELECT pg_temp.steal();
SELECT auth_api.vault_key(story.bearer('trail@example.com'), NULL);
DO $$
DECLARE
  r auth.reply;
BEGIN
  BEGIN
    CALL auth_api.vault_key(story.bearer('trail@example.com'), NULL, r.refusal, r.message, r.retry_after_seconds, r.status, r.body);
  EXCEPTION WHEN division_by_zero THEN
    NULL;
  END;
END
$$;
SELECT auth.vault_key(story.bearer('trail@example.com'), NULL);
SELECT auth.vault_mint('somebody');
SELECT (story.trail()).rows - :before AS rows;

-- Where it cannot, the row is there, whatever comes after.
DO $$
DECLARE
  r auth.reply;
BEGIN
  CALL auth_api.vault_key(story.bearer('trail@example.com'), NULL, r.refusal, r.message, r.retry_after_seconds, r.status, r.body);
  RAISE EXCEPTION 'key seen: %', r.body ~ '"masterKey":"[A-Za-z0-9+/]{43}="';
END
$$;
SELECT (story.trail()).newest, (story.trail()).rows - :before AS rows;

-- Append-only: the edge cannot even read it, the auditor not change it, and a maintainer neither.
SELECT count(*) FROM auth.encryption_vault_audit;
INSERT INTO auth.encryption_vault_audit (id) VALUES ('x');
SELECT auth.vault_audit_write(NULL, 'x', 'fetch', NULL, 200);
SELECT auth.vault_audit_drop('2020-01-01');
RESET ROLE;
SELECT auth.vault_audit_write(NULL, 'x', 'looked', NULL, 200);
INSERT INTO auth.encryption_vault_audit (id, user_id, action, status, mac) VALUES ('x', 'x', 'looked', 200, '');
SELECT auth.vault_audit_write(NULL, 'x', 'fetch', NULL, 200);
BEGIN;
ALTER TABLE auth.encryption_vault_audit ADD CONSTRAINT story CHECK (status <> 777);
SELECT auth.identity_assume('x');
DO $$
BEGIN
  PERFORM auth.vault_audit_write(NULL, 'x', 'fetch', NULL, 777);
EXCEPTION WHEN check_violation THEN
  RAISE WARNING 'a constraint of the table binds this row as well';
END
$$;
ROLLBACK;
SET ROLE auth_auditor;
SELECT count(*) > 0 AS reads FROM auth.encryption_vault_audit;
SELECT action, context, status FROM auth.vault_trail(:'me') ORDER BY at LIMIT 2;
UPDATE auth.encryption_vault_audit SET status = 200;
DELETE FROM auth.encryption_vault_audit;
TRUNCATE auth.encryption_vault_audit;
SELECT auth.vault_audit_drop('2020-01-01');
SELECT count(*) FROM auth.encryption_vaults;
RESET ROLE;
SET ROLE auth_admin;
SELECT count(*) FROM auth.encryption_vault_audit;
DELETE FROM auth.encryption_vault_audit;
SELECT count(*) > 0 AS counts FROM auth.vault_counts();
SELECT count(*) FROM auth.vault_check();
RESET ROLE;

-- Row-level security bites even the owner of the tables: without an identity it sees nothing, with one only what is theirs.
SET ROLE auth_owner;
SELECT count(*) FROM auth.encryption_vaults;
SELECT count(*) FROM auth.encryption_vault_audit;
INSERT INTO auth.encryption_vaults (user_id, wrapped_mk, wrap_iv) VALUES (:'me', repeat('A', 64), repeat('A', 16));
SET mana_auth.identity = 'somebody';
SELECT set_config('mana_auth.identity', 'somebody', false);
BEGIN;
SELECT auth.identity_assume(:'me');
SELECT user_id = :'me' AS mine FROM auth.encryption_vaults;
UPDATE auth.encryption_vaults SET wrapped_mk = repeat('A', 64) WHERE user_id = :'neighbour';
SELECT DISTINCT user_id = :'me' AS mine FROM auth.encryption_vault_audit;
UPDATE auth.encryption_vaults SET user_id = :'neighbour';
ROLLBACK;
SELECT count(*) FROM auth.encryption_vaults;
RESET ROLE;

-- What was done to it shows. As long as nothing was: no rows.
TRUNCATE auth.vault_audit_seals;
SELECT date_trunc('month', now(), 'UTC') AS this_month, date_trunc('month', date_trunc('month', now(), 'UTC') - interval '1 day', 'UTC') AS last_month \gset
\set ECHO none
SELECT format('CREATE TABLE auth.%I PARTITION OF auth.encryption_vault_audit FOR VALUES FROM (%L) TO (%L)',
              auth.vault_audit_partition_name(:'last_month'), :'last_month', :'this_month') \gexec
SELECT format('ALTER TABLE auth.%I OWNER TO auth_owner', auth.vault_audit_partition_name(:'last_month')) \gexec
\set ECHO all
INSERT INTO auth.encryption_vault_audit (id, user_id, action, status, created_at, mac)
SELECT 'last-' || n, :'me', 'fetch', 200, :'last_month'::timestamptz + n * interval '1 day', '' FROM generate_series(1, 3) n;
UPDATE auth.encryption_vault_audit a SET mac = auth.vault_audit_mac(a) WHERE mac = '';
SELECT count(*) FROM auth.vault_audit_verify();
SELECT auth.vault_audit_seal('0') > 3 AS sealed;
SELECT kind, since = :'last_month' AS begins, until = :'this_month' AS ends, row_count FROM auth.vault_audit_seals ORDER BY number LIMIT 1;
SELECT auth.vault_audit_seal();
SELECT count(*) FROM auth.vault_audit_verify();
-- a row changed
BEGIN;
UPDATE auth.encryption_vault_audit SET status = 404 WHERE id = 'last-2';
SELECT id, problem FROM auth.vault_audit_verify();
ROLLBACK;
-- a row forged
BEGIN;
INSERT INTO auth.encryption_vault_audit (id, user_id, action, status, created_at, mac) VALUES ('forged', :'me', 'fetch', 200, :'last_month', sha256('x'));
SELECT id, regexp_replace(problem, ' up to .* when', ' up to <time> when') FROM auth.vault_audit_verify();
ROLLBACK;
-- two rows exchanged
BEGIN;
UPDATE auth.encryption_vault_audit a SET created_at = b.created_at FROM auth.encryption_vault_audit b
 WHERE (a.id, b.id) IN (('last-1', 'last-3'), ('last-3', 'last-1'));
SELECT id, regexp_replace(problem, ' up to .* when', ' up to <time> when') FROM auth.vault_audit_verify() ORDER BY 1, 2;
ROLLBACK;
-- a row dropped, all of them, the whole month
BEGIN;
DELETE FROM auth.encryption_vault_audit WHERE id = 'last-2';
SELECT id, regexp_replace(problem, ' up to .* when', ' up to <time> when') FROM auth.vault_audit_verify();
SELECT count(*) FROM auth.vault_audit_verify(:'this_month');
ROLLBACK;
BEGIN;
\set ECHO none
SELECT format('DROP TABLE auth.%I', auth.vault_audit_partition_name(:'last_month')) \gexec
\set ECHO all
SELECT id, regexp_replace(problem, ' up to .* when', ' up to <time> when') FROM auth.vault_audit_verify();
ROLLBACK;
-- the seal changed with it, or gone
BEGIN;
DELETE FROM auth.encryption_vault_audit WHERE id = 'last-2';
SELECT auth.identity_assume('*');
UPDATE auth.vault_audit_seals s SET row_count = d.row_count, digest = d.digest FROM auth.vault_audit_digest(:'last_month', :'this_month') d WHERE number = 1;
SELECT id, problem FROM auth.vault_audit_verify(:'last_month', :'this_month');
DELETE FROM auth.vault_audit_seals WHERE number = 1;
SELECT id, problem FROM auth.vault_audit_verify(:'last_month', :'this_month');
ROLLBACK;

-- Retention: a month goes whole, and the chain says so. The present one stays, and so does one that is younger than a superuser says.
-- auth_admin cannot lower the limit, nor name a recent month by a date whose month has the same four digits of the year.
SET ROLE auth_admin;
SELECT auth.vault_audit_drop(now());
SELECT auth.vault_audit_drop(:'last_month');
SET mana_auth.audit_retention_months = 0;
SELECT set_config('mana_auth.audit_retention_months', '0', true);
ALTER ROLE auth_admin SET mana_auth.audit_retention_months = 0;
SELECT auth.vault_audit_drop((to_char(:'last_month'::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD') || ' 00:00:00Z BC')::timestamptz);
SELECT auth.vault_audit_drop(NULL);
SELECT auth.vault_audit_drop('-infinity');
SELECT auth.vault_audit_drop('infinity');
SELECT auth.vault_audit_drop('2001-01-15');
DROP TABLE auth.encryption_vault_audit;
RESET ROLE;
SHOW mana_auth.audit_retention_months;
SET mana_auth.audit_retention_months = 0;
SELECT auth.vault_audit_drop(now());
SELECT auth.vault_audit_drop(:'last_month');
RESET mana_auth.audit_retention_months;
SELECT to_regclass('auth.' || auth.vault_audit_partition_name(:'last_month')) IS NULL AS gone;
SELECT kind, row_count FROM auth.vault_audit_seals ORDER BY number DESC LIMIT 1;
SELECT count(*) FROM auth.vault_audit_verify();

-- What a DBA adds to the table works, in every call: triggers of each kind, a rule, columns, indexes, a deferred constraint. What
-- discards the row refuses the call: no key without its row.
CREATE TABLE story.mirror (what text, id text);
GRANT INSERT, SELECT ON story.mirror TO auth_owner, auth_edge; -- who commits runs deferred triggers
GRANT USAGE ON SCHEMA story TO auth_owner;
CREATE FUNCTION story.mirror() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO story.mirror VALUES (TG_NAME || CASE WHEN TG_NAME <> 'at_commit' THEN ' by ' || current_user ELSE '' END, CASE WHEN TG_LEVEL = 'ROW' THEN NEW.id END);
  RETURN NEW;
END
$$;
CREATE FUNCTION story.discard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION story.mirrored() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS $$
  WITH m AS (DELETE FROM story.mirror RETURNING what, id)
  SELECT format('%s: %s rows, %s in the audit', what, count(*), count(a.id)) FROM m LEFT JOIN auth.encryption_vault_audit a USING (id)
   GROUP BY what ORDER BY what;
$$;
CREATE TRIGGER after_row AFTER INSERT ON auth.encryption_vault_audit FOR EACH ROW EXECUTE FUNCTION story.mirror();
CREATE TRIGGER before_row BEFORE INSERT ON auth.encryption_vault_audit FOR EACH ROW EXECUTE FUNCTION story.mirror();
CREATE TRIGGER after_statement AFTER INSERT ON auth.encryption_vault_audit FOR EACH STATEMENT EXECUTE FUNCTION story.mirror();
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON auth.encryption_vault_audit DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION story.mirror();
SET ROLE auth_edge;
SET search_path = pg_temp, story;
CALL story.vault('key', story.bearer('trail@example.com'));
CALL story.vault('key', story.bearer('trail@example.com'));
CALL story.vault('rotate', story.bearer('trail@example.com'));
CALL story.vault('clear_recovery', story.bearer('trail@example.com'));
RESET search_path;
RESET ROLE;
SELECT story.mirrored();
DROP TRIGGER after_row ON auth.encryption_vault_audit;
DROP TRIGGER before_row ON auth.encryption_vault_audit;
DROP TRIGGER after_statement ON auth.encryption_vault_audit;
DROP TRIGGER at_commit ON auth.encryption_vault_audit;

SELECT format('auth.%I', auth.vault_audit_partition_name(now())) AS month \gset
\set ECHO none
SELECT format('CREATE TRIGGER of_month AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION story.mirror()', :'month') \gexec
\set ECHO all
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('trail@example.com'));
RESET ROLE;
SELECT story.mirrored();
\set ECHO none
SELECT format('DROP TRIGGER of_month ON %s', :'month') \gexec
SELECT format('ALTER TABLE %s ADD CONSTRAINT story_unique UNIQUE (id) DEFERRABLE INITIALLY DEFERRED', :'month') \gexec
SELECT format('CREATE INDEX story_expression ON %s (upper(action)) WHERE status = 200', :'month') \gexec
\set ECHO all
ALTER TABLE auth.encryption_vault_audit ADD COLUMN story_class text GENERATED ALWAYS AS (status / 100 || 'xx') STORED,
  ADD COLUMN story_note text DEFAULT 'noted';
CREATE RULE story_also AS ON INSERT TO auth.encryption_vault_audit DO ALSO INSERT INTO story.mirror VALUES ('rule', NEW.id);
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('trail@example.com'));
CALL story.vault('key', story.bearer('trail@example.com'));
RESET ROLE;
SELECT story.mirrored();
SELECT action, story_class, story_note FROM auth.encryption_vault_audit ORDER BY created_at DESC LIMIT 1;
SELECT count(*) FROM auth.vault_audit_verify();
DROP RULE story_also ON auth.encryption_vault_audit;
ALTER TABLE auth.encryption_vault_audit DROP COLUMN story_class, DROP COLUMN story_note;
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('trail@example.com'));
RESET ROLE;

SELECT (story.trail()).rows AS before \gset
CREATE TRIGGER discards BEFORE INSERT ON auth.encryption_vault_audit FOR EACH ROW EXECUTE FUNCTION story.discard();
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('trail@example.com'));
CALL story.vault('rotate', story.bearer('trail@example.com'));
RESET ROLE;
DROP TRIGGER discards ON auth.encryption_vault_audit;
CREATE RULE discards AS ON INSERT TO auth.encryption_vault_audit DO INSTEAD NOTHING;
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('trail@example.com'));
RESET ROLE;
DROP RULE discards ON auth.encryption_vault_audit;
SELECT (story.trail()).rows - :before AS rows;
\set ECHO none
SELECT format('ALTER TABLE %s DROP CONSTRAINT story_unique', :'month') \gexec
SELECT format('DROP INDEX auth.story_expression') \gexec
\set ECHO all
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('trail@example.com'));
RESET ROLE;

-- Settings of the session that would weaken a call are as the rules expect for as long as it lasts; the isolation level is refused.
SET ROLE auth_edge;
SET synchronous_commit = off;
SET row_security = off;
SET transform_null_equals = on;
SET standard_conforming_strings = off;
CALL story.vault('key', story.bearer('trail@example.com'));
SHOW synchronous_commit;
SHOW row_security;
RESET synchronous_commit;
RESET row_security;
RESET transform_null_equals;
RESET standard_conforming_strings;
SET default_transaction_isolation = 'repeatable read';
CALL story.vault('key', story.bearer('trail@example.com'));
SET default_transaction_isolation = 'serializable';
CALL story.vault('key', story.bearer('trail@example.com'));
RESET default_transaction_isolation;
RESET ROLE;

-- Erased: the trail stays, under a name that says nothing, and still verifies.
SET ROLE auth_edge;
SELECT refusal FROM auth_api.user_delete(story.caller('trail'), story.challenge('trail'), story.right('trail'), NULL, NULL, 'v1');
RESET ROLE;
SELECT count(*) FROM auth.encryption_vault_audit WHERE user_id = :'me';
SELECT count(*) >= 3 AS rows, count(ip_address) AS addresses, count(user_agent) AS agents FROM auth.encryption_vault_audit
 WHERE user_id = (SELECT user_id FROM auth.encryption_vault_audit WHERE action = 'erase' ORDER BY created_at DESC LIMIT 1);
SELECT story.mask(user_id), action, status FROM auth.encryption_vault_audit WHERE action = 'erase' ORDER BY created_at DESC LIMIT 1;
SELECT auth.vault_audit_seal('0') IS NOT NULL;
SELECT count(*) FROM auth.vault_audit_verify();

-- Months are made ahead. When the next one is late it is said before it is too late; the very first makes itself.
SELECT auth.vault_audit_make_partitions(3);
SELECT auth.vault_audit_make_partitions(5);
\set ECHO none
SELECT format('DROP TABLE %s', inhrelid::regclass) FROM pg_inherits WHERE inhparent = 'auth.encryption_vault_audit'::regclass
   AND inhrelid::regclass::text > 'auth.' || auth.vault_audit_partition_name(now()) \gexec
\set ECHO all
\c -
\set VERBOSITY terse
SET story.ip = '192.0.2.41';
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('neighbour@example.com'));
RESET ROLE;
\set ECHO none
SELECT format('DROP TABLE %s', inhrelid::regclass) FROM pg_inherits WHERE inhparent = 'auth.encryption_vault_audit'::regclass \gexec
\set ECHO all
\c -
SET story.ip = '192.0.2.41';
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('neighbour@example.com'));
RESET ROLE;
SELECT count(*) FROM pg_inherits WHERE inhparent = 'auth.encryption_vault_audit'::regclass;
SELECT auth.vault_audit_make_partitions();
TRUNCATE auth.vault_audit_seals;
