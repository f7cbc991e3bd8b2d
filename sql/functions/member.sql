-- Members: who they are, which roles they have, how they go. An organization is never without an owner: whoever would take
-- the last one away holds the lock on the organization while the owners are counted; a trigger has the last word.

CREATE FUNCTION auth.member_json(m auth.members) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object('organizationId', m.organization_id, 'userId', m.user_id, 'role', m.role,
                          'createdAt', m.created_at, 'id', m.id);

CREATE FUNCTION auth.member_user_json(m auth.members) RETURNS json LANGUAGE sql STABLE
  RETURN (SELECT auth.json_object('organizationId', m.organization_id, 'userId', m.user_id, 'role', m.role,
                   'createdAt', m.created_at, 'id', m.id, 'user',
                   auth.json_object('id', u.id, 'name', u.name, 'email', u.email, 'image', u.image))
            FROM auth.users u WHERE u.id = m.user_id);

CREATE FUNCTION auth.member_is_last_owner(m auth.members) RETURNS boolean LANGUAGE sql STABLE
  RETURN auth.role_is_owner(m.role) AND NOT EXISTS (
    SELECT FROM auth.members x WHERE x.organization_id = m.organization_id AND x.id <> m.id AND auth.role_is_owner(x.role));
COMMENT ON FUNCTION auth.member_is_last_owner IS 'to be asked under auth.organization_lock';

CREATE FUNCTION auth.members_keep_an_owner() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM auth.organizations o WHERE o.id = OLD.organization_id FOR NO KEY UPDATE;
  IF FOUND AND NOT EXISTS (SELECT FROM auth.members x
                            WHERE x.organization_id = OLD.organization_id AND auth.role_is_owner(x.role)) THEN
    RAISE EXCEPTION 'an organization would be without an owner'
      USING ERRCODE = 'restrict_violation', DETAIL = format('Organization "%s".', OLD.organization_id), HINT = 'Call auth.organization_release_user before a user is deleted.';
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.members_keep_an_owner IS 'asked when a transaction ends, so that ownership can pass within one';
CREATE CONSTRAINT TRIGGER members_keep_an_owner AFTER DELETE OR UPDATE OF role, organization_id ON auth.members
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (auth.role_is_owner(OLD.role))
  EXECUTE FUNCTION auth.members_keep_an_owner();

CREATE FUNCTION auth.member_end(m auth.members) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.members x WHERE x.id = m.id AND x.organization_id = m.organization_id;
  UPDATE auth.sessions x SET active_organization_id = NULL
   WHERE x.user_id = m.user_id AND x.active_organization_id = m.organization_id;
END
$$;

