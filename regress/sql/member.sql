-- Members: their roles, their going, and the owner who stays.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SET story.ip = '192.0.2.33';
SELECT story.member(name || '@example.com', initcap(name)) FROM unnest('{omar,anna,mila,ulla}'::text[]) name;
SELECT (story.sign_in(name || '@example.com', name || '-1')).refusal FROM unnest('{omar,anna,mila,ulla}'::text[]) name;
SELECT body::json ->> 'id' AS org, body::json -> 'members' -> 0 ->> 'id' AS omar
  FROM auth_api.organization_create(story.caller('omar-1'), '{"name":"Olives","slug":"olives"}') \gset
SELECT story.join(:'org', 'anna@example.com', 'admin') AS anna, story.join(:'org', 'mila@example.com', 'member') AS mila \gset
SELECT jsonb_build_object('organizationId', :'org') AS here \gset
SET ROLE auth_edge;

-- Who is there: sorted, cut, filtered, counted. A stranger is not told.
SELECT m ->> 'role', m -> 'user' ->> 'name', b.body::json ->> 'total'
  FROM auth_api.member_list(story.caller('omar-1'), '{}') b, json_array_elements(b.body::json -> 'members') m;
SELECT m -> 'user' ->> 'name', b.body::json ->> 'total'
  FROM auth_api.member_list(story.caller('omar-1'), '{"limit":1,"offset":1,"sortBy":"role","sortDirection":"desc"}') b,
       json_array_elements(b.body::json -> 'members') m;
SELECT f, string_agg(m ->> 'role', ' ' ORDER BY m ->> 'role')
  FROM unnest(ARRAY['{"filterValue":"admin"}', '{"filterValue":"admin","filterOperator":"ne"}',
                    '{"filterValue":"member","filterOperator":"lt"}', '{"filterValue":"member","filterOperator":"gte"}',
                    '{"filterValue":"m","filterOperator":"contains"}', '{"filterValue":"o","filterOperator":"starts_with"}',
                    '{"filterValue":"er","filterOperator":"ends_with"}', '{"filterValue":"admin,owner","filterOperator":"in"}',
                    '{"filterValue":"admin,owner","filterOperator":"not_in"}']) f,
       auth_api.member_list(story.caller('omar-1'), f::jsonb || '{"filterField":"role"}') b,
       json_array_elements(b.body::json -> 'members') m GROUP BY f ORDER BY f;
SELECT story.answer(auth_api.member_list(story.caller('ulla-1'), :'here'));
SELECT story.answer(auth_api.member_list(story.caller('ulla-1'), '{}'));
SELECT story.answer(auth_api.member_list(story.caller('ulla-1'), '{"organizationSlug":"nowhere"}'));
SELECT story.answer(auth_api.member_get_active_role(story.caller('mila-1'), :'here'));
SELECT story.answer(auth_api.member_get_active_role(story.caller('ulla-1'), :'here'));
SELECT story.answer(auth_api.member_get_active(story.caller('ulla-1'), '{}'));

-- Roles are given downwards: neither to somebody above, nor of a rank above.
SELECT story.answer(auth_api.member_update_role(story.caller('mila-1'), :'here'::jsonb || jsonb_build_object('memberId', :'mila', 'role', 'admin')));
SELECT story.answer(auth_api.member_update_role(story.caller('anna-1'), :'here'::jsonb || jsonb_build_object('memberId', :'anna', 'role', 'owner')));
SELECT story.answer(auth_api.member_update_role(story.caller('anna-1'), :'here'::jsonb || jsonb_build_object('memberId', :'mila', 'role', 'member,owner')));
SELECT story.answer(auth_api.member_update_role(story.caller('anna-1'), :'here'::jsonb || jsonb_build_object('memberId', :'omar', 'role', 'member')));
SELECT story.answer(auth_api.member_update_role(story.caller('anna-1'), :'here'::jsonb || jsonb_build_object('memberId', :'mila', 'role', '["admin"," member "]'::jsonb)));
SELECT story.answer(auth_api.member_update_role(story.caller('omar-1'), jsonb_build_object('memberId', :'mila', 'role', 'member')));
SELECT story.answer(auth_api.member_update_role(story.caller('omar-1'), jsonb_build_object('memberId', :'mila', 'role', '["king","member","queen"]'::jsonb)));
SELECT story.answer(auth_api.member_update_role(story.caller('omar-1'), jsonb_build_object('memberId', :'mila', 'role', '')));
SELECT story.answer(auth_api.member_update_role(story.caller('omar-1'), '{"memberId":"nobody","role":"member"}'));
SELECT story.answer(auth_api.member_update_role(story.caller('ulla-1'), :'here'::jsonb || jsonb_build_object('memberId', :'mila', 'role', 'member')));
SELECT story.answer(auth_api.member_update_role(story.caller('ulla-1'), '{"memberId":"x","role":"member"}'));

-- A member of another organization is nobody here.
SELECT body::json -> 'members' -> 0 ->> 'id' AS ulla FROM auth_api.organization_create(story.caller('ulla-1'), '{"name":"Ulla","slug":"ulla"}') \gset
SELECT story.answer(auth_api.member_update_role(story.caller('omar-1'), jsonb_build_object('memberId', :'ulla', 'role', 'member')));
SELECT story.answer(auth_api.member_remove(story.caller('omar-1'), jsonb_build_object('memberIdOrEmail', :'ulla')));
SELECT story.answer(auth_api.member_get_active_role(story.caller('omar-1'), (SELECT jsonb_build_object('userId', body::json ->> 'userId')
  FROM auth_api.member_get_active(story.caller('ulla-1'), '{}'))));

