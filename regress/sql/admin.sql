-- Administration: who may, what they find, what they change, and that it is in their trail.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.63';
UPDATE auth.users SET role = 'user' WHERE role = 'admin'; -- the story begins without one
SET ROLE auth_edge;
SELECT story.member('root@adm.example', 'Root');
SELECT story.member('second@adm.example', 'Second');
SELECT story.member('user@adm.example', 'O_Neil 100%');
SELECT refusal FROM story.sign_in('root@adm.example', 'adm-1');
SELECT refusal FROM story.sign_in('second@adm.example', 'adm-2');
SELECT refusal FROM story.sign_in('user@adm.example', 'adm-3');
SELECT story.id_of('root@adm.example') AS root, story.id_of('second@adm.example') AS second, story.id_of('user@adm.example') AS person \gset

-- The first admin is made in SQL, by a role that may nothing else; an address that nobody has verified makes none.
RESET ROLE;
SET ROLE auth_admin;
SELECT story.mask(auth.grant_admin('Root@adm.example'));
SELECT auth.grant_admin('nobody@adm.example');
SELECT auth.revoke_admin('root@adm.example');
SELECT auth.revoke_admin('user@adm.example');
RESET ROLE;
INSERT INTO auth.users (name, email) VALUES ('Unverified', 'new@adm.example');
SET ROLE auth_admin;
SELECT auth.grant_admin('new@adm.example');
SELECT role, sessions FROM auth.user_overview WHERE email = 'root@adm.example';
SELECT event_type, metadata - 'role', metadata ? 'role' FROM auth.event_overview WHERE email = 'root@adm.example' AND event_type LIKE 'ADMIN%';
SELECT password FROM auth.accounts;
RESET ROLE;
SET ROLE auth_edge;

-- The database says who is an admin, in each call: neither a user nor a token that says so is one.
SELECT count(*), count(*) FILTER (WHERE r.refusal = 'FORBIDDEN') FROM (
  SELECT (auth_api.admin_user_list(c, '{}')).refusal FROM (VALUES (story.bearer('user@adm.example')), (story.caller())) x (c)
  UNION ALL SELECT (auth_api.admin_tier_get(c, i)).refusal FROM (VALUES (story.bearer('user@adm.example')), (story.caller())) x (c), jsonb_build_object('id', :'person') i
  UNION ALL SELECT (auth_api.admin_tier_set(c, i)).refusal FROM (VALUES (story.bearer('user@adm.example')), (story.caller())) x (c), jsonb_build_object('id', :'person', 'tier', 'founder') i
  UNION ALL SELECT (auth_api.admin_role_set(c, i)).refusal FROM (VALUES (story.bearer('user@adm.example')), (story.caller())) x (c), jsonb_build_object('id', :'person', 'role', 'admin') i
  UNION ALL SELECT (auth_api.admin_stats(c, '{}')).refusal FROM (VALUES (story.bearer('user@adm.example')), (story.caller())) x (c)
  UNION ALL SELECT (auth_api.admin_event_list(c, '{}')).refusal FROM (VALUES (story.bearer('user@adm.example')), (story.caller())) x (c)
  UNION ALL SELECT (auth_api.admin_session_list(c, i)).refusal FROM (VALUES (story.bearer('user@adm.example')), (story.caller())) x (c), jsonb_build_object('id', :'person') i
  UNION ALL SELECT (auth_api.admin_session_revoke(c, i)).refusal FROM (VALUES (story.bearer('user@adm.example')), (story.caller())) x (c), jsonb_build_object('id', :'root') i
  UNION ALL SELECT (auth_api.admin_unlock(c, i)).refusal FROM (VALUES (story.bearer('user@adm.example')), (story.caller())) x (c), jsonb_build_object('id', :'person') i
  UNION ALL SELECT (auth_api.admin_verification_send(c, i)).refusal FROM (VALUES (story.bearer('user@adm.example')), (story.caller())) x (c), jsonb_build_object('id', :'person') i) r;

