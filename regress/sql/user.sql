-- A user's own account.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.18';
SET ROLE auth_edge;
SELECT story.member('kim@example.com', 'Kim');
SELECT refusal FROM story.sign_in('kim@example.com', 'kim-1');

-- Name and picture can be set, and the picture taken away. Nothing else; it is refused by its name.
SELECT story.answer(auth_api.user_update(story.caller('kim-1'), '{"name":"Kim K","image":"https://x/y.png"}'));
SELECT story.answer(auth_api.user_update(story.caller('kim-1'), '{"email":"x@example.com"}'));
SELECT story.answer(auth_api.user_update(story.caller('kim-1'), '{"name":"K","accessTier":"founder"}'));
SELECT story.answer(auth_api.user_update(story.caller('kim-1'), '{}'));
SELECT story.answer(auth_api.user_update(story.caller(), '{"name":"x"}'));
SELECT story.answer(auth_api.user_update_v1(story.bearer('kim@example.com'), '{"image":null}'));
SELECT story.answer(auth_api.user_update_v1(story.bearer('kim@example.com'), '{}'));

-- The profile, by the cookie and by the access JWT.
SELECT story.answer(auth_api.user_profile(story.caller('kim-1'), '{}'));
SELECT story.answer(auth_api.user_profile(story.bearer('kim@example.com'), '{}'));
SELECT story.answer(auth_api.user_profile(story.caller(), '{}'));

-- The ways in: one, which cannot be unlinked.
SELECT story.answer(auth_api.account_list(story.caller('kim-1'), '{}'));
SELECT story.answer(auth_api.account_unlink(story.caller('kim-1'), '{"providerId":"credential","accountId":"x"}'));
RESET ROLE;
INSERT INTO auth.accounts (account_id, provider_id, user_id, scope)
  SELECT 'kim-elsewhere', 'elsewhere', id, 'openid,email' FROM auth.users WHERE email = 'kim@example.com';
SET ROLE auth_edge;
SELECT story.answer(auth_api.account_unlink(story.caller('kim-1'), '{"providerId":"elsewhere","accountId":"other"}'));
SELECT story.answer(auth_api.account_unlink(story.caller('kim-1'), '{"providerId":"elsewhere","accountId":"kim-elsewhere"}'));

-- Clients of 1.7 name the row. Nothing is unlinked in a session that is older than a day; the list of sessions stays shut too.
RESET ROLE;
INSERT INTO auth.accounts (id, account_id, provider_id, user_id)
  SELECT 'account-row', 'kim-again', 'elsewhere', id FROM auth.users WHERE email = 'kim@example.com';
UPDATE auth.sessions SET created_at = now() - interval '25 hours', proved_at = proved_at - interval '25 hours' WHERE token_digest = sha256('kim-1');
SET ROLE auth_edge;
SELECT story.answer(auth_api.account_unlink(story.caller('kim-1'), '{"accountId":"account-row"}'));
SELECT story.answer(auth_api.session_list(story.caller('kim-1'), '{}'));
RESET ROLE;
UPDATE auth.sessions SET created_at = now(), proved_at = now() WHERE token_digest = sha256('kim-1');
SET ROLE auth_edge;
SELECT story.answer(auth_api.account_unlink(story.caller('kim-1'), '{"accountId":"kim-again"}'));

-- No provider can be asked about any of them.
SELECT story.answer(auth_api.account_tokens(story.caller('kim-1'), '{"accountId":"account-row"}'));
SELECT story.answer(auth_api.account_info(story.caller('kim-1'), '{"accountId":"account-row"}'));
SELECT story.answer(auth_api.account_info(story.caller('kim-1'), '{"accountId":"kim-again"}'));
SELECT story.answer(auth_api.account_info(story.caller('kim-1'), '{"accountId":"account-row","useAccountCookie":true}'));
SELECT story.answer(auth_api.account_tokens(story.caller('kim-1'), '{}'));
SELECT story.answer(auth_api.account_tokens(story.caller('kim-1'), '{"useAccountCookie":true}'));
SELECT story.answer(auth_api.account_tokens(story.caller(), '{"accountId":"account-row"}'));
SELECT story.answer(auth_api.account_unlink(story.caller('kim-1'), '{"accountId":"account-row"}'));

-- What happened, newest first, to the one it happened to.
SELECT body::json -> 0 ->> 'event_type', json_array_length(body::json)
  FROM auth_api.security_event_list(story.bearer('kim@example.com'), '{"limit":"3"}');
SELECT story.answer(auth_api.security_event_list(story.caller(), '{}'));

