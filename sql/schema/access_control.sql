-- Roles in organizations and what each may do. Rows, so that a DBA adds a role without a build:
--   INSERT INTO auth.organization_roles (role, rank) VALUES ('treasurer', 150);
--   INSERT INTO auth.organization_permissions (role, resource, action) VALUES ('treasurer', 'credits', 'allocate');

CREATE TABLE auth.organization_roles (
  role  text    NOT NULL,
  rank  integer NOT NULL,
  CONSTRAINT organization_roles_pkey PRIMARY KEY (role),
  CONSTRAINT organization_roles_role_is_a_word CHECK (role OPERATOR(pg_catalog.~) '^[a-z][a-z0-9_-]{0,31}$'),
  CONSTRAINT organization_roles_nobody_is_above_owner CHECK ((role = 'owner') = (rank = 1000) AND rank BETWEEN 1 AND 1000)
);
COMMENT ON TABLE auth.organization_roles IS 'roles that a member of an organization can have';
COMMENT ON COLUMN auth.organization_roles.rank IS 'nobody changes a member, or gives a role, that stands above their own';

CREATE TABLE auth.organization_permissions (
  role      text NOT NULL,
  resource  text NOT NULL,
  action    text NOT NULL,
  CONSTRAINT organization_permissions_pkey PRIMARY KEY (role, resource, action),
  CONSTRAINT organization_permissions_role_fk FOREIGN KEY (role) REFERENCES auth.organization_roles (role) ON DELETE CASCADE
);
COMMENT ON TABLE auth.organization_permissions IS 'what a role may do';

INSERT INTO auth.organization_roles (role, rank) VALUES ('owner', 1000), ('admin', 500), ('member', 100);
INSERT INTO auth.organization_permissions (role, resource, action) VALUES
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

SELECT pg_catalog.pg_extension_config_dump('auth.organization_roles', 'WHERE role NOT IN (''owner'', ''admin'', ''member'')');
SELECT pg_catalog.pg_extension_config_dump('auth.organization_permissions', 'WHERE role NOT IN (''owner'', ''admin'', ''member'')');
