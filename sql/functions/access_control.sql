-- What the roles of a member add up to.

CREATE FUNCTION auth.role_list(role jsonb) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN (
    SELECT pg_catalog.string_agg(w.word, ',' ORDER BY w.n)
      FROM (SELECT pg_catalog.btrim(p.part) AS word, pg_catalog.min(p.n) AS n
              FROM pg_catalog.unnest(pg_catalog.string_to_array(
                     CASE pg_catalog.jsonb_typeof(role_list.role)
                       WHEN 'string' THEN role_list.role #>> '{}'
                       WHEN 'array' THEN (SELECT pg_catalog.string_agg(e.element, ',' ORDER BY e.n)
                                            FROM pg_catalog.jsonb_array_elements_text(role_list.role)
                                                 WITH ORDINALITY e (element, n)) END, ','))
                   WITH ORDINALITY p (part, n)
             WHERE pg_catalog.btrim(p.part) <> '' GROUP BY 1) w);
COMMENT ON FUNCTION auth.role_list IS 'a role, or several, as the comma list that is stored, each once; NULL: none';

CREATE FUNCTION auth.role_unknown(role text) RETURNS text LANGUAGE sql STABLE
  RETURN (SELECT pg_catalog.string_agg(r.word, ', ' ORDER BY r.n)
            FROM pg_catalog.unnest(pg_catalog.string_to_array(role, ',')) WITH ORDINALITY r (word, n)
           WHERE NOT EXISTS (SELECT FROM auth.organization_roles k WHERE k.role = r.word));
COMMENT ON FUNCTION auth.role_unknown IS 'those of a comma list that are no roles; NULL: all are';

CREATE FUNCTION auth.role_rank(role text) RETURNS integer LANGUAGE sql STABLE
  RETURN COALESCE((SELECT pg_catalog.max(k.rank) FROM auth.organization_roles k
                    WHERE k.role = ANY (pg_catalog.string_to_array(role_rank.role, ','))), 0);
COMMENT ON FUNCTION auth.role_rank IS 'rank of the highest role of a comma list; 0: none';

CREATE FUNCTION auth.role_has(role text, word text) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN COALESCE(word = ANY (pg_catalog.string_to_array(role, ',')), false);
COMMENT ON FUNCTION auth.role_has IS 'whether a role is one of a comma list';

CREATE FUNCTION auth.role_is_owner(role text) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN auth.role_has(role, 'owner');

CREATE FUNCTION auth.role_is_elevated(role text) RETURNS boolean LANGUAGE sql STABLE
  RETURN auth.role_rank(role) > auth.role_rank('member');
COMMENT ON FUNCTION auth.role_is_elevated IS 'whether a role stands above that of a plain member: giving it requires step-up';

CREATE FUNCTION auth.role_may_grant(role text, before text, after text) RETURNS boolean LANGUAGE sql STABLE
  RETURN GREATEST(auth.role_rank(before), auth.role_rank(after)) <= auth.role_rank(role);
COMMENT ON FUNCTION auth.role_may_grant IS
  'whether somebody of a role may turn the role of a member or an invitation from before (NULL: none yet) into after (NULL: none '
  'any more): neither stands above their own. Every routine that makes, changes or ends one asks this';

CREATE FUNCTION auth.role_may(role text, resource text, action text) RETURNS boolean LANGUAGE sql STABLE
  RETURN EXISTS (SELECT FROM auth.organization_role_permissions p
                  WHERE p.role = ANY (pg_catalog.string_to_array(role_may.role, ','))
                    AND p.resource = role_may.resource AND p.action = role_may.action);
COMMENT ON FUNCTION auth.role_may IS 'whether one of the roles of a comma list has a permission';

CREATE FUNCTION auth.role_may_all(role text, permissions jsonb) RETURNS boolean LANGUAGE sql STABLE
  RETURN permissions <> '{}'
    AND NOT EXISTS (SELECT FROM pg_catalog.jsonb_each(permissions) w (resource, actions) WHERE w.actions = '[]')
    AND EXISTS (
      SELECT FROM pg_catalog.unnest(pg_catalog.string_to_array(role, ',')) r
       WHERE NOT EXISTS (
         SELECT w.resource, a
           FROM pg_catalog.jsonb_each(permissions) w (resource, actions), pg_catalog.jsonb_array_elements_text(w.actions) a
         EXCEPT
         SELECT p.resource, p.action FROM auth.organization_role_permissions p WHERE p.role = r));
COMMENT ON FUNCTION auth.role_may_all IS
  'whether a single one of the roles has all of {resource: [action, ..]}. False where nothing is asked: of no resource, or no '
  'action of a resource';
