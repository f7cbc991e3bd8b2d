-- Erasing: what is gone at once, what waits for whom, and what is left.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.41';
SET ROLE auth_edge;
SELECT story.member('hal@example.com', 'Hal');
SELECT refusal FROM story.sign_in('hal@example.com', 'hal-1');
SELECT refusal FROM story.sign_in('hal@example.com', 'hal-2');
RESET ROLE;
SELECT id AS hal FROM auth.users WHERE email = 'hal@example.com' \gset
SELECT auth.vault_audit_write(story.caller('hal-1'), :'hal', 'fetch', NULL, 200) FROM auth.identity_assume(:'hal');

-- Everything that names them, in whatever table: by the id or by the address.
\set ECHO none
CREATE FUNCTION story.traces(id text, address text) RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  t regclass;
  found boolean;
BEGIN
  PERFORM auth.identity_assume('*');
  FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            ORDER BY c.relname LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s x WHERE x::text LIKE ''%%'' || $1 || ''%%'' OR x::text LIKE ''%%'' || $2 || ''%%'')', t)
      INTO found USING id, address;
    IF found THEN
      RETURN NEXT t::text;
    END IF;
  END LOOP;
END
$$;
\set ECHO all
SET ROLE auth_edge;
SELECT refusal FROM auth_api.organization_create(story.caller('hal-1'), '{"name":"Hall","slug":"hall"}');
SELECT refusal FROM auth_api.password_request_reset(story.caller(), '{"email":"hal@example.com"}');
SELECT refusal FROM story.sign_in('hal@example.com', NULL, false);
RESET ROLE;
SELECT count(*) >= 10 FROM story.traces(:'hal', 'hal@example.com');

-- Asked without the password in a stale session, with a wrong one, by nobody: nothing begins.
UPDATE auth.sessions SET created_at = now() - interval '25 hours', proved_at = proved_at - interval '25 hours' WHERE token_digest = sha256('hal-2');
SET ROLE auth_edge;
SELECT refusal, erasure_id FROM auth_api.erasure_start(story.caller('hal-2'), NULL, NULL, NULL, NULL, 'w', 20);
SELECT refusal, erasure_id FROM auth_api.erasure_start(story.caller('hal-1'), story.challenge('hal-1'), story.wrong(), NULL, NULL, 'w', 20);
SELECT refusal, erasure_id FROM auth_api.erasure_start(story.caller('made-up'), NULL, NULL, NULL, NULL, 'w', 20);
SELECT count(*) FROM auth_api.erasure_claim('w', 20, NULL);

-- Two other services hold something. What signs in or names the person goes at once; the rest of our rows waits.
SET mana_auth.erasure_services = 'credits,subscriptions';
SELECT COALESCE(refusal, 'granted') AS outcome, cookies = E'session_token - 0\nsession_data - 0\ndont_remember - 0' AS signed_out, erasure_id AS erasure
  FROM auth_api.erasure_start(story.caller('hal-1'), story.challenge('hal-1'), story.right('hal-1'), NULL, NULL, 'w', 20) \gset begun_
SELECT :'begun_outcome', :'begun_signed_out', length(:'begun_erasure');
RESET ROLE;
SELECT email ~ '^erased-[a-z0-9]{24}@erased.invalid$' AS unnamed, name, image, deleted_at IS NOT NULL FROM auth.users WHERE id = :'hal';
SELECT (SELECT count(*) FROM auth.sessions WHERE user_id = :'hal') AS sessions, (SELECT count(*) FROM auth.accounts WHERE user_id = :'hal') AS accounts,
       (SELECT count(*) FROM auth.outbound_calls WHERE user_id = :'hal') AS calls,
       (SELECT count(*) FROM auth.security_events WHERE user_id = :'hal') > 0 AS events,
       (SELECT count(*) FROM auth.outbox WHERE recipient = 'hal@example.com') AS mails;
SET ROLE auth_edge;
SELECT refusal FROM auth_api.erasure_start(story.caller('hal-1'), story.challenge('hal-1'), story.right('hal-1'), NULL, NULL, 'w', 20);

RESET ROLE;
SELECT * FROM story.traces('no-such-id', 'hal@example.com');
SET ROLE auth_edge;

-- The one who began it holds its sources; another edge finds nothing to do.
SELECT count(*) FROM auth_api.erasure_claim('other', 20, NULL);
SELECT source FROM auth_api.erasure_claim('w', 20, :'begun_erasure');
SELECT auth_api.erasure_done(:'begun_erasure', 'credits', 'w', 7);
SELECT source FROM auth_api.erasure_claim('w', 20, :'begun_erasure');
SELECT auth_api.erasure_failed(:'begun_erasure', 'subscriptions', 'w', 'answered 500');
SELECT count(*) FROM auth_api.erasure_claim('w', 20, :'begun_erasure');
SELECT status, location = '/api/v1/me/data/erasure/' || :'begun_erasure', body::json -> 'deletedFromAuth', body::json -> 'deletedFromProjects',
       body::json -> 'totalDeleted', body::json -> 'complete'
  FROM auth_api.erasure_report(:'begun_erasure', 'w');
