-- What an erasure has come to, source by source, as it is.

CREATE FUNCTION auth.erasure_project(s auth.erasure_sources, project_id text, project_name text, away text) RETURNS json
LANGUAGE sql STABLE
  RETURN CASE WHEN s.state = 'done'
    THEN auth.json_object('projectId', project_id, 'projectName', project_name, 'success', true, 'deletedCount', s.deleted_count)
    ELSE auth.json_object('projectId', project_id, 'projectName', project_name, 'success', false, 'deletedCount', 0, 'error',
      CASE s.state WHEN 'absent' THEN 'nicht eingerichtet' ELSE away END) END;

CREATE FUNCTION auth.erasure_report(of_erasure_id text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e auth.erasures;
  sync auth.erasure_sources;
  sources json;
  total bigint;
  of_auth boolean;
  of_credits bigint;
BEGIN
  SELECT x.* INTO e FROM auth.erasures x WHERE x.id = of_erasure_id;
  IF e.id IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT x.* INTO STRICT sync FROM auth.erasure_sources x WHERE x.erasure_id = e.id AND x.source = 'sync';
  SELECT auth.json_array_agg(auth.json_object(
           'source', s.source, 'state', s.state, 'deletedCount', s.deleted_count, 'attempts', s.attempts, 'error', s.last_error,
           'nextAttemptAt', CASE WHEN s.state = 'pending' THEN s.next_attempt_at END, 'finishedAt', s.finished_at)
           ORDER BY array_position(ARRAY['sync', 'credits', 'subscriptions', 'auth'], s.source)),
         COALESCE(sum(s.deleted_count), 0)::bigint,
         bool_or(s.source = 'auth' AND s.state = 'done'),
         COALESCE(sum(s.deleted_count) FILTER (WHERE s.source = 'credits'), 0)::bigint
    INTO STRICT sources, total, of_auth, of_credits
    FROM auth.erasure_sources s WHERE s.erasure_id = e.id;
  RETURN auth.json_object(
    'success', true,
    'deletedFromProjects', (SELECT auth.json_array_agg(
                              auth.erasure_project(sync, 'sync', 'Sync-Daten', 'Sync-Datenbank nicht erreichbar'))),
    'deletedFromAuth', auth.json_object('sessions', e.sessions_count, 'accounts', e.accounts_count, 'credits', of_credits,
                                        'user', of_auth),
    'totalDeleted', total,
    'complete', e.completed_at IS NOT NULL,
    'erasure', auth.json_object(
      'id', e.id, 'state', CASE WHEN e.completed_at IS NULL THEN 'pending' ELSE 'complete' END,
      'requestedAt', e.requested_at, 'completedAt', e.completed_at, 'sources', sources));
END
$$;
COMMENT ON FUNCTION auth.erasure_report IS
  'what is deleted, what is not yet and why; success: the account is closed and the rest will follow. NULL: no such erasure';

CREATE FUNCTION auth_api.erasure_report(of_erasure_id text, worker text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  report json;
BEGIN
  UPDATE auth.erasure_sources s SET leased_by = NULL, leased_until = NULL
   WHERE s.erasure_id = of_erasure_id AND s.leased_by = worker;
  report := auth.erasure_report(of_erasure_id);
  RETURN auth.granted(report, status => CASE WHEN (report ->> 'complete')::boolean THEN 200 ELSE 202 END,
                      location => '/api/v1/me/data/erasure/' || of_erasure_id);
END
$$;
COMMENT ON FUNCTION auth_api.erasure_report IS
  'the answer to who has just asked for an erasure: 200 complete, 202 under way; what the worker still holds is anybody''s again';

CREATE FUNCTION auth_api.erasure_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  report constant json := auth.erasure_report(input ->> 'id');
BEGIN
  RETURN CASE WHEN report IS NULL THEN auth.refuse('NOT_FOUND', 'Erasure not found') ELSE auth.granted(report) END;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_get IS
  'GET /me/data/erasure/:id: whoever has the id, for no session is left that could prove more';
