-- A user who goes leaves no organization without an owner.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SET story.ip = '192.0.2.34';
SELECT story.member(name || '@example.com', initcap(name)) FROM unnest('{gina,hugo,ivan,jana}'::text[]) name;
SELECT (story.sign_in(name || '@example.com', name || '-1')).refusal FROM unnest('{gina,hugo,ivan,jana}'::text[]) name;
SELECT body::json ->> 'id' AS handed FROM auth_api.organization_create(story.caller('gina-1'), '{"name":"Handed","slug":"handed"}') \gset
SELECT body::json ->> 'id' AS empty FROM auth_api.organization_create(story.caller('gina-1'), '{"name":"Empty","slug":"empty"}') \gset
SELECT body::json ->> 'id' AS stuck FROM auth_api.organization_create(story.caller('gina-1'), '{"name":"Stuck","slug":"stuck"}') \gset
SELECT body::json ->> 'id' AS theirs FROM auth_api.organization_create(story.caller('jana-1'), '{"name":"Theirs","slug":"theirs"}') \gset
SELECT count(story.join(o, a || '@example.com', r)) FROM (VALUES
  (:'handed', 'jana', 'member'), (:'handed', 'hugo', 'admin,member'), (:'handed', 'ivan', 'admin'),
  (:'stuck', 'ivan', 'member'), (:'theirs', 'gina', 'admin')) v (o, a, r);
SET ROLE auth_edge;

-- One that nobody could own keeps her, by every way out, and changes nothing.
SELECT story.answer(auth_api.user_delete(story.caller('gina-1'), NULL, NULL, NULL, NULL, 'better-auth'));
SELECT story.answer(auth_api.user_delete(story.caller('gina-1'), story.challenge('gina-1'), story.right('gina-1'), NULL, NULL, 'v1'));
RESET ROLE;
SELECT id AS gina FROM story.id_of('gina@example.com') id \gset
SELECT auth.verification_issue('delete-account', :'gina', '{"email":"gina@example.com"}', interval '1 day') AS token \gset
SELECT story.mask(auth.organization_release_user(story.caller(), :'gina')::text);
SELECT auth.user_erase(story.caller(), u) FROM auth.users u WHERE u.id = :'gina';
SET ROLE auth_edge;
SELECT story.answer(auth_api.user_delete_callback(story.caller('gina-1'), jsonb_build_object('token', :'token')));
SELECT body::json ->> 'total' FROM auth_api.member_list(story.caller('gina-1'), jsonb_build_object('organizationId', :'handed'));

-- With an heir for that one she goes, by the same link: the longest-standing admin owns it, what was hers alone is gone.
RESET ROLE;
UPDATE auth.members SET role = 'admin' WHERE organization_id = :'stuck' AND role = 'member';
SET ROLE auth_edge;
SELECT refusal FROM auth_api.invitation_create(story.caller('jana-1'), jsonb_build_object('email', 'gina2@example.com', 'role', 'member', 'organizationId', :'theirs'));
SELECT refusal FROM auth_api.invitation_create(story.caller('gina-1'), jsonb_build_object('email', 'kurt@example.com', 'role', 'member', 'organizationId', :'theirs'));
SELECT story.answer(auth_api.user_delete_callback(story.caller('gina-1'), jsonb_build_object('token', :'token')));
RESET ROLE;
SELECT o.slug, u.name, m.role FROM auth.organizations o JOIN auth.members m ON m.organization_id = o.id JOIN auth.users u ON u.id = m.user_id
 WHERE o.id IN (:'handed', :'empty', :'stuck', :'theirs') ORDER BY o.slug, u.name;
SELECT email FROM auth.invitations WHERE organization_id = :'theirs';
SELECT event_type FROM story.events('hugo@example.com') WHERE event_type LIKE 'ORG_%';
SELECT * FROM story.mails('hugo@example.com') WHERE kind LIKE 'org%';

-- What it tells who asks for it.
SELECT story.mask(auth.organization_release_user(story.caller(), id)::text) FROM story.id_of('ivan@example.com') id;
SELECT story.mask(auth.organization_release_user(story.caller(), id)::text) FROM story.id_of('ivan@example.com') id;
