-- Passkeys: what the database decides about an answer. The story `passkey_verify` has real signatures; here a stand-in takes the
-- outcome of the verification from the answer, and `key-1` stands for any key.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.41';
RESET ROLE;
SELECT pg_get_functiondef('auth.passkey_verify'::regproc) AS passkey_verify \gset
CREATE OR REPLACE FUNCTION auth.passkey_verify(
    public_key text, client_data bytea, authenticator_data bytea, signature bytea, rp_id text, origins text,
    OUT outcome text, OUT challenge_digest bytea, OUT counter bigint, OUT user_verified boolean, OUT backed_up boolean)
  LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT a ->> 'outcome', client_data, (a ->> 'counter')::bigint, (a ->> 'verified')::boolean, false
    FROM CAST(convert_from(authenticator_data, 'UTF8') AS json) a
$$;
-- The challenge that the options hold, as the digest that the edge makes of what comes back.
CREATE FUNCTION story.challenge_of(r auth.reply) RETURNS bytea LANGUAGE sql AS
  $$ SELECT sha256(convert_to(r.body::json ->> 'challenge', 'UTF8')) $$;
-- Challenges and handles are of other letters than ids, and so are masked before these.
CREATE FUNCTION story.unchallenged(r auth.reply) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  r.body := regexp_replace(r.body, '"(challenge|id)":"[A-Za-z0-9_-]{43}"', '"\1":"<43>"', 'g');
  RETURN QUERY SELECT story.answer(r);
END $$;
CREATE FUNCTION story.registered(cookie text, credential text, key text DEFAULT 'key-1', challenge bytea DEFAULT NULL,
                                 called text DEFAULT NULL, session boolean DEFAULT false) RETURNS auth.reply LANGUAGE plpgsql AS $$
DECLARE
  asked constant auth.reply := auth_api.passkey_register_options(
    story.caller(cookie, 'ties ' || credential), 'mana.how', 'Mana', NULL, NULL);
BEGIN
  IF asked.refusal IS NOT NULL THEN
    RETURN asked;
  END IF;
  RETURN auth_api.passkey_register(
    story.caller(cookie, 'new ' || credential), sha256(convert_to('ties ' || credential, 'UTF8')),
    COALESCE(challenge, story.challenge_of(asked)), credential, key, 0, 'multiDevice', true, 'internal,hybrid',
    '00000000-0000-0000-0000-000000000000', called, session);
END $$;
CREATE FUNCTION story.signs_in(
    credential text, handle text DEFAULT NULL, counter bigint DEFAULT 0, outcome text DEFAULT 'valid', verified boolean DEFAULT true,
    dialect text DEFAULT 'better-auth', cookie text DEFAULT NULL, challenge bytea DEFAULT NULL, device text DEFAULT NULL) RETURNS auth.reply LANGUAGE plpgsql AS $$
DECLARE
  tie constant text := gen_random_uuid();
  asked constant auth.reply := auth_api.passkey_authenticate_options(story.caller(cookie, tie), 'mana.how');
BEGIN
  RETURN auth_api.passkey_sign_in(
    story.caller(cookie, 'in ' || tie), sha256(convert_to(tie, 'UTF8')), credential, COALESCE(challenge, story.challenge_of(asked)),
    convert_to(json_build_object('outcome', outcome, 'counter', counter, 'verified', verified)::text, 'UTF8'), 'signature', handle,
    'mana.how', 'https://mana.how', dialect, sha256(convert_to(device, 'UTF8')));
END $$;

SET ROLE auth_edge;
SELECT story.member('nia@example.com', 'Nia');
SELECT refusal FROM story.sign_in('nia@example.com', 'nia-1');
SELECT story.member('ole@example.com', 'Ole');
SELECT refusal FROM story.sign_in('ole@example.com', 'ole-1');
RESET ROLE;
SELECT id AS nia FROM auth.users WHERE email = 'nia@example.com' \gset
SELECT id AS ole FROM auth.users WHERE email = 'ole@example.com' \gset
SET ROLE auth_edge;

