-- Passwords: asked for again, changed, forgotten.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.12';
SET ROLE auth_edge;
SELECT story.member('fay@example.com', 'Fay');
SELECT refusal FROM story.sign_in('fay@example.com', 'fay-1');
SELECT refusal FROM story.sign_in('fay@example.com', 'fay-2');

-- What the edge computes from; nothing for nobody.
SELECT challenge, locked_seconds, email, name FROM auth_api.password_lookup(story.caller('fay-1'));
SELECT count(*) FROM auth_api.password_lookup(story.caller('made-up'));

-- Asked again.
SELECT story.answer(auth_api.password_verify(story.caller('fay-1'), story.challenge('fay-1'), story.right('fay-1')));
SELECT story.answer(auth_api.password_verify(story.caller('fay-1'), story.challenge('fay-1'), story.wrong()));
SELECT story.answer(auth_api.password_verify(story.caller(), NULL, story.wrong()));

-- A wrong present password counts like a failed sign-in.
SELECT story.answer(auth_api.password_change(story.caller('fay-1'), story.challenge('fay-1'), story.wrong(), NULL, NULL, false, 'better-auth'));
SELECT story.answer(auth_api.password_change(story.bearer('fay@example.com'), story.challenge('fay-2'), story.wrong(), NULL, NULL, false, 'v1'));
RESET ROLE;
SELECT count(*) FROM auth.login_attempts WHERE email = 'fay@example.com';
SET ROLE auth_edge;

-- A change ends the other sessions; who asks for it gets a new token as well.
SELECT story.answer(auth_api.password_change(story.caller('fay-1'), story.challenge('fay-1'), story.right('fay-1'), story.hash('hash-2'), NULL, false, 'better-auth'));
SELECT t, (auth_api.session_get(story.caller(t), '{}')).body <> 'null' AS lives FROM unnest(ARRAY['fay-1', 'fay-2']) t;
SELECT story.answer(auth_api.password_change(story.caller('fay-1', 'fay-3'), story.challenge('fay-1'), story.right('fay-1'), story.hash('hash-3'), NULL, true, 'better-auth'));
SELECT t, (auth_api.session_get(story.caller(t), '{}')).body <> 'null' AS lives FROM unnest(ARRAY['fay-1', 'fay-3']) t;
SELECT story.challenge('fay-3') AS before \gset
SELECT story.answer(auth_api.password_change(story.bearer('fay@example.com'), story.challenge('fay-3'), story.right('fay-3'), story.hash('hash-4'), NULL, false, 'v1'));
-- What was computed for the password before does not change the one after.
SELECT story.answer(auth_api.password_change(story.caller('fay-3'), :'before', story.output(:'before'), story.hash('hash-5'), NULL, false, 'better-auth'));
SELECT story.word(challenge) FROM auth_api.password_lookup(story.caller('fay-3'));

-- Failures of strangers do not lock a session. Its own do, whatever the network; then no password is compared.
RESET ROLE;
SELECT auth.lockout_count_failure(story.caller(), auth.lockout_stranger(story.caller(), 'fay@example.com')) > 0 FROM generate_series(1, 5);
SET ROLE auth_edge;
SELECT story.answer(auth_api.password_verify(story.caller('fay-3'), story.challenge('fay-3'), story.right('fay-3')));
SELECT (auth_api.password_verify(story.caller('fay-3', ip => ('10.' || n || '.0.1')::inet), story.challenge('fay-3'), story.wrong())).refusal
  FROM generate_series(1, 6) n;
SELECT story.answer(auth_api.password_change(story.caller('fay-3'), story.challenge('fay-3'), story.right('fay-3'), story.hash('hash-5'), NULL, false, 'better-auth'));

-- Forgotten: the same answer for everybody, and only a known address gets a mail.
SELECT story.answer(auth_api.password_request_reset(story.caller(), '{"email":"FAY@example.com","redirectTo":"/new?x=1#here"}'));
SELECT story.answer(auth_api.password_request_reset(story.caller(), '{"email":"ghost@example.com"}'));
SELECT story.answer(auth_api.password_request_reset_v1(story.caller(), '{"email":"ghost@example.com"}'));
SELECT * FROM story.mails('fay@example.com') WHERE kind = 'reset_password';
SELECT * FROM story.mails('ghost@example.com');
RESET ROLE;
SELECT count(*) AS left_behind FROM auth.verification WHERE user_id IS NULL AND identifier NOT LIKE 'done-%';
SELECT user_id IS NULL AS nobody, metadata FROM auth.security_events
 WHERE event_type = 'PASSWORD_RESET_REQUESTED' AND ip_address = '192.0.2.12' ORDER BY 1;
SET ROLE auth_edge;

-- The link leads to the page, and is not used up by it.
SELECT story.token('reset_password', 'fay@example.com') AS token \gset
SELECT story.answer(auth_api.password_reset_link(story.caller(), jsonb_build_object('token', :'token', 'callbackURL', '/new?x=1#here')));
SELECT story.answer(auth_api.password_reset_link(story.caller(), '{"token":"made-up","callbackURL":"https://app/new"}'));
SELECT * FROM auth_api.password_reset_lookup(story.caller(), :'token');
SELECT count(*) FROM auth_api.password_reset_lookup(story.caller(), 'made-up');

-- A later link makes the earlier one dead.
SELECT :'token' AS older \gset
SELECT story.answer(auth_api.password_request_reset_v1(story.caller(), '{"email":"fay@example.com"}'));
SELECT story.answer(auth_api.password_reset(story.caller(), :'older', story.hash('hash-x'), 'better-auth'));

-- Used once: a new password, no session left, the address unlocked, the owner told. Used twice: refused.
SELECT story.token('reset_password', 'fay@example.com') AS token \gset
SELECT story.answer(auth_api.password_reset(story.caller(), :'token', story.hash('hash-6'), 'better-auth'));
SELECT story.answer(auth_api.password_reset(story.caller(), :'token', story.hash('hash-7'), 'better-auth'));
SELECT story.answer(auth_api.password_reset(story.caller(), :'token', story.hash('hash-7'), 'v1'));
SELECT story.sessions('fay@example.com');
SELECT story.word(challenge), locked_seconds FROM auth_api.sign_in_lookup(story.caller(), 'fay@example.com');
SELECT kind FROM story.mails('fay@example.com') WHERE kind = 'password_changed';
SELECT event_type FROM story.events('fay@example.com') WHERE event_type LIKE 'PASSWORD%';

-- An hour later it is expired; the apps are told so.
SELECT refusal FROM auth_api.password_request_reset(story.caller(), '{"email":"fay@example.com"}');
SELECT story.token('reset_password', 'fay@example.com') AS token \gset
RESET ROLE;
UPDATE auth.verification SET expires_at = now() WHERE identifier LIKE 'reset-password:%';
SET ROLE auth_edge;
SELECT story.answer(auth_api.password_reset(story.caller(), :'token', story.hash('hash-8'), 'v1'));

-- The database holds no token that anybody could use.
RESET ROLE;
SELECT count(*) AS in_clear FROM auth.verification v WHERE v.identifier LIKE '%' || :'token' || '%' OR v.value LIKE '%' || :'token' || '%';
