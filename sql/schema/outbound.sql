-- Calls to other services that were promised: written in the transaction that promises them, sent by any edge until they
-- are accepted. The sister of the outbox of mails.

CREATE TABLE auth.outbound_calls (
  id               text        NOT NULL DEFAULT auth.random_id(),
  target           text        NOT NULL,
  path             text        NOT NULL,
  body             bytea,
  after_id         text,
  user_id          text,
  state            text        NOT NULL DEFAULT 'pending',
  attempts         integer     NOT NULL DEFAULT 0,
  next_attempt_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  leased_until     timestamptz,
  leased_by        text,
  last_error       text,
  created_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
  finished_at      timestamptz,
  CONSTRAINT outbound_calls_pkey PRIMARY KEY (id),
  CONSTRAINT outbound_calls_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT outbound_calls_state_is_known CHECK (state IN ('pending', 'sent', 'dead')),
  CONSTRAINT outbound_calls_has_body_while_pending CHECK (state <> 'pending' OR body IS NOT NULL)
) WITH (fillfactor = 80);
COMMENT ON TABLE auth.outbound_calls IS 'POSTs to send; `dead` after the last try, with the reason';
COMMENT ON COLUMN auth.outbound_calls.id IS 'goes along as Idempotency-Key: a call may arrive twice';
COMMENT ON COLUMN auth.outbound_calls.target IS 'which service; the edge knows its URL: credits';
COMMENT ON COLUMN auth.outbound_calls.body IS 'JSON, sealed in the context outbound_calls:id; gone once sent';
COMMENT ON COLUMN auth.outbound_calls.after_id IS 'the call that must have been accepted, or be dead, before this one goes';

CREATE INDEX outbound_calls_pending_idx ON auth.outbound_calls (target, next_attempt_at) WHERE state = 'pending';
CREATE INDEX outbound_calls_finished_at_idx ON auth.outbound_calls (finished_at) WHERE state <> 'pending';
CREATE INDEX outbound_calls_user_id_idx ON auth.outbound_calls (user_id);

SELECT pg_catalog.pg_extension_config_dump('auth.outbound_calls', '');

CREATE FUNCTION auth.outbound_queue(target text, path text, body json, user_id text, after text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  call_id constant text := auth.random_id();
BEGIN
  INSERT INTO auth.outbound_calls (id, target, path, body, after_id, user_id)
  VALUES (call_id, outbound_queue.target, outbound_queue.path,
          auth.seal(convert_to(body::text, 'UTF8'), 'outbound_calls:' || call_id), after, outbound_queue.user_id);
  RETURN call_id;
END
$$;
COMMENT ON FUNCTION auth.outbound_queue IS
  'promises a call to another service; it goes when the transaction commits, and never for a user that is none';

CREATE FUNCTION auth_api.outbound_claim(target text, worker text, most integer, lease_seconds integer) RETURNS TABLE (
    id text, path text, body text, attempt integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  unreadable_pause constant interval := '1 hour';
BEGIN
  RETURN QUERY
    WITH due AS (
      SELECT o.id FROM auth.outbound_calls o
       WHERE o.target = outbound_claim.target AND o.state = 'pending' AND o.next_attempt_at <= now()
         AND (o.leased_until IS NULL OR o.leased_until <= now())
         AND NOT EXISTS (SELECT FROM auth.outbound_calls before WHERE before.id = o.after_id AND before.state = 'pending')
       ORDER BY o.next_attempt_at
       LIMIT most FOR UPDATE SKIP LOCKED), opened AS MATERIALIZED (
      SELECT o.id, auth.unseal_or_null(o.body, 'outbound_calls:' || o.id) AS body
        FROM auth.outbound_calls o JOIN due ON due.id = o.id),
    claimed AS (
      UPDATE auth.outbound_calls o
         SET leased_until = now() + CASE WHEN x.body IS NULL THEN unreadable_pause ELSE make_interval(secs => lease_seconds) END,
             leased_by = CASE WHEN x.body IS NOT NULL THEN worker END,
             attempts = o.attempts + CASE WHEN x.body IS NULL THEN 0 ELSE 1 END,
             last_error = CASE WHEN x.body IS NULL THEN 'what is sealed does not open' ELSE o.last_error END
        FROM opened x WHERE o.id = x.id
      RETURNING o.id, o.path, x.body, o.attempts)
    SELECT o.id, o.path, convert_from(o.body, 'UTF8'), o.attempts FROM claimed o WHERE o.body IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth_api.outbound_claim IS
  'calls to a service that are due, leased to a worker; one that dies loses its lease and another sends them';

CREATE FUNCTION auth_api.outbound_done(call_id text, worker text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.outbound_calls o
     SET state = 'sent', body = NULL, leased_until = NULL, leased_by = NULL, last_error = NULL, finished_at = now()
   WHERE o.id = call_id AND o.state = 'pending' AND o.leased_by = worker;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth_api.outbound_done IS 'the call was accepted; false: the lease had passed to another worker';

CREATE FUNCTION auth_api.outbound_failed(call_id text, worker text, reason text, permanent boolean) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_attempt constant integer := 20;
  state text;
BEGIN
  UPDATE auth.outbound_calls o
     SET state = CASE WHEN permanent OR o.attempts >= last_attempt THEN 'dead' ELSE 'pending' END,
         finished_at = CASE WHEN permanent OR o.attempts >= last_attempt THEN now() END,
         -- 2, 4, 8 ... seconds up to an hour, each between half and all of it, so that edges do not march in step
         next_attempt_at = now() + make_interval(secs => least(2 ^ o.attempts, 3600) * (0.5 + random() / 2)),
         leased_until = NULL, leased_by = NULL, last_error = left(reason, 500)
   WHERE o.id = call_id AND o.state = 'pending' AND o.leased_by = worker
  RETURNING o.state INTO state;
  RETURN state;
END
$$;
COMMENT ON FUNCTION auth_api.outbound_failed IS
  'the call was not accepted: tried again with growing pauses, dead after the 20th try (some 10 hours) or at once when '
  'permanent. The state now; NULL: the lease had passed to another worker';
