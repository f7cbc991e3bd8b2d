-- What an admin finds users by, among millions: parts of the address or the name through their trigrams, pages in the order of
-- signing up, tiers.

CREATE FUNCTION auth.user_search_text(u_name text, u_email text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN u_email || E'\n' || auth.lower_case(u_name);
COMMENT ON FUNCTION auth.user_search_text IS 'what a search looks into: two lines, the address and the name in lower case';

-- pg_trgm stands in whatever schema the DBA gave it. Not a partial index: the planner does not read the statistics of those.
DO $$
BEGIN
  EXECUTE pg_catalog.format(
    'CREATE INDEX users_search_idx ON auth.users USING gin (auth.user_search_text(name, email) %I.gin_trgm_ops)',
    (SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = 'pg_trgm'));
END
$$;
CREATE INDEX users_created_at_idx ON auth.users (created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX users_access_tier_idx ON auth.users (access_tier, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX users_role_idx ON auth.users (role) WHERE role <> 'user';
