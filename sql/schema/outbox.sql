-- Mails that were promised: written in the transaction that promises them, sent by any edge, until they are accepted.

CREATE TABLE auth.outbox (
  id            text        NOT NULL DEFAULT auth.random_id(),
  kind          text        NOT NULL,
  recipient     text        NOT NULL,
  locale        text        NOT NULL,
  args          bytea,
  message_id    text        NOT NULL,
  user_id       text,
  state         text        NOT NULL DEFAULT 'pending',
  attempts      integer     NOT NULL DEFAULT 0,
  next_attempt_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  leased_until  timestamptz,
  leased_by     text,
  last_error    text,
  created_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
  finished_at   timestamptz,
  expires_at    timestamptz,
  give_up_at    timestamptz,
  needs_operator  boolean   NOT NULL DEFAULT false,
  requested     boolean     NOT NULL DEFAULT false,
  CONSTRAINT outbox_pkey PRIMARY KEY (id),
  CONSTRAINT outbox_message_id_unique UNIQUE (message_id),
  CONSTRAINT outbox_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT outbox_state_is_known CHECK (state IN ('pending', 'sent', 'dead')),
  CONSTRAINT outbox_has_args_while_pending CHECK (state <> 'pending' OR args IS NOT NULL)
) WITH (fillfactor = 80);
COMMENT ON TABLE auth.outbox IS 'mails to send; `dead` after the last try, with the reason';
COMMENT ON COLUMN auth.outbox.args IS 'JSON for the template, sealed in the context outbox:id; gone once sent, for it holds tokens';
COMMENT ON COLUMN auth.outbox.message_id IS
  'left part of the Message-ID, fixed here so that a mail sent twice can be recognised';
COMMENT ON COLUMN auth.outbox.expires_at IS 'when its link or code expires; not sent after that. NULL: it has none';
COMMENT ON COLUMN auth.outbox.give_up_at IS 'time of the last try, a day after the first one; NULL: not tried yet';
COMMENT ON COLUMN auth.outbox.needs_operator IS
  'the last try failed by our configuration (login, sender, rights, TLS), which the operator has to correct';

COMMENT ON COLUMN auth.outbox.requested IS
  'somebody without a session asked for it (auth.mail_is_requested): it goes after all others, so that no flood of requests delays them';

CREATE INDEX outbox_pending_idx ON auth.outbox (requested, next_attempt_at) WHERE state = 'pending';
CREATE INDEX outbox_expires_at_idx ON auth.outbox (expires_at) WHERE state = 'pending';
CREATE INDEX outbox_finished_at_idx ON auth.outbox (finished_at) WHERE state <> 'pending';
CREATE INDEX outbox_user_id_idx ON auth.outbox (user_id);

SELECT pg_catalog.pg_extension_config_dump('auth.outbox', '');

CREATE FUNCTION auth.mail_is_requested(kind text) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN kind = ANY ('{verify_email,reset_password,existing_account,magic_link,invitation}'::text[]);
COMMENT ON FUNCTION auth.mail_is_requested IS 'whether a mail of this kind goes to an address because anybody can ask for it';

CREATE FUNCTION auth.mail_queue(
    kind text, recipient text, locale text, args json, user_id text DEFAULT NULL, lifetime interval DEFAULT NULL)
RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mail_id constant text := auth.random_id();
BEGIN
  INSERT INTO auth.outbox (id, kind, recipient, locale, args, message_id, user_id, expires_at, requested)
  VALUES (mail_id, mail_queue.kind, mail_queue.recipient, COALESCE(mail_queue.locale, ''),
          auth.seal(convert_to(args::text, 'UTF8'), 'outbox:' || mail_id),
          auth.lower_case(mail_id), mail_queue.user_id, now() + lifetime,
          auth.mail_is_requested(mail_queue.kind));
  RETURN mail_id;
END
$$;
COMMENT ON FUNCTION auth.mail_queue IS
  'promises a mail; it goes when the transaction commits, and only then. lifetime: of the link or code in it, NULL if it has none';

