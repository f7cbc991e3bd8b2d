-- What an edge does for an erasure: it claims a source for as long as a lease lasts, asks it, and says what came of it. An edge that
-- dies loses its lease, and another one asks again.

CREATE FUNCTION auth_api.erasure_claim(worker text, lease_seconds integer, only_id text)
  RETURNS TABLE (erasure_id text, source text, user_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    WITH due AS (
      SELECT s.erasure_id, s.source FROM auth.erasure_sources s
       WHERE s.state = 'pending' AND s.next_attempt_at <= now()
         AND (s.leased_until IS NULL OR s.leased_until <= now() OR (s.leased_by = worker AND s.attempts = 0))
         AND (only_id IS NULL OR s.erasure_id = only_id)
         AND (s.source <> 'auth' OR auth.erasure_auth_is_due(s.erasure_id))
       ORDER BY s.next_attempt_at, s.erasure_id, s.source
       LIMIT 1 FOR UPDATE SKIP LOCKED)
    UPDATE auth.erasure_sources s
       SET leased_until = now() + make_interval(secs => lease_seconds), leased_by = worker, attempts = s.attempts + 1
      FROM due, auth.erasures e
     WHERE s.erasure_id = due.erasure_id AND s.source = due.source AND e.id = due.erasure_id
    RETURNING s.erasure_id, s.source, e.user_id;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_claim IS 'one source that is due, of one erasure or (NULL) of any, leased to a worker; what auth_api.erasure_start leased it counts as due';

CREATE FUNCTION auth.erasure_held(of_erasure_id text, of_source text, worker text) RETURNS auth.erasures
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e auth.erasures;
BEGIN
  SELECT x.* INTO e FROM auth.erasures x JOIN auth.erasure_sources s ON s.erasure_id = x.id
   WHERE x.id = of_erasure_id AND s.source = of_source AND s.state = 'pending' AND s.leased_by = worker
     FOR UPDATE OF s;
  RETURN e;
END
$$;
COMMENT ON FUNCTION auth.erasure_held IS
  'the erasure whose source the worker holds, locked until the transaction ends; a row of NULLs: it holds it no more';

CREATE FUNCTION auth_api.erasure_sync_find(of_erasure_id text, worker text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e constant auth.erasures := auth.erasure_held(of_erasure_id, 'sync', worker);
  answer record;
BEGIN
  IF e.id IS NULL THEN
    RETURN false;
  END IF;
  SELECT x.found, x.reason INTO answer FROM auth.sync_found(e.user_id) x;
  IF answer.reason IS NOT NULL THEN
    PERFORM auth_api.erasure_failed(e.id, 'sync', worker, answer.reason);
    RETURN false;
  END IF;
  UPDATE auth.erasure_sources s SET found_count = COALESCE(s.found_count, answer.found)
   WHERE s.erasure_id = e.id AND s.source = 'sync';
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_sync_find IS
  'counts what there is in the sync database and commits the number, before anything is deleted; false: it could not be asked';

CREATE FUNCTION auth_api.erasure_sync_delete(of_erasure_id text, worker text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e constant auth.erasures := auth.erasure_held(of_erasure_id, 'sync', worker);
  answer record;
BEGIN
  IF e.id IS NULL THEN
    RETURN false;
  END IF;
  SELECT x.deleted, x.reason INTO answer FROM auth.sync_erase(e.user_id) x;
  IF answer.reason IS NOT NULL THEN
    PERFORM auth_api.erasure_failed(e.id, 'sync', worker, answer.reason);
    RETURN false;
  END IF;
  PERFORM auth.erasure_source_done(e.id, 'sync', answer.deleted);
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_sync_delete IS 'deletes what there is in the sync database; false: it could not be asked';

CREATE FUNCTION auth_api.erasure_auth(of_erasure_id text, worker text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e constant auth.erasures := auth.erasure_held(of_erasure_id, 'auth', worker);
BEGIN
  IF e.id IS NULL THEN
    RETURN false;
  END IF;
  PERFORM auth.erasure_auth_run(e.id);
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_auth IS 'deletes our own rows';

CREATE FUNCTION auth_api.erasure_done(of_erasure_id text, of_source text, worker text, deleted bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e constant auth.erasures := auth.erasure_held(of_erasure_id, of_source, worker);
BEGIN
  IF e.id IS NULL THEN
    RETURN false;
  END IF;
  PERFORM auth.erasure_source_done(e.id, of_source, greatest(deleted, 0));
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_done IS 'a service that is asked by HTTP has said that nothing is left';

CREATE FUNCTION auth_api.erasure_failed(of_erasure_id text, of_source text, worker text, reason text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.erasure_sources s
     -- 2, 4, 8 ... seconds up to an hour, each between half and all of it, so that edges do not march in step
     SET next_attempt_at = now() + make_interval(secs => least(2 ^ least(s.attempts, 12), 3600) * (0.5 + random() / 2)),
         leased_until = NULL, leased_by = NULL, last_error = left(reason, 500)
   WHERE s.erasure_id = of_erasure_id AND s.source = of_source AND s.state = 'pending' AND s.leased_by = worker;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_failed IS
  'a source could not be asked, or would not: asked again with growing pauses, for as long as it takes';

CREATE FUNCTION auth_api.erasure_echo() RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pause constant interval := '5 minutes';
  of_user_id text;
  answer record;
BEGIN
  SELECT x.user_id INTO of_user_id FROM auth.erasure_echoes x
   WHERE x.due_at <= now() ORDER BY x.due_at LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF of_user_id IS NULL THEN
    RETURN false;
  END IF;
  SELECT x.reason INTO answer FROM auth.sync_erase(of_user_id) x;
  IF answer.reason IS NULL THEN
    DELETE FROM auth.erasure_echoes x WHERE x.user_id = of_user_id;
  ELSE
    UPDATE auth.erasure_echoes x SET due_at = now() + pause WHERE x.user_id = of_user_id;
  END IF;
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_echo IS 'deletes from the sync database what came in behind an erasure; false: nothing was due';

CREATE FUNCTION auth.erasure_retry(of_erasure_id text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  woken bigint;
BEGIN
  UPDATE auth.erasure_sources s SET next_attempt_at = now() WHERE s.erasure_id = of_erasure_id AND s.state = 'pending';
  GET DIAGNOSTICS woken = ROW_COUNT;
  RETURN woken;
END
$$;
COMMENT ON FUNCTION auth.erasure_retry IS 'for admins: what is pending of an erasure is asked again now; how many sources';
