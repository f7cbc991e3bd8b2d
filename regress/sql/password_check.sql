-- A compromised edge: whatever the role auth_edge sends, it cannot assert a password. Every routine that takes one, with hostile
-- arguments.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.77';
SET ROLE auth_edge;
SELECT story.member('pia@example.com', 'Pia');
SELECT story.member('pol@example.com', 'Pol');
SELECT refusal FROM story.sign_in('pia@example.com', 'pia-1');
SELECT refusal FROM story.sign_in('pol@example.com', 'pol-1');

-- What is stored is neither what the edge sends nor what it has computed; and the edge sees nothing of it.
RESET ROLE;
SELECT a.password ~ '^[$]argon2id-hmac-sha256[$]v=19[$]m=8,t=1,p=1[$]' AS sealed,
       split_part(a.password, '$', 6) = rtrim(encode(story.output(auth.password_challenge(a.password)), 'base64'), '=') AS output,
       auth.password_matches(a.password, story.output(auth.password_challenge(a.password)), auth.secret('password')) AS matches,
       auth.password_matches(a.password, decode(split_part(a.password, '$', 6) || '=', 'base64'), auth.secret('password')) AS replayed
  FROM auth.accounts a JOIN auth.users u ON u.id = a.user_id WHERE u.email = 'pia@example.com';
SELECT p.proname, a AS result FROM pg_proc p, unnest(p.proargnames) a
 WHERE p.pronamespace = 'auth_api'::regnamespace AND a IN ('password', 'verified', 'password_version', 'hash');
CREATE FUNCTION story.outputs(challenge text) RETURNS TABLE (n integer, called text, output bytea) LANGUAGE sql AS $$
  VALUES (1, 'NULL', NULL::bytea), (2, 'empty', ''), (3, 'one byte', '\x00'),
         (4, 'the salt', convert_to(rpad('hash-1', 16), 'UTF8')),
         (5, 'shorter', substr(story.output(challenge), 1, 31)), (6, 'longer', story.output(challenge) || '\x00'),
         (7, 'zeros', decode(repeat('00', 32), 'hex')), (8, 'of scrypt', decode(repeat('00', 64), 'hex'));
$$;
CREATE FUNCTION story.attempts(address text) RETURNS SETOF auth.login_attempts LANGUAGE sql SECURITY DEFINER AS $$
  SELECT * FROM auth.login_attempts a WHERE a.email = address;
