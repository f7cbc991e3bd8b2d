-- What the stories are told with. They run as the edge does, as auth_edge; these helpers look behind the scene for them.
\set ECHO none
SET client_min_messages = warning;
CREATE SCHEMA story;
GRANT USAGE ON SCHEMA story TO PUBLIC;

-- The one who calls. cookie: a session token; fresh: the token that the edge holds ready.
CREATE FUNCTION story.caller(cookie text DEFAULT NULL, fresh text DEFAULT NULL, ip inet DEFAULT NULL,
                             rate_class text DEFAULT NULL) RETURNS auth.caller LANGUAGE sql AS $$
  SELECT auth_api.caller(sha256(convert_to(cookie, 'UTF8')),
                         sha256(convert_to(COALESCE(fresh, gen_random_uuid()::text), 'UTF8')),
                         NULL, NULL, COALESCE(ip, current_setting('story.ip')::inet), 'story/1', 'request-1', rate_class);
$$;
-- The same with an access JWT of the user's youngest session.
CREATE FUNCTION story.bearer(address text) RETURNS auth.caller LANGUAGE sql SECURITY DEFINER AS $$
  SELECT auth_api.caller(NULL, sha256(convert_to(gen_random_uuid()::text, 'UTF8')), s.user_id, s.id || '.' || auth.session_proof(s.id, s.user_id),
                         current_setting('story.ip')::inet, 'story/1', 'request-1', NULL)
    FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id WHERE u.email = address ORDER BY s.created_at DESC, s.id LIMIT 1;
$$;

-- Ids and times are different each time.
CREATE FUNCTION story.mask(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(replace(replace(replace(t,
    E'\x01', '<fresh>'), E'\x02', '<jwt>'), E'\x03', '<presented>'),
    '\m\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z', '<time>', 'g'),
    '\m[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\M', '<uuid>', 'g'),
    '\merased-[A-Za-z0-9]{24}\M', '<pseudonym>', 'g'),
    '"sid_proof":"[\w-]{22}"', '"sid_proof":"<proof>"', 'g'),
    '\m[A-Za-z0-9]{32}\M', '<id>', 'g');
$$;
CREATE FUNCTION story.answer(r auth.reply) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
  SELECT story.mask(line) FROM (VALUES
    (1, COALESCE(r.refusal || COALESCE(': ' || r.message, '') || CASE WHEN r.retry_after_seconds > 0 THEN ' (wait)' ELSE '' END,
                 COALESCE(r.status, 200)::text)),
    (2, 'body     ' || r.body), (3, 'location ' || r.location), (4, 'cookies  ' || replace(r.cookies, E'\n', ' | ')),
    (5, 'claims   ' || r.claims), (6, CASE WHEN r.second_factor_asked THEN 'asks     second factor' END)) AS lines (n, line)
   WHERE line IS NOT NULL ORDER BY n;
$$;

-- The mails that wait for an address, as their reader would see them.
CREATE FUNCTION story.mails(address text) RETURNS TABLE (kind text, args text) LANGUAGE sql SECURITY DEFINER AS $$
  SELECT o.kind, story.mask(convert_from(auth.unseal(o.args, 'outbox:' || o.id), 'UTF8'))
    FROM auth.outbox o WHERE o.recipient = address AND o.state = 'pending' ORDER BY o.created_at, o.kind;
