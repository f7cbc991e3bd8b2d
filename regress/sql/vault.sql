-- The vault: what each call does in each state, and the row that it leaves in the trail.
\pset format unaligned
\pset tuples_only on
\pset fieldsep '   '
SET story.ip = '192.0.2.40';
TRUNCATE story.master_keys RESTART IDENTITY;
SELECT story.member('vault@example.com'), story.member('other@example.com');
SET ROLE auth_edge;
SELECT (story.sign_in('vault@example.com', 'ada')).refusal, (story.sign_in('other@example.com', 'bob')).refusal;

-- S0, no vault. Asking is free, everything else leaves its row.
SELECT story.answer(auth_api.vault_status(story.bearer('vault@example.com'), NULL));
CALL story.vault('key', story.bearer('vault@example.com'));
CALL story.vault('set_recovery', story.bearer('vault@example.com'), story.recovery('A'));
CALL story.vault('clear_recovery', story.bearer('vault@example.com'));
CALL story.vault('zero_knowledge', story.bearer('vault@example.com'), '{"enable":true}');
CALL story.vault('zero_knowledge', story.bearer('vault@example.com'), jsonb_build_object('enable', false, 'masterKey', repeat('A', 43) || '='));

-- S0 → S1: the first init makes the key, the next ones and a fetch give the same. Nobody else's is the same.
CALL story.vault('init', story.bearer('vault@example.com'));
CALL story.vault('init', story.bearer('vault@example.com'));
CALL story.vault('key', story.bearer('vault@example.com'));
CALL story.vault('init', story.bearer('other@example.com'));
SELECT story.answer(auth_api.vault_status(story.bearer('vault@example.com'), NULL));

-- S1: there is nothing to clear, nothing to disable, and no zero-knowledge without a wrap of the user's own.
CALL story.vault('clear_recovery', story.bearer('vault@example.com'));
CALL story.vault('zero_knowledge', story.bearer('vault@example.com'), jsonb_build_object('enable', false, 'masterKey', repeat('A', 43) || '='));
CALL story.vault('zero_knowledge', story.bearer('vault@example.com'), '{"enable":true}');

-- S1 → S1: another key. (A session that was given both must from now on say which one it wraps.)
CALL story.vault('rotate', story.bearer('vault@example.com'));
CALL story.vault('key', story.bearer('vault@example.com'));

-- S1 → S2 → S2 → S1.
CALL story.vault('set_recovery', story.bearer('other@example.com'), story.recovery('A'));
CALL story.vault('set_recovery', story.bearer('other@example.com'), story.recovery('B'));
SELECT story.answer(auth_api.vault_status(story.bearer('other@example.com'), NULL));
CALL story.vault('key', story.bearer('other@example.com'));
CALL story.vault('clear_recovery', story.bearer('other@example.com'));
SELECT story.answer(auth_api.vault_status(story.bearer('other@example.com'), NULL));

-- S2 → S1 by a rotation: the wrap of the old key goes with it.
CALL story.vault('set_recovery', story.bearer('other@example.com'), story.recovery('C'));
CALL story.vault('rotate', story.bearer('other@example.com'));
SELECT story.answer(auth_api.vault_status(story.bearer('other@example.com'), NULL));

-- S2 → S3: only the user's wrap is left. It can be replaced, not removed, and the key not rotated away.
SELECT (story.sign_in('other@example.com', 'bob again')).refusal;
CALL story.vault('key', story.bearer('other@example.com'));
CALL story.vault('set_recovery', story.bearer('other@example.com'), story.recovery('D'));
CALL story.vault('zero_knowledge', story.bearer('other@example.com'), '{"enable":true}');
CALL story.vault('zero_knowledge', story.bearer('other@example.com'), '{"enable":true}');
CALL story.vault('key', story.bearer('other@example.com'));
CALL story.vault('init', story.bearer('other@example.com'));
CALL story.vault('set_recovery', story.bearer('other@example.com'), story.recovery('E'));
CALL story.vault('key', story.bearer('other@example.com'));
CALL story.vault('clear_recovery', story.bearer('other@example.com'));
CALL story.vault('rotate', story.bearer('other@example.com'));
SELECT story.answer(auth_api.vault_status(story.bearer('other@example.com'), NULL));
RESET ROLE;
SELECT wrapped_mk, wrap_iv, zero_knowledge, commitment IS NOT NULL AS committed FROM auth.encryption_vaults v JOIN auth.users u ON u.id = v.user_id WHERE email = 'other@example.com';
SET ROLE auth_edge;

-- S3 → S2: with the vault's own key and with no other.
CALL story.vault('zero_knowledge', story.bearer('other@example.com'), jsonb_build_object('enable', false, 'masterKey', story.master_key(1)));
CALL story.vault('zero_knowledge', story.bearer('other@example.com'), jsonb_build_object('enable', false, 'masterKey', story.master_key(4)));
-- Its user is told of each switch; calls that are refused or change nothing mail nothing.
SELECT kind, count(*) FROM story.mails('other@example.com') WHERE kind LIKE 'vault%' GROUP BY 1 ORDER BY 1;
CALL story.vault('key', story.bearer('other@example.com'));
SELECT story.answer(auth_api.vault_status(story.bearer('other@example.com'), NULL));

-- S0 → S1 by a rotation.
RESET ROLE;
SELECT story.member('third@example.com');
SET ROLE auth_edge;
SELECT (story.sign_in('third@example.com', 'eve')).refusal;
CALL story.vault('rotate', story.bearer('third@example.com'));
CALL story.vault('key', story.bearer('third@example.com'));