$$;
CREATE FUNCTION story.unlock(address text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT auth.lockout_clear(address); $$;
SET ROLE auth_edge;

-- Signing in: no output, a wrong one, one of another user's password, and the right one for a challenge of the edge's own.
SELECT l.challenge FROM auth_api.sign_in_lookup(story.caller(), 'pia@example.com') l \gset
SELECT o.called, (auth_api.sign_in_finish(story.caller(ip => ('10.0.' || o.n || '.1')::inet), 'pia@example.com', :'challenge', o.output,
                                          NULL, true, NULL, 'better-auth')).refusal FROM story.outputs(:'challenge') o ORDER BY o.n;
SELECT c.n, (auth_api.sign_in_finish(story.caller(), 'pia@example.com', c.challenge, story.output(c.challenge), NULL, true, NULL,
                                     'better-auth')).refusal
  FROM (VALUES (1, NULL), (2, ''), (3, 'scrypt:' || repeat('0', 32)), (4, :'challenge' || '$' || repeat('A', 43)),
               (5, regexp_replace(story.hash('mine'), '[$][^$]*$', '')), (6, replace(:'challenge', 'm=8', 'm=9'))) c (n, challenge)
 ORDER BY c.n;
SELECT refusal FROM auth_api.sign_in_finish(story.caller(), NULL, :'challenge', story.output(:'challenge'), NULL, true, NULL, 'better-auth');
SELECT (auth_api.sign_in_finish(story.caller(), 'pim@example.com', l.challenge, story.output(l.challenge), NULL, true, NULL,
                                'better-auth')).refusal
  FROM auth_api.sign_in_lookup(story.caller(), 'pim@example.com') l;
SELECT story.unlock('pia@example.com');

-- The endpoints of a session: the same. The output of another user's session, whose password is the same word, has another salt
-- outside of these stories; here it shows that the user is the session's, not the challenge's.
SELECT o.called,
       (auth_api.password_verify(c, :'challenge', o.output)).refusal AS verify,
       (auth_api.password_change(c, :'challenge', o.output, story.hash('taken'), NULL, true, 'v1')).refusal AS change,
       (auth_api.user_delete(c, :'challenge', o.output, NULL, NULL, 'better-auth')).refusal AS delete,
       (auth_api.erasure_start(c, :'challenge', o.output, NULL, NULL, 'w', 20)).refusal AS erase, story.unlock('pia@example.com')
  FROM story.outputs(:'challenge') o, LATERAL (SELECT (story.caller('pia-1')).*) c ORDER BY o.n;
SELECT o.called,
       (auth_api.two_factor_enable(c, :'challenge', o.output, 'totp', 'M')).refusal AS enable,
       (auth_api.two_factor_disable(c, :'challenge', o.output, NULL)).refusal AS disable,
       (auth_api.two_factor_totp_uri(c, :'challenge', o.output, 'M')).refusal AS uri,
       (auth_api.two_factor_backup_codes(c, :'challenge', o.output)).refusal AS codes, story.unlock('pia@example.com')
  FROM story.outputs(:'challenge') o, LATERAL (SELECT (story.caller('pia-1')).*) c ORDER BY o.n;
SELECT (auth_api.password_verify(story.caller('pia-1'), NULL, story.right('pia-1'))).refusal,
       (auth_api.password_verify(story.caller('made-up'), :'challenge', story.output(:'challenge'))).refusal;

-- No output, and one for another challenge, is no guess: it is answered alike for every address, counts nothing, and gives nothing away.
-- While the account is locked it gets the answer that everybody gets.
SELECT story.unlock('pia@example.com');
SELECT refusal, count(*) FROM generate_series(1, 30) n, LATERAL (
  SELECT (auth_api.sign_in_finish(story.caller(ip => ('10.1.' || n || '.1')::inet), a, CASE n % 2 WHEN 0 THEN l.challenge ELSE 'scrypt:00' END,
                                  CASE n % 2 WHEN 0 THEN NULL ELSE story.wrong() END, NULL, true, NULL, 'better-auth')).refusal
    FROM unnest('{pia@example.com,pim@example.com}'::text[]) a, auth_api.sign_in_lookup(story.caller(), a) l) r GROUP BY 1;
SELECT count(*) AS errors FROM story.attempts('pia@example.com');
SELECT refusal FROM story.sign_in('pia@example.com');
SELECT (story.sign_in('pia@example.com', verified => false)).refusal FROM generate_series(1, 5);
SELECT (auth_api.sign_in_finish(story.caller(), 'pia@example.com', :'challenge', o, NULL, true, NULL, 'better-auth')).refusal
  FROM unnest(ARRAY[NULL, story.wrong(), story.output(:'challenge')]) o;
SELECT story.unlock('pia@example.com');

-- Each attempt counts, in a transaction that is rolled back as well.
SELECT story.unlock('pia@example.com');
BEGIN;
SELECT (auth_api.password_verify(story.caller('pia-1'), :'challenge', story.wrong())).refusal FROM generate_series(1, 4);
ROLLBACK;
BEGIN;
SELECT (auth_api.password_verify(story.caller('pia-1'), :'challenge', story.wrong())).refusal FROM generate_series(1, 4);
ROLLBACK;
BEGIN;
SELECT (auth_api.password_verify(story.caller('pia-1'), :'challenge', story.wrong())).refusal FROM generate_series(1, 4);
ROLLBACK;
BEGIN;
SELECT (auth_api.password_verify(story.caller('pia-1'), :'challenge', story.wrong())).refusal FROM generate_series(1, 4);
ROLLBACK;
BEGIN;
SELECT (auth_api.password_verify(story.caller('pia-1'), :'challenge', story.wrong())).refusal FROM generate_series(1, 4);
ROLLBACK;
SELECT story.answer(auth_api.password_verify(story.caller('pia-1'), :'challenge', story.output(:'challenge')));
SELECT story.unlock('pia@example.com');
SELECT story.answer(auth_api.password_verify(story.caller('pia-1'), :'challenge', story.output(:'challenge')));

-- Hashes of before: argon2id is sealed at the next sign-in, scrypt stays readable for the legacy service until it is rehashed.
RESET ROLE;
UPDATE auth.accounts a SET password = story.hash('hash-1') FROM auth.users u WHERE u.id = a.user_id AND u.email = 'pia@example.com';
UPDATE auth.accounts a SET password = repeat('ab', 16) || ':' || encode(sha512('x'), 'hex')
  FROM auth.users u WHERE u.id = a.user_id AND u.email = 'pol@example.com';
SET ROLE auth_edge;
SELECT refusal FROM story.sign_in('pia@example.com', verified => false);
SELECT refusal FROM story.sign_in('pia@example.com');
SELECT l.challenge FROM auth_api.sign_in_lookup(story.caller(), 'pol@example.com') l;
SELECT refusal FROM auth_api.sign_in_finish(story.caller(), 'pol@example.com', 'scrypt:' || repeat('ab', 16), sha512('y'), NULL, true, NULL, 'v1');
SELECT refusal FROM auth_api.sign_in_finish(story.caller(), 'pol@example.com', 'scrypt:' || repeat('ab', 16), sha512('x'), NULL, true, NULL, 'v1');
RESET ROLE;
SELECT u.email, regexp_replace(a.password, '[$:][^$:]*$', '') FROM auth.accounts a JOIN auth.users u ON u.id = a.user_id
 WHERE u.email IN ('pia@example.com', 'pol@example.com') ORDER BY 1;
-- Where nobody waits for sign-ins, a DBA seals the rest.
UPDATE auth.accounts a SET password = story.hash('hash-1') FROM auth.users u WHERE u.id = a.user_id AND u.email = 'pia@example.com';
SELECT auth.passwords_seal() >= 1 AS sealed, auth.passwords_seal() AS again;
SET ROLE auth_edge;
SELECT refusal FROM story.sign_in('pia@example.com');
-- A new password that SQL cannot read is stored, and never matches.
SELECT refusal FROM auth_api.password_change(story.caller('pia-1'), :'challenge', story.output(:'challenge'), 'nonsense', NULL, false, 'v1');
SELECT (auth_api.password_verify(story.caller('pia-1'), l.challenge, story.output(l.challenge))).refusal
  FROM auth_api.password_lookup(story.caller('pia-1')) l;
RESET ROLE;
UPDATE auth.accounts a SET password = auth.password_at_rest(story.hash('hash-1'))
  FROM auth.users u WHERE u.id = a.user_id AND u.email IN ('pia@example.com', 'pol@example.com');
