-- What the roles of a member add up to.

CREATE FUNCTION auth.role_list(role jsonb) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE pg_catalog.jsonb_typeof(role)
    WHEN 'string' THEN role #>> '{}'
    WHEN 'array' THEN (SELECT pg_catalog.string_agg(r, ',' ORDER BY n)
                         FROM pg_catalog.jsonb_array_elements_text(role) WITH ORDINALITY x (r, n)) END;
COMMENT ON FUNCTION auth.role_list IS 'a role, or an array of roles, as the comma list that is stored; NULL: neither';

CREATE FUNCTION auth.role_unknown(role text) RETURNS text LANGUAGE sql STABLE
  RETURN (SELECT r FROM pg_catalog.unnest(pg_catalog.string_to_array(COALESCE(NULLIF(role, ''), ','), ',')) r
           WHERE NOT EXISTS (SELECT FROM auth.organization_roles k WHERE k.role = r) LIMIT 1);
COMMENT ON FUNCTION auth.role_unknown IS 'the first role of a comma list that is none; NULL: all are known';

CREATE FUNCTION auth.role_rank(role text) RETURNS integer LANGUAGE sql STABLE
  RETURN COALESCE((SELECT pg_catalog.max(k.rank) FROM auth.organization_roles k
                    WHERE k.role = ANY (pg_catalog.string_to_array(role_rank.role, ','))), 0);
COMMENT ON FUNCTION auth.role_rank IS 'rank of the highest role of a comma list; 0: none';

CREATE FUNCTION auth.role_is_owner(role text) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN COALESCE('owner' = ANY (pg_catalog.string_to_array(role, ',')), false);

CREATE FUNCTION auth.role_may(role text, resource text, action text) RETURNS boolean LANGUAGE sql STABLE
  RETURN EXISTS (SELECT FROM auth.organization_permissions p
                  WHERE p.role = ANY (pg_catalog.string_to_array(role_may.role, ','))
                    AND p.resource = role_may.resource AND p.action = role_may.action);
COMMENT ON FUNCTION auth.role_may IS 'whether one of the roles of a comma list has a permission';

CREATE FUNCTION auth.role_may_all(role text, permissions jsonb) RETURNS boolean LANGUAGE sql STABLE
  RETURN EXISTS (
    SELECT FROM pg_catalog.unnest(pg_catalog.string_to_array(role, ',')) r
     WHERE NOT EXISTS (
       SELECT FROM pg_catalog.jsonb_each(permissions) w (resource, actions), pg_catalog.jsonb_array_elements_text(w.actions) a
        WHERE NOT EXISTS (SELECT FROM auth.organization_permissions p
                           WHERE p.role = r AND p.resource = w.resource AND p.action = a)));
COMMENT ON FUNCTION auth.role_may_all IS 'whether a single one of the roles has all of {resource: [action, ..]}';
