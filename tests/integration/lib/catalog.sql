-- Describes every object of schemas auth and auth_api, one line each: definition, owner, privileges, comment, and what the
-- extension dumps. Two databases with the same lines hold the same extension.

WITH ours AS (
  SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.nspname IN ('auth', 'auth_api')
), described AS (
  SELECT 'schema ' || n.nspname AS object, pg_get_userbyid(s.nspowner) || ' '
         || COALESCE((SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(s.nspacl) a), '') AS definition
    FROM ours n JOIN pg_namespace s ON s.oid = n.oid
  UNION ALL
  SELECT p.prokind::text || ' routine ' || p.oid::regprocedure,
         CASE WHEN p.prokind = 'a' THEN '' ELSE pg_get_functiondef(p.oid) END || ' ' || pg_get_userbyid(p.proowner) || ' '
         || (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(p.proacl) a) || ' ' || COALESCE(obj_description(p.oid, 'pg_proc'), '')
    FROM ours n JOIN pg_proc p ON p.pronamespace = n.oid
  UNION ALL
  SELECT 'relation ' || c.oid::regclass,
         c.relkind::text || ' ' || pg_get_userbyid(c.relowner) || ' ' || c.relrowsecurity || c.relforcerowsecurity || c.relreplident::text
         || ' ' || COALESCE((SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(c.relacl) a), '')
         || ' ' || COALESCE(c.reloptions::text, '') || ' ' || COALESCE(obj_description(c.oid, 'pg_class'), '')
         || CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid) ELSE '' END
         || ' dumped ' || COALESCE((SELECT e.extcondition[array_position(e.extconfig, c.oid)] FROM pg_extension e
                                     WHERE e.extname = 'mana_auth' AND c.oid = ANY (e.extconfig)), 'not')
    FROM ours n JOIN pg_class c ON c.relnamespace = n.oid
   WHERE NOT c.relispartition
  UNION ALL
  SELECT 'column ' || c.oid::regclass || '.' || a.attname,
         row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum) || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull
         || ' ' || COALESCE(pg_get_expr(d.adbin, d.adrelid), '') || ' ' || COALESCE(col_description(c.oid, a.attnum), '')
         || ' ' || COALESCE(a.attacl::text, '')
    FROM ours n JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'c') AND NOT c.relispartition
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  UNION ALL
  SELECT 'constraint ' || COALESCE(k.conrelid::regclass::text, k.contypid::regtype::text) || '.' || k.conname,
         pg_get_constraintdef(k.oid) || ' ' || k.convalidated || ' ' || COALESCE(obj_description(k.oid, 'pg_constraint'), '')
    FROM ours n JOIN pg_constraint k ON k.connamespace = n.oid
    LEFT JOIN pg_class c ON c.oid = k.conrelid
   WHERE c.relispartition IS NOT TRUE
  UNION ALL
  SELECT 'trigger ' || t.tgrelid::regclass || '.' || t.tgname, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
    FROM ours n JOIN pg_class c ON c.relnamespace = n.oid JOIN pg_trigger t ON t.tgrelid = c.oid
   WHERE NOT t.tgisinternal AND NOT c.relispartition
  UNION ALL
  SELECT 'policy ' || p.polrelid::regclass || '.' || p.polname,
         p.polcmd::text || ' ' || p.polroles::regrole[]::text || ' ' || COALESCE(pg_get_expr(p.polqual, p.polrelid), '') || ' '
         || COALESCE(pg_get_expr(p.polwithcheck, p.polrelid), '')
    FROM ours n JOIN pg_class c ON c.relnamespace = n.oid JOIN pg_policy p ON p.polrelid = c.oid
  UNION ALL
  SELECT 'type ' || t.oid::regtype, t.typtype::text || ' ' || pg_get_userbyid(t.typowner) || ' '
         || COALESCE((SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid), '')
         || ' ' || COALESCE(format_type(t.typbasetype, t.typtypmod), '') || ' ' || COALESCE(obj_description(t.oid, 'pg_type'), '')
    FROM ours n JOIN pg_type t ON t.typnamespace = n.oid
   WHERE t.typtype IN ('c', 'd', 'e') AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relispartition)
  UNION ALL
  SELECT 'member ' || pg_describe_object(d.classid, d.objid, d.objsubid), 'of the extension'
    FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
   WHERE e.extname = 'mana_auth'
)
SELECT object, definition FROM described ORDER BY object, definition
