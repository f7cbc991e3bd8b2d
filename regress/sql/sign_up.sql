-- Signing up.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.16';
SET mana_auth.erasure_services = 'credits,';
SET ROLE auth_edge;

-- Ada signs up. The address is kept in lower case, and she is not signed in before it is verified.
SELECT story.answer(auth_api.sign_up(story.caller(), 'Ada@Example.com', 'Ada', NULL, story.hash('hash-1'), '/welcome', 'en'));
SELECT * FROM story.mails('ada@example.com');
SELECT * FROM story.events('ada@example.com');

-- The credits service is promised two calls, the second after the first; the address goes as it was typed.
SELECT * FROM story.calls('ada@example.com');

-- Where the edge knows no mana-credits, nothing is promised; a DBA tells it later of those who signed up meanwhile.
SET mana_auth.erasure_services = ',subscriptions';
SELECT (auth_api.sign_up(story.caller(), 'quiet@example.com', 'Quiet', NULL, story.hash('hash-q'), NULL, 'en')).refusal;
SET mana_auth.erasure_services = 'credits,';
RESET ROLE;
SELECT count(*) FROM auth.outbound_calls o JOIN auth.users u ON u.id = o.user_id WHERE u.email = 'quiet@example.com';
SET ROLE auth_admin;
SELECT auth.credits_tell_since(now()) AS nobody, auth.credits_tell_since(u.created_at) >= 1 AS told FROM auth.user_overview u WHERE u.email = 'quiet@example.com';
RESET ROLE;
SELECT path FROM auth.outbound_calls o JOIN auth.users u ON u.id = o.user_id WHERE u.email = 'quiet@example.com' ORDER BY path;
DELETE FROM auth.users WHERE email = 'quiet@example.com';
SET ROLE auth_edge;

-- Once she has proven it, Eve signs up with the same address: the same answer, about nobody. Its owner gets a mail, and nothing
-- else happens. (Before the proof: first_proof.sql.)
SELECT status FROM auth_api.verification_verify_email(story.caller(), story.token('verify_email', 'ada@example.com'), '/welcome');
SELECT story.answer(auth_api.sign_up(story.caller(), 'ADA@example.com', 'Eve', 'https://eve/x.png', story.hash('hash-2'), NULL, 'de'));
SELECT * FROM story.mails('ada@example.com');
SELECT * FROM story.events('ada@example.com');
RESET ROLE;
SELECT name, email, email_verified, image, locale FROM auth.users WHERE email = 'ada@example.com';
SELECT provider_id, auth.password_challenge(password), account_id = user_id AS of_the_user FROM auth.accounts
 WHERE user_id = (SELECT id FROM auth.users WHERE email = 'ada@example.com');
SELECT count(*) AS decoys FROM auth.verification WHERE user_id IS NULL AND identifier NOT LIKE 'done-%';
SELECT count(*) AS calls FROM story.calls('ada@example.com');

-- Where an instance prefers to say it, it is said.
SET ROLE auth_edge;
SET mana_auth.signup_duplicate = 'conflict';
SELECT story.answer(auth_api.sign_up(story.caller(), 'ada@example.com', 'Eve', NULL, story.hash('hash-2'), NULL, NULL));
RESET mana_auth.signup_duplicate;

-- No limit, and then one that the accounts made today reach.
SELECT story.answer(auth_api.signup_status(story.caller(), '{}'));
RESET ROLE;
SELECT count(*) + 1 AS most FROM auth.security_events WHERE event_type = 'REGISTER' \gset
SET ROLE auth_edge;
SET mana_auth.signup_daily_max = :most;
SELECT refusal FROM auth_api.sign_up(story.caller(), 'last@example.com', 'Last', NULL, story.hash('hash-1'), NULL, NULL);
SELECT (body::json -> 'registrationOpen')::text AS open, (body::json -> 'spotsRemaining')::text AS spots
  FROM auth_api.signup_status(story.caller(), '{}');
SELECT story.answer(auth_api.sign_up(story.caller(), 'late@example.com', 'Late', NULL, story.hash('hash-1'), NULL, NULL));

-- Deleting an account frees no place.
SELECT status FROM auth_api.verification_verify_email(story.caller(fresh => 'last'), story.token('verify_email', 'last@example.com'), '/');
SELECT story.proves('last');
SELECT story.answer(auth_api.user_delete(story.caller('last'), NULL, NULL, NULL, NULL, 'better-auth'));
SELECT story.answer(auth_api.sign_up(story.caller(), 'late@example.com', 'Late', NULL, story.hash('hash-1'), NULL, NULL));
