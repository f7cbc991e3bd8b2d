-- Keys of the key ring take over and go; wraps that do not belong; what the tables refuse from anybody.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
\pset fieldsep '   '
SET story.ip = '192.0.2.42';
TRUNCATE story.master_keys RESTART IDENTITY;
-- Puts a ring into the file and waits, statement by statement, until this session has it.
CREATE FUNCTION story.ring(VARIADIC ids text[]) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT format('COPY (SELECT unnest(%L::text[])) TO %L', array_agg(id || ':' || CASE id
           WHEN 'vector' THEN 'AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=' -- bytes 1 to 32
           ELSE encode(convert_to(repeat(CASE id WHEN 'env-v1' THEN 'k' ELSE 'n' END, 32), 'UTF8'), 'base64') END ORDER BY n),
         current_setting('mana_auth.kek_file')) FROM unnest(ids) WITH ORDINALITY AS u (id, n)
  UNION ALL SELECT 'SELECT pg_reload_conf()'
  UNION ALL SELECT format('SELECT pg_sleep(0.02) WHERE auth.kek_active_id() <> %L', ids[1]) FROM generate_series(1, 500);
$$;
SELECT story.member('kek@example.com'), story.member('former@example.com'), story.member('thief@example.com');
SET ROLE auth_edge;
SELECT (story.sign_in('kek@example.com', 'kek')).refusal, (story.sign_in('former@example.com', 'old')).refusal, (story.sign_in('thief@example.com', 'thief')).refusal;
CALL story.vault('init', story.bearer('kek@example.com'));
CALL story.vault('init', story.bearer('former@example.com'));
CALL story.vault('init', story.bearer('thief@example.com'));
RESET ROLE;
SELECT story.id_of('kek@example.com') AS kek, story.id_of('former@example.com') AS old, story.id_of('thief@example.com') AS thief \gset

-- A new key takes over: a fetch moves its wrap, a batch the rest, and everything else that is sealed. Then the old one may go.
SELECT auth.vault_retire_kek('env-v1');
\set ECHO none
\o /dev/null
SELECT story.ring('next', 'env-v1', 'vector') \gexec
\o
\set ECHO all
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('kek@example.com'));
CALL story.vault('key', story.bearer('kek@example.com'));
RESET ROLE;
SELECT action, context, status FROM auth.vault_trail(:'kek');
DO $$
BEGIN
  PERFORM auth.vault_retire_kek('env-v1');
EXCEPTION WHEN object_in_use THEN
  RAISE WARNING '%', regexp_replace(SQLERRM, '[1-9]\d*( vaults and )[1-9]\d*( other values)', 'some\1some\2');
END
$$;
SELECT octet_length(auth_api.edge_secret()) AS secret;
SET ROLE auth_admin;
CALL auth.vault_rewrap(1);
SELECT DISTINCT kek_id FROM auth.sealed_counts();
SELECT DISTINCT kek_id, format_version FROM auth.vault_counts() WHERE kek_id IS NOT NULL;
SELECT auth.vault_retire_kek('env-v1');
SELECT auth.vault_retire_kek('next');
RESET ROLE;
\set ECHO none
\o /dev/null
SELECT story.ring('next', 'vector') \gexec
\o
\set ECHO all
SELECT octet_length(auth_api.edge_secret()) AS secret;
SELECT count(*) > 0 AS keys FROM auth_api.signing_keys();
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('former@example.com'));
CALL story.vault('key', story.bearer('thief@example.com'));
RESET ROLE;
SELECT action, context, ip_address FROM auth.vault_trail(:'old') WHERE action = 'rewrap';
SELECT count(*) FROM auth.vault_check();
-- A wrap of the service before us, without AAD and commitment, opens and is renewed.
SELECT auth.identity_assume('*') \; UPDATE auth.encryption_vaults SET kek_id = 'vector', format_version = 1, commitment = NULL,
  wrapped_mk = 'M3JD1YqfI0lNafADJtq1z2vV/9c83Tg+jwo//x6XcHmU3Qy09A3p3h4YZMmIw36F', wrap_iv = 'AAECAwQFBgcICQoL' WHERE user_id = :'old';
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('former@example.com'));
SELECT decode(story.master_key(4), 'base64') = decode(repeat('42', 32), 'hex') AS the_vector;
RESET ROLE;
SELECT kek_id, format_version, octet_length(commitment) FROM auth.encryption_vaults WHERE user_id = :'old';

-- A wrap moved to the row of another user does not open, nor one of a key that was rotated away. Said to the operator, not to the client.
BEGIN;
SELECT v.wrapped_mk AS wrap, v.wrap_iv AS iv, v.commitment FROM auth.encryption_vaults v WHERE user_id = :'kek' \gset
UPDATE auth.encryption_vaults SET wrapped_mk = :'wrap', wrap_iv = :'iv', commitment = :'commitment' WHERE user_id = :'thief';
COMMIT;
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('thief@example.com'));
CALL story.vault('init', story.bearer('thief@example.com'));
CALL story.vault('set_recovery', story.bearer('thief@example.com'), story.recovery('T'));
CALL story.vault('rotate', story.bearer('kek@example.com'));
RESET ROLE;
UPDATE auth.encryption_vaults SET wrapped_mk = :'wrap', wrap_iv = :'iv' WHERE user_id = :'kek';
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('kek@example.com'));
RESET ROLE;
SELECT user_id = :'kek' AS kek, user_id = :'thief' AS thief, problem FROM auth.vault_check() ORDER BY 1;
SET ROLE auth_edge;
CALL story.vault('rotate', story.bearer('kek@example.com'));
CALL story.vault('rotate', story.bearer('thief@example.com'));
RESET ROLE;