-- What a browser makes a passkey from, with and without wishes; nothing for who is not signed in.
SELECT story.unchallenged(auth_api.passkey_register_options(story.caller('nia-1', 'tie-1'), 'mana.how', 'Mana', NULL, NULL));
SELECT story.unchallenged(auth_api.passkey_register_options(story.caller('nia-1', 'tie-2'), 'mana.how', 'Mana', 'Key', 'cross-platform'));
SELECT story.answer(auth_api.passkey_register_options(story.caller(), 'mana.how', 'Mana', NULL, NULL));
-- At rest there are digests of the cookie and of the challenge.
RESET ROLE;
SELECT octet_length(challenge_digest), ceremony, user_id = :'nia', expires_at BETWEEN now() + '4 min' AND now() + '5 min'
  FROM auth.passkey_challenges WHERE cookie_digest = sha256('tie-1');
SET ROLE auth_edge;

-- Kept, and listed; the browser is told not to make a second one.
SELECT story.answer(story.registered('nia-1', 'Y3JlZC0x', called => 'Laptop'));
SELECT story.unchallenged(auth_api.passkey_register_options(story.caller('nia-1', 'tie-3'), 'mana.how', 'Mana', NULL, NULL))
 LIMIT 2;
SELECT story.answer(auth_api.passkey_list(story.caller('nia-1'), '{}'));
SELECT story.answer(auth_api.passkey_list_v1(story.bearer('nia@example.com'), '{}'));
SELECT story.answer(auth_api.passkey_list_v1(story.caller(), '{}'));
SELECT kind, args FROM story.mails('nia@example.com') WHERE kind LIKE 'passkey%';
SELECT story.answer(auth_api.passkey_list(story.caller('ole-1'), '{}'));
SELECT story.answer(auth_api.passkey_list(story.caller(), '{}'));
-- With a session of its own, where a client asks for one.
SELECT story.answer(story.registered('nia-1', 'Y3JlZC0y', session => true));

-- Refused: what the edge could not verify, another challenge, a key that is known already, whoever has it.
SELECT story.answer(story.registered('nia-1', 'Y3JlZC0z', key => NULL));
SELECT story.answer(story.registered('nia-1', 'Y3JlZC0z', challenge => sha256('another')));
SELECT story.answer(story.registered('nia-1', 'Y3JlZC0x'));
SELECT story.answer(story.registered('ole-1', 'Y3JlZC0x'));
SELECT story.answer(story.registered('nobody', 'Y3JlZC0z'));
-- The challenge of a sign-in, of another user, one that is used, one that is old.
SELECT story.challenge_of(auth_api.passkey_authenticate_options(story.caller(NULL, 'tie-4'), 'mana.how')) AS challenge \gset
SELECT story.answer(auth_api.passkey_register(story.caller('nia-1'), sha256('tie-4'), :'challenge', 'Y3JlZC0z', 'key', 0,
                                              'singleDevice', false, '', '', '', false));
SELECT story.challenge_of(auth_api.passkey_register_options(story.caller('nia-1', 'tie-5'), 'mana.how', 'Mana', NULL, NULL)) AS challenge \gset
SELECT story.answer(auth_api.passkey_register(story.caller('ole-1'), sha256('tie-5'), :'challenge', 'Y3JlZC0z', 'key', 0,
                                              'singleDevice', false, '', '', '', false));
SELECT story.answer(auth_api.passkey_register(story.caller('nia-1'), sha256('tie-5'), :'challenge', 'Y3JlZC0z', 'key', 0,
                                              'singleDevice', false, '', '', '', false));
SELECT story.challenge_of(auth_api.passkey_register_options(story.caller('nia-1', 'tie-6'), 'mana.how', 'Mana', NULL, NULL)) AS challenge \gset
RESET ROLE;
UPDATE auth.passkey_challenges SET expires_at = now() - interval '1 second' WHERE cookie_digest = sha256('tie-6');
SET ROLE auth_edge;
SELECT story.answer(auth_api.passkey_register(story.caller('nia-1'), sha256('tie-6'), :'challenge', 'Y3JlZC0z', 'key', 0,
                                              'singleDevice', false, '', '', '', false));

