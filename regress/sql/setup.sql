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
  SELECT auth_api.caller(NULL, sha256(convert_to(gen_random_uuid()::text, 'UTF8')), s.user_id, s.id,
                         current_setting('story.ip')::inet, 'story/1', 'request-1', NULL)
    FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id WHERE u.email = address ORDER BY s.created_at DESC, s.id LIMIT 1;
$$;

-- Ids and times are different each time.
CREATE FUNCTION story.mask(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(replace(replace(replace(t,
    E'\x01', '<fresh>'), E'\x02', '<jwt>'), E'\x03', '<presented>'),
    '\m\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z', '<time>', 'g'),
    '\m[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\M', '<uuid>', 'g'),
    '\merased-[A-Za-z0-9]{24}\M', '<pseudonym>', 'g'),
    '\m[A-Za-z0-9]{32}\M', '<id>', 'g');
$$;
CREATE FUNCTION story.answer(r auth.reply) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
  SELECT story.mask(line) FROM (VALUES
    (1, COALESCE(r.refusal || COALESCE(': ' || r.message, '') || CASE WHEN r.retry_after_seconds > 0 THEN ' (wait)' ELSE '' END,
                 COALESCE(r.status, 200)::text)),
    (2, 'body     ' || r.body), (3, 'location ' || r.location), (4, 'cookies  ' || replace(r.cookies, E'\n', ' | ')),
    (5, 'claims   ' || r.claims)) AS lines (n, line)
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

-- Somebody who has signed up, verified the address and is not signed in. The hash stands for any hash.
CREATE FUNCTION story.member(address text, called text DEFAULT 'Somebody') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM auth_api.sign_up(story.caller(), address, called, NULL, 'hash-1', NULL, 'en');
  PERFORM auth_api.verification_verify_email(story.caller(fresh => 'verified ' || address),
                                             story.token('verify_email', address), NULL);
  PERFORM auth_api.session_sign_out(story.caller('verified ' || address), '{}');
END
$$;
-- Signs in with a password that the edge has found right, or wrong.
CREATE FUNCTION story.sign_in(address text, fresh text DEFAULT NULL, verified boolean DEFAULT true, ip inet DEFAULT NULL,
                              new_hash text DEFAULT NULL, remember boolean DEFAULT true, callback text DEFAULT NULL,
                              dialect text DEFAULT 'better-auth') RETURNS auth.reply LANGUAGE sql AS $$
  SELECT auth_api.sign_in_finish(story.caller(NULL, fresh, ip), address, l.user_id, l.password_version,
                                 verified AND l.password IS NOT NULL, new_hash, remember, callback, dialect)
    FROM auth_api.sign_in_lookup(story.caller(NULL, NULL, ip), address) l;
$$;

CREATE FUNCTION story.id_of(address text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
  SELECT u.id FROM auth.users u WHERE u.email = address;
$$;
-- Makes somebody a member without an invitation.
CREATE FUNCTION story.join(organization text, address text, roles text) RETURNS text LANGUAGE sql AS $$
  INSERT INTO auth.members (organization_id, user_id, role, created_at)
  SELECT organization, u.id, roles, clock_timestamp() FROM auth.users u WHERE u.email = address RETURNING id;
$$;
