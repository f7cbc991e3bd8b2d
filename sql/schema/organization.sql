-- Organizations. Whoever changes members or invitations of one locks its row first (auth.organization_lock).

CREATE FUNCTION auth.slug_normal(slug text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
  RETURN auth.lower_case(pg_catalog.normalize(slug, 'NFKC'));
COMMENT ON FUNCTION auth.slug_normal IS
  'what must be unique of a slug: its letters, whatever their case and form, in a database of any locale';

CREATE TABLE auth.organizations (
  id          text        NOT NULL DEFAULT auth.random_id(),
  name        text        NOT NULL,
  slug        text        NOT NULL,
  logo        text,
  metadata    jsonb,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  updated_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT organizations_pkey PRIMARY KEY (id),
  CONSTRAINT organizations_name_is_not_empty CHECK (name <> ''),
  CONSTRAINT organizations_slug_is_not_empty CHECK (slug <> '')
);
COMMENT ON TABLE auth.organizations IS 'tenants';
CREATE UNIQUE INDEX organizations_slug_unique ON auth.organizations (auth.slug_normal(slug));

SELECT pg_catalog.pg_extension_config_dump('auth.organizations', '');