-- A session that is a day old adds none; fifty are enough.
RESET ROLE;
UPDATE auth.sessions SET created_at = now() - interval '1 day', proved_at = proved_at - interval '1 day' WHERE token_digest = sha256('ole-1');
SET ROLE auth_edge;
SELECT story.answer(story.registered('ole-1', 'Y3JlZC0z'));
RESET ROLE;
UPDATE auth.sessions SET created_at = now(), proved_at = now() WHERE token_digest = sha256('ole-1');
INSERT INTO auth.passkeys (public_key, user_id, credential_id, device_type)
  SELECT 'key', :'ole', 'many-' || n, 'singleDevice' FROM generate_series(1, 49) n;
SET ROLE auth_edge;
SELECT refusal FROM story.registered('ole-1', 'the-50th');
SELECT story.answer(story.registered('ole-1', 'the-51st'));
RESET ROLE;
DELETE FROM auth.passkeys WHERE credential_id LIKE 'many-%';
SET ROLE auth_edge;

-- Anybody may ask to sign in, and learns nothing about anybody. Who is signed in is offered their own.
SELECT story.unchallenged(auth_api.passkey_authenticate_options(story.caller(NULL, 'tie-7'), 'mana.how'));
SELECT story.unchallenged(auth_api.passkey_authenticate_options(story.caller('nia-1', 'tie-8'), 'mana.how'));

-- Signed in, in both dialects.
SELECT story.answer(story.signs_in('Y3JlZC0x', :'nia'));
SELECT story.answer(story.signs_in('Y3JlZC0x', :'nia', dialect => 'v1'));
SELECT refusal, status FROM story.signs_in('Y3JlZC0x', :'nia', cookie => 'nia-1');
RESET ROLE;
SELECT last_used_at IS NOT NULL, backed_up FROM auth.passkeys WHERE credential_id = 'Y3JlZC0x';
SET ROLE auth_edge;

-- Refused: an unknown key, what does not verify, another challenge; another user's handle, none, somebody else's session.
SELECT story.answer(story.signs_in('dW5rbm93bg', :'nia'));
SELECT story.answer(story.signs_in('Y3JlZC0x', :'nia', outcome => 'bad_signature'));
SELECT story.answer(story.signs_in('Y3JlZC0x', :'nia', outcome => 'mismatch'));
SELECT story.answer(story.signs_in('Y3JlZC0x', :'nia', outcome => 'mismatch', dialect => 'v1'));
SELECT story.answer(story.signs_in('Y3JlZC0x', :'nia', challenge => sha256('another')));
SELECT story.answer(story.signs_in('Y3JlZC0x', :'ole'));
SELECT story.answer(story.signs_in('Y3JlZC0x'));
SELECT story.answer(story.signs_in('Y3JlZC0x', :'nia', cookie => 'ole-1'));
SELECT story.answer(auth_api.passkey_sign_in(story.caller(), sha256('tie-1'), 'Y3JlZC0x', 'x', '{}', 's', NULL, 'mana.how', '', 'v1', NULL));
-- The handle may be left out where the passkey was named, and where it was not kept.
SELECT refusal, status FROM story.signs_in('Y3JlZC0x', cookie => 'nia-1');
RESET ROLE;
UPDATE auth.passkeys SET user_handle = NULL WHERE credential_id = 'Y3JlZC0y';
SET ROLE auth_edge;
SELECT refusal, status FROM story.signs_in('Y3JlZC0y', 'random-of-the-service-before');

-- The counter: 0 does not count; from the first count on it must go up.
SELECT refusal, status FROM story.signs_in('Y3JlZC0x', :'nia', 7);
SELECT story.answer(story.signs_in('Y3JlZC0x', :'nia', 7));
SELECT story.answer(story.signs_in('Y3JlZC0x', :'nia', 0));
SELECT refusal, status FROM story.signs_in('Y3JlZC0x', :'nia', 4294967295);

