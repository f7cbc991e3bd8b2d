-- Signing in, and up, by a link in a mail.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.31';
SET ROLE auth_edge;
SELECT story.member('mia@example.com', 'Mia');

-- The mail; a second one takes the first link's place. What a known and an unknown address are told is the same.
SELECT story.answer(auth_api.magic_link_send(story.caller(), 'MIA@example.com', NULL, '/home', NULL, NULL, 'de'));
SELECT story.token('magic_link', 'mia@example.com') AS older \gset
SELECT story.answer(auth_api.magic_link_send(story.caller(), 'mia@example.com', NULL, '/home', '/welcome', '/err', 'de'));
SELECT * FROM story.mails('mia@example.com') WHERE kind = 'magic_link';
SELECT story.answer(auth_api.magic_link_send(story.caller(), 'nobody@example.com', 'Newcomer', NULL, NULL, NULL, 'de'));
SELECT * FROM story.mails('nobody@example.com');
SELECT story.answer(auth_api.magic_link_verify(story.caller(), :'older', '/home', NULL, '/err?a=b#c', 'de'));

-- The link signs in, once.
SELECT story.token('magic_link', 'mia@example.com') AS token \gset
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'mia-1'), :'token', '/home', '/welcome', '/err', 'de'));
SELECT story.answer(auth_api.magic_link_verify(story.caller(), :'token', '/home', '/welcome', '/err', 'de'));
SELECT story.sessions('mia@example.com');
SELECT event_type, metadata FROM story.events('mia@example.com');

-- At most three mails a minute to one address, whoever asks for them; nobody is told.
SELECT story.answer(auth_api.magic_link_send(story.caller(), 'mia@example.com', NULL, NULL, NULL, NULL, 'de'));
SELECT story.answer(auth_api.magic_link_send(story.caller(ip => '198.51.100.7'), 'mia@example.com', NULL, NULL, NULL, NULL, 'de'));
SELECT count(*) FROM story.mails('mia@example.com') WHERE kind = 'magic_link';

-- Who has no account gets one, verified, with all that follows on a sign-up. Without a page the answer is JSON.
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'new-1'), story.token('magic_link', 'nobody@example.com'),
                                               '/home', '/welcome', '/err', 'en'));
SELECT event_type, metadata FROM story.events('nobody@example.com');
SELECT path, body FROM story.calls('nobody@example.com');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'nobody@example.com', 'Ignored', NULL, NULL, NULL, 'en');
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'new-2'), story.token('magic_link', 'nobody@example.com'),
                                               NULL, '/welcome', '/err', 'en'));

-- Ten minutes, and too late.
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'late@example.com', NULL, NULL, NULL, NULL, 'en');
RESET ROLE;
SELECT expires_at - created_at, octet_length(digest) FROM auth.magic_links WHERE email = 'late@example.com';
UPDATE auth.magic_links SET expires_at = now() WHERE email = 'late@example.com';
SET ROLE auth_edge;
SELECT story.answer(auth_api.magic_link_verify(story.caller(), story.token('magic_link', 'late@example.com'), NULL, NULL, '/', 'en'));
SELECT count(*) FROM story.events('late@example.com');

-- Somebody has signed up with another's address and waits, with a password, for its owner to come: the owner comes, and the
-- password and the links from before are gone.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'victim@example.com', 'V', NULL, 'hash-of-the-attacker', NULL, 'en');
SELECT story.token('verify_email', 'victim@example.com') AS verify \gset
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'victim@example.com', NULL, NULL, NULL, NULL, 'en');
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'victim-1'), story.token('magic_link', 'victim@example.com'),
                                               NULL, NULL, '/', 'en'));
SELECT story.answer(story.sign_in('victim@example.com'));
SELECT story.answer(auth_api.verification_verify_email(story.caller(), :'verify', NULL));
SELECT event_type, metadata FROM story.events('victim@example.com') WHERE event_type <> 'LOGIN_FAILURE';

-- A verified account keeps its password. A new password ends the links from before it; so does a deletion.
SELECT story.member('pam@example.com', 'Pam');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'pam@example.com', NULL, NULL, NULL, NULL, 'en');
SELECT refusal FROM auth_api.magic_link_verify(story.caller(), story.token('magic_link', 'pam@example.com'), NULL, NULL, '/', 'en');
SELECT refusal FROM story.sign_in('pam@example.com', 'pam-1');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'pam@example.com', NULL, NULL, NULL, NULL, 'en');
SELECT refusal FROM auth_api.password_change(story.caller('pam-1'), 1, true, 'hash-2', false, 'better-auth');
SELECT story.answer(auth_api.magic_link_verify(story.caller(), story.token('magic_link', 'pam@example.com'), NULL, NULL, '/', 'en'));
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'mia@example.net', NULL, NULL, NULL, NULL, 'en');
SELECT refusal FROM auth_api.magic_link_verify(story.caller(fresh => 'mia-net'), story.token('magic_link', 'mia@example.net'), NULL, NULL, '/', 'en');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'mia@example.net', NULL, NULL, NULL, NULL, 'en');
SELECT refusal FROM auth_api.user_delete(story.caller('mia-net'), NULL, NULL, NULL, NULL, 'better-auth');
RESET ROLE;
SELECT count(*) FROM auth.magic_links WHERE email = 'mia@example.net';

-- Where no more may sign up today, no link makes an account.
SET ROLE auth_edge;
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'full@example.com', NULL, NULL, NULL, NULL, 'en');
RESET ROLE;
SET mana_auth.signup_daily_max = 1;
SELECT story.answer(auth_api.magic_link_verify(story.caller(), story.token('magic_link', 'full@example.com'), NULL, NULL, '/', 'en'));
RESET mana_auth.signup_daily_max;
