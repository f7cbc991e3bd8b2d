-- Who belongs to which organization, in which roles.

CREATE TABLE auth.members (
  id               text        NOT NULL DEFAULT auth.random_id(),
  organization_id  text        NOT NULL,
  user_id          text        NOT NULL,
  role             text        NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT members_pkey PRIMARY KEY (id),
  CONSTRAINT members_once_per_organization UNIQUE (organization_id, user_id),
  CONSTRAINT members_organization_id_fk FOREIGN KEY (organization_id) REFERENCES auth.organizations (id) ON DELETE CASCADE,
  CONSTRAINT members_user_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT members_role_is_not_empty CHECK (role <> '')
);
COMMENT ON TABLE auth.members IS 'one row a user and organization';
COMMENT ON COLUMN auth.members.role IS 'comma list of auth.organization_roles';
CREATE INDEX members_user_id_idx ON auth.members (user_id);

SELECT pg_catalog.pg_extension_config_dump('auth.members', '');
