-- The first proof of an address ends whatever somebody else may have put into the account before it.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.77';
SET mana_auth.signup_duplicate = 'conceal';

-- Everything that could outlive the proof, put into an account behind the scene; and what of it is left.
CREATE FUNCTION story.burden(address text, with_vault boolean DEFAULT true) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  u constant text := story.id_of(address);
  d bytea;
BEGIN
  d := sha256(convert_to(address, 'UTF8'));
  INSERT INTO auth.sessions (user_id, token_digest, expires_at, proved_at, proof) VALUES (u, sha256(convert_to('stolen ' || address, 'UTF8')), now() + interval '1 day', now(), 'passkey');
  INSERT INTO auth.passkeys (public_key, user_id, credential_id, device_type) VALUES ('k', u, address, 'singleDevice');
  INSERT INTO auth.passkey_challenges (cookie_digest, challenge_digest, ceremony, user_id) VALUES (d, d, 'registration', u);
  INSERT INTO auth.api_keys (user_id, name, key_prefix, key_digest) VALUES (u, 'key', 'abcdefgh', d);
  INSERT INTO auth.two_factor_auth (user_id, by_mail) VALUES (u, true);
  UPDATE auth.users x SET two_factor_enabled = true WHERE x.id = u;
  INSERT INTO auth.two_factor_backup_codes (user_id, digest) VALUES (u, d);
  INSERT INTO auth.two_factor_challenges (digest, user_id, proven, remember, expires_at) VALUES (d, u, 'password', true, now() + interval '5 minutes');
  INSERT INTO auth.two_factor_codes (bearer, user_id, digest, expires_at) VALUES (d, u, d, now() + interval '5 minutes');
  INSERT INTO auth.trusted_devices (user_id, token_digest, expires_at) VALUES (u, d, now() + interval '1 day');
  INSERT INTO auth.known_devices (user_id, digest) VALUES (u, d);
  INSERT INTO auth.accounts (account_id, provider_id, user_id) VALUES (address, 'elsewhere', u);
  INSERT INTO auth.oauth_clients (id, name, auth_method, redirect_uris) VALUES ('first-proof', 'C', 'none', '{https://c.example/}') ON CONFLICT DO NOTHING;
  INSERT INTO auth.oauth_consents (user_id, client_id, scopes) VALUES (u, 'first-proof', '{openid}');
  INSERT INTO auth.oauth_grants (user_id, client_id, scopes, sid, auth_time) VALUES (u, 'first-proof', '{openid}', 'sid', now());
  INSERT INTO auth.organizations (id, name, slug) VALUES ('org of ' || address, 'O', 'org-of-' || replace(address, '@', '-at-'));
  INSERT INTO auth.members (organization_id, user_id, role) VALUES ('org of ' || address, u, 'member');
  PERFORM auth.verification_issue('change-email', u, auth.json_object('email', address, 'newEmail', 'mine@evil.example'), interval '1 hour');
  PERFORM auth.verification_issue('delete-account', u, auth.json_object('email', address), interval '1 hour');
  PERFORM auth.identity_assume(u); -- as an import leaves it
  INSERT INTO auth.encryption_vaults (user_id, wrapped_mk, wrap_iv, format_version, kek_id, commitment)
  SELECT u, w.wrapped_mk, w.wrap_iv, w.format_version, w.kek_id, w.commitment FROM auth.vault_mint(u) w WHERE with_vault;