$$;
-- The token of the youngest mail of a kind.
CREATE FUNCTION story.token(mail text, address text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
  SELECT convert_from(auth.unseal(o.args, 'outbox:' || o.id), 'UTF8')::json ->> 'token'
    FROM auth.outbox o WHERE o.recipient = address AND o.kind = mail AND o.state = 'pending'
   ORDER BY o.created_at DESC LIMIT 1;
$$;
CREATE FUNCTION story.events(address text) RETURNS TABLE (event_type text, metadata jsonb) LANGUAGE sql SECURITY DEFINER AS $$
  SELECT e.event_type, e.metadata FROM auth.security_events e JOIN auth.users u ON u.id = e.user_id
   WHERE u.email = address ORDER BY e.created_at, e.event_type;
$$;
CREATE FUNCTION story.sessions(address text) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$
  SELECT count(*) FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id WHERE u.email = address;
$$;

-- The calls to other services that wait for a user, as they would be sent.
CREATE FUNCTION story.calls(address text) RETURNS TABLE (path text, body text, waits boolean) LANGUAGE sql SECURITY DEFINER AS $$
  SELECT o.path, story.mask(convert_from(auth.unseal(o.body, 'outbound_calls:' || o.id), 'UTF8')), o.after_id IS NOT NULL
    FROM auth.outbound_calls o JOIN auth.users u ON u.id = o.user_id WHERE u.email = address ORDER BY o.after_id NULLS FIRST;
$$;
-- What stands for the session of a token in the lists of others.
CREATE FUNCTION story.handle(token text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
  SELECT s.id FROM auth.sessions s WHERE s.token_digest = sha256(convert_to(token, 'UTF8'));
$$;

-- Hashes and outputs of the cheapest kind: the salt is the password itself, and the output is SHA-256 of the salt. So the right
-- output can be told from a challenge.
CREATE FUNCTION story.hash(word text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT '$argon2id$v=19$m=8,t=1,p=1$' || rtrim(encode(convert_to(rpad(word, 16), 'UTF8'), 'base64'), '=') || '$'
         || rtrim(encode(sha256(convert_to(rpad(word, 16), 'UTF8')), 'base64'), '=');
$$;
CREATE FUNCTION story.output(challenge text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT sha256(decode(split_part(challenge, '$', 5) || '==', 'base64')) WHERE challenge LIKE '$argon2id$%';
$$;
-- What the edge computes for the user of a session token: right, or wrong.
CREATE FUNCTION story.challenge(cookie text) RETURNS text LANGUAGE sql AS $$
  SELECT l.challenge FROM auth_api.password_lookup(story.caller(cookie)) l;
$$;
CREATE FUNCTION story.right(cookie text) RETURNS bytea LANGUAGE sql AS $$ SELECT story.output(story.challenge(cookie)); $$;
CREATE FUNCTION story.wrong() RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT sha256('wrong'); $$;
-- The password behind a challenge of these stories.
CREATE FUNCTION story.word(challenge text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT rtrim(convert_from(decode(split_part(challenge, '$', 5) || '==', 'base64'), 'UTF8'));
$$;

-- Somebody who has signed up, verified the address and is not signed in.
CREATE FUNCTION story.member(address text, called text DEFAULT 'Somebody') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM auth_api.sign_up(story.caller(), address, called, NULL, story.hash('hash-1'), NULL, 'en');
  PERFORM auth_api.verification_verify_email(story.caller(fresh => 'verified ' || address),
                                             story.token('verify_email', address), NULL);
  PERFORM auth_api.session_sign_out(story.caller('verified ' || address), '{}');
END
$$;
-- Signs in with the right password, or with a wrong one.
CREATE FUNCTION story.sign_in(address text, fresh text DEFAULT NULL, verified boolean DEFAULT true, ip inet DEFAULT NULL,
                              new_hash text DEFAULT NULL, remember boolean DEFAULT true, callback text DEFAULT NULL,
                              dialect text DEFAULT 'better-auth', device text DEFAULT NULL) RETURNS auth.reply LANGUAGE sql AS $$
  SELECT auth_api.sign_in_finish(story.caller(NULL, fresh, ip), address, l.challenge,
                                 CASE WHEN verified THEN story.output(l.challenge) ELSE story.wrong() END, new_hash, remember,
                                 callback, dialect, device_digest => sha256(convert_to(device, 'UTF8')))
    FROM auth_api.sign_in_lookup(story.caller(NULL, NULL, ip), address, sha256(convert_to(device, 'UTF8'))) l;
$$;

-- Somebody who has just proven their identity in a session.
CREATE FUNCTION story.proves(cookie text, how text DEFAULT 'password') RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE auth.sessions s SET proved_at = now(), proof = how WHERE s.token_digest = sha256(convert_to(cookie, 'UTF8'));
$$;

CREATE FUNCTION story.id_of(address text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
  SELECT u.id FROM auth.users u WHERE u.email = address;
$$;
-- Makes somebody a member without an invitation.
CREATE FUNCTION story.join(organization text, address text, roles text) RETURNS text LANGUAGE sql AS $$
  INSERT INTO auth.members (organization_id, user_id, role, created_at)
  SELECT organization, u.id, roles, clock_timestamp() FROM auth.users u WHERE u.email = address RETURNING id;
$$;

-- Calls of the vault. They commit, so this is a procedure and not for use in a transaction. Keys are different each time: each
-- has a number in the order in which it was seen.
CREATE TABLE story.master_keys (number integer GENERATED ALWAYS AS IDENTITY, key text PRIMARY KEY, user_id text);
CREATE FUNCTION story.name_key(body text, user_id text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  shown constant text := body::json ->> 'masterKey';
BEGIN
  INSERT INTO story.master_keys (key, user_id) SELECT shown, name_key.user_id WHERE shown IS NOT NULL
         AND NOT EXISTS (SELECT FROM story.master_keys k WHERE k.key = shown);
  RETURN COALESCE(replace(body, shown, (SELECT '<key ' || k.number || '>' FROM story.master_keys k WHERE k.key = shown)), body);
END
$$;
CREATE FUNCTION story.trail(OUT rows bigint, OUT newest text) LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM auth.identity_assume('*');
  SELECT count(*) INTO rows FROM auth.encryption_vault_audit;
  SELECT concat_ws('/', a.action, a.context, a.status) INTO newest FROM auth.encryption_vault_audit a
   WHERE a.ip_address IS NOT NULL ORDER BY a.created_at DESC LIMIT 1;
END
$$;
CREATE PROCEDURE story.vault(verb text, c auth.caller, input jsonb DEFAULT NULL, INOUT answer text DEFAULT NULL, INOUT trail text DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
  before constant bigint := (story.trail()).rows;
  r auth.reply;
  t record;
BEGIN
  CASE verb
    WHEN 'init' THEN
      CALL auth_api.vault_init(c, input, r.refusal, r.message, r.retry_after_seconds, r.status, r.body);
    WHEN 'key' THEN
      CALL auth_api.vault_key(c, input, r.refusal, r.message, r.retry_after_seconds, r.status, r.body);
    WHEN 'rotate' THEN
      CALL auth_api.vault_rotate(c, input, r.refusal, r.message, r.retry_after_seconds, r.status, r.body);
    WHEN 'set_recovery' THEN
      CALL auth_api.vault_set_recovery(c, input, r.refusal, r.message, r.retry_after_seconds, r.status, r.body);
    WHEN 'clear_recovery' THEN
      CALL auth_api.vault_clear_recovery(c, input, r.refusal, r.message, r.retry_after_seconds, r.status, r.body);
    WHEN 'zero_knowledge' THEN
      CALL auth_api.vault_zero_knowledge(c, input, r.refusal, r.message, r.retry_after_seconds, r.status, r.body);
    WHEN 'restore' THEN
      CALL auth_api.vault_restore(c, input, r.refusal, r.message, r.retry_after_seconds, r.status, r.body);
  END CASE;
  t := story.trail();
  answer := COALESCE(r.refusal || COALESCE(': ' || r.message, ''), story.mask(story.name_key(r.body, c.user_id)));
  trail := CASE t.rows - before WHEN 0 THEN 'no row' WHEN 1 THEN t.newest ELSE t.rows - before || ' rows' END;
END
$$;
-- What the browser does with a key: the wrap stands for AES-GCM under a recovery code, the commitment is the real one.
CREATE FUNCTION story.recovery(wrap text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('recoveryWrappedMk', repeat(wrap, 64), 'recoveryIv', repeat(wrap, 16)) || more;
$$;
CREATE FUNCTION story.commitment(key_number integer) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
  SELECT encode(hmac(convert_to('mana.vault.commitment.v1', 'UTF8') || '\x00' || convert_to(k.user_id, 'UTF8'), decode(k.key, 'base64'), 'sha256'), 'base64')
    FROM story.master_keys k WHERE k.number = key_number;
$$;
CREATE FUNCTION story.master_key(key_number integer) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
  SELECT k.key FROM story.master_keys k WHERE k.number = key_number;
$$;
