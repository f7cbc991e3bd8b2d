-- What only a new installation refuses: schemas that are not the extension's, and required extensions whose owner could
-- drop them together with everything that needs them.

DO $$
DECLARE
  found text;
BEGIN
  IF getdatabaseencoding() <> 'UTF8' THEN
    RAISE EXCEPTION 'database "%" has the encoding %, and mana_auth needs UTF8', current_database(), getdatabaseencoding()
      USING ERRCODE = 'feature_not_supported',
            HINT = 'CREATE DATABASE ... TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C.UTF-8''';
  END IF;

  SELECT format('it belongs to %I', o.rolname) INTO found
    FROM pg_namespace n JOIN pg_roles o ON o.oid = n.nspowner
   WHERE n.nspname = 'auth' AND NOT o.rolsuper AND o.rolname <> 'auth_owner';
  IF found IS NULL THEN
    SELECT 'others may create objects in it: ' || string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, ', ')
      INTO found
      FROM pg_namespace n, aclexplode(n.nspacl) a
     WHERE n.nspname = 'auth' AND a.grantee <> n.nspowner AND a.privilege_type = 'CREATE'
    HAVING count(*) > 0;
  END IF;
  IF found IS NULL THEN
    -- members of a superuser's extension are not somebody's: CREATE EXTENSION mana_auth SCHEMA auth CASCADE puts pg_trgm there
    SELECT 'it holds ' || string_agg(pg_describe_object(d.classid, d.objid, d.objsubid), ', ' ORDER BY d.classid, d.objid) INTO found
      FROM pg_depend d
     WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = 'auth'::regnamespace
       AND d.classid <> 'pg_extension'::regclass
       AND NOT EXISTS (SELECT FROM pg_depend m
                         JOIN pg_extension e ON e.oid = m.refobjid
                         JOIN pg_roles o ON o.oid = e.extowner AND o.rolsuper
                        WHERE m.classid = d.classid AND m.objid = d.objid AND m.refclassid = 'pg_extension'::regclass AND m.deptype = 'e');
  END IF;
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'schema auth is not mana_auth''s: %', found
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'The extension makes its schema itself, or takes an empty one of a superuser. Rename or drop this one.';
  END IF;
  IF to_regnamespace('auth_api') IS NOT NULL THEN
    RAISE EXCEPTION 'schema auth_api exists already' USING ERRCODE = 'duplicate_schema', HINT = 'Rename or drop it.';
  END IF;

  SELECT string_agg(format('%I of %I in schema %I of %I', e.extname, o.rolname, n.nspname, s.rolname), ', ') INTO found
    FROM pg_extension e
    JOIN pg_roles o ON o.oid = e.extowner
    JOIN pg_namespace n ON n.oid = e.extnamespace
    JOIN pg_roles s ON s.oid = n.nspowner
    JOIN pg_database b ON b.datname = current_database()
   WHERE e.extname = 'pg_trgm'
     AND (NOT o.rolsuper AND o.oid <> b.datdba OR NOT s.rolsuper AND s.oid <> b.datdba AND s.rolname <> 'pg_database_owner');
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'an extension that mana_auth needs can be dropped by another role: %', found
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'DROP EXTENSION ... CASCADE would drop mana_auth and its data. Drop it, and create it as a superuser.';
  END IF;
END
$$;
