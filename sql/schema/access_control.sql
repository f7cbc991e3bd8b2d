-- Roles in organizations and what each may do. What is built in stands in a view, so that a new version may change it; the
-- tables hold what a DBA says, and no build is needed for that:
--   INSERT INTO auth.organization_roles (role, rank) VALUES ('treasurer', 600);
--   INSERT INTO auth.organization_permissions (role, resource, action) VALUES ('treasurer', 'credits', 'allocate');
--   INSERT INTO auth.organization_permissions (role, resource, action, granted) VALUES ('admin', 'ac', 'delete', false);
-- A role is given by who stands at least as high, so one that may do what admins may not belongs above them.
-- auth.organization_role_permissions shows what that adds up to.

CREATE TABLE auth.organization_roles (
  role  text    NOT NULL,
  rank  integer NOT NULL,
  CONSTRAINT organization_roles_pkey PRIMARY KEY (role),
  CONSTRAINT organization_roles_role_is_a_word CHECK (role OPERATOR(pg_catalog.~) '^[a-z][a-z0-9_-]{0,31}$'),
  CONSTRAINT organization_roles_rank_is_below_owner CHECK (
    CASE role WHEN 'owner' THEN rank = 1000 WHEN 'admin' THEN rank = 500 WHEN 'member' THEN rank = 100
              ELSE rank BETWEEN 1 AND 999 END)
);
COMMENT ON TABLE auth.organization_roles IS
  'roles that a member of an organization can have; owner, admin and member are always there, with these ranks';
COMMENT ON COLUMN auth.organization_roles.rank IS 'nobody changes a member, or gives a role, that stands above their own';
INSERT INTO auth.organization_roles (role, rank) VALUES ('owner', 1000), ('admin', 500), ('member', 100);

CREATE FUNCTION auth.organization_roles_keep() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.role IN ('owner', 'admin', 'member') THEN
    RAISE EXCEPTION 'role "%" is built in', OLD.role USING ERRCODE = 'restrict_violation';
  ELSIF EXISTS (SELECT FROM auth.members m WHERE OLD.role = ANY (string_to_array(m.role, ',')))
        OR EXISTS (SELECT FROM auth.invitations i
                    WHERE i.status = 'pending' AND OLD.role = ANY (string_to_array(i.role, ','))) THEN
    RAISE EXCEPTION 'role "%" is in use', OLD.role USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION auth.organization_roles_keep IS 'a role that is built in, or that somebody has, stays what it is called';
CREATE TRIGGER organization_roles_keep BEFORE DELETE OR UPDATE OF role ON auth.organization_roles
  FOR EACH ROW EXECUTE FUNCTION auth.organization_roles_keep();

CREATE VIEW auth.organization_permissions_built_in (role, resource, action) AS VALUES
  ('owner', 'organization', 'update'), ('owner', 'organization', 'delete'),
  ('owner', 'member', 'create'), ('owner', 'member', 'update'), ('owner', 'member', 'delete'),
  ('owner', 'invitation', 'create'), ('owner', 'invitation', 'cancel'),
  ('owner', 'team', 'create'), ('owner', 'team', 'update'), ('owner', 'team', 'delete'),
  ('owner', 'ac', 'create'), ('owner', 'ac', 'read'), ('owner', 'ac', 'update'), ('owner', 'ac', 'delete'),
  ('owner', 'credits', 'allocate'), ('owner', 'credits', 'view_all'), ('owner', 'credits', 'view_own'),
  ('admin', 'organization', 'update'),
  ('admin', 'member', 'create'), ('admin', 'member', 'update'), ('admin', 'member', 'delete'),
  ('admin', 'invitation', 'create'), ('admin', 'invitation', 'cancel'),
  ('admin', 'team', 'create'), ('admin', 'team', 'update'), ('admin', 'team', 'delete'),
  ('admin', 'ac', 'create'), ('admin', 'ac', 'read'), ('admin', 'ac', 'update'), ('admin', 'ac', 'delete'),
  ('admin', 'credits', 'view_all'), ('admin', 'credits', 'view_own'),
  ('member', 'ac', 'read'), ('member', 'credits', 'view_own');
COMMENT ON VIEW auth.organization_permissions_built_in IS
  'Better Auth''s default access control, and the credits:* permissions of the service before us';

CREATE TABLE auth.organization_permissions (
  role      text    NOT NULL,
  resource  text    NOT NULL,
  action    text    NOT NULL,
  granted   boolean NOT NULL DEFAULT true,
  CONSTRAINT organization_permissions_pkey PRIMARY KEY (role, resource, action),
  CONSTRAINT organization_permissions_role_fk FOREIGN KEY (role) REFERENCES auth.organization_roles (role)
    ON DELETE CASCADE ON UPDATE CASCADE
);
COMMENT ON TABLE auth.organization_permissions IS 'what a role may do beyond what is built in; granted = false takes a permission away';

CREATE VIEW auth.organization_role_permissions AS
  SELECT b.role, b.resource, b.action FROM auth.organization_permissions_built_in b
   WHERE NOT EXISTS (SELECT FROM auth.organization_permissions p
                      WHERE p.role = b.role AND p.resource = b.resource AND p.action = b.action AND NOT p.granted)
   UNION
  SELECT p.role, p.resource, p.action FROM auth.organization_permissions p WHERE p.granted;
COMMENT ON VIEW auth.organization_role_permissions IS 'what each role may do';

-- The three built-in roles come with the extension and cannot differ, so that leaving them out of a dump loses nothing.
SELECT pg_catalog.pg_extension_config_dump('auth.organization_roles', 'WHERE role NOT IN (''owner'', ''admin'', ''member'')');
SELECT pg_catalog.pg_extension_config_dump('auth.organization_permissions', '');
