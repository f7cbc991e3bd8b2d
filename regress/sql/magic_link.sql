-- Signing in, and up, by a link in a mail.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.31';
SET mana_auth.erasure_services = 'credits,';
SET ROLE auth_edge;
SELECT story.member('mia@magic.example', 'Mia');

-- The mail; a second one takes the first link's place. What a known and an unknown address are told is the same.
SELECT story.answer(auth_api.magic_link_send(story.caller(), 'MIA@magic.example', NULL, '/home', NULL, NULL, 'de'));
SELECT story.token('magic_link', 'mia@magic.example') AS older \gset
SELECT story.answer(auth_api.magic_link_send(story.caller(), 'mia@magic.example', NULL, '/home', '/welcome', '/err', 'de'));
SELECT * FROM story.mails('mia@magic.example') WHERE kind = 'magic_link';
SELECT story.answer(auth_api.magic_link_send(story.caller(), 'nobody@magic.example', 'Newcomer', NULL, NULL, NULL, 'de'));
SELECT * FROM story.mails('nobody@magic.example');
SELECT story.answer(auth_api.magic_link_verify(story.caller(), :'older', '/home', NULL, '/err?a=b#c', 'de'));

-- The link signs in, once.
SELECT story.token('magic_link', 'mia@magic.example') AS token \gset
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'magic-mia-1'), :'token', '/home', '/welcome', '/err', 'de'));
SELECT story.answer(auth_api.magic_link_verify(story.caller(), :'token', '/home', '/welcome', '/err', 'de'));
SELECT story.sessions('mia@magic.example');
SELECT event_type, metadata FROM story.events('mia@magic.example');

-- At most three mails a minute to one address, whoever asks for them; nobody is told.
SELECT story.answer(auth_api.magic_link_send(story.caller(), 'mia@magic.example', NULL, NULL, NULL, NULL, 'de'));
SELECT story.answer(auth_api.magic_link_send(story.caller(ip => '198.51.100.7'), 'mia@magic.example', NULL, NULL, NULL, NULL, 'de'));
SELECT count(*) FROM story.mails('mia@magic.example') WHERE kind = 'magic_link';

-- Who has no account gets one, verified, with all that follows on a sign-up. Without a page the answer is JSON.
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'magic-new-1'), story.token('magic_link', 'nobody@magic.example'),
                                               '/home', '/welcome', '/err', 'en'));
SELECT event_type, metadata FROM story.events('nobody@magic.example');
SELECT path, body FROM story.calls('nobody@magic.example');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'nobody@magic.example', 'Ignored', NULL, NULL, NULL, 'en');
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'magic-new-2'), story.token('magic_link', 'nobody@magic.example'),
                                               NULL, '/welcome', '/err', 'en'));

-- Ten minutes, and too late.
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'late@magic.example', NULL, NULL, NULL, NULL, 'en');
RESET ROLE;
SELECT expires_at - created_at, octet_length(digest) FROM auth.magic_links WHERE email = 'late@magic.example';
UPDATE auth.magic_links SET expires_at = now() WHERE email = 'late@magic.example';
SET ROLE auth_edge;
SELECT story.answer(auth_api.magic_link_verify(story.caller(), story.token('magic_link', 'late@magic.example'), NULL, NULL, '/', 'en'));
SELECT count(*) FROM story.events('late@magic.example');

-- Somebody has signed up with another's address and waits, with a password, for its owner to come: the owner comes, and the
-- password and the links from before are gone.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'victim@magic.example', 'V', NULL, 'hash-of-the-attacker', NULL, 'en');
SELECT story.token('verify_email', 'victim@magic.example') AS verify \gset
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'victim@magic.example', NULL, NULL, NULL, NULL, 'en');
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'magic-victim-1'), story.token('magic_link', 'victim@magic.example'),
                                               NULL, NULL, '/', 'en'));
SELECT story.answer(story.sign_in('victim@magic.example'));
SELECT story.answer(auth_api.verification_verify_email(story.caller(), :'verify', NULL));
SELECT event_type, metadata FROM story.events('victim@magic.example') WHERE event_type <> 'LOGIN_FAILURE';

-- A verified account keeps its password. A new password ends the links from before it; so does a deletion.
SELECT story.member('pam@magic.example', 'Pam');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'pam@magic.example', NULL, NULL, NULL, NULL, 'en');
SELECT refusal FROM auth_api.magic_link_verify(story.caller(), story.token('magic_link', 'pam@magic.example'), NULL, NULL, '/', 'en');
SELECT refusal FROM story.sign_in('pam@magic.example', 'magic-pam-1');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'pam@magic.example', NULL, NULL, NULL, NULL, 'en');
SELECT refusal FROM auth_api.password_change(story.caller('magic-pam-1'), story.challenge('magic-pam-1'), story.right('magic-pam-1'), story.hash('hash-2'), NULL, false, 'better-auth');
SELECT story.answer(auth_api.magic_link_verify(story.caller(), story.token('magic_link', 'pam@magic.example'), NULL, NULL, '/', 'en'));
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'mia@magic2.example', NULL, NULL, NULL, NULL, 'en');
SELECT refusal FROM auth_api.magic_link_verify(story.caller(fresh => 'magic-mia-net'), story.token('magic_link', 'mia@magic2.example'), NULL, NULL, '/', 'en');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'mia@magic2.example', NULL, NULL, NULL, NULL, 'en');
SELECT refusal FROM auth_api.user_delete(story.caller('magic-mia-net'), NULL, NULL, NULL, NULL, 'better-auth');
RESET ROLE;
SELECT count(*) FROM auth.magic_links WHERE email = 'mia@magic2.example';

-- Where no more may sign up today, no link makes an account.
SET ROLE auth_edge;
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'full@magic.example', NULL, NULL, NULL, NULL, 'en');
RESET ROLE;
SET mana_auth.signup_daily_max = 1;
SELECT story.answer(auth_api.magic_link_verify(story.caller(), story.token('magic_link', 'full@magic.example'), NULL, NULL, '/', 'en'));
RESET mana_auth.signup_daily_max;
