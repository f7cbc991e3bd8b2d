-- Second factors: set up, asked for on every way in, used up, locked, given up.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.32';

-- An authenticator app: RFC 6238 with HMAC-SHA-1, from the URI that the user scanned. Its clock stands still while the story
-- is told, within what the service allows; `ahead` is in steps of half a minute.
SELECT set_config('story.now', now()::text, false) IS NOT NULL;
CREATE FUNCTION story.base32(encoded text) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
  bits text := '';
  bytes bytea := '';
BEGIN
  FOR i IN 1 .. length(encoded) LOOP
    bits := bits || (strpos('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', substr(encoded, i, 1)) - 1)::bit(5)::text;
  END LOOP;
  FOR i IN 0 .. length(bits) / 8 - 1 LOOP
    bytes := bytes || decode(lpad(to_hex(substr(bits, 8 * i + 1, 8)::bit(8)::integer), 2, '0'), 'hex');
  END LOOP;
  RETURN bytes;
END
$$;
CREATE FUNCTION story.app(uri text, ahead integer DEFAULT 0) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  step bigint := floor(extract(epoch FROM current_setting('story.now')::timestamptz) / 30)::bigint + ahead;
  mac bytea := hmac(decode(lpad(to_hex(step), 16, '0'), 'hex'), story.base32(substring(uri FROM 'secret=([A-Z2-7]+)')), 'sha1');
  nibble integer := get_byte(mac, 19) & 15;
BEGIN
  RETURN lpad(((((get_byte(mac, nibble) & 127)::bigint << 24) + (get_byte(mac, nibble + 1) << 16)
                + (get_byte(mac, nibble + 2) << 8) + get_byte(mac, nibble + 3)) % 1000000)::text, 6, '0');