-- An address that is not verified; a second factor, unless the authenticator has asked for one itself.
RESET ROLE;
UPDATE auth.users SET email_verified = false WHERE id = :'nia';
SET ROLE auth_edge;
SELECT story.answer(story.signs_in('Y3JlZC0y', 'x'));
RESET ROLE;
UPDATE auth.users SET email_verified = true, two_factor_enabled = true WHERE id = :'nia';
SET ROLE auth_edge;
SELECT story.answer(story.signs_in('Y3JlZC0y', 'x', verified => false)); -- enabled, and none there to show
RESET ROLE;
INSERT INTO auth.two_factor_auth (user_id, by_mail) VALUES (:'nia', true);
INSERT INTO auth.trusted_devices (user_id, token_digest, expires_at) VALUES (:'nia', sha256('trusted'), now() + interval '1 day');
SET ROLE auth_edge;
SELECT story.answer(story.signs_in('Y3JlZC0y', 'x', verified => false));
SELECT story.answer(story.signs_in('Y3JlZC0y', 'x', verified => false, dialect => 'v1'));
SELECT refusal, status, story.mask(cookies) FROM story.signs_in('Y3JlZC0y', 'x', verified => false, device => 'trusted');
SELECT refusal, status FROM story.signs_in('Y3JlZC0y', 'x', verified => true);

-- Renamed and deleted by its owner only.
RESET ROLE;
SELECT id AS passkey FROM auth.passkeys WHERE credential_id = 'Y3JlZC0x' \gset
SET ROLE auth_edge;
SELECT story.answer(auth_api.passkey_update(story.caller('ole-1'), jsonb_build_object('id', :'passkey', 'name', 'Mine')));
SELECT story.answer(auth_api.passkey_delete(story.caller('ole-1'), jsonb_build_object('id', :'passkey')));
SELECT story.answer(auth_api.passkey_update(story.caller(), jsonb_build_object('id', :'passkey', 'name', 'Mine')));
SELECT story.answer(auth_api.passkey_delete(story.caller(), jsonb_build_object('id', :'passkey')));
SELECT story.answer(auth_api.passkey_update(story.caller('nia-1'), jsonb_build_object('id', :'passkey', 'name', E' \t')));
SELECT story.answer(auth_api.passkey_update(story.caller('nia-1'), jsonb_build_object('id', :'passkey')));
SELECT body::json #>> '{passkey,name}' FROM auth_api.passkey_update(story.caller('nia-1'), jsonb_build_object('id', :'passkey', 'name', E' Old\n'));
SELECT body::json #>> '{passkey,name}' FROM auth_api.passkey_update(story.bearer('nia@example.com'), jsonb_build_object('id', :'passkey', 'friendlyName', 'Older'));
SELECT refusal FROM auth_api.passkey_delete(story.caller('nia-1'), jsonb_build_object('id', :'passkey'));
SELECT story.proves('nia-1', 'passkey');
SELECT story.answer(auth_api.passkey_delete(story.caller('nia-1'), jsonb_build_object('id', :'passkey')));
SELECT story.answer(auth_api.passkey_delete(story.caller('nia-1'), jsonb_build_object('id', :'passkey')));

-- Ten failures of one passkey in five minutes are enough, whoever makes them; others are not held up.
SELECT DISTINCT (story.signs_in('Y3JlZC0y', outcome => 'bad_signature', counter => n)).status FROM generate_series(1, 10) n;
SELECT story.answer(story.signs_in('Y3JlZC0y', 'x'));
SELECT refusal, status FROM story.signs_in('the-50th', :'ole');

-- What happened, for their owner. Expired challenges are swept; with the user everything goes.
SELECT event_type, metadata - 'passkeyId' AS metadata, count(*) FROM story.events('nia@example.com') WHERE event_type LIKE 'PASSKEY%'
 GROUP BY 1, 2 ORDER BY 1, 2;
RESET ROLE;
UPDATE auth.passkey_challenges SET expires_at = now() - interval '1 second';
SELECT auth.sweep() > 0;
SELECT count(*) FROM auth.passkey_challenges;
DELETE FROM auth.users WHERE id IN (:'nia', :'ole');
SELECT count(*) FROM auth.passkeys WHERE user_id IN (:'nia', :'ole');
:passkey_verify;