END
$$;
CREATE FUNCTION story.left_over(address text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  u constant text := story.id_of(address);
  at text;
  n bigint;
  found text[] := '{}';
BEGIN
  PERFORM auth.identity_assume('*');
  FOREACH at IN ARRAY ARRAY['sessions', 'passkeys', 'passkey_challenges', 'api_keys', 'two_factor_auth', 'two_factor_backup_codes',
      'two_factor_challenges', 'two_factor_codes', 'trusted_devices', 'known_devices', 'oauth_consents', 'oauth_grants', 'members', 'encryption_vaults', 'verification', 'accounts'] LOOP
    EXECUTE format('SELECT count(*) FROM auth.%I x WHERE x.user_id = $1%s', at,
                   CASE at WHEN 'verification' THEN ' AND x.identifier NOT LIKE ''done-%''' ELSE '' END) INTO n USING u;
    IF n > 0 THEN
      found := found || (at || ' ' || n);
    END IF;
  END LOOP;
  RETURN array_to_string(found, ', ') || (SELECT CASE WHEN x.two_factor_enabled THEN ', second factor' ELSE '' END FROM auth.users x WHERE x.id = u);
END
$$;
CREATE FUNCTION story.password_of(address text) RETURNS TABLE (password text, version integer, in_browser boolean) LANGUAGE sql SECURITY DEFINER AS $$
  SELECT story.word(auth.password_challenge(a.password)), a.password_version, a.browser_digest IS NOT NULL FROM auth.accounts a WHERE a.user_id = story.id_of(address);
$$;
CREATE FUNCTION story.proof_of_session(address text) RETURNS TABLE (proof text, is_proved boolean) LANGUAGE sql SECURITY DEFINER AS $$
  SELECT s.proof, s.proved_at IS NOT NULL FROM auth.sessions s WHERE s.user_id = story.id_of(address);
$$;
CREATE FUNCTION story.browser(cookie text) RETURNS bytea LANGUAGE sql AS 'SELECT sha256(convert_to(cookie, ''UTF8''))';
SET ROLE auth_edge;

-- Eve signs up with Vera's address, then Vera does. The answers differ in nothing but the id, which is another one each time.
SELECT story.answer(auth_api.sign_up(story.caller(), 'vera@proof.example', 'Eve', NULL, story.hash('hash-of-eve'), NULL, 'de'));
SELECT story.token('verify_email', 'vera@proof.example') AS of_eve \gset
SELECT l.challenge AS eves_challenge FROM auth_api.sign_in_lookup(story.caller(), 'vera@proof.example') l \gset
SELECT story.answer(auth_api.sign_up(story.caller(), 'Vera@proof.example', 'Vera', NULL, story.hash('hash-of-vera'), '/home', 'en'));
SELECT * FROM story.password_of('vera@proof.example');
SELECT * FROM story.mails('vera@proof.example');
-- Eve's link is dead. Vera's, opened by a program, confirms the newest sign-up.
SELECT story.answer(auth_api.verification_verify_email(story.caller(), :'of_eve', NULL));
SELECT story.answer(story.sign_in('vera@proof.example'));
SELECT story.token('verify_email', 'vera@proof.example') AS of_vera \gset
SELECT story.answer(auth_api.verification_verify_email(story.caller(fresh => 'proof-vera'), :'of_vera', NULL));
SELECT * FROM story.password_of('vera@proof.example');
SELECT story.sessions('vera@proof.example');
-- An output that was computed from Eve's challenge just before signs nobody in.
SELECT story.answer(auth_api.sign_in_finish(story.caller(), 'vera@proof.example', :'eves_challenge', story.output(:'eves_challenge'), NULL, true, NULL, 'better-auth'));
-- Opened again, the link goes to its callback and gives nothing else; without one it says so.
SELECT story.answer(auth_api.verification_verify_email(story.caller(), :'of_vera', '/home'));
SELECT story.answer(auth_api.verification_open(story.caller(), :'of_vera', '/home', NULL, NULL, NULL));
SELECT story.answer(auth_api.verification_finish(story.caller(), :'of_vera', '/home', NULL, NULL, NULL, NULL, story.hash('hash-x')));
SELECT story.answer(auth_api.verification_verify_email(story.caller(), :'of_vera', NULL));
SELECT story.sessions('vera@proof.example'), p.password FROM story.password_of('vera@proof.example') p;
-- Now that she has proven it, a sign-up with the address changes nothing, and looks the same.
SELECT story.answer(auth_api.sign_up(story.caller(fresh => 'proof-eve'), 'vera@proof.example', 'Eve', NULL, story.hash('hash-of-eve'), NULL, 'de', true));
SELECT * FROM story.password_of('vera@proof.example');
SELECT kind, args FROM story.mails('vera@proof.example') WHERE kind = 'existing_account';

-- Will signs up in a browser: there the link needs no password. In any other one, and without a cookie, it does, and it stays good.
SELECT story.answer(auth_api.sign_up(story.caller(fresh => 'eves browser'), 'will@proof.example', 'Eve', NULL, story.hash('hash-of-eve'), NULL, 'en', true));
SELECT story.answer(auth_api.sign_up(story.caller(fresh => 'wills desk'), 'will@proof.example', 'Will', NULL, story.hash('hash-of-will'), NULL, 'en', true));
SELECT story.token('verify_email', 'will@proof.example') AS link \gset
SELECT cookie, asks FROM (VALUES (NULL), ('wills phone'), ('eves browser'), ('wills desk')) x (cookie),
       LATERAL auth_api.verification_page(story.caller(), :'link', story.browser(cookie));
SELECT story.answer(auth_api.verification_open(story.caller(), :'link', '/home', NULL, NULL, NULL));
SELECT story.answer(auth_api.verification_open(story.caller(), :'link', '/home', NULL, NULL, story.browser('eves browser')));
SELECT story.answer(auth_api.verification_open(story.caller(fresh => 'proof-will'), :'link', '/home', NULL, NULL, story.browser('wills desk')));
SELECT * FROM story.password_of('will@proof.example');

-- An app's sign-up has no cookie: nobody's missing cookie is taken for it.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'xena@proof.example', 'Xena', NULL, story.hash('hash-of-xena'), NULL, 'en');
SELECT story.burden('xena@proof.example');
SELECT story.left_over('xena@proof.example');
SELECT story.token('verify_email', 'xena@proof.example') AS link \gset
SELECT asks FROM auth_api.verification_page(story.caller(), :'link', NULL);
SELECT story.answer(auth_api.verification_open(story.caller(), :'link', '/home', NULL, NULL, NULL));
-- The chosen password completes it: a wrong one counts and leaves the link, an output of another challenge is not
-- compared. The session has a proof.
SELECT story.word(l.challenge), l.locked_seconds, l.email, l.name FROM auth_api.verification_lookup(story.caller(), :'link') l;
SELECT l.challenge FROM auth_api.verification_lookup(story.caller(), :'link') l \gset
SELECT story.answer(auth_api.verification_finish(story.caller(), :'link', '/home', NULL, NULL, :'challenge', story.wrong(), NULL));
SELECT story.answer(auth_api.verification_finish(story.caller(), :'link', '/home', NULL, NULL, :'challenge', NULL, NULL));
SELECT story.answer(auth_api.verification_finish(story.caller(), :'link', '/home', NULL, NULL, :'eves_challenge', story.output(:'eves_challenge'), NULL));
SELECT story.answer(auth_api.verification_finish(story.caller(), :'link', '/home', NULL, NULL, NULL, NULL, NULL));
SELECT story.answer(auth_api.verification_finish(story.caller(fresh => 'proof-xena'), :'link', '/home', NULL, NULL, :'challenge', story.output(:'challenge'), NULL));
SELECT story.proof_of_session('xena@proof.example');
SELECT story.left_over('xena@proof.example'), p.password FROM story.password_of('xena@proof.example') p;
SELECT event_type, metadata FROM story.events('xena@proof.example') ORDER BY 1;

