-- Step-up authentication: which sessions hold a proof of identity, for what, and how long.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.61';

-- What the rule says to a session: `go on`, or the methods that its user has.
CREATE FUNCTION story.step_up(cookie text, purpose text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  c constant auth.caller := story.caller(cookie);
  r constant auth.reply := auth.step_up_refusal(c, auth.session_find(c), purpose);
BEGIN
  RETURN COALESCE(r.refusal || COALESCE(' ' || r.body, ''), 'go on');
END
$$;
CREATE FUNCTION story.proof(cookie text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
  SELECT s.proof FROM auth.sessions s WHERE s.token_digest = sha256(convert_to(cookie, 'UTF8'));
$$;
-- Time passes for a session.
CREATE FUNCTION story.ages(cookie text, age interval) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE auth.sessions s SET created_at = now() - age, proved_at = now() - age, mail_proved_at = mail_proved_at - age
   WHERE s.token_digest = sha256(convert_to(cookie, 'UTF8'));
$$;

SET ROLE auth_edge;
SELECT story.member('stef@example.com', 'Stef');

-- A sign-in with the password is a proof, for ten minutes.
SELECT refusal FROM story.sign_in('stef@example.com', 'stef-1');
SELECT story.proof('stef-1'), story.step_up('stef-1', 'change-email'), story.step_up('stef-1', 'vault-rotate');
RESET ROLE;
SELECT story.ages('stef-1', '9 minutes 59 seconds');
SELECT story.step_up('stef-1', 'change-email');
SELECT story.ages('stef-1', '10 minutes');
SELECT story.step_up('stef-1', 'change-email');

-- A session that is over proves nothing, and a purpose that does not exist is a mistake of the caller.
SELECT story.step_up('stef-0', 'change-email');
SELECT story.step_up('stef-1', 'make-coffee');

-- The refusal is an event of the user: one of a session and a purpose in a day, however often it is repeated.
SELECT count(story.step_up('stef-1', purpose)) FROM unnest('{change-email,change-email,change-email,passkey}'::text[]) purpose;
SELECT event_type, story.mask(metadata::text) FROM story.events('stef@example.com') WHERE event_type = 'STEP_UP_REQUIRED';
UPDATE auth.security_events SET created_at = created_at - interval '1 day' WHERE user_id = story.id_of('stef@example.com');
SELECT story.step_up('stef-1', 'change-email');
SET ROLE auth_edge;
SELECT refusal FROM story.sign_in('stef@example.com', 'stef-9');
RESET ROLE;
SELECT story.ages('stef-9', '1 hour');
SELECT story.step_up('stef-9', 'change-email'), story.step_up('stef-9', 'change-email');
SELECT metadata ->> 'purpose' AS purpose, count(*), count(DISTINCT metadata ->> 'session') AS sessions
  FROM story.events('stef@example.com') WHERE event_type = 'STEP_UP_REQUIRED' GROUP BY 1 ORDER BY 1;

-- An installation with old vault clients exempts the vault, but not the restore of a wrap.
SET mana_auth.step_up = 'account';
SELECT purpose, story.step_up('stef-1', purpose) FROM unnest(auth.step_up_purposes()) purpose;
RESET mana_auth.step_up;
SELECT purpose, story.step_up('stef-1', purpose) FROM unnest(auth.step_up_purposes()) purpose;
SET mana_auth.step_up = 'vault';

-- A link in a mail is no proof of somebody who has a password.
SET ROLE auth_edge;
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'stef@example.com', NULL, NULL, NULL, NULL, 'en');
SELECT refusal FROM auth_api.magic_link_verify(story.caller(fresh => 'stef-2'), story.token('magic_link', 'stef@example.com'), NULL, NULL, NULL, 'en');
SELECT story.proof('stef-2'), story.step_up('stef-2', 'change-email');

-- It is one of somebody who has nothing else, until they set a password.
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'linda@example.com', NULL, NULL, NULL, NULL, 'en');
SELECT refusal FROM auth_api.magic_link_verify(story.caller(fresh => 'linda-1'), story.token('magic_link', 'linda@example.com'), NULL, NULL, NULL, 'en');
SELECT story.proof('linda-1'), story.step_up('linda-1', 'change-email'), story.step_up('linda-1', 'passkey');
RESET ROLE;
SELECT story.ages('linda-1', '10 minutes');
SELECT story.step_up('linda-1', 'change-email');
SELECT story.ages('linda-1', '1 minute');
INSERT INTO auth.accounts (account_id, provider_id, user_id, password)
  SELECT id, 'credential', id, 'hash-1' FROM auth.users WHERE email = 'linda@example.com';
SELECT story.step_up('linda-1', 'change-email');

-- The link that confirms a new account is no proof of its password.
SELECT refusal FROM auth_api.sign_up(story.caller(), 'verity@example.com', 'Vera', NULL, story.hash('hash-1'), NULL, 'en');
SELECT refusal FROM auth_api.verification_verify_email(story.caller(fresh => 'verity-1'), story.token('verify_email', 'verity@example.com'), NULL);
SELECT story.proof('verity-1'), story.step_up('verity-1', 'two-factor');

-- A second factor that is set up afterwards makes the password alone worth too little, and a mail too.
UPDATE auth.users SET two_factor_enabled = true WHERE email = 'stef@example.com';
INSERT INTO auth.two_factor_auth (user_id, by_mail) SELECT id, true FROM auth.users WHERE email = 'stef@example.com';
SELECT story.ages('stef-1', '1 minute');
SELECT story.step_up('stef-1', 'change-email');
SELECT story.step_up('stef-1', 'two-factor');
SELECT auth.step_up_prove(s.id, 'password') FROM auth.sessions s WHERE s.token_digest = sha256('stef-1');
SELECT auth.step_up_prove(s.id, 'second-factor') FROM auth.sessions s WHERE s.token_digest = sha256('stef-1');
SELECT story.proof('stef-1'), story.step_up('stef-1', 'change-email'), story.step_up('stef-1', 'two-factor');
SELECT auth.step_up_prove(s.id, 'password') FROM auth.sessions s WHERE s.token_digest = sha256('stef-1');
SELECT story.proof('stef-1');

-- A session that has ended cannot be proven.
SELECT auth.step_up_prove('nobody', 'password');