-- A recovery wrap that need not be of the present key is refused: zero-knowledge would lock the user out. A client shows that it
-- holds the key, or says which it wraps, or has been given no other in its session.
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('F'));
CALL story.vault('rotate', story.bearer('third@example.com'));
CALL story.vault('key', story.bearer('third@example.com'));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('G'));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('G', '{"generation":1}'));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('G', '{"generation":2}'));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('G', jsonb_build_object('commitment', story.commitment(5))));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('G', jsonb_build_object('commitment', story.commitment(6))));
-- What is shown counts, whatever is said.
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('G', jsonb_build_object('commitment', story.commitment(5), 'generation', 2)));
SELECT (story.sign_in('third@example.com', 'eve again')).refusal;
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('H'));
CALL story.vault('key', story.bearer('third@example.com'));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('H'));

-- What is no wrap, no commitment, no number, no boolean or no key.
CALL story.vault('set_recovery', story.bearer('third@example.com'));
CALL story.vault('set_recovery', story.bearer('third@example.com'), '{"recoveryWrappedMk":"not base64 at all!","recoveryIv":"x"}');
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('H', jsonb_build_object('recoveryIv', repeat('-', 16))));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('H', jsonb_build_object('recoveryWrappedMk', repeat('H', 68))));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('H', jsonb_build_object('recoveryIv', repeat('H', 16) || E'\n')));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('H', '{"recoveryIv":16}'));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('H', '{"commitment":"AAAA"}'));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('H', jsonb_build_object('commitment', repeat('A', 42) || 'B=')));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('H', '{"generation":"2"}'));
CALL story.vault('set_recovery', story.bearer('third@example.com'), story.recovery('H', '{"generation":1e300}'));
CALL story.vault('zero_knowledge', story.bearer('third@example.com'));
CALL story.vault('zero_knowledge', story.bearer('third@example.com'), '{"enable":"true"}');
CALL story.vault('zero_knowledge', story.bearer('third@example.com'), '{"enable":1}');
CALL story.vault('zero_knowledge', story.bearer('third@example.com'), '{"enable":false}');
CALL story.vault('zero_knowledge', story.bearer('third@example.com'), '{"enable":false,"masterKey":""}');
CALL story.vault('zero_knowledge', story.bearer('third@example.com'), '{"enable":false,"masterKey":"%%%"}');
CALL story.vault('zero_knowledge', story.bearer('third@example.com'), '{"enable":false,"masterKey":"QUFB"}');
CALL story.vault('zero_knowledge', story.bearer('third@example.com'), '{"enable":false,"masterKey":{"a":1}}');
SELECT story.answer(auth_api.vault_status(story.bearer('third@example.com'), NULL));

-- Whose session is over gets nothing, and the attempt stands in the user's trail; a stranger has none.
SELECT user_id AS third, session_reference AS eve FROM story.bearer('third@example.com') \gset
SELECT refusal FROM auth_api.session_sign_out(story.caller('eve again'), '{}');
CALL story.vault('key', auth_api.caller(NULL, NULL, :'third', :'eve', '192.0.2.40', 'story/1', 'request-2', NULL));
CALL story.vault('init', auth_api.caller(NULL, NULL, :'third', :'eve', '192.0.2.40', 'story/1', 'request-2', NULL));
CALL story.vault('rotate', auth_api.caller(NULL, NULL, :'third', :'eve', '192.0.2.40', 'story/1', 'request-2', NULL));
CALL story.vault('set_recovery', auth_api.caller(NULL, NULL, :'third', :'eve', '192.0.2.40', 'story/1', 'request-2', NULL), story.recovery('I'));
CALL story.vault('clear_recovery', auth_api.caller(NULL, NULL, :'third', :'eve', '192.0.2.40', 'story/1', 'request-2', NULL));
CALL story.vault('zero_knowledge', auth_api.caller(NULL, NULL, :'third', :'eve', '192.0.2.40', 'story/1', 'request-2', NULL), '{"enable":true}');
CALL story.vault('key', auth_api.caller(NULL, NULL, 'nobody', 'nothing', '192.0.2.40', 'story/1', 'request-2', NULL));
CALL story.vault('key', story.caller());
SELECT story.answer(auth_api.vault_status(story.caller(), NULL));
-- A session of one user is no way to the vault of another.
SELECT session_reference AS ada FROM story.bearer('vault@example.com') \gset
CALL story.vault('key', auth_api.caller(NULL, NULL, :'third', :'ada', '192.0.2.40', 'story/1', 'request-2', NULL));

-- The trail says who, when, from where, by which request. Its reader needs no table.
RESET ROLE;
SELECT DISTINCT ip_address, user_agent, count(*) FROM auth.vault_trail(:'third') GROUP BY 1, 2;
SELECT count(*) FROM auth.vault_trail(:'third', now() + interval '1 minute');
SELECT DISTINCT request_id FROM auth.encryption_vault_audit WHERE user_id = :'third' ORDER BY 1;
SELECT count(*) FROM auth.vault_check();

-- A call that raises is undone, but not forgotten: its row says by which SQLSTATE.
\set VERBOSITY terse
SET ROLE auth_edge;
SELECT (story.sign_in('third@example.com', 'eve once more')).refusal;
RESET ROLE;
CREATE FUNCTION story.break_vault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'object_in_use'; END $$;
CREATE TRIGGER breaks BEFORE UPDATE ON auth.encryption_vaults FOR EACH ROW EXECUTE FUNCTION story.break_vault();
SET ROLE auth_edge;
SELECT (story.trail()).rows AS before \gset
CALL story.vault('rotate', story.bearer('third@example.com'));
SELECT (story.trail()).newest, (story.trail()).rows - :before AS rows;
CALL story.vault('key', story.bearer('third@example.com'));
RESET ROLE;
DROP TRIGGER breaks ON auth.encryption_vaults;