-- Deleting: a wrong password; a session that is no longer fresh; the same with a page to come back to, which gets a mail.
SELECT story.answer(auth_api.user_delete(story.caller('kim-1'), story.challenge('kim-1'), story.wrong(), NULL, NULL, 'better-auth'));
SELECT story.answer(auth_api.user_delete(story.caller('kim-1'), story.challenge('kim-1'), story.wrong(), NULL, NULL, 'v1'));
RESET ROLE;
UPDATE auth.sessions SET created_at = now() - interval '25 hours', proved_at = proved_at - interval '25 hours' WHERE token_digest = sha256('kim-1');
SET ROLE auth_edge;
SELECT story.answer(auth_api.user_delete(story.caller('kim-1'), NULL, NULL, NULL, NULL, 'better-auth'));
SELECT story.answer(auth_api.user_delete(story.caller('kim-1'), NULL, NULL, NULL, '/bye', 'better-auth'));
SELECT story.answer(auth_api.user_delete(story.caller('kim-1'), NULL, NULL, 'made-up', NULL, 'better-auth'));

-- The link of that mail needs the session of the same user, and is not used up by anybody else's.
SELECT story.token('delete_account', 'kim@example.com') AS token \gset
SELECT story.member('lea@example.com', 'Lea');
SELECT refusal FROM story.sign_in('lea@example.com', 'lea-1');
SELECT story.answer(auth_api.user_delete_callback(story.caller(), jsonb_build_object('token', :'token')));
SELECT story.answer(auth_api.user_delete_callback(story.caller('lea-1'), jsonb_build_object('token', :'token')));
RESET ROLE;
SELECT id AS kim FROM auth.users WHERE email = 'kim@example.com' \gset
SET ROLE auth_edge;
SELECT story.answer(auth_api.user_delete_callback(story.caller('kim-1'), jsonb_build_object('token', :'token', 'callbackURL', '/bye')));

-- Nothing is left but the trail, a last mail, and that it was.
RESET ROLE;
SELECT count(*) FROM auth.users WHERE email = 'kim@example.com';
SELECT count(*) FROM auth.sessions WHERE user_id = :'kim';
SELECT count(*) FROM auth.login_attempts WHERE email = 'kim@example.com';
SELECT kind FROM auth.outbox WHERE recipient = 'kim@example.com' AND state = 'pending';
SELECT DISTINCT user_id AS pseudonym FROM auth.security_events WHERE event_type = 'PROFILE_UPDATED' AND user_id LIKE 'erased-%' \gset
SELECT story.mask(user_id), event_type, ip_address, user_agent, metadata FROM auth.security_events
 WHERE user_id IN (:'kim', :'pseudonym') AND event_type IN ('ACCOUNT_DELETED', 'REGISTER', 'PROFILE_UPDATED') ORDER BY 2, 1;
SELECT story.mask(user_id), action, ip_address, user_agent FROM auth.encryption_vault_audit WHERE user_id IN (:'kim', :'pseudonym');

-- By the password, and by a fresh session.
SET ROLE auth_edge;
SELECT story.answer(auth_api.user_delete(story.caller('lea-1'), story.challenge('lea-1'), story.right('lea-1'), NULL, NULL, 'v1'));
SELECT story.member('max@example.com', 'Max');
SELECT refusal FROM story.sign_in('max@example.com', 'max-1');
SELECT story.answer(auth_api.user_delete(story.caller('max-1'), NULL, NULL, NULL, NULL, 'better-auth'));
SELECT story.answer(auth_api.session_get(story.caller('max-1'), '{}'));

-- What a session can repeat at will leaves one event in ten minutes; so does what strangers can ask of an address.
SET ROLE auth_edge;
SELECT story.member('repeat@example.com', 'Repeat');
SELECT refusal FROM story.sign_in('repeat@example.com', 'repeat-1');
SELECT count(auth_api.user_update(story.caller('repeat-1'), jsonb_build_object('name', 'Repeat ' || n))) FROM generate_series(1, 20) n;
SELECT refusal FROM auth_api.sign_up(story.caller(), 'again@example.com', 'Again', NULL, story.hash('hash-1'), NULL, 'en');
SELECT count(auth_api.sign_up(story.caller(), 'again@example.com', 'Again', NULL, story.hash('hash-1'), NULL, 'en')) FROM generate_series(1, 20) n;
SELECT count(story.sign_in('again@example.com')) FROM generate_series(1, 20) n;
SELECT count(auth_api.password_request_reset(story.caller(), '{"email":"repeat@example.com"}')) FROM generate_series(1, 20) n;
RESET ROLE;
SELECT event_type, metadata, count(*) FROM story.events('repeat@example.com') GROUP BY 1, 2
UNION ALL SELECT event_type, metadata, count(*) FROM story.events('again@example.com') GROUP BY 1, 2 ORDER BY 1, 2;
