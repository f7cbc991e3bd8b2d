-- What expires is removed, in batches; what could count as new again is not.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.17';
SET mana_auth.erasure_services = 'credits,';
SELECT story.member('sam@example.com', 'Sam');
SELECT (story.sign_in('sam@example.com', 'sam-' || n)).refusal FROM generate_series(1, 3) n;
SELECT refusal FROM auth_api.session_refresh(story.caller(fresh => 'sam-next-1'), '{"refreshToken":"sam-1"}');
SELECT refusal FROM auth_api.session_refresh(story.caller(fresh => 'sam-next-2'), '{"refreshToken":"sam-next-1"}');
SELECT count(*) >= 0 FROM auth_api.sweep();

UPDATE auth.sessions SET expires_at = now() - interval '1 second' WHERE token_digest IN (sha256('sam-2'), sha256('sam-3'));
SELECT auth.sweep(1), auth.sweep(1), auth.sweep(1);
SELECT story.sessions('sam@example.com');

UPDATE auth.session_tokens SET spent_at = now() - interval '31 days' WHERE spent_at IS NOT NULL;
SELECT auth.sweep();
SELECT story.answer(auth_api.session_refresh(story.caller(fresh => 'thief'), '{"refreshToken":"sam-1"}'));

SELECT auth.lockout_count_failure(story.caller(), auth.lockout_stranger(story.caller(), 'sam@example.com')) FROM generate_series(1, 2);
UPDATE auth.login_attempts SET attempted_at = now() - interval '25 hours' WHERE email = 'sam@example.com';
INSERT INTO auth.lockouts (email) VALUES ('sam@example.com');
UPDATE auth.lockouts SET failed_at = now() - interval '25 hours' WHERE email = 'sam@example.com';
UPDATE auth.security_events SET created_at = now() - interval '366 days' WHERE event_type = 'LOGIN_SUCCESS'
  AND user_id = (SELECT id FROM auth.users WHERE email = 'sam@example.com');
SELECT auth.sweep() > 0;
SELECT (SELECT count(*) FROM auth.login_attempts WHERE email = 'sam@example.com') AS attempts,
       (SELECT count(*) FROM auth.lockouts WHERE email = 'sam@example.com') AS lockouts,
       (SELECT count(*) FROM story.events('sam@example.com') WHERE event_type = 'LOGIN_SUCCESS') AS events;

-- A promise that was due a month ago, and nobody was set up to keep, is given up: it keeps no address and no link for ever.
SELECT kind, state, args IS NULL AS wiped FROM auth.outbox WHERE recipient = 'sam@example.com' AND state = 'pending' ORDER BY kind;
UPDATE auth.outbox SET next_attempt_at = now() - interval '31 days' WHERE recipient = 'sam@example.com';
UPDATE auth.outbound_calls o SET next_attempt_at = now() - interval '31 days' FROM auth.users u
 WHERE u.id = o.user_id AND u.email = 'sam@example.com' AND o.after_id IS NULL;
SELECT auth.sweep() >= 2;
SELECT kind, state, args IS NULL AS wiped, last_error FROM auth.outbox WHERE recipient = 'sam@example.com' ORDER BY kind;
SELECT path, state, body IS NULL AS wiped, last_error FROM auth.outbound_calls o JOIN auth.users u ON u.id = o.user_id
 WHERE u.email = 'sam@example.com' ORDER BY path;
UPDATE auth.outbox SET finished_at = now() - interval '91 days' WHERE recipient = 'sam@example.com';
SELECT auth.sweep() >= 1;
SELECT count(*) FROM auth.outbox WHERE recipient = 'sam@example.com';