END
$$;
-- Half a minute passes, for the codes of one user.
CREATE FUNCTION story.step_passes(address text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE auth.two_factor_auth f SET last_step = last_step - 2 FROM auth.users u WHERE u.id = f.user_id AND u.email = address;
$$;
CREATE FUNCTION story.digest(token text) RETURNS bytea LANGUAGE sql AS $$ SELECT sha256(convert_to(token, 'UTF8')) $$;
-- A code for the sign-in behind a token, or for a session.
CREATE FUNCTION story.show(method text, code text, challenge text DEFAULT NULL, cookie text DEFAULT NULL, fresh text DEFAULT NULL,
                           trust boolean DEFAULT false) RETURNS auth.reply LANGUAGE sql AS $$
  SELECT auth_api.two_factor_verify(story.caller(cookie, fresh), story.digest(challenge), method, code, trust, false);
$$;
CREATE FUNCTION story.sign_in_with(address text, fresh text, device text) RETURNS auth.reply LANGUAGE sql AS $$
  SELECT auth_api.sign_in_finish(story.caller(NULL, fresh), address, l.challenge, story.output(l.challenge), NULL, true, NULL,
                                 'better-auth', story.digest(device))
    FROM auth_api.sign_in_lookup(story.caller(), address) l;
$$;
CREATE FUNCTION story.device(r auth.reply) RETURNS text LANGUAGE sql AS $$ SELECT substring(r.cookies FROM 'trust_device (\w+) ') $$;

-- The codes of RFC 6238, appendix B, and the window of one step around them.
SELECT auth.totp_match(auth.seal('12345678901234567890', 'x'), 'x', code, at) AS step FROM (VALUES
  ('287082', timestamptz '1970-01-01 00:00:59+00'), ('081804', '2005-03-18 01:58:29+00'), ('050471', '2005-03-18 01:58:31+00'),
  ('005924', '2009-02-13 23:31:30+00'), ('279037', '2033-05-18 03:33:20+00'), ('353130', '2603-10-11 11:33:20+00'),
  ('287082', '1970-01-01 00:01:29+00'), ('287082', '1970-01-01 00:00:29+00'), ('287082', '1970-01-01 00:01:30+00'),
  ('287083', '1970-01-01 00:00:59+00'), ('28708', '1970-01-01 00:00:59+00'), ('', '1970-01-01 00:00:59+00'),
  ('2870820', '1970-01-01 00:00:59+00'), (E'28708\n', '1970-01-01 00:00:59+00')) AS rfc (code, at);
SELECT auth.totp_match(auth.seal('12345678901234567890', 'x'), 'y', '287082', now());
SELECT auth.totp_match(auth.seal('12345678901234567890', 'x'), 'x', '287082', 'infinity');

SET ROLE auth_edge;
SELECT story.member('tom@two.example', 'Tom');
SELECT refusal FROM story.sign_in('tom@two.example', 'two-tom-1');

-- Setting up: only with the password, and in force only when the app has shown a code.
SELECT story.answer(auth_api.two_factor_enable(story.caller(), NULL, story.wrong(), 'totp', 'Mana'));
SELECT story.answer(auth_api.two_factor_enable(story.caller('two-tom-1'), story.challenge('two-tom-1'), story.wrong(), 'totp', 'Mana'));
-- of an older password
SELECT story.answer(auth_api.two_factor_enable(story.caller('two-tom-1'), c.old, story.output(c.old), 'totp', 'Mana'))
  FROM (SELECT regexp_replace(story.hash('hash-0'), '[$][^$]*$', '') AS old) c;
SELECT body::json AS setup FROM auth_api.two_factor_enable(story.caller('two-tom-1'), story.challenge('two-tom-1'), story.right('two-tom-1'), 'totp', 'Mana') \gset
SELECT :'setup'::json ->> 'totpURI' AS uri, :'setup'::json #>> '{backupCodes,0}' AS backup, :'setup'::json #>> '{backupCodes,1}' AS backup2 \gset
SELECT json_object_keys(:'setup'), :'uri' ~ '^otpauth://totp/Mana:tom%40two.example\?secret=[A-Z2-7]{52}&issuer=Mana&digits=6&period=30$';
SELECT count(*), count(DISTINCT code), bool_and(code ~ '^[A-Za-z0-9]{5}-[A-Za-z0-9]{5}$') FROM json_array_elements_text(:'setup'::json -> 'backupCodes') code;
SELECT story.answer(story.sign_in('tom@two.example', 'two-tom-2'));
SELECT story.answer(story.show('totp', '000000', cookie => 'two-tom-1'));
SELECT story.answer(auth_api.two_factor_totp_uri(story.caller('two-tom-1'), story.challenge('two-tom-1'), story.right('two-tom-1'), 'Mana')) LIKE '%' || (:'uri'::text) || '%' AS same;
SELECT refusal FROM auth_api.two_factor_totp_uri(story.caller('two-tom-1'), story.challenge('two-tom-1'), story.wrong(), 'Mana');

-- The first right code: in force, and the session has another token.
SELECT story.answer(story.show('totp', story.app(:'uri'), cookie => 'two-tom-1', fresh => 'two-tom-3'));
SELECT story.answer(auth_api.session_get(story.caller('two-tom-1'), '{}'));
SELECT body LIKE '%"twoFactorEnabled":true%' FROM auth_api.session_get(story.caller('two-tom-3'), '{}');
SELECT kind FROM story.mails('tom@two.example') WHERE kind LIKE 'two_factor%';
SELECT refusal FROM auth_api.two_factor_enable(story.caller('two-tom-3'), story.challenge('two-tom-3'), story.right('two-tom-3'), 'totp', 'Mana');

-- Nothing in the tables shows a code or opens anything.
RESET ROLE;
SELECT count(*) FROM auth.two_factor_auth f, auth.two_factor_backup_codes b
 WHERE convert_from(story.base32(substring(:'uri' FROM 'secret=([A-Z2-7]+)')), 'UTF8') = ANY (ARRAY[encode(f.secret, 'escape')])
    OR b.digest IN (sha256(convert_to(:'backup', 'UTF8')), convert_to(:'backup', 'UTF8'));
SET ROLE auth_edge;

-- Every way in asks for it, in the shape of its dialect. Nobody is signed in.
SELECT story.answer(story.sign_in('tom@two.example', 'two-wait-1'));
SELECT story.answer(story.sign_in('tom@two.example', 'two-wait-2', remember => false, callback => '/home'));
SELECT story.answer(story.sign_in('tom@two.example', 'two-wait-3', dialect => 'v1'));
SELECT story.answer(auth_api.session_get(story.caller('two-wait-1'), '{}'));
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'tom@two.example', NULL, NULL, NULL, NULL, 'en');
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'two-wait-4'), story.token('magic_link', 'tom@two.example'), NULL, NULL, '/', 'en'));
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'tom@two.example', NULL, NULL, NULL, NULL, 'en');
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'two-wait-5'), story.token('magic_link', 'tom@two.example'), 'https://app.example/x?a=b', NULL, '/', 'en'));
SELECT refusal FROM auth_api.user_change_email(story.caller('two-tom-3'), '{"newEmail":"tomas@two.example"}');
SELECT story.answer(auth_api.verification_verify_email(story.caller(fresh => 'two-wait-6'), story.token('change_email', 'tomas@two.example'), '/done'));
SELECT refusal FROM auth_api.user_change_email(story.caller('two-tom-3'), '{"newEmail":"tom@two.example"}');
SELECT story.answer(auth_api.verification_verify_email(story.caller(fresh => 'two-wait-6'), story.token('change_email', 'tom@two.example'), NULL));
SELECT story.sessions('tom@two.example') AS of_setup;
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'tom@two.example', NULL, NULL, NULL, NULL, 'en');
SELECT refusal FROM auth_api.magic_link_verify(story.caller(fresh => 'two-wait-7'), story.token('magic_link', 'tom@two.example'), NULL, NULL, '/', 'en');

