-- Erasing a user (GDPR, article 17). Who asks is signed out at once and for good: what opened the account is gone before the
-- answer. Then every source is asked, by any edge, until nothing is left there; our own rows go last, for without them nobody
-- could tell whose the others were. Each step is idempotent, so that a crash anywhere costs a second try and nothing else.

CREATE FUNCTION auth.user_erase(c auth.caller, u auth.users, requested_by text DEFAULT 'self') RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  erasure_id constant text := auth.random_id();
  jwt_lifetime constant interval := '20 minutes'; -- 15, and a clock that is wrong
  services constant text[] := string_to_array(current_setting('mana_auth.erasure_services'), ',');
  told_until timestamptz;
BEGIN
  IF json_array_length(auth.organization_release_user(c, u.id) -> 'blocked') > 0 THEN
    RAISE EXCEPTION 'the user is the only owner of an organization'
      USING ERRCODE = 'restrict_violation', DETAIL = format('User "%s".', u.id), HINT = 'Ask auth.organization_release_refusal first.';
  END IF;
  PERFORM auth.vault_hold(u.id);
  INSERT INTO auth.erasures (id, user_id, requested_by, request_id, farewell, sessions_count, accounts_count)
  VALUES (erasure_id, u.id, user_erase.requested_by, c.request_id,
          auth.seal(convert_to(auth.json_object('email', u.email, 'name', u.name, 'locale', u.locale)::text, 'UTF8'),
                    'erasures:' || erasure_id),
          (SELECT count(*) FROM auth.sessions s WHERE s.user_id = u.id),
          (SELECT count(*) FROM auth.accounts a WHERE a.user_id = u.id));
  PERFORM auth.identity_assume('*'); -- the trail of the vault is below row-level security
  PERFORM auth.vault_audit_write(c, u.id, 'erase', NULL, 200);
  -- A call that an edge has in its hands may still arrive: mana-credits is asked to forget when that is over.
  SELECT max(o.leased_until) INTO told_until FROM auth.outbound_calls o WHERE o.user_id = u.id AND o.state = 'pending';
  INSERT INTO auth.erasure_sources (erasure_id, source, state, next_attempt_at) VALUES
    (erasure_id, 'sync', CASE WHEN auth.sync_is_declared() THEN 'pending' ELSE 'absent' END, now()),
    (erasure_id, 'credits', CASE WHEN 'credits' = ANY (services) THEN 'pending' ELSE 'absent' END, COALESCE(told_until, now())),
    (erasure_id, 'subscriptions', CASE WHEN 'subscriptions' = ANY (services) THEN 'pending' ELSE 'absent' END, now()),
    (erasure_id, 'auth', 'pending', now());
  IF auth.sync_is_declared() THEN
    INSERT INTO auth.erasure_echoes (user_id, due_at) VALUES (u.id, now() + jwt_lifetime);
  END IF;
  PERFORM auth.erasure_shut_out(u);
  IF auth.erasure_auth_is_due(erasure_id) THEN
    PERFORM auth.erasure_auth_run(erasure_id);
  END IF;
  RETURN erasure_id;
END
$$;
COMMENT ON FUNCTION auth.user_erase IS
  'begins the erasure of a user, who is locked; its id. Where no other service holds anything it is over at once. What stays is '
  'the vault''s trail and the events, under a pseudonym, and that this id was deleted; of organizations what '
  'auth.organization_release_user says';

