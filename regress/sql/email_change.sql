-- A change of address: it opens no session, ends with the session that requested it, and can be reverted from the old address.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.62';
-- The token that a session has requested: by the API, and around its limit of mails.
CREATE FUNCTION story.link(cookie text, address text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
  SELECT auth.verification_issue('change-email', u.id, json_build_object('email', u.email, 'newEmail', address), '1 hour', s.id)
    FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id WHERE s.token_digest = sha256(convert_to(cookie, 'UTF8'));
$$;
CREATE FUNCTION story.asked_link(cookie text, address text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF (auth_api.user_change_email(story.caller(cookie), jsonb_build_object('newEmail', address))).refusal IS NOT NULL THEN
    RETURN NULL;
  END IF;
  RETURN story.token('change_email', address);
END
$$;
CREATE FUNCTION story.opens(token text, fresh text DEFAULT NULL) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT story.answer(auth_api.verification_verify_email(story.caller(fresh => fresh), token, '/changed'));
$$;
CREATE FUNCTION story.reverts(token text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT story.answer(auth_api.email_change_revert(story.caller(), token));
$$;
CREATE FUNCTION story.changes(address text) RETURNS TABLE (old_email text, new_email text, reverted boolean) LANGUAGE sql SECURITY DEFINER AS $$
  SELECT x.old_email, x.new_email, x.reverted_at IS NOT NULL FROM auth.email_changes x JOIN auth.users u ON u.id = x.user_id
   WHERE u.email = address ORDER BY x.changed_at;
$$;

SET ROLE auth_edge;
SELECT story.member('ann@chg.example', 'Ann');
SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-1');
SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-2');
SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-3');

-- However a session ends, the change that it requested ends with it.
SELECT story.asked_link('chg-1', 'ann1@chg.example') AS token \gset
SELECT refusal FROM auth_api.session_sign_out(story.caller('chg-1'), '{}');
SELECT story.opens(:'token');
SELECT story.link('chg-2', 'ann2@chg.example') AS token \gset
SELECT refusal FROM auth_api.session_revoke_others(story.caller('chg-3'), '{}');
SELECT story.opens(:'token');
SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-4');
SELECT story.link('chg-4', 'ann3@chg.example') AS token \gset
SELECT refusal FROM auth_api.session_revoke(story.caller('chg-3'), jsonb_build_object('token', story.handle('chg-4')));
SELECT story.opens(:'token');
SELECT story.link('chg-3', 'ann4@chg.example') AS token \gset
SELECT refusal FROM auth_api.session_revoke_all(story.caller('chg-3'), '{}');
SELECT story.opens(:'token');
SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-5');
SELECT story.link('chg-5', 'ann5@chg.example') AS token \gset
RESET ROLE;
SELECT auth.end_sessions('ann@chg.example') > 0;
SET ROLE auth_edge;
SELECT story.opens(:'token');
SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-6');
SELECT story.link('chg-6', 'ann6@chg.example') AS token \gset
RESET ROLE;
UPDATE auth.sessions SET expires_at = now() - interval '1 second' WHERE token_digest = sha256('chg-6');
SET ROLE auth_edge;
SELECT story.opens(:'token');
SET mana_auth.session_limit = 1;
SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-7');
SELECT story.link('chg-7', 'ann7@chg.example') AS token \gset
SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-8');
SELECT story.opens(:'token');
RESET mana_auth.session_limit;
SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-9');
SELECT story.link('chg-9', 'ann8@chg.example') AS token \gset
SELECT refusal FROM auth_api.password_change(story.caller('chg-8'), story.challenge('chg-8'), story.right('chg-8'), story.hash('hash-2'), NULL, false, 'better-auth');
SELECT story.opens(:'token');
SELECT email FROM auth_api.password_lookup(story.caller('chg-8'));

-- So does the link that deletes the account.
SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-10');
RESET ROLE;
UPDATE auth.sessions SET proved_at = now() - interval '1 hour' WHERE token_digest = sha256('chg-10');
SET ROLE auth_edge;
SELECT story.answer(auth_api.user_delete(story.caller('chg-10'), NULL, NULL, NULL, '/bye', 'better-auth'));
SELECT story.token('delete_account', 'ann@chg.example') AS token \gset
SELECT refusal FROM auth_api.session_sign_out(story.caller('chg-10'), '{}');
SELECT story.answer(auth_api.user_delete_callback(story.caller('chg-8'), jsonb_build_object('token', :'token')));

-- The link changes the address, opens no session, and ends every session but the one that requested it. Again it does nothing.
SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-11');
SELECT story.asked_link('chg-11', 'thief@chg.example') AS token \gset
SELECT story.opens(:'token', 'chg-stolen');
SELECT story.opens(:'token', 'chg-stolen');
SELECT story.answer(auth_api.verification_verify_email(story.caller(fresh => 'chg-stolen'), :'token', NULL));
SELECT story.answer(auth_api.session_get(story.caller('chg-stolen'), '{}'));
SELECT story.sessions('thief@chg.example'), story.handle('chg-8') IS NULL AS other_ended, story.handle('chg-11') IS NOT NULL AS own_lives;
SELECT * FROM story.mails('ann@chg.example') WHERE kind = 'email_changed';
SELECT story.token('email_changed', 'ann@chg.example') AS revert \gset

-- Nobody else gets the old address meanwhile, and nobody learns why.
SELECT story.answer(auth_api.sign_up(story.caller(), 'ann@chg.example', 'Other', NULL, story.hash('hash-1'), NULL, 'en'));
SELECT kind FROM story.mails('ann@chg.example') WHERE kind IN ('verify_email', 'existing_account');
SET mana_auth.signup_duplicate = 'conflict';
SELECT refusal FROM auth_api.sign_up(story.caller(), 'ann@chg.example', 'Other', NULL, story.hash('hash-1'), NULL, 'en');
RESET mana_auth.signup_duplicate;
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'ann@chg.example', NULL, NULL, NULL, NULL, 'en');
SELECT location FROM auth_api.magic_link_verify(story.caller(fresh => 'chg-x'), story.token('magic_link', 'ann@chg.example'), NULL, NULL, '/', 'en');
SELECT story.member('other@chg.example', 'Other');
SELECT refusal FROM story.sign_in('other@chg.example', 'chg-other');
SELECT story.answer(auth_api.user_change_email(story.caller('chg-other'), '{"newEmail":"ann@chg.example"}'));
SELECT count(*) FROM story.mails('ann@chg.example') WHERE kind = 'change_email';
RESET ROLE;
SELECT count(*) FROM auth.users WHERE email = 'ann@chg.example';

-- The thief settles in: another change, a passkey, a second factor, an API key.
INSERT INTO auth.passkeys (public_key, user_id, credential_id, device_type) VALUES ('k', story.id_of('thief@chg.example'), 'chg-passkey', 'singleDevice');
INSERT INTO auth.two_factor_auth (user_id, by_mail) VALUES (story.id_of('thief@chg.example'), true);
UPDATE auth.users SET two_factor_enabled = true WHERE email = 'thief@chg.example';
SELECT story.proves('chg-11', 'second-factor');
SET ROLE auth_edge;
SELECT refusal FROM auth_api.api_key_create(story.caller('chg-11'), '{"name":"k"}');
SELECT story.link('chg-11', 'thief2@chg.example') AS token \gset
SELECT story.opens(:'token');
SELECT story.token('email_changed', 'thief@chg.example') AS thiefs \gset
SELECT story.link('chg-11', 'thief3@chg.example') AS pending \gset
SELECT * FROM story.changes('thief2@chg.example');

-- The revert restores the first address, ends everything since, tells the address that is given up, and mails a link to a new password.
SELECT story.reverts('made-up');
SELECT story.reverts(:'revert');
SELECT story.reverts(:'revert');
SELECT story.reverts(:'thiefs');
SELECT story.opens(:'pending');
SELECT story.sessions('ann@chg.example');
SELECT * FROM story.changes('ann@chg.example');
SELECT kind FROM story.mails('thief2@chg.example') WHERE kind = 'email_reverted';
SELECT kind, args FROM story.mails('ann@chg.example') WHERE kind = 'reset_password';
SELECT (SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-12'));
RESET ROLE;
SELECT u.two_factor_enabled, (SELECT count(*) FROM auth.passkeys p WHERE p.user_id = u.id) AS passkeys,
       (SELECT count(*) FROM auth.api_keys k WHERE k.user_id = u.id AND k.revoked_at IS NULL) AS api_keys
  FROM auth.users u WHERE u.email = 'ann@chg.example';
SET ROLE auth_edge;
SELECT refusal FROM auth_api.password_reset(story.caller(), story.token('reset_password', 'ann@chg.example'), story.hash('hash-3'), 'better-auth');
SELECT refusal FROM story.sign_in('ann@chg.example', 'chg-13');
SELECT event_type FROM story.events('ann@chg.example') WHERE event_type LIKE 'EMAIL_CHANGE%' ORDER BY 1;

-- After a week the address is free, and the link is worth nothing.
SELECT story.link('chg-13', 'ann9@chg.example') AS token \gset
SELECT story.opens(:'token');
SELECT story.token('email_changed', 'ann@chg.example') AS revert \gset
RESET ROLE;
UPDATE auth.email_changes SET expires_at = now() - interval '1 second' WHERE user_id = story.id_of('ann9@chg.example');
SET ROLE auth_edge;
SELECT story.reverts(:'revert');
SELECT story.member('ann@chg.example', 'Another Ann');
RESET ROLE;
SELECT auth.sweep() > 0;
SELECT count(*) FROM story.changes('ann9@chg.example');

-- An erasure ends the revert, and the address that could have reverted learns of it.
SET ROLE auth_edge;
SELECT story.link('chg-13', 'ann10@chg.example') AS token \gset
SELECT story.opens(:'token');
SELECT story.token('email_changed', 'ann9@chg.example') AS revert \gset
SELECT refusal FROM auth_api.user_delete(story.caller('chg-13'), NULL, NULL, NULL, NULL, 'better-auth');
SELECT story.reverts(:'revert');
SELECT kind FROM story.mails('ann9@chg.example');
RESET ROLE;
SELECT count(*) FROM auth.email_changes WHERE 'ann9@chg.example' IN (old_email, new_email);

-- The thief prepares before the change: everything since the session that requested it began ends with a revert, and in any case that of
-- the 7 days before. What the owner had longer stays: the old mailbox alone must not remove a second factor.
CREATE FUNCTION story.has_factor(address text, app interval, by_mail boolean, codes interval, shown interval DEFAULT NULL) RETURNS void
LANGUAGE sql SECURITY DEFINER AS $$
  DELETE FROM auth.two_factor_auth WHERE user_id = story.id_of(address);
  DELETE FROM auth.two_factor_backup_codes WHERE user_id = story.id_of(address);
  INSERT INTO auth.two_factor_auth (user_id, secret, confirmed_at, shown_at, by_mail, created_at)
  VALUES (story.id_of(address), auth.totp_new(auth.two_factor_context(story.id_of(address))), now() - app, now() - COALESCE(shown, app), by_mail, now() - CASE WHEN by_mail THEN '1 year' ELSE app END);
  INSERT INTO auth.two_factor_backup_codes (user_id, digest, created_at) VALUES (story.id_of(address), 'code', now() - codes);
  UPDATE auth.users SET two_factor_enabled = true WHERE email = address;
$$;
CREATE FUNCTION story.began(cookie text, age interval) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE auth.sessions SET created_at = now() - age WHERE token_digest = sha256(convert_to(cookie, 'UTF8'));
$$;
CREATE FUNCTION story.factor(address text) RETURNS TABLE (enabled boolean, app boolean, by_mail boolean, codes bigint) LANGUAGE sql SECURITY DEFINER AS $$
  SELECT u.two_factor_enabled, f.confirmed_at IS NOT NULL, f.by_mail, (SELECT count(*) FROM auth.two_factor_backup_codes b WHERE b.user_id = u.id)
    FROM auth.users u LEFT JOIN auth.two_factor_auth f ON f.user_id = u.id WHERE u.email = address;
$$;
-- A session of a certain age changes the address; then the old address reverts.
CREATE FUNCTION story.takeover(name text, age interval) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  old constant text := name || '@chg.example';
BEGIN
  PERFORM story.began(name, age);
  PERFORM story.opens(story.link(name, name || '-thief@chg.example'));
  RETURN array_to_string(ARRAY(SELECT story.reverts(story.token('email_changed', old))), ' ');
END
$$;
SET ROLE auth_edge;
SELECT story.member(n || '@chg.example', n), story.sign_in(n || '@chg.example', n) IS NOT NULL
  FROM unnest('{before,month,shown,both,codes}'::text[]) n;
-- Set up just before the change, from a session of a minute.
SELECT story.has_factor('before@chg.example', '2 days', false, '2 days');
SELECT story.takeover('before', '1 minute');
SELECT * FROM story.factor('before@chg.example');
-- Set up three weeks ago, from a session of a month.
SELECT story.has_factor('month@chg.example', '21 days', false, '21 days');
SELECT story.takeover('month', '30 days');
SELECT * FROM story.factor('month@chg.example');
-- An old factor whose secret was shown again yesterday may have been copied.
SELECT story.has_factor('shown@chg.example', '1 year', false, '1 year', '1 day');
SELECT story.takeover('shown', '1 hour');
SELECT * FROM story.factor('shown@chg.example');
-- Where codes by mail are older than the app, they stay.
SELECT story.has_factor('both@chg.example', '1 day', true, '1 year');
SELECT story.takeover('both', '1 hour');
SELECT * FROM story.factor('both@chg.example');
-- Backup codes that were made yesterday end, and the old app stays.
SELECT story.has_factor('codes@chg.example', '1 year', false, '1 day');
SELECT story.takeover('codes', '1 hour');
SELECT * FROM story.factor('codes@chg.example');
-- Codes by mail that the thief added beside an old app end, and the app stays: they would go to a mailbox that the thief may read.
SELECT story.member('beside@chg.example', 'Beside');
SELECT refusal FROM story.sign_in('beside@chg.example', 'beside-0');
SELECT story.has_factor('beside@chg.example', '1 year', false, '1 year');
SELECT story.proves('beside-0', 'second-factor');
SELECT refusal FROM auth_api.two_factor_enable(story.caller('beside-0', 'beside'), story.challenge('beside-0'), story.right('beside-0'), 'otp', 'mana');
SELECT * FROM story.factor('beside@chg.example');
SELECT story.takeover('beside', '1 hour');
SELECT * FROM story.factor('beside@chg.example');
-- Choosing them again changes nothing about codes by mail that are old.
SELECT story.member('again@chg.example', 'Again');
SELECT refusal FROM story.sign_in('again@chg.example', 'again-0');
SELECT story.has_factor('again@chg.example', '1 year', true, '1 year');
SELECT story.proves('again-0', 'second-factor');
SELECT refusal FROM auth_api.two_factor_enable(story.caller('again-0', 'again'), story.challenge('again-0'), story.right('again-0'), 'otp', 'mana');
SELECT story.takeover('again', '1 hour');
SELECT * FROM story.factor('again@chg.example');
RESET ROLE;

-- Seeing the secret and making backup codes leave their time.
SET ROLE auth_edge;
SELECT story.member('seer@chg.example', 'Seer');
SELECT refusal FROM story.sign_in('seer@chg.example', 'seer');
SELECT refusal FROM auth_api.two_factor_enable(story.caller('seer'), story.challenge('seer'), story.right('seer'), 'totp', 'mana');
RESET ROLE;
SELECT f.shown_at = f.created_at AS shown, b.made FROM auth.two_factor_auth f, LATERAL (
  SELECT bool_and(b.created_at = f.created_at) AS made FROM auth.two_factor_backup_codes b WHERE b.user_id = f.user_id) b
 WHERE f.user_id = story.id_of('seer@chg.example');
UPDATE auth.two_factor_auth SET shown_at = NULL WHERE user_id = story.id_of('seer@chg.example');
SET ROLE auth_edge;
SELECT refusal FROM auth_api.two_factor_totp_uri(story.caller('seer'), story.challenge('seer'), story.wrong(), 'mana');
RESET ROLE;
SELECT shown_at FROM auth.two_factor_auth WHERE user_id = story.id_of('seer@chg.example');
SET ROLE auth_edge;
SELECT refusal FROM auth_api.two_factor_totp_uri(story.caller('seer'), story.challenge('seer'), story.right('seer'), 'mana');
RESET ROLE;
SELECT shown_at IS NOT NULL FROM auth.two_factor_auth WHERE user_id = story.id_of('seer@chg.example');

-- An administrator's thief made a client and an invitation: the client is disabled, the invitation canceled. An older client stays.
SET ROLE auth_edge;
SELECT story.member('boss@chg.example', 'Boss');
SELECT refusal FROM story.sign_in('boss@chg.example', 'boss');
RESET ROLE;
INSERT INTO auth.organizations (id, name, slug) VALUES ('chg-org', 'Org', 'chg-org');
INSERT INTO auth.members (organization_id, user_id, role) VALUES ('chg-org', story.id_of('boss@chg.example'), 'owner');
INSERT INTO auth.invitations (organization_id, email, role, inviter_id)
  VALUES ('chg-org', 'friend@chg.example', 'admin', story.id_of('boss@chg.example'));
INSERT INTO auth.oauth_clients (id, name, auth_method, redirect_uris, created_by, created_at)
  SELECT 'chg-' || a, a, 'none', '{https://a.example/cb}', story.id_of('boss@chg.example'), now() - age FROM (VALUES ('new', interval '1 day'), ('old', '8 days')) v (a, age);
-- A consent from before that was widened since ends like one that was given since.
INSERT INTO auth.oauth_consents (user_id, client_id, scopes, created_at, updated_at)
  SELECT story.id_of('boss@chg.example'), 'chg-' || a, '{openid}', now() - interval '60 days', now() - age FROM (VALUES ('new', interval '1 day'), ('old', '8 days')) v (a, age);
SET ROLE auth_edge;
SELECT story.takeover('boss', '1 hour');
RESET ROLE;
SELECT client_id FROM auth.oauth_consents WHERE user_id = story.id_of('boss@chg.example');
SET ROLE auth_edge;
RESET ROLE;
SELECT email, status FROM auth.invitations WHERE organization_id = 'chg-org' ORDER BY 1;
SELECT id, disabled FROM auth.oauth_clients WHERE id LIKE 'chg-%' ORDER BY 1;
DELETE FROM auth.oauth_clients WHERE id LIKE 'chg-%';

-- Where the old address has got another account, past the reservation, the link is refused and nothing changes.
SET ROLE auth_edge;
SELECT story.member('lost@chg.example', 'Lost');
SELECT refusal FROM story.sign_in('lost@chg.example', 'lost');
SELECT story.opens(story.link('lost', 'lost-thief@chg.example'));
SELECT story.token('email_changed', 'lost@chg.example') AS revert \gset
RESET ROLE;
INSERT INTO auth.users (name, email) VALUES ('Import', 'lost@chg.example');
SET ROLE auth_edge;
SELECT story.reverts(:'revert');
RESET ROLE;
SELECT story.sessions('lost-thief@chg.example');
DELETE FROM auth.users WHERE email = 'lost@chg.example';
SET ROLE auth_edge;
SELECT story.reverts(:'revert');
RESET ROLE;