CREATE FUNCTION auth_api.member_get_active(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  me constant auth.members := auth.member_of(s.active_organization_id, s.user_id);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF s.active_organization_id IS NULL THEN
    RETURN auth.refuse('NO_ACTIVE_ORGANIZATION');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  END IF;
  RETURN auth.granted(auth.member_user_json(me));
END
$$;
COMMENT ON FUNCTION auth_api.member_get_active IS 'GET /organization/get-active-member';

CREATE FUNCTION auth_api.member_get_active_role(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  chosen constant text := auth.organization_meant(input, s);
  me constant auth.members := auth.member_of(chosen, s.user_id);
  them auth.members;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF chosen IS NULL THEN
    RETURN auth.refuse('NO_ACTIVE_ORGANIZATION');
  ELSIF chosen = '' THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse('YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION');
  END IF;
  them := auth.member_of(chosen, COALESCE(input ->> 'userId', s.user_id));
  IF them.id IS NULL THEN
    RETURN auth.refuse_as(403, 'You are not a member of this organization', 'YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION');
  END IF;
  RETURN auth.granted(auth.json_object('role', them.role));
END
$$;
COMMENT ON FUNCTION auth_api.member_get_active_role IS 'GET /organization/get-active-member-role: the caller''s, or a fellow member''s';

CREATE FUNCTION auth.member_matches(m auth.members, input jsonb) RETURNS boolean LANGUAGE sql STABLE
  RETURN (SELECT CASE COALESCE(input ->> 'filterOperator', 'eq')
                   WHEN 'eq' THEN v = w WHEN 'ne' THEN v <> w
                   WHEN 'lt' THEN v < w WHEN 'lte' THEN v <= w WHEN 'gt' THEN v > w WHEN 'gte' THEN v >= w
                   WHEN 'contains' THEN pg_catalog.strpos(v, w) > 0
                   WHEN 'starts_with' THEN pg_catalog.starts_with(v, w)
                   WHEN 'ends_with' THEN pg_catalog.right(v, pg_catalog.length(w)) = w
                   WHEN 'in' THEN v = ANY (pg_catalog.string_to_array(w, ','))
                   WHEN 'not_in' THEN v <> ALL (pg_catalog.string_to_array(w, ',')) ELSE false END
            FROM (SELECT CASE input ->> 'filterField'
                           WHEN 'id' THEN m.id WHEN 'userId' THEN m.user_id WHEN 'role' THEN m.role
                           WHEN 'organizationId' THEN m.organization_id WHEN 'createdAt' THEN auth.iso(m.created_at) END AS v,
                         COALESCE(input ->> 'filterValue', '') AS w) x);
COMMENT ON FUNCTION auth.member_matches IS 'whether filterField, filterOperator and filterValue let a member through';

CREATE FUNCTION auth_api.member_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  chosen constant text := auth.organization_meant(input, s);
  down constant boolean := COALESCE(input ->> 'sortDirection', 'asc') = 'desc';
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF chosen IS NULL THEN
    RETURN auth.refuse('NO_ACTIVE_ORGANIZATION');
  ELSIF chosen = '' THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  ELSIF (auth.member_of(chosen, s.user_id)).id IS NULL THEN
    RETURN auth.refuse('YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION');
  END IF;
  RETURN auth.granted((
    WITH matching AS (
      SELECT m AS member, CASE input ->> 'sortBy' WHEN 'role' THEN m.role WHEN 'userId' THEN m.user_id WHEN 'id' THEN m.id
                                                  ELSE auth.iso(m.created_at) END AS k, m.created_at AS at, m.id
        FROM auth.members m
       WHERE m.organization_id = chosen AND (input ->> 'filterField' IS NULL OR auth.member_matches(m, input))),
    numbered AS (
      SELECT x.member, row_number() OVER (ORDER BY CASE WHEN down THEN x.k END DESC, CASE WHEN NOT down THEN x.k END, x.at, x.id) AS n
        FROM matching x)
    SELECT auth.json_object(
      'members', (SELECT auth.json_array_agg(auth.member_user_json(p.member) ORDER BY p.n)
                    FROM (SELECT x.member, x.n FROM numbered x ORDER BY x.n
                           LIMIT LEAST(COALESCE(NULLIF((input ->> 'limit')::bigint, 0), 1000), 1000) OFFSET COALESCE((input ->> 'offset')::bigint, 0)) p),
      'total', (SELECT count(*) FROM matching))));
END
$$;
COMMENT ON FUNCTION auth_api.member_list IS 'GET /organization/list-members: limit, offset, sort, filter; at most 1000, of total';

CREATE FUNCTION auth_api.member_update_role(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  wanted constant text := auth.role_list(input -> 'role');
  o auth.organizations;
  me auth.members;
  them auth.members;
  refusal auth.reply;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF auth.organization_meant(input, s) IS NULL THEN
    RETURN auth.refuse('NO_ACTIVE_ORGANIZATION');
  END IF;
  o := auth.organization_lock(auth.organization_meant(input, s));
  me := auth.member_of(o.id, s.user_id);
  IF me.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  END IF;
  SELECT x.* INTO them FROM auth.members x WHERE x.id = input ->> 'memberId' AND x.organization_id = o.id;
  IF them.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  ELSIF NOT auth.role_may(me.role, 'member', 'update') THEN
    RETURN auth.refuse('YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER');
  ELSIF wanted IS NULL THEN
    RETURN auth.refuse('ROLE_NOT_FOUND');
  ELSIF auth.role_unknown(wanted) IS NOT NULL THEN
    RETURN auth.granted(auth.json_object('code', 'ROLE_NOT_FOUND', 'message', 'ROLE_NOT_FOUND: ' || auth.role_unknown(wanted)),
                        status => 400);
  ELSIF NOT auth.role_may_grant(me.role, them.role, wanted) THEN
    RETURN auth.refuse('YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER');
  ELSIF NOT auth.role_is_owner(wanted) AND auth.member_is_last_owner(them) THEN
    RETURN auth.refuse('YOU_CANNOT_LEAVE_THE_ORGANIZATION_WITHOUT_AN_OWNER');
  END IF;
  refusal := auth.step_up_refusal(c, s, 'organization');
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  IF them.role <> wanted THEN
    UPDATE auth.members x SET role = wanted WHERE x.id = them.id AND x.organization_id = o.id RETURNING x.* INTO them;
    PERFORM auth.security_event_once(c, them.user_id, 'ORG_ROLE_CHANGED',
              auth.json_object('organizationId', o.id, 'role', wanted, 'by', s.user_id)::jsonb);
  END IF;
  RETURN auth.granted(auth.member_json(them));
END
$$;
COMMENT ON FUNCTION auth_api.member_update_role IS
  'POST /organization/update-member-role: neither a member nor a role above the caller''s own; the last owner stays one. With '
  'step-up: it widens or takes away what another person may do';

CREATE FUNCTION auth_api.member_remove(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  who constant text := input ->> 'memberIdOrEmail';
  o auth.organizations;
  me auth.members;
  them auth.members;
  body json;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF auth.organization_meant(input, s) IS NULL THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  END IF;
  o := auth.organization_lock(auth.organization_meant(input, s));
  me := auth.member_of(o.id, s.user_id);
  IF me.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  END IF;
  SELECT x.* INTO them FROM auth.members x JOIN auth.users u ON u.id = x.user_id
   WHERE x.organization_id = o.id AND (x.id = who OR u.email = auth.email_normal(who));
  IF them.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  ELSIF NOT auth.role_may(me.role, 'member', 'delete') THEN
    RETURN auth.refuse_as(403, 'You are not allowed to delete this member', 'YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_MEMBER');
  ELSIF auth.member_is_last_owner(them) THEN
    RETURN auth.refuse('YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER');
  ELSIF NOT auth.role_may_grant(me.role, them.role, NULL) THEN
    RETURN auth.refuse_as(403, 'You are not allowed to delete this member', 'YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_MEMBER');
  END IF;
  body := auth.json_object('member', auth.member_user_json(them));
  PERFORM auth.member_end(them);
  PERFORM auth.security_event(c, them.user_id, 'ORG_MEMBER_REMOVED',
            auth.json_object('organizationId', o.id, 'by', s.user_id)::jsonb);
  RETURN auth.granted(body);
END
$$;
COMMENT ON FUNCTION auth_api.member_remove IS 'POST /organization/remove-member: nobody above the caller, never the last owner';

CREATE FUNCTION auth_api.member_leave(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  o auth.organizations;
  me auth.members;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  o := auth.organization_lock(input ->> 'organizationId');
  me := auth.member_of(o.id, s.user_id);
  IF me.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  ELSIF auth.member_is_last_owner(me) THEN
    RETURN auth.refuse('YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER');
  END IF;
  PERFORM auth.member_end(me);
  PERFORM auth.security_event(c, s.user_id, 'ORG_LEFT', auth.json_object('organizationId', o.id)::jsonb);
  RETURN auth.granted(auth.member_user_json(me));
END
$$;
COMMENT ON FUNCTION auth_api.member_leave IS 'POST /organization/leave';

CREATE FUNCTION auth.json_is_strings(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN pg_catalog.jsonb_typeof(value) = 'array'
         AND NOT pg_catalog.jsonb_path_exists(value, 'strict $[*] ? (@.type() <> "string")');
COMMENT ON FUNCTION auth.json_is_strings IS 'whether a JSON value is an array of strings';

CREATE FUNCTION auth_api.member_has_permission(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  asked constant jsonb := COALESCE(input -> 'permissions', input -> 'permission');
  chosen constant text := auth.organization_meant(input, s);
  me constant auth.members := auth.member_of(chosen, s.user_id);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF jsonb_typeof(asked) IS DISTINCT FROM 'object'
        OR input ?& ARRAY['permission', 'permissions']
        OR EXISTS (SELECT FROM jsonb_each(asked) a WHERE NOT auth.json_is_strings(a.value)) THEN
    RETURN auth.refuse('VALIDATION_ERROR', '[body] Invalid input');
  ELSIF chosen IS NULL THEN
    RETURN auth.refuse('NO_ACTIVE_ORGANIZATION');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse_as(401, 'User is not a member of the organization', 'USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION');
  END IF;
  RETURN auth.granted(auth.json_object('error', NULL::text, 'success', auth.role_may_all(me.role, asked)));
END
$$;
COMMENT ON FUNCTION auth_api.member_has_permission IS 'POST /organization/has-permission';

CREATE FUNCTION auth_api.member_internal(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m constant auth.members := auth.member_of(input ->> 'orgId', input ->> 'userId');
BEGIN
  RETURN auth.granted(auth.json_object('isMember', m.id IS NOT NULL, 'role', COALESCE(m.role, '')));
END
$$;
COMMENT ON FUNCTION auth_api.member_internal IS 'GET /api/v1/internal/org/:orgId/member/:userId, for other services';

CREATE FUNCTION auth_api.membership_internal(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.granted(auth.json_object('userId', input ->> 'userId', 'memberships', (
    SELECT auth.json_array_agg(auth.json_object('organizationId', m.organization_id, 'role', m.role) ORDER BY m.created_at, m.id)
      FROM auth.members m WHERE m.user_id = input ->> 'userId')));
END
$$;
COMMENT ON FUNCTION auth_api.membership_internal IS 'GET /api/v1/internal/users/:userId/memberships, for other services';
