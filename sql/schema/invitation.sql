-- Invitations: bound to an address, used once, over after 48 hours.

CREATE TABLE auth.invitations (
  id               text        NOT NULL DEFAULT auth.random_id(),
  organization_id  text        NOT NULL,
  email            text        NOT NULL,
  role             text        NOT NULL,
  status           text        NOT NULL DEFAULT 'pending',
  expires_at       timestamptz NOT NULL DEFAULT pg_catalog.now() + interval '48 hours',
  created_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
  inviter_id       text        NOT NULL,
  CONSTRAINT invitations_pkey PRIMARY KEY (id),
  CONSTRAINT invitations_organization_id_fk FOREIGN KEY (organization_id) REFERENCES auth.organizations (id) ON DELETE CASCADE,
  CONSTRAINT invitations_inviter_id_fk FOREIGN KEY (inviter_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT invitations_email_is_lower_case CHECK (email = pg_catalog.lower(email COLLATE pg_catalog."C")),
  CONSTRAINT invitations_status_is_known CHECK (status IN ('pending', 'accepted', 'rejected', 'canceled'))
);
COMMENT ON TABLE auth.invitations IS 'who was asked into an organization';
CREATE UNIQUE INDEX invitations_one_pending_per_address ON auth.invitations (organization_id, email) WHERE status = 'pending';
CREATE INDEX invitations_email_idx ON auth.invitations (email) WHERE status = 'pending';
CREATE INDEX invitations_expires_at_idx ON auth.invitations (expires_at);
CREATE INDEX invitations_organization_id_idx ON auth.invitations (organization_id, created_at);
CREATE INDEX invitations_inviter_id_idx ON auth.invitations (inviter_id);

SELECT pg_catalog.pg_extension_config_dump('auth.invitations', '');
