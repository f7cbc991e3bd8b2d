-- Limits: of requests by class and client, of mails by address, of wrong passwords by client.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SET story.ip = '203.0.113.1';
SET ROLE auth_edge;

-- Three sign-ins in ten seconds. Other clients and other classes are not affected; a class that is not counted is not.
SELECT (story.caller(rate_class => 'sign_in')).rate_class FROM generate_series(1, 3);
DO $$
DECLARE
  told text;
BEGIN
  PERFORM story.caller(rate_class => 'sign_in');
EXCEPTION WHEN SQLSTATE 'MA429' THEN
  GET STACKED DIAGNOSTICS told = PG_EXCEPTION_DETAIL;
  RAISE NOTICE '% %', told::json ->> 'code', (told::json ->> 'retryAfterSeconds')::integer BETWEEN 1 AND 10;
END
$$;
SELECT (story.caller(rate_class => 'sign_in', ip => '203.0.113.2')).rate_class;
SELECT (story.caller(rate_class => 'sign_up')).rate_class;
SELECT count(story.caller(rate_class => 'none')) FROM generate_series(1, 200);
SELECT story.caller(rate_class => 'no_such_class');

-- An IPv6 network of 64 bits is one client.
SELECT count(story.caller(rate_class => 'sign_in', ip => ('2001:db8:0:1::' || n)::inet)) FROM generate_series(1, 3) n;
SELECT story.caller(rate_class => 'sign_in', ip => '2001:db8:0:1:ffff::1');
SELECT (story.caller(rate_class => 'sign_in', ip => '2001:db8:0:2::1')).rate_class;

-- Three mails of a kind to an address in a minute; the fourth wish is granted like the others, and mails nothing.
SELECT story.member('lim@example.com', 'Lim');
SELECT body FROM auth_api.password_request_reset(story.caller(), '{"email":"lim@example.com"}');
SELECT body FROM auth_api.password_request_reset(story.caller(), '{"email":"lim@example.com"}');
SELECT body FROM auth_api.password_request_reset(story.caller(), '{"email":"lim@example.com"}');
SELECT body FROM auth_api.password_request_reset(story.caller(), '{"email":"lim@example.com"}');
SELECT kind, count(*) FROM story.mails('lim@example.com') WHERE kind = 'reset_password' GROUP BY kind;
-- The link of the third mail still works: a wish without a mail kills none.
SELECT story.answer(auth_api.password_reset(story.caller(), story.token('reset_password', 'lim@example.com'), story.hash('hash-2'), 'better-auth'));
SELECT (auth_api.sign_up(story.caller(), 'lim@example.com', 'Eve', NULL, 'hash', NULL, NULL)).refusal FROM generate_series(1, 4);
SELECT kind, count(*) FROM story.mails('lim@example.com') WHERE kind = 'existing_account' GROUP BY kind;

-- A client that fails twenty times within a quarter of an hour, at whatever addresses, is slowed down to one attempt in ten
-- seconds. Others behind its address can still sign in; so can everybody from elsewhere.
SELECT DISTINCT refusal FROM generate_series(1, 20) n, story.sign_in('victim-' || n || '@example.com', verified => false);
SELECT story.answer(story.sign_in('lim@example.com'));
SELECT story.answer(story.sign_in('lim@example.com'));
SELECT locked_seconds > 0 AS no_hash_for_it FROM auth_api.sign_in_lookup(story.caller(), 'lim@example.com');
SELECT story.answer(story.sign_in('lim@example.com', ip => '203.0.113.9'));
RESET ROLE;
SELECT count(*) FROM auth.login_attempts WHERE email = 'lim@example.com';

-- What is counted of mails and invitations is undone with its transaction, in whatever window; a guess stays counted.
SELECT auth.rate_limit_clear(class, 'undo') FROM unnest('{mail/undo,mail_hour/undo,invitation,password_guess,passkey_failure}'::text[]) class;
BEGIN;
SELECT class, sum(auth.rate_limit_count(class, 'undo') + 0 * n)
  FROM unnest('{mail/undo,mail_hour/undo,invitation,password_guess,passkey_failure}'::text[]) class, generate_series(1, 2) n GROUP BY 1 ORDER BY 1;
ROLLBACK;
SELECT class, count(*) FILTER (WHERE auth.rate_limit_count(class, 'undo') + 0 * n = 0) AS left
  FROM unnest('{mail/undo,mail_hour/undo,invitation,password_guess,passkey_failure}'::text[]) class, generate_series(1, 30) n GROUP BY 1 ORDER BY 1;
-- Of those that a limit has stopped nothing is taken back.
BEGIN;
SELECT count(*) FILTER (WHERE auth.rate_limit_count('mail/undo', 'undo') > 0) FROM generate_series(1, 3);
ROLLBACK;
SELECT auth.rate_limit_count('mail/undo', 'undo') > 0 AS waits;
-- Nor more than was counted, nor from a later window.
BEGIN;
SELECT auth.rate_limit_clear('mail/undo', 'undo'), auth.rate_limit_count('mail/undo', 'undo'), auth.rate_limit_clear('mail/undo', 'undo'), auth.rate_limit_count('mail/undo', 'undo');
ROLLBACK;
SELECT count(*) FILTER (WHERE auth.rate_limit_count('mail/undo', 'undo') = 0) AS left FROM generate_series(1, 5);

-- A guess stays counted, however many clients and subjects are counted after it: requests have another table.
SELECT count(*) FILTER (WHERE auth.rate_limit_count('password_guess', 'kept') > 0) FROM generate_series(1, 20);
SELECT count(auth_api.caller(NULL, NULL, NULL, NULL, '10.0.0.0'::inet + n, 'test', 'test', 'default')) FROM generate_series(1, 150000) n;
SELECT auth.rate_limit_count('password_guess', 'kept') > 0 AS still_counted;

-- A call decides by what is true now: no snapshot from before, and no now() from before.
SET ROLE auth_edge;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT (story.caller()).rate_class;
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT (story.caller()).rate_class;
ROLLBACK;
RESET ROLE;