-- The code of the setup does not work again; the next one does, once; what the client chose at the password holds.
SELECT story.answer(story.show('totp', story.app(:'uri'), 'two-wait-7'));
SELECT story.step_passes('tom@two.example');
SELECT story.answer(story.show('totp', story.app(:'uri'), 'two-wait-7', fresh => 'two-tom-4'));
SELECT story.answer(story.show('totp', story.app(:'uri', 1), 'two-wait-7', fresh => 'two-tom-5'));
SELECT refusal FROM story.sign_in('tom@two.example', 'two-wait-8', remember => false);
SELECT story.answer(story.show('totp', story.app(:'uri'), 'two-wait-8'));
SELECT story.answer(story.show('totp', story.app(:'uri', 1), 'two-wait-8', fresh => 'two-tom-5'));
-- Signed in, a code is a mere check: the same answer, the same session, and the code is used up.
SELECT story.answer(story.show('totp', story.app(:'uri', 1), cookie => 'two-tom-5'));
SELECT story.step_passes('tom@two.example');
SELECT story.answer(story.show('totp', story.app(:'uri', 1), cookie => 'two-tom-5'));

-- Five wrong codes end a sign-in, whatever kind they are of: the right one comes too late.
SELECT refusal FROM story.sign_in('tom@two.example', 'two-wait-9');
SELECT (story.show('totp', '00000' || i, 'two-wait-9')).refusal FROM generate_series(1, 3) i;
SELECT (story.show('backup', 'aaaaa-bbbbb', 'two-wait-9')).refusal, (story.show('any', 'not even a code', 'two-wait-9')).refusal;
SELECT story.step_passes('tom@two.example');
SELECT story.answer(story.show('totp', story.app(:'uri'), 'two-wait-9'));
SELECT story.answer(story.show('totp', story.app(:'uri'), 'two-wait-9'));
SELECT story.answer(story.show('totp', story.app(:'uri')));

-- Ten in a row lock the second factor for 15 minutes, in every sign-in and for the session too; then the count goes on.
SELECT refusal FROM story.sign_in('tom@two.example', 'two-wait-10');
SELECT (story.show('totp', '00000' || i, 'two-wait-10')).refusal FROM generate_series(1, 5) i;
SELECT refusal FROM story.sign_in('tom@two.example', 'two-wait-11');
SELECT story.answer(story.show('totp', story.app(:'uri'), 'two-wait-11'));
SELECT story.answer(story.show('backup', :'backup', cookie => 'two-tom-5'));
RESET ROLE;
SELECT failures, date_trunc('minute', locked_until - now() + interval '1 second') FROM auth.two_factor_auth f JOIN auth.users u ON u.id = f.user_id WHERE u.email = 'tom@two.example';
UPDATE auth.two_factor_auth f SET locked_until = now(), failures = 19 FROM auth.users u WHERE u.id = f.user_id AND u.email = 'tom@two.example';
SET ROLE auth_edge;
SELECT story.answer(story.show('totp', '000000', 'two-wait-11'));
RESET ROLE;
SELECT failures, date_trunc('minute', locked_until - now() + interval '1 second') FROM auth.two_factor_auth f JOIN auth.users u ON u.id = f.user_id WHERE u.email = 'tom@two.example';
UPDATE auth.two_factor_auth f SET locked_until = now(), failures = 9999 FROM auth.users u WHERE u.id = f.user_id AND u.email = 'tom@two.example';
SET ROLE auth_edge;
SELECT (story.show('totp', '000000', 'two-wait-11')).refusal;
RESET ROLE;
SELECT failures, date_trunc('minute', locked_until - now() + interval '1 second') FROM auth.two_factor_auth f JOIN auth.users u ON u.id = f.user_id WHERE u.email = 'tom@two.example';
UPDATE auth.two_factor_auth f SET locked_until = now() FROM auth.users u WHERE u.id = f.user_id AND u.email = 'tom@two.example';
SET ROLE auth_edge;
SELECT refusal FROM story.show('totp', story.app(:'uri'), 'two-wait-11', fresh => 'two-tom-6');
RESET ROLE;
SELECT failures, locked_until FROM auth.two_factor_auth f JOIN auth.users u ON u.id = f.user_id WHERE u.email = 'tom@two.example';
SET ROLE auth_edge;

