-- Organizations: made, changed, ended, chosen as the active one. Refusals are Better Auth's, whose statuses differ by route.

CREATE FUNCTION auth.organization_json(o auth.organizations, metadata json) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object('name', o.name, 'slug', o.slug, 'logo', o.logo, 'createdAt', o.created_at,
                          'metadata', metadata, 'id', o.id);

CREATE FUNCTION auth.metadata_text(metadata jsonb) RETURNS json LANGUAGE sql STABLE
  RETURN CASE WHEN metadata IS NOT NULL
              THEN pg_catalog.to_json(pg_catalog."left"(pg_catalog.substr(auth.json_object('m', metadata)::text, 6), -1)) END;
COMMENT ON FUNCTION auth.metadata_text IS
  'metadata as a JSON string, as every answer but those of create and update has it; null where there is none';

CREATE FUNCTION auth.slug_is_plain(slug text) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN COALESCE(slug ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$', false);
COMMENT ON FUNCTION auth.slug_is_plain IS
  'whether a new slug is of ASCII letters, digits, dots, hyphens and underscores. Unicode has many characters that look like these or '
  'like nothing (UTS 39), so two organizations could seem to have one slug';

CREATE FUNCTION auth.slug_refusal(place text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.refuse('VALIDATION_ERROR', '[' || place || '.slug] Invalid slug: expected 1 to 64 letters a-z, digits, dots, hyphens and '
                                         'underscores, with a letter or digit first and last');

CREATE FUNCTION auth.organization_lock(organization_id text) RETURNS auth.organizations
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o auth.organizations;
BEGIN
  SELECT x.* INTO o FROM auth.organizations x WHERE x.id = organization_lock.organization_id FOR NO KEY UPDATE;
  RETURN o;
END
$$;
COMMENT ON FUNCTION auth.organization_lock IS
  'the organization, locked until the transaction ends, so that of two who change its members the second sees what the first did';

CREATE FUNCTION auth.organization_meant(input jsonb, s auth.sessions) RETURNS text LANGUAGE sql STABLE
  RETURN CASE WHEN input ->> 'organizationSlug' <> ''
              THEN COALESCE((SELECT o.id FROM auth.organizations o
                              WHERE auth.slug_normal(o.slug) = auth.slug_normal(input ->> 'organizationSlug')), '')
              ELSE COALESCE(NULLIF(input ->> 'organizationId', ''), s.active_organization_id) END;
COMMENT ON FUNCTION auth.organization_meant IS
  'id of the organization that is named, else of the active one; empty: no such slug; NULL: none is active';

CREATE FUNCTION auth.member_of(organization_id text, user_id text) RETURNS auth.members
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m auth.members;
BEGIN
  SELECT x.* INTO m FROM auth.members x
   WHERE x.organization_id = member_of.organization_id AND x.user_id = member_of.user_id;
  RETURN m;
END
$$;

CREATE FUNCTION auth.organization_limit_is_reached(of_user_id text) RETURNS boolean LANGUAGE sql STABLE
  RETURN pg_catalog.current_setting('mana_auth.organization_limit')::integer BETWEEN 1 AND
         (SELECT pg_catalog.count(*) FROM auth.members m WHERE m.user_id = of_user_id);
COMMENT ON FUNCTION auth.organization_limit_is_reached IS
  'whether a user is in as many organizations as one may be; to be asked under auth.user_lock';

CREATE FUNCTION auth_api.organization_create(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  o auth.organizations;
  m auth.members;
BEGIN
  IF (auth.user_lock(s.user_id)).id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF auth.organization_limit_is_reached(s.user_id) THEN
    RETURN auth.refuse_as(403, 'You have reached the maximum number of organizations',
                          'YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_ORGANIZATIONS');
  END IF;
  IF NOT auth.slug_is_plain(input ->> 'slug') THEN
    RETURN auth.slug_refusal('body');
  END IF;
  INSERT INTO auth.organizations (name, slug, logo, metadata)
  VALUES (input ->> 'name', auth.lower_case(input ->> 'slug'), input ->> 'logo', NULLIF(input -> 'metadata', 'null'))
  ON CONFLICT (auth.slug_normal(slug)) DO NOTHING RETURNING * INTO o;
  IF o.id IS NULL THEN
    RETURN auth.refuse('ORGANIZATION_ALREADY_EXISTS');
  END IF;
  INSERT INTO auth.members (organization_id, user_id, role) VALUES (o.id, s.user_id, 'owner') RETURNING * INTO m;
  IF NOT COALESCE((input ->> 'keepCurrentActiveOrganization')::boolean, false) THEN
    UPDATE auth.sessions x SET active_organization_id = o.id WHERE x.id = s.id;
  END IF;
  PERFORM auth.security_event(c, s.user_id, 'ORG_CREATED', auth.json_object('organizationId', o.id)::jsonb);
  RETURN auth.granted(auth.json_object('name', o.name, 'slug', o.slug, 'logo', o.logo, 'createdAt', o.created_at,
    'metadata', o.metadata, 'id', o.id, 'members', (SELECT auth.json_array_agg(auth.member_json(m)))));
END
$$;
COMMENT ON FUNCTION auth_api.organization_create IS 'POST /organization/create: its maker owns it, and it becomes the active one';

CREATE FUNCTION auth_api.organization_check_slug(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF NOT auth.slug_is_plain(input ->> 'slug') THEN
    RETURN auth.slug_refusal('body');
  ELSIF EXISTS (SELECT FROM auth.organizations o WHERE auth.slug_normal(o.slug) = auth.slug_normal(input ->> 'slug')) THEN
    RETURN auth.refuse('ORGANIZATION_SLUG_ALREADY_TAKEN');
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.organization_check_slug IS 'POST /organization/check-slug: whether a slug is free';

CREATE FUNCTION auth_api.organization_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  data constant jsonb := input -> 'data';
  keeps_slug boolean; -- also one from before slugs were restricted
  o auth.organizations;
  me auth.members;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF auth.organization_meant(input, s) IS NULL THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  END IF;
  o := auth.organization_lock(auth.organization_meant(input, s));
  me := auth.member_of(o.id, s.user_id);
  keeps_slug := COALESCE(auth.slug_normal(data ->> 'slug') = auth.slug_normal(o.slug), true);
  IF me.id IS NULL THEN
    RETURN auth.refuse_as(400, 'User is not a member of the organization', 'USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION');
  ELSIF NOT auth.role_may(me.role, 'organization', 'update') THEN
    RETURN auth.refuse_as(403, 'You are not allowed to update this organization', 'YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_ORGANIZATION');
  ELSIF NOT keeps_slug AND NOT auth.slug_is_plain(data ->> 'slug') THEN
    RETURN auth.slug_refusal('body.data');
  END IF;
  UPDATE auth.organizations x
     SET name = COALESCE(data ->> 'name', x.name), slug = CASE WHEN keeps_slug THEN x.slug ELSE auth.lower_case(data ->> 'slug') END,
         logo = CASE WHEN data ? 'logo' THEN data ->> 'logo' ELSE x.logo END,
         metadata = CASE WHEN data ? 'metadata' THEN NULLIF(data -> 'metadata', 'null') ELSE x.metadata END,
         updated_at = now()
   WHERE x.id = o.id RETURNING x.* INTO o;
  RETURN auth.granted(auth.organization_json(o, o.metadata::json));
EXCEPTION WHEN unique_violation THEN
  RETURN auth.refuse('ORGANIZATION_SLUG_ALREADY_TAKEN');
END
$$;
COMMENT ON FUNCTION auth_api.organization_update IS 'POST /organization/update: name, slug, logo, metadata';

CREATE FUNCTION auth.organization_end(c auth.caller, of_organization_id text, by_user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.sessions x SET active_organization_id = NULL
   WHERE x.active_organization_id = of_organization_id
     AND x.user_id IN (SELECT m.user_id FROM auth.members m WHERE m.organization_id = of_organization_id);
  DELETE FROM auth.organizations x WHERE x.id = of_organization_id;
  PERFORM auth.security_event(c, by_user_id, 'ORG_DELETED', auth.json_object('organizationId', of_organization_id)::jsonb);
END
$$;
COMMENT ON FUNCTION auth.organization_end IS 'an organization with its members and invitations; its row is locked by the caller';

CREATE FUNCTION auth_api.organization_delete(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  o auth.organizations;
  me auth.members;
  refusal auth.reply;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT x.* INTO o FROM auth.organizations x WHERE x.id = input ->> 'organizationId' FOR UPDATE;
  me := auth.member_of(o.id, s.user_id);
  IF me.id IS NULL THEN
    RETURN auth.refuse_as(400, 'User is not a member of the organization', 'USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION');
  ELSIF NOT auth.role_may(me.role, 'organization', 'delete') THEN
    RETURN auth.refuse_as(403, 'You are not allowed to delete this organization', 'YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_ORGANIZATION');
  END IF;
  refusal := auth.step_up_refusal(c, s, 'organization');
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  PERFORM auth.organization_end(c, o.id, s.user_id);
  RETURN auth.granted(auth.organization_json(o, auth.metadata_text(o.metadata)));
END
$$;
COMMENT ON FUNCTION auth_api.organization_delete IS 'POST /organization/delete, with step-up: the organization with its members and invitations';

CREATE FUNCTION auth_api.organization_set_active(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  cookie constant text := CASE WHEN s.remember_me THEN E'session_token \x03 604800' ELSE E'session_token \x03 session' END;
  chosen constant text := auth.organization_meant(
    CASE WHEN input ->> 'organizationId' <> '' THEN input - 'organizationSlug' ELSE input END, s);
  o auth.organizations;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF input -> 'organizationId' = 'null' THEN
    UPDATE auth.sessions x SET active_organization_id = NULL WHERE x.id = s.id;
    RETURN auth.granted('null', cookie);
  ELSIF chosen IS NULL THEN
    RETURN auth.granted('null');
  ELSIF chosen = '' THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  END IF;
  SELECT x.* INTO o FROM auth.organizations x WHERE x.id = chosen FOR SHARE; -- nobody is removed between the question and the answer
  IF (auth.member_of(chosen, s.user_id)).id IS NULL THEN
    RETURN auth.refuse('USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION');
  END IF;
  UPDATE auth.sessions x SET active_organization_id = o.id WHERE x.id = s.id;
  RETURN auth.granted(auth.organization_json(o, auth.metadata_text(o.metadata)), cookie);
END
$$;
COMMENT ON FUNCTION auth_api.organization_set_active IS 'POST /organization/set-active: null for none; a refusal changes nothing';

CREATE FUNCTION auth.organization_within(o auth.organizations, room bigint) RETURNS auth.organizations
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF octet_length(o.logo) > room THEN
    o.logo := NULL;
  END IF;
  IF octet_length(o.metadata::text) > room THEN
    o.metadata := NULL;
  END IF;
  RETURN o;
END
$$;
COMMENT ON FUNCTION auth.organization_within IS 'an organization without a logo or metadata of more than room bytes; NULL: as it is';

CREATE FUNCTION auth_api.organization_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  budget_bytes constant bigint := 524288;
  s constant auth.sessions := auth.session_find(c);
  room bigint; -- for a logo, and for metadata; NULL: all of them fit
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT budget_bytes / (4 * count(*)) INTO room
    FROM auth.members m JOIN auth.organizations o ON o.id = m.organization_id WHERE m.user_id = s.user_id
  HAVING sum(COALESCE(octet_length(o.logo), 0) + 2 * COALESCE(octet_length(o.metadata::text), 0)) > budget_bytes;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.organization_json(
             auth.organization_within(o, room), auth.metadata_text((auth.organization_within(o, room)).metadata)) ORDER BY m.created_at, m.id)
      FROM (SELECT x.* FROM auth.members x WHERE x.user_id = s.user_id ORDER BY x.created_at, x.id
             LIMIT (input ->> 'limit')::bigint OFFSET COALESCE((input ->> 'offset')::bigint, 0)) m
      JOIN auth.organizations o ON o.id = m.organization_id));
END
$$;
COMMENT ON FUNCTION auth_api.organization_list IS
  'GET /organization/list?limit&offset: those of the caller. Where their logos and metadata would make a long answer, the longest '
  'are null in it: get-organization has them';

CREATE FUNCTION auth_api.organization_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  chosen constant text := auth.organization_meant(input, s);
  me constant auth.members := auth.member_of(chosen, s.user_id);
  o auth.organizations;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF chosen IS NULL THEN
    RETURN auth.granted('null');
  ELSIF chosen = '' THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse('USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION');
  END IF;
  SELECT x.* INTO STRICT o FROM auth.organizations x WHERE x.id = chosen;
  RETURN auth.granted(auth.organization_json(o, auth.metadata_text(o.metadata)));
END
$$;
COMMENT ON FUNCTION auth_api.organization_get IS 'GET /organization/get-organization';

CREATE FUNCTION auth_api.organization_get_full(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  chosen constant text := auth.organization_meant(input, s);
  me constant auth.members := auth.member_of(chosen, s.user_id);
  o auth.organizations;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF chosen IS NULL THEN
    RETURN auth.granted('null');
  ELSIF chosen = '' THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse('USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION');
  END IF;
  SELECT x.* INTO STRICT o FROM auth.organizations x WHERE x.id = chosen;
  RETURN auth.granted(auth.json_object('name', o.name, 'slug', o.slug, 'logo', o.logo, 'createdAt', o.created_at,
    'metadata', auth.metadata_text(o.metadata), 'id', o.id,
    'invitations', auth.invitations_json(me, NULL, NULL),
    'members', (SELECT auth.json_array_agg(auth.member_user_json(m) ORDER BY m.created_at, m.id)
                  FROM (SELECT x.* FROM auth.members x WHERE x.organization_id = o.id
                         ORDER BY x.created_at, x.id LIMIT LEAST(COALESCE((input ->> 'membersLimit')::bigint, 1000), 1000)) m)));
END
$$;
COMMENT ON FUNCTION auth_api.organization_get_full IS 'GET /organization/get-full-organization: with its members, and its invitations as far as the caller may see them';