CREATE FUNCTION auth.erasure_lease(of_erasure_id text, worker text, lease_seconds integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.erasure_sources s SET leased_by = worker, leased_until = now() + make_interval(secs => lease_seconds)
   WHERE s.erasure_id = of_erasure_id AND s.state = 'pending';
END
$$;
COMMENT ON FUNCTION auth.erasure_lease IS 'gives all sources to the worker that began the erasure, and asks each of them before it answers';

CREATE FUNCTION auth.erasure_shut_out(u auth.users) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.lockout_clear(u.email);
  DELETE FROM auth.magic_links l WHERE l.email = u.email;
  DELETE FROM auth.outbox o WHERE o.user_id = u.id OR o.recipient = u.email;
  DELETE FROM auth.outbound_calls o WHERE o.user_id = u.id;
  DELETE FROM auth.oauth_grants g WHERE g.user_id = u.id;
  DELETE FROM auth.sessions s WHERE s.user_id = u.id;
  DELETE FROM auth.accounts a WHERE a.user_id = u.id;
  DELETE FROM auth.passkeys p WHERE p.user_id = u.id;
  DELETE FROM auth.api_keys k WHERE k.user_id = u.id;
  DELETE FROM auth.passkey_challenges p WHERE p.user_id = u.id;
  DELETE FROM auth.two_factor_challenges t WHERE t.user_id = u.id;
  DELETE FROM auth.known_devices d WHERE d.user_id = u.id;
  DELETE FROM auth.verification v WHERE v.user_id = u.id;
  -- Whoever read the mails of an address that was given up in the last days learns that the account ends.
  PERFORM auth.mail_queue('account_deleted', e.old_email, u.locale, auth.json_object('name', u.name))
     FROM (SELECT DISTINCT x.old_email FROM auth.email_changes x
            WHERE x.user_id = u.id AND x.reverted_at IS NULL AND x.expires_at > now() AND x.old_email <> u.email) e;
  DELETE FROM auth.email_changes e WHERE e.user_id = u.id;
  UPDATE auth.users x
     SET deleted_at = now(), email = auth.email_normal(e.pseudonym || '@erased.invalid'), email_verified = false, name = '', image = NULL,
         two_factor_enabled = false, updated_at = now()
    FROM auth.erasures e WHERE x.id = u.id AND e.user_id = u.id;
END
$$;
COMMENT ON FUNCTION auth.erasure_shut_out IS
  'takes away all that signs in and all that names the person; the address is free again. The rest of the rows goes at the end';

CREATE FUNCTION auth.erasure_auth_is_due(of_erasure_id text) RETURNS boolean LANGUAGE sql STABLE
  RETURN NOT EXISTS (SELECT FROM auth.erasure_sources s
                      WHERE s.erasure_id = of_erasure_id AND s.source <> 'auth' AND s.state = 'pending')
      OR EXISTS (SELECT FROM auth.erasures e
                  WHERE e.id = of_erasure_id AND e.requested_at < pg_catalog.now() - INTERVAL '1 day');
COMMENT ON FUNCTION auth.erasure_auth_is_due IS
  'our own rows wait for the other sources, but for no longer than a day: whom a service fails does not stay with us for it';

CREATE FUNCTION auth.erasure_auth_run(of_erasure_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e auth.erasures;
BEGIN
  SELECT x.* INTO STRICT e FROM auth.erasures x WHERE x.id = of_erasure_id;
  PERFORM auth.identity_assume('*');
  PERFORM auth.vault_audit_pseudonymize(e.user_id, e.pseudonym);
  UPDATE auth.security_events v SET user_id = e.pseudonym, ip_address = NULL, user_agent = NULL, metadata = NULL
   WHERE v.user_id = e.user_id;
  DELETE FROM auth.users u WHERE u.id = e.user_id;
  INSERT INTO auth.security_events (user_id, event_type) VALUES (e.user_id, 'ACCOUNT_DELETED');
  PERFORM auth.erasure_source_done(e.id, 'auth', e.sessions_count + e.accounts_count + 1);
END
$$;
COMMENT ON FUNCTION auth.erasure_auth_run IS 'our own rows: the user and all that belongs to them';

CREATE FUNCTION auth.erasure_source_done(of_erasure_id text, of_source text, deleted bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e auth.erasures;
  farewell json;
BEGIN
  SELECT x.* INTO STRICT e FROM auth.erasures x WHERE x.id = of_erasure_id FOR UPDATE; -- of two last ones, one completes it
  UPDATE auth.erasure_sources s
     SET state = 'done', deleted_count = greatest(COALESCE(s.found_count, 0), deleted), leased_until = NULL, leased_by = NULL,
         last_error = NULL, finished_at = now()
   WHERE s.erasure_id = e.id AND s.source = of_source AND s.state = 'pending';
  IF EXISTS (SELECT FROM auth.erasure_sources s WHERE s.erasure_id = e.id AND s.state = 'pending') THEN
    RETURN;
  END IF;
  farewell := convert_from(auth.unseal(e.farewell, 'erasures:' || e.id), 'UTF8')::json;
  PERFORM auth.mail_queue('account_deleted', farewell ->> 'email', farewell ->> 'locale',
                          auth.json_object('name', farewell ->> 'name'));
  UPDATE auth.erasures x SET completed_at = now(), user_id = NULL, farewell = NULL WHERE x.id = e.id;
END
$$;
COMMENT ON FUNCTION auth.erasure_source_done IS
  'nothing is left in a source; when it was the last one, the erasure is complete and its mail promised, once';
