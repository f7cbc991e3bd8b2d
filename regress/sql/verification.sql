-- Proving an address, changing it.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.19';
SET ROLE auth_edge;
SELECT refusal FROM auth_api.sign_up(story.caller(), 'gil@example.com', 'Gil', NULL, story.hash('hash-1'), NULL, 'de');

-- A link that nobody made, with and without a page to go to.
SELECT story.answer(auth_api.verification_verify_email(story.caller(), 'bad', NULL));
SELECT story.answer(auth_api.verification_verify_email(story.caller(), 'bad', '/done?a=b'));

-- Another mail on wish: the earlier link dies. Unknown and verified addresses get the same answer and no mail.
SELECT story.token('verify_email', 'gil@example.com') AS older \gset
SELECT story.answer(auth_api.verification_send(story.caller(), '{"email":"GIL@example.com","callbackURL":"/x"}'));
SELECT story.answer(auth_api.verification_send_v1(story.caller(), '{"email":"ghost@example.com"}'));
SELECT * FROM story.mails('ghost@example.com');
SELECT story.answer(auth_api.verification_verify_email(story.caller(), :'older', '/done'));

-- The link proves the address and signs in, once.
SELECT story.token('verify_email', 'gil@example.com') AS token \gset
SELECT story.answer(auth_api.verification_verify_email(story.caller(fresh => 'gil-1'), :'token', '/done'));
SELECT story.answer(auth_api.verification_verify_email(story.caller(), :'token', '/done'));
SELECT body::json -> 'user' ->> 'emailVerified' FROM (SELECT translate(body, E'\x03', '') AS body FROM auth_api.session_get(story.caller('gil-1'), '{}')) r;
SELECT story.answer(auth_api.verification_send(story.caller(), '{"email":"gil@example.com"}'));
SELECT kind, count(*) FROM story.mails('gil@example.com') GROUP BY kind;

-- Without a page the answer is JSON; too late it says so.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'hal@example.com', 'Hal', NULL, story.hash('hash-1'), NULL, 'en');
RESET ROLE;
UPDATE auth.verification SET expires_at = now() WHERE user_id = (SELECT id FROM auth.users WHERE email = 'hal@example.com');
SET ROLE auth_edge;
SELECT story.answer(auth_api.verification_verify_email(story.caller(), story.token('verify_email', 'hal@example.com'), NULL));
SELECT refusal FROM auth_api.verification_send(story.caller(), '{"email":"hal@example.com"}');
SELECT story.answer(auth_api.verification_verify_email(story.caller(), story.token('verify_email', 'hal@example.com'), NULL));

-- A change of address: a mail to the new one. The same address is refused; a taken one gets the same answer and no mail.
SELECT refusal FROM auth_api.user_change_email(story.caller('gil-1'), '{"newEmail":"GIL@example.com"}');
SELECT story.proves('gil-1');
SELECT story.answer(auth_api.user_change_email(story.caller('gil-1'), '{"newEmail":"GIL@example.com"}'));
SELECT story.answer(auth_api.user_change_email_v1(story.caller('gil-1'), '{"newEmail":"gil@example.com"}'));
SELECT story.answer(auth_api.user_change_email(story.caller('gil-1'), '{"newEmail":"hal@example.com"}'));
SELECT kind FROM story.mails('hal@example.com') WHERE kind = 'change_email';
SELECT story.answer(auth_api.user_change_email_v1(story.caller('gil-1'), '{"newEmail":"Gilbert@example.com","callbackURL":"/x"}'));
SELECT * FROM story.mails('gilbert@example.com');
SELECT story.answer(auth_api.user_change_email(story.caller(), '{"newEmail":"x@example.com"}'));

-- A reset link to the old address, asked for before the change, dies with it. The browser keeps its session.
SELECT refusal FROM auth_api.password_request_reset(story.caller(), '{"email":"gil@example.com"}');
SELECT story.token('reset_password', 'gil@example.com') AS reset \gset
SELECT story.answer(auth_api.verification_verify_email(story.caller('gil-1'), story.token('change_email', 'gilbert@example.com'), '/x'));
SELECT story.answer(auth_api.password_reset(story.caller(), :'reset', story.hash('hash-2'), 'better-auth'));
SELECT kind FROM story.mails('gil@example.com') WHERE kind = 'email_changed';
SELECT event_type, story.mask(metadata::text) FROM story.events('gilbert@example.com');

-- The new address is taken between the mail and its link.
SELECT refusal FROM auth_api.user_change_email(story.caller('gil-1'), '{"newEmail":"late@example.net"}');
SELECT refusal FROM auth_api.sign_up(story.caller(), 'late@example.net', 'L', NULL, story.hash('hash-1'), NULL, NULL);
SELECT story.answer(auth_api.verification_verify_email(story.caller('gil-1'), story.token('change_email', 'late@example.net'), '/x'));

-- A link of the legacy service verifies the address of an account that is not younger, and opens no session.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'ina@example.com', 'Ina', NULL, story.hash('hash-1'), NULL, NULL);
-- The database accepts such links until a time that the edge cannot set.
SET mana_auth.legacy_links_until = '2999-12-31';
SELECT story.answer(auth_api.verification_verify_email_legacy(story.caller(), 'ina@example.com', extract(epoch FROM now())::bigint + 3601, '/'));
RESET ROLE;
SELECT set_config('mana_auth.legacy_links_until', to_char(now() AT TIME ZONE 'UTC' - interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), false) <> '';
SET ROLE auth_edge;
SELECT story.answer(auth_api.verification_verify_email_legacy(story.caller(), 'ina@example.com', extract(epoch FROM now())::bigint + 3601, '/'));
RESET ROLE;
SET mana_auth.legacy_links_until = 'tomorrow';
SET mana_auth.legacy_links_until = '2999-12-31 00:00:00';
SELECT set_config('mana_auth.legacy_links_until', to_char(now() AT TIME ZONE 'UTC' + interval '1 hour', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), false) <> '';
SET ROLE auth_edge;
SELECT story.answer(auth_api.verification_verify_email_legacy(story.caller(), 'ina@example.com', extract(epoch FROM now())::bigint + 1800, '/'));
SELECT story.answer(auth_api.verification_verify_email_legacy(story.caller(), 'ina@example.com', extract(epoch FROM now())::bigint + 3601, '/'));
SELECT story.sessions('ina@example.com');
SELECT story.answer(auth_api.verification_verify_email_legacy(story.caller(), 'ina@example.com', extract(epoch FROM now())::bigint + 60, NULL));
SELECT story.answer(auth_api.verification_verify_email_legacy(story.caller(), 'nobody@example.com', extract(epoch FROM now())::bigint + 60, '/'));
-- One that is over, and one that never ends.
SELECT story.answer(auth_api.verification_verify_email_legacy(story.caller(), 'ina@example.com', extract(epoch FROM now())::bigint - 1, '/'));
SELECT story.answer(auth_api.verification_verify_email_legacy(story.caller(), 'ina@example.com', NULL, NULL));