-- A new password on that page ends the chosen one.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'yves@proof.example', 'Eve', NULL, story.hash('hash-of-eve'), NULL, 'en');
SELECT story.burden('yves@proof.example');
SELECT story.token('verify_email', 'yves@proof.example') AS link \gset
SELECT story.answer(auth_api.verification_finish(story.caller(fresh => 'proof-yves'), :'link', '/home', NULL, NULL, NULL, NULL, story.hash('hash-of-yves')));
SELECT story.left_over('yves@proof.example');
SELECT story.proof_of_session('yves@proof.example');
SELECT * FROM story.password_of('yves@proof.example');

-- Programs, magic links and resets as first proof: nothing from before is left, but for the password that was confirmed or just set.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'abel@proof.example', 'Abel', NULL, story.hash('hash-of-abel'), NULL, 'en');
SELECT story.burden('abel@proof.example');
SELECT refusal FROM auth_api.verification_verify_email(story.caller(fresh => 'proof-abel'), story.token('verify_email', 'abel@proof.example'), NULL);
SELECT story.left_over('abel@proof.example'), p.password FROM story.password_of('abel@proof.example') p;

SELECT refusal FROM auth_api.sign_up(story.caller(), 'beth@proof.example', 'Eve', NULL, story.hash('hash-of-eve'), NULL, 'en');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'beth@proof.example', NULL, NULL, NULL, NULL, 'en');
SELECT story.burden('beth@proof.example');
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'proof-beth'), story.token('magic_link', 'beth@proof.example'), '/in', NULL, '/', 'en'));
SELECT story.left_over('beth@proof.example');

SELECT refusal FROM auth_api.sign_up(story.caller(), 'cleo@proof.example', 'Eve', NULL, story.hash('hash-of-eve'), NULL, 'en');
SELECT story.token('verify_email', 'cleo@proof.example') AS verify \gset
SELECT refusal FROM auth_api.password_request_reset(story.caller(), '{"email":"cleo@proof.example"}');
SELECT story.burden('cleo@proof.example');
SELECT story.answer(auth_api.password_reset(story.caller(), story.token('reset_password', 'cleo@proof.example'), story.hash('hash-of-cleo'), 'better-auth'));
SELECT story.left_over('cleo@proof.example'), p.* FROM story.password_of('cleo@proof.example') p;
SELECT event_type, metadata FROM story.events('cleo@proof.example') ORDER BY 1;
SELECT story.answer(auth_api.verification_verify_email(story.caller(), :'verify', NULL));
SELECT story.answer(story.sign_in('cleo@proof.example', 'proof-cleo'));