-- What they may: all of it by one role, or nothing. Owners allocate credits.
SELECT p, array_agg((auth_api.member_has_permission(story.caller(who), :'here'::jsonb || jsonb_build_object('permissions', p::jsonb))).body::json ->> 'success' ORDER BY n)
  FROM unnest(ARRAY['{"organization":["delete"]}', '{"organization":["update"],"member":["create","delete"]}', '{"credits":["view_own"]}',
                    '{"credits":["allocate"]}', '{"credits":["view_all"]}', '{"moon":["land"]}', '{"organization":[]}', '{}']) p,
       unnest('{omar-1,anna-1,mila-1}'::text[]) WITH ORDINALITY w (who, n) GROUP BY p ORDER BY p;
SELECT story.answer(auth_api.member_has_permission(story.caller('ulla-1'), :'here'::jsonb || '{"permissions":{"ac":["read"]}}'));
SELECT story.answer(auth_api.member_has_permission(story.caller('omar-1'), i::jsonb))
  FROM unnest(ARRAY['{}', '{"permissions":1}', '{"permissions":{"ac":"read"}}', '{"permissions":{"ac":[1]}}',
                    '{"permission":{"ac":["read"]},"permissions":{"ac":["read"]}}']) i;

-- The last owner neither leaves nor is removed, nor becomes less; with a second one all of that is fine.
SELECT story.answer(auth_api.member_leave(story.caller('omar-1'), :'here'));
SELECT story.answer(auth_api.member_remove(story.caller('omar-1'), '{"memberIdOrEmail":"OMAR@example.com"}'));
SELECT story.answer(auth_api.member_remove(story.caller('anna-1'), :'here'::jsonb || jsonb_build_object('memberIdOrEmail', :'omar')));
SELECT story.answer(auth_api.member_update_role(story.caller('omar-1'), jsonb_build_object('memberId', :'omar', 'role', 'admin')));
SELECT refusal FROM auth_api.member_update_role(story.caller('omar-1'), jsonb_build_object('memberId', :'anna', 'role', 'owner,admin'));
SELECT story.answer(auth_api.member_update_role(story.caller('omar-1'), jsonb_build_object('memberId', :'omar', 'role', 'admin')));
SELECT story.answer(auth_api.member_remove(story.caller('omar-1'), jsonb_build_object('memberIdOrEmail', :'anna')));

-- A change to the same role is none and leaves no event; a role that goes back and forth leaves each event once.
SELECT DISTINCT r.refusal FROM generate_series(1, 9) n, LATERAL auth_api.member_update_role(
  story.caller('anna-1'), :'here'::jsonb || jsonb_build_object('memberId', :'mila', 'role', CASE WHEN n < 4 THEN 'member' WHEN n % 2 = 0 THEN 'admin' ELSE 'member' END)) r;
SELECT event_type, metadata ->> 'role', count(*) FROM story.events('mila@example.com') WHERE event_type = 'ORG_ROLE_CHANGED' GROUP BY 1, 2 ORDER BY 2;

-- Neither does the database let the last one go, whoever tries.
RESET ROLE;
DELETE FROM auth.members WHERE id = :'anna';
UPDATE auth.members SET role = 'member' WHERE id = :'anna';
DELETE FROM auth.users WHERE email = 'anna@example.com';
BEGIN;
UPDATE auth.members SET role = 'admin' WHERE id = :'anna';
UPDATE auth.members SET role = 'owner' WHERE id = :'omar';
COMMIT;
SET ROLE auth_edge;

-- Who may not remove is refused, also of themselves; leaving is for everybody else. The organization is no longer active.
SELECT story.answer(auth_api.member_remove(story.caller('mila-1'), :'here'::jsonb || jsonb_build_object('memberIdOrEmail', :'anna')));
SELECT story.answer(auth_api.member_remove(story.caller('mila-1'), :'here'::jsonb || jsonb_build_object('memberIdOrEmail', :'mila')));
SELECT refusal FROM auth_api.organization_set_active(story.caller('mila-1'), :'here');
SELECT story.answer(auth_api.member_leave(story.caller('mila-1'), :'here'));
SELECT story.answer(auth_api.member_get_active(story.caller('mila-1'), '{}'));
SELECT event_type FROM story.events('mila@example.com') WHERE event_type LIKE 'ORG_%';
SELECT story.answer(auth_api.member_leave(story.caller('mila-1'), :'here'));
SELECT refusal FROM auth_api.organization_set_active(story.caller('anna-1'), :'here');
SELECT story.answer(auth_api.member_remove(story.caller('omar-1'), '{"memberIdOrEmail":"anna@example.com"}'));
SELECT story.answer(auth_api.member_get_active(story.caller('anna-1'), '{}'));
SELECT event_type, metadata - 'organizationId' - 'by' FROM story.events('anna@example.com') WHERE event_type LIKE 'ORG_%';

-- What other services ask.
SELECT story.answer(auth_api.member_internal(story.caller(), jsonb_build_object('orgId', :'org', 'userId', id))) FROM story.id_of('omar@example.com') id;
SELECT story.answer(auth_api.member_internal(story.caller(), jsonb_build_object('orgId', :'org', 'userId', 'nobody')));
SELECT story.answer(auth_api.membership_internal(story.caller(), jsonb_build_object('userId', id))) FROM story.id_of('ulla@example.com') id;
SELECT story.answer(auth_api.membership_internal(story.caller(), '{"userId":"nobody"}'));