SELECT s ->> 'source', s ->> 'state', s ->> 'deletedCount', s ->> 'attempts', s ->> 'error', s ->> 'nextAttemptAt' IS NOT NULL
  FROM auth_api.erasure_get(story.caller(), jsonb_build_object('id', :'begun_erasure')), json_array_elements(body::json -> 'erasure' -> 'sources') s;
SELECT story.answer(auth_api.erasure_get(story.caller(), '{"id":"made-up"}'));

-- An admin has it asked again; then it is our turn, and all of it is over.
RESET ROLE;
SET ROLE auth_admin;
SELECT source, state, attempts, last_error FROM auth.erasure_overview WHERE user_id = :'hal' ORDER BY source;
SELECT auth.erasure_retry(:'begun_erasure');
SET ROLE auth_edge;
SELECT source FROM auth_api.erasure_claim('other', 20, NULL);
SELECT auth_api.erasure_done(:'begun_erasure', 'subscriptions', 'somebody', 0);
SELECT auth_api.erasure_done(:'begun_erasure', 'subscriptions', 'other', 0);
SELECT source FROM auth_api.erasure_claim('other', 20, NULL);
SELECT auth_api.erasure_auth(:'begun_erasure', 'other');
SELECT auth_api.erasure_auth(:'begun_erasure', 'other');
SELECT status, body::json -> 'deletedFromAuth', body::json -> 'totalDeleted', body::json -> 'complete' FROM auth_api.erasure_report(:'begun_erasure', 'w');

-- Left are the trails under a pseudonym, one mail, and a row that names nobody.
RESET ROLE;
SELECT count(*) FROM auth.users WHERE id = :'hal';
SELECT * FROM story.traces(:'hal', 'hal@example.com');
SELECT user_id, farewell, requested_by, completed_at IS NOT NULL FROM auth.erasures WHERE id = :'begun_erasure';
SELECT pseudonym FROM auth.erasures WHERE id = :'begun_erasure' \gset
SELECT action, status, ip_address, user_agent FROM auth.encryption_vault_audit WHERE user_id = :'pseudonym' ORDER BY created_at;
SELECT event_type, ip_address, user_agent, metadata FROM auth.security_events WHERE user_id IN (:'pseudonym', :'hal') ORDER BY 1;
SELECT * FROM story.mails('hal@example.com');
SELECT * FROM auth.vault_audit_verify();

-- Our own rows wait for the others, but for no longer than a day.
SET ROLE auth_edge;
SELECT story.member('ivy@example.com', 'Ivy');
SELECT refusal FROM story.sign_in('ivy@example.com', 'ivy-1');
SELECT erasure_id AS erasure FROM auth_api.erasure_start(story.caller('ivy-1'), story.challenge('ivy-1'), story.right('ivy-1'), NULL, NULL, 'w', 20) \gset ivy_
SELECT source FROM auth_api.erasure_claim('w', 20, :'ivy_erasure');
SELECT source FROM auth_api.erasure_claim('w', 20, :'ivy_erasure');
SELECT auth_api.erasure_failed(:'ivy_erasure', s, 'w', 'away') FROM unnest('{credits,subscriptions}'::text[]) s;
SELECT count(*) FROM auth_api.erasure_claim('w', 20, :'ivy_erasure');
RESET ROLE;
UPDATE auth.erasures SET requested_at = requested_at - interval '25 hours' WHERE id = :'ivy_erasure';
SET ROLE auth_edge;
SELECT source FROM auth_api.erasure_claim('w', 20, :'ivy_erasure');
SELECT auth_api.erasure_auth(:'ivy_erasure', 'w');
SELECT body::json -> 'deletedFromAuth' -> 'user', body::json -> 'complete' FROM auth_api.erasure_report(:'ivy_erasure', 'w');
SELECT count(*) FROM story.mails('ivy@example.com');
RESET ROLE;
SELECT auth.erasure_retry(:'ivy_erasure');
SET ROLE auth_edge;
SELECT source, user_id IS NOT NULL FROM auth_api.erasure_claim('w', 20, NULL);
SELECT source FROM auth_api.erasure_claim('w', 20, NULL);
SELECT auth_api.erasure_done(:'ivy_erasure', s, 'w', 1) FROM unnest('{credits,subscriptions}'::text[]) s;
SELECT body::json -> 'complete' FROM auth_api.erasure_report(:'ivy_erasure', 'w');
SELECT kind FROM story.mails('ivy@example.com');
