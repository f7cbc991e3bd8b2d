-- The door: an edge may call auth_api and nothing else. Each list below must be empty.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.13';
-- routines that anybody may call
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace)
   AND has_function_privilege('public', p.oid, 'EXECUTE');
-- routines of auth that the edge may call
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'auth'::regnamespace
   AND has_function_privilege('auth_edge', p.oid, 'EXECUTE');
-- routines of auth_api that the edge may not call
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'auth_api'::regnamespace
   AND NOT has_function_privilege('auth_edge', p.oid, 'EXECUTE');
-- tables that the edge may touch
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace)
   AND c.relkind IN ('r', 'p', 'v', 'S') AND has_table_privilege('auth_edge', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE');
-- what does not belong to auth_owner
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace)
   AND p.proowner <> 'auth_owner'::regrole;
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace)
   AND c.relkind IN ('r', 'p', 'v') AND c.relowner <> 'auth_owner'::regrole;
-- roles that may create objects where ours are
SELECT n.nspname, r.rolname FROM pg_namespace n, pg_roles r WHERE n.nspname IN ('auth', 'auth_api')
   AND has_schema_privilege(r.oid, n.oid, 'CREATE') AND NOT r.rolsuper AND r.rolname <> 'auth_owner';
-- members of the extension that do not belong to auth_owner
SELECT pg_describe_object(m.classid, m.objid, 0) FROM pg_depend m JOIN pg_extension e ON e.oid = m.refobjid AND e.extname = 'mana_auth'
 WHERE m.refclassid = 'pg_extension'::regclass AND m.deptype = 'e'
   AND NOT EXISTS (SELECT FROM pg_shdepend o WHERE o.classid = m.classid AND o.objid = m.objid AND o.deptype = 'o' AND o.refobjid = 'auth_owner'::regrole);
-- PL/pgSQL that runs as its owner without pinning where it looks for names
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace)
   AND p.prosecdef AND NOT COALESCE('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false);
-- routines and tables without a comment
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'auth_api'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND obj_description(c.oid, 'pg_class') IS NULL;
-- tables that a dump would leave out
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'mana_auth' AND c.oid = ANY (e.extconfig));
-- partitions that a dump would leave out: those that belong to the extension, of which a dump holds what is marked only
SELECT c.oid::regclass FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
 WHERE c.relnamespace = 'auth'::regnamespace AND c.relispartition
   AND NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'mana_auth' AND c.oid = ANY (e.extconfig));
-- foreign keys without an index that begins with them
SELECT k.conrelid::regclass, k.conname FROM pg_constraint k WHERE k.contype = 'f' AND k.connamespace = 'auth'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND (i.indkey::int2[])[0] = k.conkey[1]);

SET ROLE auth_edge;
SELECT count(*) FROM auth.users;
SELECT auth.unseal('\x00', 'x');
SELECT auth.identity_assume('somebody');
