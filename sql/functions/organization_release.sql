-- A user who goes for good leaves no organization without an owner. One that they own alone passes to its longest-standing
-- admin, who is told, or ends when nobody else is in it; where there is nobody to pass it to, they cannot go yet, and are told why.

CREATE FUNCTION auth.organization_heir(m auth.members) RETURNS auth.members
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  heir auth.members;
BEGIN
  SELECT x.* INTO heir FROM auth.members x
   WHERE x.organization_id = m.organization_id AND x.id <> m.id AND auth.role_has(x.role, 'admin')
   ORDER BY x.created_at, x.id LIMIT 1;
  RETURN heir;
END
$$;
COMMENT ON FUNCTION auth.organization_heir IS 'who owns the organization after its only owner; a row of NULLs: nobody';

CREATE FUNCTION auth.organization_blocking(of_user_id text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM auth.organizations o
   WHERE o.id IN (SELECT m.organization_id FROM auth.members m WHERE m.user_id = of_user_id) ORDER BY o.id FOR UPDATE;
  RETURN (
    SELECT auth.json_array_agg(auth.json_object('id', o.id, 'name', o.name, 'slug', o.slug) ORDER BY o.name, o.id)
      FROM auth.members m JOIN auth.organizations o ON o.id = m.organization_id
     WHERE m.user_id = of_user_id AND auth.member_is_last_owner(m) AND (auth.organization_heir(m)).id IS NULL
       AND EXISTS (SELECT FROM auth.members x WHERE x.organization_id = o.id AND x.id <> m.id));
END
$$;
COMMENT ON FUNCTION auth.organization_blocking IS
  'locks the organizations of a user, and says which of them would be without an owner: [{id, name, slug}, ..]. Called under '
  'auth.user_lock, so that the user joins no other meanwhile';

CREATE FUNCTION auth.organization_release_refusal(of_user_id text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  names constant text := (SELECT string_agg(b ->> 'name', ', ' ORDER BY n)
                            FROM json_array_elements(auth.organization_blocking(of_user_id)) WITH ORDINALITY x (b, n));
BEGIN
  IF names IS NOT NULL THEN
    RETURN auth.refuse('LAST_OWNER_OF_ORGANIZATION',
      'You are the only owner of ' || names || ': make another member its owner, or delete it, first');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.organization_release_refusal IS 'why a user cannot be deleted yet; NULL: they can, and the locks are held';

CREATE FUNCTION auth.organization_release_user(c auth.caller, of_user_id text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  blocked constant json := auth.organization_blocking(of_user_id);
  handed_over json[] := '{}';
  deleted json[] := '{}';
  memberships bigint;
  invitations bigint;
  m auth.members;
  heir auth.members;
BEGIN
  IF json_array_length(blocked) > 0 THEN
    RETURN auth.json_object('handedOver', '[]'::json, 'deleted', '[]'::json, 'memberships', 0, 'invitations', 0, 'blocked', blocked);
  END IF;
  FOR m IN SELECT x.* FROM auth.members x WHERE x.user_id = of_user_id AND auth.member_is_last_owner(x)
            ORDER BY x.organization_id LOOP
    heir := auth.organization_heir(m);
    IF heir.id IS NULL THEN
      PERFORM auth.organization_end(c, m.organization_id, of_user_id);
      deleted := deleted || to_json(m.organization_id);
    ELSE
      UPDATE auth.members x SET role = array_to_string(array_replace(string_to_array(x.role, ','), 'admin', 'owner'), ',')
       WHERE x.id = heir.id AND x.organization_id = m.organization_id;
      PERFORM auth.security_event(c, heir.user_id, 'ORG_OWNERSHIP_INHERITED',
                auth.json_object('organizationId', m.organization_id)::jsonb);
      PERFORM auth.mail_queue('organization_inherited', u.email, u.locale,
                auth.json_object('name', u.name, 'organization', o.name), u.id)
         FROM auth.users u, auth.organizations o WHERE u.id = heir.user_id AND o.id = m.organization_id;
      handed_over := handed_over || auth.json_object('organizationId', m.organization_id, 'userId', heir.user_id);
    END IF;
  END LOOP;
  DELETE FROM auth.members x WHERE x.user_id = of_user_id;
  GET DIAGNOSTICS memberships = ROW_COUNT;
  DELETE FROM auth.invitations i USING auth.users u
   WHERE u.id = of_user_id AND (i.email = u.email OR i.inviter_id = u.id);
  GET DIAGNOSTICS invitations = ROW_COUNT;
  RETURN auth.json_object('handedOver', array_to_json(handed_over), 'deleted', array_to_json(deleted),
                          'memberships', memberships, 'invitations', invitations, 'blocked', blocked);
END
$$;
COMMENT ON FUNCTION auth.organization_release_user IS
  'takes a user out of all organizations, with the invitations to them and from them: {handedOver: [{organizationId, userId}], '
  'deleted: [organizationId], memberships, invitations, blocked: [{id, name, slug}]}. When some are blocked, nothing was done. '
  'Called under auth.user_lock';