-- Finding: part of the address or the name, whatever their case; % and _ stand for themselves.
CREATE FUNCTION pg_temp.found(input jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT COALESCE(r.refusal, CASE WHEN r.status > 200 THEN r.body END,
                  (SELECT string_agg(u ->> 'name', ', ' ORDER BY u ->> 'name') FROM json_array_elements(r.body::json -> 'users') u),
                  'nobody')
    FROM auth_api.admin_user_list(story.bearer('root@adm.example'), input) r
$$;
SELECT q, pg_temp.found(jsonb_build_object('search', q)) FROM (VALUES
  (1, 'adm.example'), (2, 'ADM.EXAMPLE'), (3, 'o_neil'), (4, 'o.neil'), (5, '0%'), (6, '%adm%'), (7, 'us'), (8, 'O_'), (9, '__'), (10, '\'),
  (11, 'second@adm.example'), (12, 'zzz'), (13, ''''), (14, 'e''; DROP TABLE auth.users; --'), (15, 'neil 1')) x (n, q) ORDER BY n;
SELECT pg_temp.found('{"search":"adm.example","page":2,"limit":2}'), pg_temp.found('{"search":"adm.example","page":9,"limit":2}');
SELECT pg_temp.found('{"page":1000000,"limit":100}');
SELECT pg_temp.found('{"after":"made-up"}');
SELECT array(SELECT json_object_keys(body::json)), body::json ->> 'total', body::json ->> 'totalIsExact', body::json -> 'users' -> 0 ->> 'name'
  FROM auth_api.admin_user_list(story.bearer('root@adm.example'), '{"search":"adm.example","limit":3}');
SELECT a.body::json -> 'users' -> 1 ->> 'id' = a.body::json ->> 'next',
       b.body::json -> 'users' -> 0 ->> 'id' = c.body::json -> 'users' -> 0 ->> 'id', b.body::json ->> 'next'
  FROM auth_api.admin_user_list(story.bearer('root@adm.example'), '{"search":"adm.example","limit":2}') a,
       auth_api.admin_user_list(story.bearer('root@adm.example'), jsonb_build_object('search', 'adm.example', 'after', a.body::json ->> 'next')) b,
       auth_api.admin_user_list(story.bearer('root@adm.example'), '{"search":"adm.example","limit":2,"page":2}') c;

-- Tiers, by name.
SELECT story.answer(auth_api.admin_tier_set(story.bearer('root@adm.example'), jsonb_build_object('id', :'person', 'tier', 'gold')));
SELECT story.answer(auth_api.admin_tier_set(story.bearer('root@adm.example'), jsonb_build_object('id', :'person', 'tier', jsonb_build_array('beta'))));
SELECT story.answer(auth_api.admin_tier_set(story.bearer('root@adm.example'), '{"id":"made-up","tier":"beta"}'));
SELECT story.answer(auth_api.admin_tier_set(story.bearer('root@adm.example'), jsonb_build_object('id', :'person', 'tier', 'founder')));
SELECT story.answer(auth_api.admin_tier_get(story.bearer('root@adm.example'), jsonb_build_object('id', :'person')));
SELECT story.answer(auth_api.admin_tier_get(story.bearer('root@adm.example'), '{"id":"made-up"}'));
SELECT array(SELECT json_object_keys(body::json)), array(SELECT json_object_keys(body::json -> 'users' -> 0)), body::json ->> 'count'
  FROM auth_api.admin_user_list(story.bearer('root@adm.example'), '{"tier":"founder"}');
SELECT pg_temp.found('{"tier":"founder","search":"adm"}'), pg_temp.found('{"tier":"gold"}');

-- Roles: the last admin stays one, and does not go either; of two one may.
SELECT story.answer(auth_api.admin_role_set(story.bearer('root@adm.example'), jsonb_build_object('id', :'root', 'role', 'user')));
SELECT story.answer(auth_api.user_delete(story.caller('adm-1'), story.challenge('adm-1'), story.right('adm-1'), NULL, NULL, 'better-auth'));
SELECT refusal FROM auth_api.erasure_start(story.caller('adm-1'), story.challenge('adm-1'), story.right('adm-1'), NULL, NULL, 'w', 20);
SELECT story.answer(auth_api.admin_role_set(story.bearer('root@adm.example'), jsonb_build_object('id', story.id_of('new@adm.example'), 'role', 'admin')));
SELECT story.answer(auth_api.admin_role_set(story.bearer('root@adm.example'), jsonb_build_object('id', :'second', 'role', 'admin')));
SELECT story.answer(auth_api.admin_role_set(story.bearer('second@adm.example'), jsonb_build_object('id', :'root', 'role', 'user')));
SELECT refusal FROM auth_api.admin_stats(story.bearer('root@adm.example'), '{}');
SELECT story.answer(auth_api.admin_role_set(story.bearer('second@adm.example'), jsonb_build_object('id', :'root', 'role', 'admin')));
RESET ROLE;
UPDATE auth.sessions SET created_at = now() - interval '25 hours', proved_at = proved_at - interval '25 hours' WHERE token_digest = sha256('adm-2');
SET ROLE auth_edge;
SELECT story.answer(auth_api.admin_role_set(story.bearer('second@adm.example'), jsonb_build_object('id', :'root', 'role', 'user')));

-- Sessions: seen without tokens, ended one by one or all; those of another are not ended by a wrong path.
SELECT story.answer(auth_api.admin_session_list(story.bearer('root@adm.example'), jsonb_build_object('id', :'person')));
SELECT story.answer(auth_api.admin_session_revoke(story.bearer('root@adm.example'), jsonb_build_object('id', :'second', 'sessionId', story.handle('adm-3'))));
SELECT story.answer(auth_api.admin_session_revoke(story.bearer('root@adm.example'), jsonb_build_object('id', :'person', 'sessionId', story.handle('adm-3'))));
SELECT refusal FROM story.sign_in('user@adm.example', 'adm-4');
SELECT refusal FROM story.sign_in('user@adm.example', 'adm-5');
SELECT story.answer(auth_api.admin_session_revoke(story.bearer('root@adm.example'), jsonb_build_object('id', :'person')));
SELECT story.sessions('user@adm.example');
SELECT story.answer(auth_api.admin_session_list(story.bearer('root@adm.example'), '{"id":"made-up"}'));
SELECT story.answer(auth_api.admin_session_revoke(story.bearer('root@adm.example'), '{"id":"made-up"}'));

-- Whoever is locked out is let in again.
SELECT count(*) FILTER (WHERE (story.sign_in('user@adm.example', 'x' || n, false)).refusal IS NOT NULL) FROM generate_series(1, 5) n;
SELECT refusal FROM story.sign_in('user@adm.example', 'adm-6');
SELECT story.answer(auth_api.admin_unlock(story.bearer('root@adm.example'), jsonb_build_object('id', :'person')));
SELECT refusal FROM story.sign_in('user@adm.example', 'adm-6');
SELECT story.answer(auth_api.admin_unlock(story.bearer('root@adm.example'), jsonb_build_object('id', :'person')));
SELECT story.answer(auth_api.admin_unlock(story.bearer('root@adm.example'), '{"id":"made-up"}'));

-- The mail that proves an address, where it is not proven.
SELECT story.answer(auth_api.admin_verification_send(story.bearer('root@adm.example'), jsonb_build_object('id', :'person')));
SELECT story.answer(auth_api.admin_verification_send(story.bearer('root@adm.example'), jsonb_build_object('id', story.id_of('new@adm.example'))));
SELECT kind FROM story.mails('new@adm.example');
SELECT story.answer(auth_api.admin_verification_send(story.bearer('root@adm.example'), '{"id":"made-up"}'));

-- What happened to a user, page by page; and what the admin did.
SELECT e ->> 'eventType' FROM auth_api.admin_event_list(story.bearer('root@adm.example'), jsonb_build_object('id', :'person', 'limit', 2)) r,
       json_array_elements(r.body::json -> 'events') e;
SELECT (a.body::json -> 'events' -> 2 ->> 'id') = (b.body::json -> 'events' -> 0 ->> 'id')
  FROM auth_api.admin_event_list(story.bearer('root@adm.example'), jsonb_build_object('id', :'person', 'type', 'LOGIN_FAILURE')) a,
       auth_api.admin_event_list(story.bearer('root@adm.example'),
         jsonb_build_object('id', :'person', 'type', 'LOGIN_FAILURE', 'before', a.body::json -> 'events' -> 1 ->> 'id')) b;
SELECT story.answer(auth_api.admin_event_list(story.bearer('root@adm.example'), '{"before":"made-up"}'));
SELECT story.answer(auth_api.admin_event_list(story.bearer('root@adm.example'), '{"id":"made-up"}'));
SELECT json_array_length(body::json -> 'events') FROM auth_api.admin_event_list(story.bearer('root@adm.example'), '{"limit":7}');
SELECT array(SELECT json_object_keys(body::json)), (body::json ->> 'totalUsers')::int >= 4, (body::json ->> 'loginSuccess7d')::int > 0,
       (body::json ->> 'loginFailed7d')::int >= 5, (body::json ->> 'activeSessions')::int > 0
  FROM auth_api.admin_stats(story.bearer('root@adm.example'), '{}');
RESET ROLE;
SELECT count(*) > 10, count(*) FILTER (WHERE metadata - 'users' <> '{}') FROM auth.security_events WHERE user_id = :'root' AND event_type = 'ADMIN_USERS_LISTED';
SELECT event_type, metadata ->> 'userId' IN (:'person', :'second', :'root') AS of_whom, metadata - 'userId' - 'role' AS more FROM auth.security_events
 WHERE user_id = :'root' AND event_type LIKE 'ADMIN%' AND event_type <> 'ADMIN_USERS_LISTED' ORDER BY created_at, id;

-- The same in psql.
SET ROLE auth_admin;
SELECT story.mask(auth.set_access_tier('user@adm.example', 'beta')), auth.unlock_user('user@adm.example'), auth.end_sessions('user@adm.example');
SELECT event_type, metadata - 'role' FROM auth.event_overview WHERE email = 'user@adm.example' AND event_type LIKE 'ADMIN%' ORDER BY 1;
RESET ROLE;
-- nobody is an admin behind this story
UPDATE auth.users SET role = 'user' WHERE email LIKE '%@adm.example';
