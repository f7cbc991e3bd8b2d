-- Signing in with a password, and being locked out.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.15';
SET ROLE auth_edge;
SELECT story.member('bob@example.com', 'Bob');

-- What the edge verifies against: one row, whether or not there is an account.
SELECT user_id IS NOT NULL AS known, password, password_version, locked_seconds
  FROM auth_api.sign_in_lookup(story.caller(), 'BOB@example.com');
SELECT user_id IS NOT NULL AS known, password, password_version, locked_seconds
  FROM auth_api.sign_in_lookup(story.caller(), 'nobody@example.com');

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
SELECT refusal FROM story.sign_in('bob@example.com', 'bob-5', new_hash => 'hash-1-stronger');
RESET ROLE;
SELECT count(*) FROM auth.login_attempts WHERE email = 'bob@example.com';
SELECT password, password_version FROM auth.accounts WHERE password LIKE 'hash-1-s%';
SET ROLE auth_edge;

-- A password that was verified before it was changed does not sign in.
SELECT l.user_id, l.password_version FROM auth_api.sign_in_lookup(story.caller(), 'bob@example.com') l \gset
SELECT refusal FROM auth_api.password_change(story.caller('bob-5'), :password_version, true, 'hash-2', false, 'better-auth');
SELECT story.answer(auth_api.sign_in_finish(story.caller(), 'bob@example.com', :'user_id', :password_version, true, NULL, true,
                                            NULL, 'better-auth'));
SELECT refusal FROM story.sign_in('bob@example.com', 'bob-6');

-- The address must be verified first; that is said to who knows the password, and to nobody else.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'carol@example.com', 'Carol', NULL, 'hash-1', NULL, NULL);
SELECT story.answer(story.sign_in('carol@example.com'));
SELECT story.answer(story.sign_in('carol@example.com', verified => false));

-- Five failures, however the address is written, lock it for half an hour: for the right password too, and it is said.
SELECT refusal FROM story.sign_in('Bob@example.com', verified => false, ip => '198.51.100.1');
SELECT refusal FROM story.sign_in('bOb@example.com', verified => false, ip => '198.51.100.2');
SELECT refusal FROM story.sign_in('boB@example.com', verified => false, ip => '198.51.100.3');
SELECT refusal FROM story.sign_in('BOb@example.com', verified => false, ip => '198.51.100.4');
SELECT refusal FROM story.sign_in('BOB@example.com', verified => false, ip => '198.51.100.5');
SELECT story.answer(story.sign_in('bob@example.com'));
SELECT locked_seconds BETWEEN 1790 AND 1800 AS announced FROM auth_api.sign_in_lookup(story.caller(), 'bob@example.com');
SELECT event_type, metadata FROM story.events('bob@example.com');

-- Attempts while it is locked are not counted, and the lock ends when it was said to.
RESET ROLE;
SELECT count(*) FROM auth.login_attempts WHERE email = 'bob@example.com';
UPDATE auth.lockouts SET locked_until = now() - interval '1 second' WHERE email = 'bob@example.com';
UPDATE auth.login_attempts SET attempted_at = now() - interval '31 minutes' WHERE email = 'bob@example.com';
SET ROLE auth_edge;
SELECT refusal FROM story.sign_in('bob@example.com', verified => false);
SELECT refusal FROM story.sign_in('bob@example.com');

-- Four failures that left the window a moment ago do not add up with later ones.
RESET ROLE;
SELECT auth.lockout_count_failure(story.caller(), 'old@example.com') FROM generate_series(1, 4);
UPDATE auth.login_attempts SET attempted_at = now() - interval '15 minutes 1 second' WHERE email = 'old@example.com';
SELECT auth.lockout_count_failure(story.caller(), 'old@example.com') FROM generate_series(1, 4);
SELECT auth.lockout_count_failure(story.caller(), 'old@example.com') > 0 AS fifth_locks;