-- A key that the ring lost: nobody gets in, and it is recorded.
\set ECHO none
\o /dev/null
SELECT story.ring('env-v1', 'vector') \gexec
\o
\set ECHO all
SET ROLE auth_edge;
CALL story.vault('key', story.bearer('kek@example.com'));
CALL story.vault('init', story.bearer('kek@example.com'));
RESET ROLE;
SELECT user_id = :'kek' AS kek, problem FROM auth.vault_check() WHERE user_id = :'kek';
-- A key that is replaced meanwhile is kept as it is. Restoring it says what is wrong and does not use it up.
SET ROLE auth_edge;
CALL story.vault('rotate', story.bearer('kek@example.com'));
RESET ROLE;
SELECT k.id AS lost FROM auth.vault_replaced_wraps k WHERE k.user_id = :'kek' AND k.kek_id = 'next' ORDER BY k.replaced_at DESC LIMIT 1 \gset
SET ROLE auth_edge;
CALL story.vault('restore', story.bearer('kek@example.com'), jsonb_build_object('id', :'lost'));
CALL story.vault('restore', story.bearer('kek@example.com'), jsonb_build_object('id', :'lost'));
RESET ROLE;

-- A locked-out user cannot be written, by nobody.
BEGIN;
UPDATE auth.encryption_vaults SET wrapped_mk = NULL, wrap_iv = NULL WHERE user_id = :'kek';
ROLLBACK;
UPDATE auth.encryption_vaults SET wrap_iv = NULL WHERE user_id = :'kek';
UPDATE auth.encryption_vaults SET recovery_iv = repeat('A', 16) WHERE user_id = :'kek';
UPDATE auth.encryption_vaults SET zero_knowledge = true WHERE user_id = :'kek';
UPDATE auth.encryption_vaults SET zero_knowledge = true, wrapped_mk = NULL, wrap_iv = NULL WHERE user_id = :'kek';
UPDATE auth.encryption_vaults SET recovery_wrapped_mk = repeat('A', 64), recovery_iv = repeat('A', 16), wrapped_mk = NULL, wrap_iv = NULL WHERE user_id = :'kek';
UPDATE auth.encryption_vaults SET recovery_wrapped_mk = 'not base64 at all!', recovery_iv = 'x' WHERE user_id = :'kek';
UPDATE auth.encryption_vaults SET recovery_wrapped_mk = repeat('A', 68), recovery_iv = repeat('A', 16) WHERE user_id = :'kek';
UPDATE auth.encryption_vaults SET recovery_wrapped_mk = repeat('A', 64), recovery_iv = repeat('A', 15) || '=' WHERE user_id = :'kek';
UPDATE auth.encryption_vaults SET wrapped_mk = repeat('A', 60) WHERE user_id = :'kek';
UPDATE auth.encryption_vaults SET recovery_wrapped_mk = repeat('A', 64), recovery_iv = repeat('A', 16), recovery_generation = generation - 1 WHERE user_id = :'kek';
UPDATE auth.encryption_vaults SET format_version = 3 WHERE user_id = :'kek';
UPDATE auth.encryption_vaults SET commitment = '\x00' WHERE user_id = :'kek';
UPDATE auth.encryption_vaults SET user_id = 'nobody' WHERE user_id = :'kek';

-- Back to the ring that the other stories know.
\set ECHO none
\o /dev/null
SELECT story.ring('env-v1', 'next') \gexec
\o
\set ECHO all
-- Once the ring has the key again, the wrap can be restored. The kept wraps move to the active key with everything else: no key retires
-- before. Those that never opened are only reported.
SELECT sum(sealed) > 0 AS kept FROM auth.sealed_counts() WHERE what = 'vault_replaced_wraps' AND kek_id = 'next';
SET ROLE auth_edge;
CALL story.vault('restore', story.bearer('kek@example.com'), jsonb_build_object('id', :'lost'));
CALL story.vault('rotate', story.bearer('former@example.com'));
CALL story.vault('set_recovery', story.bearer('former@example.com'), story.recovery('K', '{"generation":2}'));
CALL story.vault('clear_recovery', story.bearer('former@example.com'));
RESET ROLE;
DELETE FROM auth.vault_replaced_wraps k WHERE k.wrapped_mk IS NOT NULL AND (auth.vault_rewrapped(k.user_id, auth.vault_replaced_key(k))).wrapped_mk IS NULL;
CALL auth.vault_rewrap();
\set ECHO none
\o /dev/null
SELECT story.ring('env-v1') \gexec
\o
\set ECHO all
SELECT count(*) FROM auth.vault_check();
SELECT DISTINCT kek_id FROM auth.sealed_counts();
SELECT what, kek_id FROM auth.sealed_counts() WHERE what = 'vault_replaced_wraps';
SET ROLE auth_edge;
SELECT jsonb_array_length((auth_api.vault_restorable(story.bearer('former@example.com'), NULL)).body::jsonb -> 'wraps') AS kept;
RESET ROLE;
SELECT k.id AS first FROM auth.vault_replaced_wraps k WHERE k.user_id = :'old' AND k.wrapped_mk IS NOT NULL \gset
SELECT k.id AS second FROM auth.vault_replaced_wraps k WHERE k.user_id = :'old' AND k.wrapped_mk IS NULL \gset
SET ROLE auth_edge;
CALL story.vault('restore', story.bearer('former@example.com'), jsonb_build_object('id', :'second'));
CALL story.vault('restore', story.bearer('former@example.com'), jsonb_build_object('id', :'first'));
CALL story.vault('key', story.bearer('former@example.com'));
RESET ROLE;
