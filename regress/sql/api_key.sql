-- API keys: shown once, listed without, validated by whoever was handed one, revoked for good.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.62';
SET ROLE auth_edge;
SELECT story.member('kaya@example.com', 'Kaya');
SELECT refusal FROM story.sign_in('kaya@example.com', 'kaya-1');
SELECT story.member('vic@example.com', 'Vic');
SELECT refusal FROM story.sign_in('vic@example.com', 'vic-1');
RESET ROLE;
CREATE FUNCTION story.masked(r auth.reply) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT regexp_replace(regexp_replace(line, 'sk_live_[0-9a-f]{64}', '<key>', 'g'), '"keyPrefix":"[0-9a-f]{8}"', '"keyPrefix":"<8>"', 'g')
    FROM story.answer(r) AS line $$;
CREATE FUNCTION story.asked(key text, scope text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object('apiKey', encode(sha256(convert_to(key, 'UTF8')), 'hex'), 'scope', scope)) $$;
SET ROLE auth_edge;

SELECT story.answer(auth_api.api_key_create(story.caller(), '{"name":"x"}'));
SELECT (r).body AS made FROM auth_api.api_key_create(story.caller('kaya-1'), '{"name":"Notebook"}') r \gset
SELECT (:'made'::json ->> 'key') ~ '^sk_live_[0-9a-f]{64}$' AS is_key, substr(:'made'::json ->> 'key', 9, 8) = :'made'::json ->> 'keyPrefix' AS begins_so;
SELECT :'made'::json ->> 'key' AS key, :'made'::json ->> 'id' AS id \gset
SELECT story.masked(auth_api.api_key_create(story.caller('kaya-1'), '{"name":"Robot","scopes":["tts","llm","tts"]}'));
SELECT story.masked(auth_api.api_key_create(story.caller('vic-1'), '{"name":"One","scopes":"stt"}'));

-- At rest there is its digest; the list shows neither.
RESET ROLE;
SELECT count(*) FROM auth.api_keys k WHERE k.key_digest = sha256(convert_to(:'key', 'UTF8'));
SELECT count(*) FROM auth.api_keys k WHERE position(:'key' IN k::text) > 0;
SET ROLE auth_edge;
SELECT story.masked(auth_api.api_key_list(story.caller('kaya-1'), '{}'));

SELECT story.masked(auth_api.api_key_validate(story.caller(), story.asked(:'key')));
SELECT story.masked(auth_api.api_key_validate(story.caller(), story.asked(:'key', 'tts')));
SELECT story.masked(auth_api.api_key_validate(story.caller(), story.asked(:'key', 'llm')));
SELECT story.masked(auth_api.api_key_validate(story.caller(), story.asked('sk_live_' || repeat('0', 64))));
RESET ROLE;
SELECT last_used_at IS NOT NULL FROM auth.api_keys WHERE id = :'id';
SET ROLE auth_edge;

-- Only one's own; revoked is revoked, and stays to be seen.
SELECT story.masked(auth_api.api_key_revoke(story.caller('vic-1'), jsonb_build_object('id', :'id')));
SELECT story.masked(auth_api.api_key_validate(story.caller(), story.asked(:'key')));
SELECT story.masked(auth_api.api_key_revoke(story.caller('kaya-1'), jsonb_build_object('id', :'id')));
SELECT story.masked(auth_api.api_key_revoke(story.caller('kaya-1'), jsonb_build_object('id', :'id')));
SELECT story.masked(auth_api.api_key_validate(story.caller(), story.asked(:'key')));
SELECT story.masked(auth_api.api_key_list(story.caller('kaya-1'), '{}'));
SELECT event_type FROM story.events('kaya@example.com') WHERE event_type LIKE 'API_KEY%';

-- A hundred are enough.
RESET ROLE;
INSERT INTO auth.api_keys (user_id, name, key_prefix, key_digest)
SELECT story.id_of('vic@example.com'), 'n', 'p', sha256(convert_to('key ' || n, 'UTF8')) FROM generate_series(1, 99) n;
SET ROLE auth_edge;
SELECT story.masked(auth_api.api_key_create(story.caller('vic-1'), '{"name":"More"}'));

-- Revoked or expired they stay to be seen for a year; one without an end stays.
RESET ROLE;
SELECT count(*) FROM auth.api_keys WHERE user_id = story.id_of('kaya@example.com');
UPDATE auth.api_keys SET revoked_at = now() - interval '364 days' WHERE id = :'id';
SELECT auth.sweep() >= 0 AS swept, (SELECT count(*) FROM auth.api_keys WHERE id = :'id');
UPDATE auth.api_keys SET expires_at = now() - interval '366 days' WHERE id = :'id';
SELECT auth.sweep() > 0 AS swept;
SELECT name FROM auth.api_keys WHERE user_id = story.id_of('kaya@example.com');
SELECT count(*) FROM auth.api_keys WHERE user_id = story.id_of('vic@example.com');

-- Keys are credentials of their own: a change of the password and the end of all sessions leave them. A password reset ends them, because
-- whoever resets has lost control of the account; so does the revert of a change of address.
SET ROLE auth_edge;
SELECT story.member('kit@example.com', 'Kit');
SELECT refusal FROM story.sign_in('kit@example.com', 'kit-1');
SELECT body::json ->> 'key' AS kits FROM auth_api.api_key_create(story.caller('kit-1'), '{"name":"survivor"}') \gset
SELECT refusal FROM auth_api.api_key_create(story.caller('kit-1'), '{"name":"second"}');
SELECT refusal FROM auth_api.password_change(story.caller('kit-1'), story.challenge('kit-1'), story.right('kit-1'), story.hash('hash-2'), NULL, false, 'v1');
SELECT body::json ->> 'valid' AS valid FROM auth_api.api_key_validate(story.caller(), story.asked(:'kits'));
SELECT refusal FROM auth_api.session_revoke_all(story.caller('kit-1'), '{}');
SELECT body::json ->> 'valid' AS valid FROM auth_api.api_key_validate(story.caller(), story.asked(:'kits'));
SELECT refusal FROM auth_api.password_request_reset(story.caller(), '{"email":"kit@example.com"}');
SELECT refusal FROM auth_api.password_reset(story.caller(), story.token('reset_password', 'kit@example.com'), story.hash('hash-3'), 'better-auth');
SELECT body::json ->> 'valid' AS valid FROM auth_api.api_key_validate(story.caller(), story.asked(:'kits'));
SELECT metadata FROM story.events('kit@example.com') WHERE event_type = 'API_KEY_REVOKED';
RESET ROLE;
