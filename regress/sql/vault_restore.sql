-- Undoing changes of the vault: what is kept, who may restore it, and what a stolen JWT can do.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
\pset fieldsep '   '
SET story.ip = '192.0.2.43';
TRUNCATE story.master_keys RESTART IDENTITY;
SELECT story.member('undo@example.com'), story.member('robbed@example.com'), story.member('tourist@example.com');
-- The newest kept wrap of a kind, and the list without ids and times.
CREATE FUNCTION story.kept(address text, of_kind text DEFAULT NULL) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$
  SELECT jsonb_build_object('id', w ->> 'id') FROM (SELECT (auth_api.vault_restorable(story.bearer(address), NULL)).body::jsonb) r (body),
    jsonb_array_elements(r.body -> 'wraps') WITH ORDINALITY AS l (w, n)
   WHERE w -> 'restorable' = 'true' AND w ->> 'kind' = COALESCE(of_kind, w ->> 'kind') ORDER BY n LIMIT 1;
$$;
CREATE FUNCTION story.kept_list(address text) RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS $$
  SELECT format('%s of key %s%s%s', w ->> 'kind', w ->> 'keyGeneration', CASE WHEN w -> 'hasRecoveryWrap' = 'true' THEN ', recovery wrap' END,
                CASE WHEN w -> 'restorable' = 'false' THEN ', not now' END)
    FROM (SELECT (auth_api.vault_restorable(story.bearer(address), NULL)).body::jsonb) r (body),
         jsonb_array_elements(r.body -> 'wraps') WITH ORDINALITY AS l (w, n) ORDER BY w ->> 'kind', w ->> 'keyGeneration', n;
$$;
CREATE FUNCTION story.replaced(address text) RETURNS TABLE (id text) LANGUAGE sql SECURITY DEFINER AS $$
  SELECT k.id FROM auth.vault_replaced_wraps k WHERE k.user_id = story.id_of(address);