SELECT args FROM story.mails('tom@two.example') WHERE kind = 'two_factor_locked';

-- Codes are counted in shared memory as well, before they are compared: rolling back does not undo it. After twenty within a
-- quarter of an hour the right code comes too late.
SELECT refusal FROM story.sign_in('tom@two.example', 'two-wait-99');
DO $$
DECLARE
  answers text[] := '{}';
  refusal text;
BEGIN
  FOR i IN 1..25 LOOP
    BEGIN
      refusal := (story.show('totp', '00' || lpad(i::text, 4, '0'), 'two-wait-99')).refusal;
      RAISE EXCEPTION SQLSTATE 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
      answers := answers || refusal;
    END;
  END LOOP;
  RAISE NOTICE '%', (SELECT string_agg(format('%s %s', x.answer, x.n), ', ' ORDER BY x.n DESC)
                       FROM (SELECT a AS answer, count(*) AS n FROM unnest(answers) a GROUP BY a) x);
END
$$;
SELECT story.step_passes('tom@two.example');
SELECT refusal FROM story.show('totp', story.app(:'uri'), 'two-wait-99');
RESET ROLE;
SELECT auth.rate_limit_clear('code_guess', u.id) FROM auth.users u WHERE u.email = 'tom@two.example';
SET ROLE auth_edge;

-- Wrong codes of a session do not lock the second factor of its user: the tenth ends the session.
SELECT refusal FROM story.sign_in('tom@two.example', 'two-wait-98');
SELECT story.step_passes('tom@two.example');
SELECT refusal FROM story.show('totp', story.app(:'uri'), 'two-wait-98', fresh => 'two-tom-98');
SELECT (story.show('totp', '00000' || i, cookie => 'two-tom-98')).refusal FROM generate_series(0, 8) i;
SELECT story.step_passes('tom@two.example');
SELECT refusal FROM story.show('totp', story.app(:'uri'), cookie => 'two-tom-98');
SELECT count((story.show('totp', '00' || lpad(i::text, 4, '0'), cookie => 'two-tom-98')).refusal) FROM generate_series(1, 10) i;
SELECT story.step_passes('tom@two.example');
SELECT refusal FROM story.show('totp', story.app(:'uri'), cookie => 'two-tom-98');
RESET ROLE;
SELECT f.failures, f.locked_until FROM auth.two_factor_auth f JOIN auth.users u ON u.id = f.user_id WHERE u.email = 'tom@two.example';
SET ROLE auth_edge;

-- A backup code works once, and its use is told to the owner. New ones end the older ones.
SELECT refusal FROM story.sign_in('tom@two.example', 'two-wait-12');
SELECT story.answer(story.show('backup', :'backup', 'two-wait-12', fresh => 'two-tom-7'));
SELECT args FROM story.mails('tom@two.example') WHERE kind = 'backup_code_used';
SELECT refusal FROM story.sign_in('tom@two.example', 'two-wait-13');
SELECT refusal FROM story.show('backup', :'backup', 'two-wait-13');
SELECT story.answer(auth_api.two_factor_backup_codes(story.caller('two-tom-7'), story.challenge('two-tom-7'), story.wrong()));
SELECT body::json #>> '{backupCodes,0}' AS newer, json_array_length(body::json -> 'backupCodes') AS newer_count
  FROM auth_api.two_factor_backup_codes(story.caller('two-tom-7'), story.challenge('two-tom-7'), story.right('two-tom-7')) \gset
