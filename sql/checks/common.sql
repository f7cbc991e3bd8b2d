-- What a new installation and an update refuse before they do anything: roles and objects that somebody else could have
-- prepared, so that they gain the rights of auth_owner. Names in the script resolve to pg_catalog or are qualified, so
-- that nothing in the schema of a required extension or in public is found by accident (CVE-2022-2625, CVE-2020-14350).

SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
  found text;
BEGIN
  SELECT string_agg(quote_ident(r.rolname), ', ' ORDER BY r.rolname) INTO found
    FROM pg_roles r
   WHERE r.rolname IN ('auth_owner', 'auth_edge', 'auth_mailer', 'auth_admin', 'auth_auditor')
     AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolreplication OR r.rolname = 'auth_owner' AND r.rolcanlogin);
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'roles of mana_auth with unsafe attributes: %', found
      USING ERRCODE = 'invalid_role_specification',
            HINT = 'None is SUPERUSER, BYPASSRLS, CREATEROLE or REPLICATION, and auth_owner is NOLOGIN: ALTER ROLE, or drop the role.';
  END IF;

  SELECT string_agg(format('%I in %I', m.rolname, r.rolname), ', ' ORDER BY r.rolname, m.rolname) INTO found
    FROM pg_auth_members a
    JOIN pg_roles r ON r.oid = a.roleid
    JOIN pg_roles m ON m.oid = a.member
   WHERE NOT m.rolsuper
     AND (r.rolname = 'auth_owner' OR a.admin_option AND r.rolname IN ('auth_edge', 'auth_mailer', 'auth_admin', 'auth_auditor'));
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'roles of mana_auth with unsafe members: %', found
      USING ERRCODE = 'invalid_role_specification',
            HINT = 'auth_owner has no members, and only a superuser holds ADMIN OPTION on the others: REVOKE the membership.';
  END IF;

  SELECT string_agg(quote_ident(r.rolname), ', ' ORDER BY r.rolname) INTO found
    FROM pg_roles r, pg_roles e
   WHERE e.rolname = 'auth_edge' AND pg_has_role(e.oid, r.oid, 'MEMBER')
     AND r.rolname IN ('auth_owner', 'auth_admin', 'auth_auditor', 'pg_read_all_data', 'pg_write_all_data',
                       'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program');
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'role auth_edge is a member of %', found
      USING ERRCODE = 'invalid_role_specification',
            HINT = 'An edge may execute the routines of auth_api and nothing else: REVOKE the membership.';
  END IF;

  -- what belongs to auth_owner runs or reads with its rights, wherever it is
  SELECT string_agg(pg_describe_object(d.classid, d.objid, d.objsubid), ', ' ORDER BY d.classid, d.objid) INTO found
    FROM pg_shdepend d
    JOIN pg_database b ON b.oid = d.dbid AND b.datname = current_database()
    JOIN pg_roles r ON r.oid = d.refobjid AND r.rolname = 'auth_owner'
   WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o'
     AND d.classid <> 'pg_user_mapping'::regclass
     AND NOT (d.classid = 'pg_namespace'::regclass AND d.objid = to_regnamespace('auth'))
     AND NOT (d.classid = 'pg_class'::regclass
              AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = d.objid AND i.inhparent = to_regclass('auth.encryption_vault_audit')))
     AND NOT EXISTS (SELECT FROM pg_depend m JOIN pg_extension e ON e.oid = m.refobjid AND e.extname = 'mana_auth'
                      WHERE m.classid = d.classid AND m.objid = d.objid AND m.refclassid = 'pg_extension'::regclass AND m.deptype = 'e');
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'objects of auth_owner are not part of mana_auth: %', found
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'They act with the rights of auth_owner. Find out who made them, then DROP them or change their owner.';
  END IF;

  -- a routine in these schemas can fit the arguments of a call better than ours, and is then called as auth_owner
  SELECT string_agg(pg_describe_object(d.classid, d.objid, d.objsubid) || ' of ' || r.rolname, ', ' ORDER BY d.classid, d.objid) INTO found
    FROM pg_depend d
    JOIN pg_shdepend o ON o.classid = d.classid AND o.objid = d.objid AND o.refclassid = 'pg_authid'::regclass AND o.deptype = 'o'
    JOIN pg_database b ON b.oid = o.dbid AND b.datname = current_database()
    JOIN pg_roles r ON r.oid = o.refobjid AND NOT r.rolsuper AND r.rolname <> 'auth_owner'
   WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid IN (to_regnamespace('auth'), to_regnamespace('auth_api'));
  IF found IS NOT NULL THEN
    RAISE EXCEPTION 'objects of other roles in the schemas of mana_auth: %', found
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Find out who made them, then DROP them or ALTER ... SET SCHEMA.';
  END IF;
END
$$;