$$;
CREATE FUNCTION story.stale(address text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE auth.sessions s SET proved_at = now() - interval '11 minutes' FROM auth.users u WHERE u.id = s.user_id AND u.email = address;
$$;
CREATE FUNCTION story.recovery_of(address text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM auth.identity_assume('*');
  RETURN (SELECT format('%s, generation %s of %s, zero-knowledge %s', left(v.recovery_wrapped_mk, 1), v.generation, v.last_generation, v.zero_knowledge)
            FROM auth.encryption_vaults v JOIN auth.users u ON u.id = v.user_id WHERE u.email = address);
END
$$;
SET ROLE auth_edge;
SELECT (story.sign_in('undo@example.com', 'undo')).refusal, (story.sign_in('robbed@example.com', 'robbed')).refusal,
       (story.sign_in('tourist@example.com', 'tourist')).refusal;

-- A rotation keeps the old key with its recovery wrap. The restore gives both back; the key that it replaces is kept in turn.
CALL story.vault('init', story.bearer('undo@example.com'));
CALL story.vault('set_recovery', story.bearer('undo@example.com'), story.recovery('A'));
SELECT story.kept_list('undo@example.com');
CALL story.vault('rotate', story.bearer('undo@example.com'));
SELECT story.kept_list('undo@example.com');
SELECT story.recovery_of('undo@example.com');
CALL story.vault('restore', story.bearer('undo@example.com'), story.kept('undo@example.com'));
CALL story.vault('key', story.bearer('undo@example.com'));
SELECT story.recovery_of('undo@example.com');
SELECT story.kept_list('undo@example.com');
-- The next key has a number of its own: a session that was given key 2 does not pass for one that was given key 3.
CALL story.vault('rotate', story.bearer('undo@example.com'));
SELECT story.recovery_of('undo@example.com');
SELECT story.kept_list('undo@example.com');
CALL story.vault('set_recovery', story.bearer('undo@example.com'), story.recovery('B', '{"generation":2}'));
CALL story.vault('set_recovery', story.bearer('undo@example.com'), story.recovery('B', '{"generation":3}'));

-- Replaced and removed recovery wraps come back as long as their key is the present one.
CALL story.vault('set_recovery', story.bearer('undo@example.com'), story.recovery('C', '{"generation":3}'));
CALL story.vault('clear_recovery', story.bearer('undo@example.com'));
CALL story.vault('clear_recovery', story.bearer('undo@example.com'));
SELECT story.kept_list('undo@example.com');
CALL story.vault('restore', story.bearer('undo@example.com'), story.kept('undo@example.com', 'recovery'));
SELECT story.recovery_of('undo@example.com');
CALL story.vault('restore', story.bearer('undo@example.com'), story.kept('undo@example.com', 'recovery'));
SELECT story.recovery_of('undo@example.com');
SELECT story.kept('undo@example.com', 'recovery') AS of_key_3 \gset
CALL story.vault('restore', story.bearer('undo@example.com'), story.kept('undo@example.com', 'key'));
SELECT story.kept_list('undo@example.com');
CALL story.vault('restore', story.bearer('undo@example.com'), :'of_key_3');

-- What is no id, somebody else's, restored before, or older than a week.
CALL story.vault('restore', story.bearer('undo@example.com'));
CALL story.vault('restore', story.bearer('undo@example.com'), '{"id":7}');
CALL story.vault('restore', story.bearer('undo@example.com'), '{"id":"x"}');
CALL story.vault('restore', story.bearer('robbed@example.com'), story.kept('undo@example.com', 'key'));
CALL story.vault('init', story.bearer('robbed@example.com'));
CALL story.vault('restore', story.bearer('robbed@example.com'), story.kept('undo@example.com', 'key'));
SELECT story.kept('undo@example.com', 'key') AS once \gset
CALL story.vault('restore', story.bearer('undo@example.com'), :'once');
CALL story.vault('restore', story.bearer('undo@example.com'), :'once');
RESET ROLE;
UPDATE auth.vault_replaced_wraps SET replaced_at = replaced_at - interval '7 days', expires_at = expires_at - interval '7 days'
 WHERE user_id = story.id_of('undo@example.com');
SET ROLE auth_edge;
SELECT max(id) AS expired FROM story.replaced('undo@example.com') \gset
CALL story.vault('restore', story.bearer('undo@example.com'), jsonb_build_object('id', :'expired'));
SELECT story.kept_list('undo@example.com');
RESET ROLE;
SELECT auth.vault_replaced_sweep(1) AS swept, auth.vault_replaced_sweep(100) > 0 AS more, auth.vault_replaced_sweep(100) AS then;

-- A stolen JWT: it reads the key of a standard vault, so it can show the commitment. What it does with that can be undone.
SET ROLE auth_edge;
SELECT story.stale('robbed@example.com');
CALL story.vault('set_recovery', story.bearer('robbed@example.com'), story.recovery('R'));
CALL story.vault('set_recovery', story.bearer('robbed@example.com'), story.recovery('X'));
CALL story.vault('clear_recovery', story.bearer('robbed@example.com'));
CALL story.vault('rotate', story.bearer('robbed@example.com'));
CALL story.vault('rotate', story.bearer('robbed@example.com'), '{"commitment":"AAAA"}');
CALL story.vault('rotate', story.bearer('robbed@example.com'), jsonb_build_object('commitment', story.commitment(1)));
CALL story.vault('zero_knowledge', story.bearer('robbed@example.com'), '{"enable":true}');
CALL story.vault('zero_knowledge', story.bearer('robbed@example.com'), jsonb_build_object('enable', true, 'commitment', story.commitment(4)));
CALL story.vault('set_recovery', story.bearer('robbed@example.com'), story.recovery('X', jsonb_build_object('commitment', story.commitment(4))));
CALL story.vault('rotate', story.bearer('robbed@example.com'), jsonb_build_object('commitment', story.commitment(4)));
CALL story.vault('restore', story.bearer('robbed@example.com'), story.kept('robbed@example.com', 'key'));
-- The operator may exempt what can be undone, and nothing else.
SET mana_auth.step_up = 'account';
CALL story.vault('set_recovery', story.bearer('robbed@example.com'), story.recovery('Y', '{"generation":2}'));
CALL story.vault('set_recovery', story.bearer('robbed@example.com'), story.recovery('Z', '{"generation":2}'));
CALL story.vault('zero_knowledge', story.bearer('robbed@example.com'), '{"enable":true}');
CALL story.vault('restore', story.bearer('robbed@example.com'), story.kept('robbed@example.com', 'key'));
RESET mana_auth.step_up;
SELECT (story.sign_in('robbed@example.com', 'robbed again')).refusal;
SELECT story.kept_list('robbed@example.com');
CALL story.vault('restore', story.bearer('robbed@example.com'), story.kept('robbed@example.com', 'key'));
SELECT story.recovery_of('robbed@example.com');
CALL story.vault('restore', story.bearer('robbed@example.com'), story.kept('robbed@example.com', 'recovery'));
SELECT story.recovery_of('robbed@example.com');
-- Somebody who has proven who they are and shows the wrong key does not rotate it away.
CALL story.vault('rotate', story.bearer('robbed@example.com'), jsonb_build_object('commitment', story.commitment(1)));

-- Zero-knowledge: no key wrap is left, and no recovery wrap of another key. A JWT does not know the key; the user's client does.
CALL story.vault('init', story.bearer('tourist@example.com'));
CALL story.vault('set_recovery', story.bearer('tourist@example.com'), story.recovery('O'));
CALL story.vault('rotate', story.bearer('tourist@example.com'));
CALL story.vault('set_recovery', story.bearer('tourist@example.com'), story.recovery('P', '{"generation":2}'));
CALL story.vault('set_recovery', story.bearer('tourist@example.com'), story.recovery('Q', '{"generation":2}'));
SELECT story.kept_list('tourist@example.com');
CALL story.vault('zero_knowledge', story.bearer('tourist@example.com'), '{"enable":true}');
SELECT story.kept_list('tourist@example.com');
SELECT story.stale('tourist@example.com');
CALL story.vault('set_recovery', story.bearer('tourist@example.com'), story.recovery('J', '{"generation":2}'));
CALL story.vault('set_recovery', story.bearer('tourist@example.com'), story.recovery('J', jsonb_build_object('commitment', story.commitment(1))));
CALL story.vault('set_recovery', story.bearer('tourist@example.com'), story.recovery('S', jsonb_build_object('commitment', story.commitment(7))));
CALL story.vault('zero_knowledge', story.bearer('tourist@example.com'), jsonb_build_object('enable', false, 'masterKey', story.master_key(7)));
CALL story.vault('zero_knowledge', story.bearer('tourist@example.com'), '{"enable":true}');
SELECT (story.sign_in('tourist@example.com', 'tourist again')).refusal;
CALL story.vault('key', story.bearer('tourist@example.com'));
CALL story.vault('zero_knowledge', story.bearer('tourist@example.com'), '{"enable":true}');
CALL story.vault('restore', story.bearer('tourist@example.com'), story.kept('tourist@example.com'));
SELECT story.recovery_of('tourist@example.com');
-- A row of the legacy service has no commitment: leaving zero-knowledge then needs the proof of identity.
RESET ROLE;
UPDATE auth.encryption_vaults SET commitment = NULL WHERE user_id = story.id_of('tourist@example.com');
SET ROLE auth_edge;
SELECT story.stale('tourist@example.com');
CALL story.vault('zero_knowledge', story.bearer('tourist@example.com'), jsonb_build_object('enable', false, 'masterKey', repeat('A', 43) || '='));
RESET ROLE;
SELECT count(*) FROM auth.vault_check() WHERE problem !~ 'does not open';

-- A storm of changes pushes nothing out: at the limit they are refused until the oldest wrap expires.
SET ROLE auth_edge;
SELECT (story.sign_in('robbed@example.com', 'robbed once more')).refusal;
RESET ROLE;
INSERT INTO auth.vault_replaced_wraps (user_id, generation, recovery, expires_at)
SELECT story.id_of('robbed@example.com'), 1, '\x00', now() + interval '1 hour' FROM generate_series(1, auth.vault_undo_limit());
SET ROLE auth_edge;
CALL story.vault('rotate', story.bearer('robbed@example.com'));
CALL story.vault('clear_recovery', story.bearer('robbed@example.com'));
CALL story.vault('restore', story.bearer('robbed@example.com'), story.kept('robbed@example.com', 'key'));
CALL story.vault('key', story.bearer('robbed@example.com'));

-- Nobody else reads or changes kept wraps; the user's data say that they exist; an erased user leaves none.
SELECT has_table_privilege(role, 'auth.vault_replaced_wraps', 'SELECT, INSERT, UPDATE, DELETE') FROM unnest(ARRAY['auth_edge', 'auth_admin', 'auth_auditor']) role;
RESET ROLE;
SET ROLE auth_owner;
SELECT count(*) FROM auth.vault_replaced_wraps;
RESET ROLE;
DELETE FROM auth.vault_replaced_wraps WHERE recovery = '\x00';
SELECT DISTINCT json_array_length(('{' || auth.gdpr_more(u) || '}')::json -> 'vault' -> 'replacedWraps') > 0 AS told,
       ('{' || auth.gdpr_more(u) || '}') ~ 'wrapped|"iv"' AS shown FROM auth.users u WHERE u.email = 'robbed@example.com';
-- Each change of a vault tells its user; setting the first recovery wrap, which replaces nothing, does not.
SELECT kind, count(*) FROM auth.outbox WHERE recipient = 'robbed@example.com' AND kind LIKE 'vault%' GROUP BY 1 ORDER BY 1;
SELECT id FROM story.replaced('robbed@example.com') LIMIT 1 \gset
SET ROLE auth_edge;
SELECT user_id AS robbed, session_reference AS reference FROM story.bearer('robbed@example.com') \gset
SELECT refusal FROM auth_api.user_delete(story.caller('robbed once more'), story.challenge('robbed once more'), story.right('robbed once more'), NULL, NULL, 'v1');
CALL story.vault('restore', auth_api.caller(NULL, NULL, :'robbed', :'reference', '192.0.2.43', 'story/1', 'request-2', NULL), jsonb_build_object('id', :'id'));
RESET ROLE;
SELECT count(*) FROM auth.vault_replaced_wraps WHERE user_id = :'robbed';

-- A thief replaces the recovery wrap by the commitment and waits until the week of undo is over. The owner, who then switches to
-- zero-knowledge, is told to store the wrap again: the vault would have no other wrap than the thief's.
SET ROLE auth_edge;
SELECT story.member('planted@example.com');
SELECT refusal FROM story.sign_in('planted@example.com', 'planted');
CALL story.vault('init', story.bearer('planted@example.com'));
CALL story.vault('set_recovery', story.bearer('planted@example.com'), story.recovery('G'));
SELECT story.stale('planted@example.com');
RESET ROLE;
SELECT max(number) AS key FROM story.master_keys \gset
SET ROLE auth_edge;
CALL story.vault('set_recovery', story.bearer('planted@example.com'), story.recovery('J', jsonb_build_object('commitment', story.commitment(:key))));
SELECT story.proves('planted');
CALL story.vault('zero_knowledge', story.bearer('planted@example.com'), '{"enable":true}');
SELECT story.recovery_of('planted@example.com');
-- A restore gives a wrap back as it was stored: the thief's is no better afterwards.
CALL story.vault('restore', story.bearer('planted@example.com'), story.kept('planted@example.com', 'recovery'));
CALL story.vault('restore', story.bearer('planted@example.com'), story.kept('planted@example.com', 'recovery'));
SELECT story.recovery_of('planted@example.com');
CALL story.vault('zero_knowledge', story.bearer('planted@example.com'), '{"enable":true}');
CALL story.vault('set_recovery', story.bearer('planted@example.com'), story.recovery('H'));
CALL story.vault('zero_knowledge', story.bearer('planted@example.com'), '{"enable":true}');
SELECT story.recovery_of('planted@example.com');
-- The first wrap needs no proof either, and is no better.
SELECT story.member('first@example.com');
SELECT refusal FROM story.sign_in('first@example.com', 'first');
CALL story.vault('init', story.bearer('first@example.com'));
SELECT story.stale('first@example.com');
CALL story.vault('set_recovery', story.bearer('first@example.com'), story.recovery('J'));
SELECT story.proves('first');
CALL story.vault('zero_knowledge', story.bearer('first@example.com'), '{"enable":true}');
RESET ROLE;