SELECT refusal FROM story.show('backup', :'backup2', 'two-wait-13');
SELECT story.answer(auth_api.two_factor_verify(story.caller(), story.digest('two-wait-13'), 'backup', :'newer', false, true)) LIKE 'body     {"user":%' AS no_session;

-- A browser that is trusted is not asked; its cookie changes with each sign-in, and only the newest counts.
SELECT story.step_passes('tom@two.example');
SELECT story.show('totp', story.app(:'uri'), 'two-wait-13', fresh => 'two-tom-8', trust => true) AS trusted \gset
SELECT story.answer((:'trusted')::auth.reply);
SELECT story.device((:'trusted')::auth.reply) AS device \gset
SELECT story.sign_in_with('tom@two.example', 'two-tom-9', :'device') AS trusted \gset
SELECT story.answer((:'trusted')::auth.reply);
SELECT story.answer(story.sign_in_with('tom@two.example', 'two-wait-14', :'device'));
SELECT story.device((:'trusted')::auth.reply) AS device \gset
-- The password was all that this sign-in proved: it cannot give up the factor that it did not show.
SELECT story.answer(auth_api.two_factor_disable(
  story.caller('two-tom-9', 'two-tom-9b'), story.challenge('two-tom-9'), story.right('two-tom-9'), story.digest(:'device')));
SELECT story.member('eve@two.example', 'Eve');
SELECT body LIKE '{"redirect":false%' AS not_asked FROM story.sign_in_with('eve@two.example', 'two-eve-1', :'device');
SELECT story.answer(auth_api.trusted_device_list(story.caller('two-tom-8'), '{}'));
SELECT story.answer(auth_api.trusted_device_list(story.caller('two-eve-1'), '{}'));
SELECT body::json #>> '{0,id}' AS device_id FROM auth_api.trusted_device_list(story.caller('two-tom-8'), '{}') \gset
SELECT story.answer(auth_api.trusted_device_revoke(story.caller('two-eve-1'), jsonb_build_object('id', :'device_id')));
SELECT story.answer(auth_api.trusted_device_revoke(story.caller(), jsonb_build_object('id', :'device_id')));
SELECT story.answer(auth_api.trusted_device_revoke(story.caller('two-tom-8'), jsonb_build_object('id', :'device_id')));
SELECT story.answer(auth_api.trusted_device_revoke(story.caller('two-tom-8'), '{}'));
SELECT body LIKE '{"twoFactorRedirect":true%' AS asked FROM story.sign_in_with('tom@two.example', 'two-wait-15', :'device');

-- Twenty of them at most; the one that was not used for longest goes.
RESET ROLE;
SELECT count(auth.trusted_device_add(story.caller(), u.id)) FROM auth.users u, generate_series(1, 19) WHERE u.email = 'tom@two.example';
UPDATE auth.trusted_devices d SET last_used_at = now() - interval '1 hour', user_agent = 'oldest' WHERE d.id = (SELECT min(x.id) FROM auth.trusted_devices x);
SELECT count(auth.trusted_device_add(story.caller(), u.id)) FROM auth.users u, generate_series(1, 2) WHERE u.email = 'tom@two.example';
SELECT count(*), count(*) FILTER (WHERE user_agent = 'oldest') AS oldest FROM auth.trusted_devices;
DELETE FROM auth.trusted_devices;
SET ROLE auth_edge;

-- A new password ends trusted devices, and sign-ins that wait.
SELECT story.step_passes('tom@two.example');
SELECT story.device(story.show('totp', story.app(:'uri'), 'two-wait-15', fresh => 'two-tom-10', trust => true)) AS device \gset
SELECT refusal FROM story.sign_in('tom@two.example', 'two-wait-16');
SELECT refusal FROM auth_api.password_change(story.caller('two-tom-10'), story.challenge('two-tom-10'), story.right('two-tom-10'), story.hash('hash-2'), NULL, false, 'better-auth');
SELECT story.step_passes('tom@two.example');
SELECT refusal FROM story.show('totp', story.app(:'uri'), 'two-wait-16');
SELECT body LIKE '{"twoFactorRedirect":true%' AS asked FROM story.sign_in_with('tom@two.example', 'two-wait-17', :'device');