CREATE FUNCTION auth.mail_take_back(mail_id text, kind text, token text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.outbox o WHERE o.id = mail_id;
  DELETE FROM auth.verification v WHERE v.identifier = auth.verification_identifier(kind, token);
END
$$;
COMMENT ON FUNCTION auth.mail_take_back IS
  'undoes, in its transaction, a mail and its token to an address that gets none: so that nobody can tell from the time taken '
  'whether an address is known';

CREATE FUNCTION auth.outbox_expire(most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  expired integer;
BEGIN
  UPDATE auth.outbox o
     SET state = 'dead', args = NULL, finished_at = now(), needs_operator = false, leased_until = NULL, leased_by = NULL,
         last_error = left('its link or code expired before the mail was sent' || COALESCE('; ' || o.last_error, ''), 500)
   WHERE o.id IN (
    SELECT x.id FROM auth.outbox x
     WHERE x.state = 'pending' AND x.expires_at <= now() AND (x.leased_until IS NULL OR x.leased_until <= now())
     ORDER BY x.expires_at LIMIT most FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS expired = ROW_COUNT;
  RETURN expired;
END
$$;
COMMENT ON FUNCTION auth.outbox_expire IS 'ends at most so many mails whose link or code has expired; their number';

CREATE FUNCTION auth_api.outbox_claim(worker text, most integer, lease_seconds integer) RETURNS TABLE (
    id text, kind text, recipient text, locale text, args text, message_id text, attempt integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  unreadable_pause constant interval := '1 hour';
  tried_for constant interval := '24 hours';
  expired_batch constant integer := 100;
BEGIN
  PERFORM auth.outbox_expire(expired_batch);
  RETURN QUERY
    WITH due AS (
      SELECT o.id FROM auth.outbox o
       WHERE o.state = 'pending' AND o.next_attempt_at <= now() AND (o.leased_until IS NULL OR o.leased_until <= now())
         AND (o.expires_at IS NULL OR o.expires_at > now())
       ORDER BY o.requested, o.next_attempt_at
       LIMIT most FOR UPDATE SKIP LOCKED), opened AS MATERIALIZED (
      SELECT o.id, auth.unseal_or_null(o.args, 'outbox:' || o.id) AS args FROM auth.outbox o JOIN due ON due.id = o.id),
    claimed AS (
      UPDATE auth.outbox o
         SET leased_until = now() + CASE WHEN x.args IS NULL THEN unreadable_pause ELSE make_interval(secs => lease_seconds) END,
             leased_by = CASE WHEN x.args IS NOT NULL THEN worker END,
             attempts = o.attempts + CASE WHEN x.args IS NULL THEN 0 ELSE 1 END,
             give_up_at = CASE WHEN x.args IS NULL THEN o.give_up_at ELSE COALESCE(o.give_up_at, now() + tried_for) END,
             last_error = CASE WHEN x.args IS NULL THEN 'what is sealed does not open' ELSE o.last_error END
        FROM opened x WHERE o.id = x.id
      RETURNING o.id, o.kind, o.recipient, o.locale, x.args, o.message_id, o.attempts)
    SELECT o.id, o.kind, o.recipient, o.locale, convert_from(o.args, 'UTF8'), o.message_id, o.attempts
      FROM claimed o WHERE o.args IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth_api.outbox_claim IS
  'mails that are due, those that nobody requested first, leased to a worker; one that dies loses its lease and another sends the '
  'mail. A mail whose arguments do not open, for want of their key, waits an hour and holds up no other. Mails whose link or code has expired end here';

CREATE FUNCTION auth_api.outbox_done(mail_id text, worker text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.outbox o
     SET state = 'sent', args = NULL, leased_until = NULL, leased_by = NULL, last_error = NULL, needs_operator = false,
         finished_at = now()
   WHERE o.id = mail_id AND o.state = 'pending' AND o.leased_by = worker;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth_api.outbox_done IS 'the mail was accepted; false: the lease had passed to another worker';

CREATE FUNCTION auth_api.outbox_failed(mail_id text, worker text, reason text, verdict text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most_seconds constant integer := 3600;
  state text;
BEGIN
  IF (verdict IN ('retry', 'configuration', 'refused')) IS NOT TRUE THEN
    RAISE EXCEPTION 'unknown verdict on a mail: %', verdict USING ERRCODE = 'invalid_parameter_value';
  END IF;
  UPDATE auth.outbox o
     SET state = CASE WHEN verdict = 'refused' OR o.give_up_at <= now() THEN 'dead' ELSE 'pending' END,
         finished_at = CASE WHEN verdict = 'refused' OR o.give_up_at <= now() THEN now() END,
         needs_operator = verdict = 'configuration',
         -- 2, 4, 8 ... seconds up to an hour, each between half and all of it, so that edges do not march in step
         next_attempt_at = least(o.give_up_at, now() + make_interval(secs => least(2 ^ least(o.attempts, 12), most_seconds)
                                                                     * (0.5 + random() / 2))),
         leased_until = NULL, leased_by = NULL, last_error = left(reason, 500)
   WHERE o.id = mail_id AND o.state = 'pending' AND o.leased_by = worker
  RETURNING o.state INTO state;
  RETURN state;
END
$$;
COMMENT ON FUNCTION auth_api.outbox_failed IS
  'the mail was not accepted. retry: tried again with growing pauses, for a day from the first try, the last one at its end; '
  'configuration: the same, and an operator has to act (needs_operator); refused: dead at once. The state now; NULL: the lease had '
  'passed to another worker';

CREATE FUNCTION auth.outbox_retry() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  woken bigint;
BEGIN
  UPDATE auth.outbox o SET next_attempt_at = now()
   WHERE o.state = 'pending' AND o.next_attempt_at > now() AND (o.leased_until IS NULL OR o.leased_until <= now());
  GET DIAGNOSTICS woken = ROW_COUNT;
  RETURN woken;
END
$$;
COMMENT ON FUNCTION auth.outbox_retry IS 'makes all waiting mails due now, when the mail server works again; their number. For admins';

CREATE VIEW auth.outbox_overview AS
  SELECT o.id, o.kind, o.state, o.needs_operator, o.attempts, o.created_at, o.expires_at, o.give_up_at, o.finished_at,
         CASE WHEN o.state = 'pending' THEN o.next_attempt_at END AS next_attempt_at, o.last_error
    FROM auth.outbox o;
COMMENT ON VIEW auth.outbox_overview IS 'for admins: which mails wait or were given up, and why; without what is in them';