-- The vault stays for who gives the password that the account was made with besides the proof of the address, and for nobody who signed
-- up later. Its end is in the trail.
RESET ROLE;
CREATE FUNCTION story.vault_trail(address text) RETURNS TABLE (action text, context text) LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM auth.identity_assume('*');
  RETURN QUERY SELECT a.action::text, a.context FROM auth.encryption_vault_audit a WHERE a.user_id = story.id_of(address) ORDER BY a.created_at;
END
$$;
SET ROLE auth_edge;
SELECT (auth_api.sign_up(story.caller(), n || '@proof.example', n, NULL, story.hash('hash-of-' || n), NULL, 'en')).refusal FROM unnest('{imre,jane}'::text[]) n;
SELECT story.burden(n || '@proof.example') FROM unnest('{imre,jane}'::text[]) n;
SELECT refusal FROM auth_api.sign_up(story.caller(), 'jane@proof.example', 'Jane', NULL, story.hash('hash-of-jane'), NULL, 'en');
SELECT n, (auth_api.verification_finish(story.caller(), story.token('verify_email', n || '@proof.example'), '/home', NULL, NULL, l.challenge, story.output(l.challenge), NULL)).refusal,
       story.left_over(n || '@proof.example')
  FROM unnest('{imre,jane}'::text[]) n, auth_api.verification_lookup(story.caller(), story.token('verify_email', n || '@proof.example')) l;
SELECT n, t.* FROM unnest('{imre,jane,beth}'::text[]) n, story.vault_trail(n || '@proof.example') t;

-- Until then, a session of the account (there is none, unless somebody puts one there) changes no address, accepts nothing and
-- makes no vault.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'dora@proof.example', 'Dora', NULL, story.hash('hash-of-dora'), NULL, 'en');
SELECT story.burden('dora@proof.example', false);
SELECT story.answer(auth_api.user_change_email(story.caller('stolen dora@proof.example'), '{"newEmail":"mine@evil.example"}'));
CALL story.vault('init', story.caller('stolen dora@proof.example'));

-- Beyond the limit of mails to one address a sign-up still takes the older one's place. The newest link stays, proves the
-- address, and keeps no password that it is not of.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'emil@proof.example', 'Emil', NULL, story.hash('hash-of-emil'), NULL, 'en');
SELECT refusal FROM auth_api.sign_up(story.caller(), 'emil@proof.example', 'Emil', NULL, story.hash('hash-of-emil'), NULL, 'en');
SELECT refusal FROM auth_api.sign_up(story.caller(), 'emil@proof.example', 'Emil', NULL, story.hash('hash-of-emil'), NULL, 'en');
SELECT story.answer(auth_api.sign_up(story.caller(fresh => 'eves browser'), 'emil@proof.example', 'Eve', NULL, story.hash('hash-of-eve'), NULL, 'en', true));
SELECT count(*) FROM story.mails('emil@proof.example');
SELECT * FROM story.password_of('emil@proof.example');
SELECT story.answer(auth_api.verification_verify_email(story.caller(fresh => 'proof-emil'), story.token('verify_email', 'emil@proof.example'), '/'));
SELECT * FROM story.password_of('emil@proof.example');
-- In the browser of the newest sign-up, or with its password, that link completes it.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'fay@proof.example', 'Eve', NULL, story.hash('hash-of-eve'), NULL, 'en');
SELECT refusal FROM auth_api.sign_up(story.caller(), 'fay@proof.example', 'Eve', NULL, story.hash('hash-of-eve'), NULL, 'en');
SELECT refusal FROM auth_api.sign_up(story.caller(), 'fay@proof.example', 'Eve', NULL, story.hash('hash-of-eve'), NULL, 'en');
SELECT refusal FROM auth_api.sign_up(story.caller(fresh => 'fays desk'), 'fay@proof.example', 'Fay', NULL, story.hash('hash-of-fay'), NULL, 'en', true);
SELECT story.answer(auth_api.verification_open(story.caller(fresh => 'proof-fay'), story.token('verify_email', 'fay@proof.example'), '/', NULL, NULL, story.browser('fays desk')));
SELECT * FROM story.password_of('fay@proof.example');
RESET ROLE;
DELETE FROM auth.oauth_clients WHERE id = 'first-proof';
DELETE FROM auth.organizations WHERE id LIKE 'org of %@proof.example';
DELETE FROM auth.users WHERE email LIKE '%@proof.example';
