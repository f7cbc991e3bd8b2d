-- Signing in with a password, and being locked out.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.15';
SET ROLE auth_edge;
SELECT story.member('bob@example.com', 'Bob');

-- What the edge computes from: one row of the same form, whether or not there is an account; always the same for an address.
SELECT challenge, locked_seconds FROM auth_api.sign_in_lookup(story.caller(), 'BOB@example.com');
SELECT challenge ~ '^[$]argon2id[$]v=19[$]m=[0-9]+,t=[0-9]+,p=1[$][A-Za-z0-9+/]{22}$' AS same_form, locked_seconds
  FROM auth_api.sign_in_lookup(story.caller(), 'nobody@example.com');
SELECT count(DISTINCT l.challenge) FROM generate_series(1, 3), auth_api.sign_in_lookup(story.caller(), 'Nobody@example.com') l;
SELECT count(DISTINCT l.challenge) FROM generate_series(1, 3) n, auth_api.sign_in_lookup(story.caller(), 'nobody' || n || '@example.com') l;

-- Better Auth's answers, and that of the apps.
SELECT story.answer(story.sign_in('bob@example.com', 'bob-1'));
SELECT story.answer(story.sign_in('BOB@example.com', 'bob-2', remember => false));
SELECT story.answer(story.sign_in('bob@example.com', 'bob-3', callback => '/home'));
SELECT story.answer(story.sign_in('bob@example.com', 'bob-4', dialect => 'v1'));
SELECT story.sessions('bob@example.com');
SELECT story.answer(auth_api.session_get(story.caller('bob-1'), '{}'));

-- A wrong password, in both dialects, and an unknown address: the same.
SELECT story.answer(story.sign_in('bob@example.com', verified => false));
SELECT story.answer(story.sign_in('bob@example.com', verified => false, dialect => 'v1'));
SELECT story.answer(story.sign_in('nobody@example.com'));
RESET ROLE;
SELECT email, ip_address, successful, method FROM auth.login_attempts
 WHERE email IN ('bob@example.com', 'nobody@example.com') ORDER BY attempted_at;
SET ROLE auth_edge;

-- A success forgets the failures, and writes a better hash; that is no new password.
SELECT refusal FROM story.sign_in('bob@example.com', 'bob-5', new_hash => story.hash('hash-1-stronger'));
RESET ROLE;
SELECT count(*) FROM auth.login_attempts WHERE email = 'bob@example.com';
SELECT story.word(auth.password_challenge(a.password)), a.password_version
  FROM auth.accounts a JOIN auth.users u ON u.id = a.user_id WHERE u.email = 'bob@example.com';
SET ROLE auth_edge;

-- An output that was computed before the password was changed is not compared: the edge looks up again.
SELECT l.challenge FROM auth_api.sign_in_lookup(story.caller(), 'bob@example.com') l \gset
SELECT refusal FROM auth_api.password_change(story.caller('bob-5'), story.challenge('bob-5'), story.right('bob-5'), story.hash('hash-2'), NULL, false, 'better-auth');
SELECT story.answer(auth_api.sign_in_finish(story.caller(), 'bob@example.com', :'challenge', story.output(:'challenge'), NULL, true,
                                            NULL, 'better-auth'));
SELECT refusal FROM story.sign_in('bob@example.com', 'bob-6');

-- The address must be verified first; that is said to who knows the password, and to nobody else.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'carol@example.com', 'Carol', NULL, story.hash('hash-1'), NULL, NULL);
SELECT story.answer(story.sign_in('carol@example.com'));
SELECT story.answer(story.sign_in('carol@example.com', verified => false));

-- Five failures of one network, however the address is written, lock it there for half an hour: for the right password too, and
-- it is said.
SELECT refusal FROM story.sign_in('Bob@example.com', verified => false, ip => '198.51.100.1');
SELECT refusal FROM story.sign_in('bOb@example.com', verified => false, ip => '198.51.100.2');
SELECT refusal FROM story.sign_in('boB@example.com', verified => false, ip => '198.51.100.3');
SELECT refusal FROM story.sign_in('BOb@example.com', verified => false, ip => '198.51.100.4');
SELECT refusal FROM story.sign_in('BOB@example.com', verified => false, ip => '198.51.100.5');
SELECT story.answer(story.sign_in('bob@example.com', ip => '198.51.100.6'));
SELECT locked_seconds BETWEEN 1790 AND 1800 AS announced
  FROM auth_api.sign_in_lookup(story.caller(ip => '198.51.100.6'), 'bob@example.com');
SELECT event_type, metadata FROM story.events('bob@example.com');

-- Attempts while it is locked are not counted, and the lock ends when it was said to.
RESET ROLE;
SELECT count(*) FROM auth.login_attempts WHERE email = 'bob@example.com';
UPDATE auth.lockouts SET locked_until = now() - interval '1 second' WHERE email = 'bob@example.com' AND locked_until IS NOT NULL;
UPDATE auth.login_attempts SET attempted_at = now() - interval '31 minutes' WHERE email = 'bob@example.com';
SET ROLE auth_edge;
SELECT refusal FROM story.sign_in('bob@example.com', verified => false, ip => '198.51.100.6');
SELECT refusal FROM story.sign_in('bob@example.com', ip => '198.51.100.6');

-- Four failures that left the window a moment ago do not add up with later ones.
RESET ROLE;
SELECT auth.lockout_count_failure(story.caller(), auth.lockout_stranger(story.caller(), 'old@example.com')) FROM generate_series(1, 4);
UPDATE auth.login_attempts SET attempted_at = now() - interval '15 minutes 1 second' WHERE email = 'old@example.com';
SELECT auth.lockout_count_failure(story.caller(), auth.lockout_stranger(story.caller(), 'old@example.com')) FROM generate_series(1, 4);
SELECT auth.lockout_count_failure(story.caller(), auth.lockout_stranger(story.caller(), 'old@example.com')) > 0 AS fifth_locks;
