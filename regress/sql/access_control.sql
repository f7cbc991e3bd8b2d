-- Roles are rows: a DBA adds one, and changes what the built-in ones may, without a build and without losing it in a dump.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SELECT auth.role_list(i::jsonb) FROM unnest(ARRAY['"admin"', '" admin , member,,admin"', '["admin","member, owner"]', '""', '[]', '1']) i;
SELECT auth.role_unknown('owner,king,admin,queen'), auth.role_unknown('owner') IS NULL, auth.role_rank('member,admin'), auth.role_rank('king');

-- A treasurer, who allocates credits and is less than an admin.
INSERT INTO auth.organization_roles (role, rank) VALUES ('treasurer', 150);
INSERT INTO auth.organization_permissions (role, resource, action) VALUES ('treasurer', 'credits', 'allocate');
SELECT auth.role_may('member', 'credits', 'allocate'), auth.role_may('member,treasurer', 'credits', 'allocate');
SELECT auth.role_may_all('member,treasurer', '{"credits":["allocate"]}'), auth.role_may_all('member,treasurer', '{"credits":["allocate","view_own"]}');

-- Admins may no longer invite, and members may.
INSERT INTO auth.organization_permissions (role, resource, action, granted) VALUES ('admin', 'invitation', 'create', false), ('member', 'invitation', 'create', true);
SELECT auth.role_may('admin', 'invitation', 'create'), auth.role_may('member', 'invitation', 'create'), auth.role_may('owner', 'invitation', 'create');
SELECT role, count(*) FROM auth.organization_role_permissions GROUP BY role ORDER BY role;

-- What somebody of a role may turn into what: neither what is there nor what becomes of it stands above them.
SELECT a.role, string_agg(COALESCE(b.role, '-') || '>' || COALESCE(c.role, '-'), ' ' ORDER BY b.n, c.n)
  FROM (VALUES ('owner'), ('admin'), ('member')) a (role),
       (VALUES (1, 'owner'), (2, 'admin'), (3, 'member'), (4, NULL)) b (n, role), (VALUES (1, 'owner'), (2, 'admin'), (3, 'member'), (4, NULL)) c (n, role)
 WHERE auth.role_may_grant(a.role, b.role, c.role) GROUP BY a.role ORDER BY a.role;

-- The built-in roles stay, with their ranks; nobody is above an owner; and a role that somebody has stays, too.
DELETE FROM auth.organization_roles WHERE role = 'admin';
UPDATE auth.organization_roles SET role = 'boss' WHERE role = 'owner';
UPDATE auth.organization_roles SET rank = 600 WHERE role = 'admin';
INSERT INTO auth.organization_roles (role, rank) VALUES ('god', 1000);
INSERT INTO auth.organization_roles (role, rank) VALUES ('no, word', 10);
INSERT INTO auth.organization_permissions (role, resource, action) VALUES ('king', 'credits', 'allocate');
SET story.ip = '192.0.2.35';
SELECT story.member('nora@example.com', 'Nora'), story.member('otto@example.com', 'Otto');
SELECT (story.sign_in('nora@example.com', 'nora-1')).refusal;
SELECT body::json ->> 'id' AS org FROM auth_api.organization_create(story.caller('nora-1'), '{"name":"Nuts","slug":"nuts"}') \gset
SELECT count(story.join(:'org', 'otto@example.com', 'member,treasurer'));
DELETE FROM auth.organization_roles WHERE role = 'treasurer';
UPDATE auth.organization_roles SET role = 'cashier' WHERE role = 'treasurer';
DELETE FROM auth.members WHERE organization_id = :'org' AND role <> 'owner';
SELECT refusal FROM auth_api.invitation_create(story.caller('nora-1'), '{"email":"otto@example.com","role":"treasurer"}');
DELETE FROM auth.organization_roles WHERE role = 'treasurer';
DELETE FROM auth.invitations WHERE organization_id = :'org';
UPDATE auth.organization_roles SET role = 'cashier' WHERE role = 'treasurer';
SELECT role, resource, action FROM auth.organization_permissions WHERE role NOT IN ('admin', 'member');

-- A dump holds what the DBA said: all but the three roles that the extension brings and that cannot differ.
SELECT t.t::regclass, condition FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS t (t, condition)
 WHERE e.extname = 'mana_auth' AND t.t::regclass::text LIKE 'auth.organization\_%' ORDER BY 1;
DELETE FROM auth.organization_roles WHERE role = 'cashier';
DELETE FROM auth.organization_permissions;