-- So does the end of all sessions, by the user or by an administrator.
SELECT story.step_passes('tom@two.example');
SELECT story.device(story.show('totp', story.app(:'uri'), 'two-wait-17', fresh => 'two-tom-11', trust => true)) AS device \gset
SELECT refusal FROM auth_api.session_revoke_all(story.caller('two-tom-11'), '{}');
SELECT body LIKE '{"twoFactorRedirect":true%' AS asked FROM story.sign_in_with('tom@two.example', 'two-wait-18', :'device');
SELECT story.step_passes('tom@two.example');
SELECT story.device(story.show('totp', story.app(:'uri'), 'two-wait-18', fresh => 'two-tom-12', trust => true)) AS device \gset
RESET ROLE;
SELECT auth.end_sessions('tom@two.example');
SET ROLE auth_edge;
SELECT body LIKE '{"twoFactorRedirect":true%' AS asked FROM story.sign_in_with('tom@two.example', 'two-wait-19', :'device');

-- Codes by mail: chosen by the user, bound to the sign-in that asked, and none for a sign-in that began with a mail.
SELECT refusal FROM auth_api.two_factor_send(story.caller(), story.digest('two-wait-19'));
SELECT story.member('ute@two.example', 'Ute');
SELECT refusal FROM story.sign_in('ute@two.example', 'two-ute-1');
SELECT story.answer(auth_api.two_factor_enable(story.caller('two-ute-1', 'two-ute-2'), story.challenge('two-ute-1'), story.right('two-ute-1'), 'otp', 'Mana'));
SELECT story.answer(story.sign_in('ute@two.example', 'two-u-wait-1'));
SELECT refusal FROM story.sign_in('ute@two.example', 'two-u-wait-2');
SELECT story.answer(story.show('totp', '123456', 'two-u-wait-1'));
SELECT story.answer(story.show('otp', '123456', 'two-u-wait-1'));
SELECT story.answer(auth_api.two_factor_send(story.caller(), story.digest('two-u-wait-1')));
SELECT args ~ '"code":"[0-9]{6}"' FROM story.mails('ute@two.example') WHERE kind = 'otp';
RESET ROLE;
CREATE FUNCTION story.mailed_code(address text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
  SELECT convert_from(auth.unseal(o.args, 'outbox:' || o.id), 'UTF8')::json ->> 'code' FROM auth.outbox o
   WHERE o.recipient = address AND o.kind = 'otp' ORDER BY o.created_at DESC LIMIT 1;
$$;
SET ROLE auth_edge;
SELECT refusal FROM auth_api.two_factor_send(story.caller(), story.digest('two-u-wait-2'));
SELECT refusal FROM story.show('otp', story.mailed_code('ute@two.example'), 'two-u-wait-1');
SELECT story.answer(story.show('any', story.mailed_code('ute@two.example'), 'two-u-wait-2', fresh => 'two-ute-3'));
SELECT refusal FROM story.show('otp', story.mailed_code('ute@two.example'), 'two-u-wait-2');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'ute@two.example', NULL, NULL, NULL, NULL, 'en');
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'two-u-wait-3'), story.token('magic_link', 'ute@two.example'), '/', NULL, '/', 'en'));
SELECT story.answer(auth_api.two_factor_send(story.caller('two-ute-3'), NULL));
SELECT story.answer(auth_api.two_factor_send(story.caller('two-ute-3'), NULL));
SELECT refusal FROM auth_api.two_factor_send(story.caller(), NULL);
SELECT (story.show('otp', '00000' || i, cookie => 'two-ute-3')).refusal FROM generate_series(1, 7) i;

-- On our page one field takes them all, and what was taken is told as what it was.
SELECT refusal FROM auth_api.two_factor_enable(story.caller('two-ute-3', 'two-ute-3b'), story.challenge('two-ute-3'), story.right('two-ute-3'), 'otp', 'Mana');
SELECT body::json AS setup FROM auth_api.two_factor_enable(story.caller('two-ute-3b'), story.challenge('two-ute-3b'), story.right('two-ute-3b'), 'totp', 'Mana') \gset
SELECT refusal FROM story.show('totp', story.app(:'setup'::json ->> 'totpURI'), cookie => 'two-ute-3b', fresh => 'two-ute-3');
SELECT story.step_passes('ute@two.example');
SELECT body FROM story.sign_in('ute@two.example', 'two-u-wait-4');
SELECT (story.show('any', story.app(:'setup'::json ->> 'totpURI'), 'two-u-wait-4')).refusal;
SELECT body LIKE '%"otp"%' AS asked FROM story.sign_in('ute@two.example', 'two-u-wait-5');
SELECT (story.show('any', :'setup'::json #>> '{backupCodes,9}', 'two-u-wait-5')).refusal;
SELECT args FROM story.mails('ute@two.example') WHERE kind = 'backup_code_used';
SELECT body LIKE '%"otp"%' AS asked FROM story.sign_in('ute@two.example', 'two-u-wait-6');
SELECT (story.show('any', '00 00 00', 'two-u-wait-6')).refusal, (story.show('any', 'x', 'two-u-wait-6')).refusal;
SELECT metadata FROM story.events('ute@two.example') WHERE metadata ? 'secondFactor' OR metadata ->> 'method' = 'backup';

-- Giving it up wipes all of it, and changes the token of the session.
SELECT story.answer(auth_api.two_factor_disable(story.caller('two-ute-3'), story.challenge('two-ute-3'), story.wrong(), NULL));
SELECT story.answer(auth_api.two_factor_disable(story.caller('two-ute-3', 'two-ute-4'), story.challenge('two-ute-3'), story.right('two-ute-3'), story.digest('device')));
SELECT story.answer(auth_api.session_get(story.caller('two-ute-3'), '{}'));
SELECT refusal FROM auth_api.two_factor_backup_codes(story.caller('two-ute-4'), story.challenge('two-ute-4'), story.right('two-ute-4'));
SELECT refusal FROM auth_api.two_factor_totp_uri(story.caller('two-ute-4'), story.challenge('two-ute-4'), story.right('two-ute-4'), 'Mana');
SELECT (story.show('totp', '123456', cookie => 'two-ute-4')).refusal, (story.show('backup', 'aaaaa-bbbbb', cookie => 'two-ute-4')).refusal;
SELECT body LIKE '{"redirect":false%' AS not_asked FROM story.sign_in('ute@two.example', 'two-ute-5');
RESET ROLE;
SELECT (SELECT count(*) FROM auth.two_factor_auth x WHERE x.user_id = u.id), (SELECT count(*) FROM auth.two_factor_challenges x WHERE x.user_id = u.id),
       (SELECT count(*) FROM auth.two_factor_codes x WHERE x.user_id = u.id), (SELECT count(*) FROM auth.two_factor_backup_codes x WHERE x.user_id = u.id)
  FROM auth.users u WHERE u.email = 'ute@two.example';
SELECT event_type, story.mask(metadata::text) AS metadata, count(*) FROM story.events('tom@two.example') GROUP BY 1, 2 ORDER BY event_type, metadata;
SELECT event_type, metadata FROM story.events('ute@two.example') WHERE event_type LIKE 'TWO%';

-- What nobody has come back for is swept.
UPDATE auth.two_factor_challenges SET expires_at = now() - interval '1 second';
UPDATE auth.trusted_devices SET expires_at = now() - interval '1 second';
UPDATE auth.two_factor_codes SET expires_at = now() - interval '1 second';
SELECT auth.two_factor_sweep(1000) > 0 AS swept, auth.two_factor_sweep(1000) AS nothing_left;

-- A DBA takes the second factor of somebody who has lost everything away; it is remembered and told.
SELECT auth.two_factor_reset(u.id), auth.two_factor_reset(u.id) AS again FROM auth.users u WHERE u.email = 'tom@two.example';
SELECT auth.two_factor_reset('nobody');
SELECT event_type, metadata FROM story.events('tom@two.example') WHERE event_type = 'TWO_FACTOR_DISABLED';
SELECT count(*) FROM story.mails('tom@two.example') WHERE kind = 'two_factor_disabled';
SET ROLE auth_edge;
SELECT body LIKE '{"redirect":false%' AS not_asked FROM story.sign_in('tom@two.example', 'two-tom-11');
RESET ROLE;
