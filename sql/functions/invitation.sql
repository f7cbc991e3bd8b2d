-- Invitations. What an invitation gives is judged again when it is accepted: its inviter must still be one who may give it.

CREATE FUNCTION auth.invitation_json(i auth.invitations) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object('organizationId', i.organization_id, 'email', i.email, 'role', i.role, 'status', i.status,
                          'expiresAt', i.expires_at, 'createdAt', i.created_at, 'inviterId', i.inviter_id, 'id', i.id);

CREATE FUNCTION auth.member_may_invite(m auth.members, role text) RETURNS boolean LANGUAGE sql STABLE
  RETURN auth.role_may(m.role, 'invitation', 'create') AND auth.role_may_grant(m.role, NULL, role);
COMMENT ON FUNCTION auth.member_may_invite IS 'whether a member may invite somebody into a role: none above their own';

CREATE FUNCTION auth.invitation_is_shown(i auth.invitations, m auth.members) RETURNS boolean LANGUAGE sql STABLE
  RETURN auth.member_may_invite(m, i.role);
COMMENT ON FUNCTION auth.invitation_is_shown IS
  'whether a member sees an invitation: its id is the link, so only who could have given it does';

CREATE FUNCTION auth.invitations_json(me auth.members, most bigint, skipped bigint) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT auth.json_array_agg(auth.invitation_json(i) ORDER BY i.created_at, i.id)
      FROM (SELECT x.* FROM auth.invitations x
             WHERE x.organization_id = me.organization_id AND auth.invitation_is_shown(x, me)
             ORDER BY x.status = 'pending' DESC, x.created_at DESC, x.id DESC
             LIMIT LEAST(COALESCE(most, 500), 500) OFFSET COALESCE(skipped, 0)) i);
END
$$;
COMMENT ON FUNCTION auth.invitations_json IS
  'a page of the invitations of the organization of a member, as far as the member may see them: chosen newest first, the '
  'pending ones before all others, and shown oldest first';

CREATE FUNCTION auth_api.invitation_create(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  wanted constant text := auth.role_list(input -> 'role');
  address constant text := auth.email_normal(input ->> 'email');
  maximum constant integer := current_setting('mana_auth.invitation_limit')::integer;
  o auth.organizations;
  me auth.members;
  i auth.invitations;
  inviter auth.users;
  refusal auth.reply;
  language text;
  wait_seconds integer;
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
  ELSIF NOT auth.role_may(me.role, 'invitation', 'create') THEN
    RETURN auth.refuse_as(403, 'You are not allowed to invite users to this organization',
                          'YOU_ARE_NOT_ALLOWED_TO_INVITE_USERS_TO_THIS_ORGANIZATION');
  ELSIF wanted IS NULL THEN
    RETURN auth.refuse('ROLE_NOT_FOUND');
  ELSIF auth.role_unknown(wanted) IS NOT NULL THEN
    RETURN auth.refuse_as(400, 'ROLE_NOT_FOUND: ' || auth.role_unknown(wanted));
  ELSIF NOT auth.member_may_invite(me, wanted) THEN
    RETURN auth.refuse_as(403, 'You are not allowed to invite a user with this role',
                          'YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE');
  ELSIF EXISTS (SELECT FROM auth.members m JOIN auth.users u ON u.id = m.user_id
                 WHERE m.organization_id = o.id AND u.email = address) THEN
    RETURN auth.refuse('USER_IS_ALREADY_A_MEMBER_OF_THIS_ORGANIZATION');
  END IF;
  UPDATE auth.invitations x SET status = 'canceled'
   WHERE x.organization_id = o.id AND x.email = address AND x.status = 'pending' AND x.expires_at <= now();
  SELECT x.* INTO i FROM auth.invitations x WHERE x.organization_id = o.id AND x.email = address AND x.status = 'pending';
  IF i.id IS NOT NULL AND NOT COALESCE((input ->> 'resend')::boolean, false) THEN
    RETURN auth.refuse('USER_IS_ALREADY_INVITED_TO_THIS_ORGANIZATION');
  ELSIF NOT auth.role_may_grant(me.role, i.role, wanted) THEN
    RETURN auth.refuse_as(403, 'You are not allowed to invite a user with this role',
                          'YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE');
  ELSIF i.id IS NULL AND (SELECT count(*) FROM auth.invitations x
                           WHERE x.organization_id = o.id AND x.status = 'pending' AND x.expires_at > now()) >= maximum THEN
    RETURN auth.refuse_as(403, 'Invitation limit reached', 'INVITATION_LIMIT_REACHED');
  ELSIF auth.role_is_elevated(wanted) THEN
    refusal := auth.step_up_refusal(c, s, 'organization');
  END IF;
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  wait_seconds := greatest(auth.rate_limit_count('invitation', s.user_id), auth.mail_wait_seconds('invitation', address));
  IF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  ELSIF i.id IS NULL THEN
    INSERT INTO auth.invitations (organization_id, email, role, inviter_id)
    VALUES (o.id, address, wanted, s.user_id) RETURNING * INTO i;
  ELSE -- the last to ask vouches for it
    UPDATE auth.invitations x SET expires_at = now() + interval '48 hours', role = wanted, inviter_id = s.user_id
     WHERE x.id = i.id RETURNING x.* INTO i;
  END IF;
  SELECT x.* INTO STRICT inviter FROM auth.users x WHERE x.id = s.user_id;
  language := COALESCE((SELECT x.locale FROM auth.users x WHERE x.email = address), inviter.locale);
  PERFORM auth.mail_queue('invitation', address, language, auth.json_object(
    'name', '', 'organization', o.name, 'inviter', auth.inviter_name(inviter.name, language), 'invitationId', i.id), NULL, i.expires_at - now());
  PERFORM auth.security_event(c, s.user_id, 'ORG_INVITED', auth.json_object('organizationId', o.id, 'role', i.role)::jsonb);
  RETURN auth.granted(auth.invitation_json(i));
END
$$;
COMMENT ON FUNCTION auth_api.invitation_create IS
  'POST /organization/invite-member: one pending invitation for an address. resend changes it as wished and mails it again, by who '
  'may grant both the role that it had and the one that it gets. Step-up for each role above that of a plain member';

CREATE FUNCTION auth.inviter_name(name text, language text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN COALESCE(NULLIF(name, ''), CASE language WHEN 'en' THEN 'A member of the team' ELSE 'Ein Teammitglied' END);
COMMENT ON FUNCTION auth.inviter_name IS 'who invites, to who is invited';

CREATE FUNCTION auth.invitation_lock(invitation_id text) RETURNS auth.invitations
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  i auth.invitations;
BEGIN
  PERFORM auth.organization_lock((SELECT x.organization_id FROM auth.invitations x WHERE x.id = invitation_lock.invitation_id));
  SELECT x.* INTO i FROM auth.invitations x
   WHERE x.id = invitation_lock.invitation_id AND x.status = 'pending' AND x.expires_at > now();
  RETURN i;
END
$$;
COMMENT ON FUNCTION auth.invitation_lock IS 'an invitation that is still open, its organization locked; a row of NULLs: none';

CREATE FUNCTION auth.invitation_refusal(u auth.users, i auth.invitations) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF i.email <> u.email THEN
    RETURN auth.refuse('YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION');
  ELSIF NOT u.email_verified THEN
    RETURN auth.refuse_as(403, 'Email verification required before accepting or rejecting invitation',
                          'EMAIL_VERIFICATION_REQUIRED_BEFORE_ACCEPTING_OR_REJECTING_INVITATION');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.invitation_refusal IS 'why an invitation is not this user''s to answer; NULL: it is';

CREATE FUNCTION auth_api.invitation_accept(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
  i auth.invitations;
  m auth.members;
  refusal auth.reply;
  maximum constant integer := current_setting('mana_auth.member_limit')::integer;
BEGIN
  u := auth.user_lock(s.user_id);
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  i := auth.invitation_lock(input ->> 'invitationId');
  IF i.id IS NULL THEN
    RETURN auth.refuse('INVITATION_NOT_FOUND');
  END IF;
  refusal := auth.invitation_refusal(u, i);
  IF NOT (refusal IS NULL) THEN
    RETURN refusal;
  ELSIF NOT auth.member_may_invite(auth.member_of(i.organization_id, i.inviter_id), i.role) THEN
    RETURN auth.refuse('INVITATION_NOT_FOUND'); -- who invited could not do so any more
  ELSIF auth.organization_limit_is_reached(u.id) THEN
    RETURN auth.refuse_as(403, 'You have reached the maximum number of organizations',
                          'YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_ORGANIZATIONS');
  ELSIF (SELECT count(*) FROM auth.members x WHERE x.organization_id = i.organization_id) >= maximum THEN
    RETURN auth.refuse_as(403, 'Organization membership limit reached', 'ORGANIZATION_MEMBERSHIP_LIMIT_REACHED');
  END IF;
  INSERT INTO auth.members (organization_id, user_id, role) VALUES (i.organization_id, u.id, i.role)
  ON CONFLICT (organization_id, user_id) DO NOTHING RETURNING * INTO m;
  IF m.id IS NULL THEN
    RETURN auth.refuse('USER_IS_ALREADY_A_MEMBER_OF_THIS_ORGANIZATION');
  END IF;
  UPDATE auth.invitations x SET status = 'accepted' WHERE x.id = i.id RETURNING x.* INTO i;
  UPDATE auth.sessions x SET active_organization_id = i.organization_id WHERE x.id = s.id;
  PERFORM auth.security_event(c, u.id, 'ORG_JOINED', auth.json_object('organizationId', i.organization_id, 'role', i.role)::jsonb);
  RETURN auth.granted(auth.json_object('invitation', auth.invitation_json(i), 'member', auth.member_json(m)));
END
$$;
COMMENT ON FUNCTION auth_api.invitation_accept IS 'POST /organization/accept-invitation: once, by who has its verified address';

CREATE FUNCTION auth_api.invitation_reject(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
  i auth.invitations;
  refusal auth.reply;
BEGIN
  u := auth.user_lock(s.user_id);
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  i := auth.invitation_lock(input ->> 'invitationId');
  IF i.id IS NULL THEN
    RETURN auth.refuse('INVITATION_NOT_FOUND', 'Invitation not found!');
  END IF;
  refusal := auth.invitation_refusal(u, i);
  IF NOT (refusal IS NULL) THEN
    RETURN refusal;
  END IF;
  UPDATE auth.invitations x SET status = 'rejected' WHERE x.id = i.id RETURNING x.* INTO i;
  RETURN auth.granted(auth.json_object('invitation', auth.invitation_json(i), 'member', NULL::text));
END
$$;
COMMENT ON FUNCTION auth_api.invitation_reject IS 'POST /organization/reject-invitation';

CREATE FUNCTION auth_api.invitation_cancel(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  i auth.invitations;
  me auth.members;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  i := auth.invitation_lock(input ->> 'invitationId');
  me := auth.member_of(i.organization_id, s.user_id);
  IF i.id IS NULL THEN
    RETURN auth.refuse('INVITATION_NOT_FOUND');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  ELSIF NOT auth.role_may(me.role, 'invitation', 'cancel') OR NOT auth.role_may_grant(me.role, i.role, NULL) THEN
    RETURN auth.refuse('YOU_ARE_NOT_ALLOWED_TO_CANCEL_THIS_INVITATION');
  END IF;
  UPDATE auth.invitations x SET status = 'canceled' WHERE x.id = i.id RETURNING x.* INTO i;
  RETURN auth.granted(auth.invitation_json(i));
END
$$;
COMMENT ON FUNCTION auth_api.invitation_cancel IS 'POST /organization/cancel-invitation: none into a role above the caller''s own';

CREATE FUNCTION auth_api.invitation_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
  i auth.invitations;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  SELECT x.* INTO i FROM auth.invitations x WHERE x.id = input ->> 'id' AND x.status = 'pending' AND x.expires_at > now();
  IF i.id IS NULL THEN
    RETURN auth.refuse_as(400, 'Invitation not found!');
  ELSIF i.email <> u.email THEN
    RETURN auth.refuse('YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION');
  ELSIF NOT u.email_verified THEN
    RETURN auth.refuse('EMAIL_VERIFICATION_REQUIRED_FOR_INVITATION');
  ELSIF NOT auth.member_may_invite(auth.member_of(i.organization_id, i.inviter_id), i.role) THEN
    RETURN auth.refuse_as(400, 'Inviter is no longer a member of the organization',
                          'INVITER_IS_NO_LONGER_A_MEMBER_OF_THE_ORGANIZATION');
  END IF;
  RETURN (SELECT auth.granted(auth.json_object(
            'organizationId', i.organization_id, 'email', i.email, 'role', i.role, 'status', i.status,
            'expiresAt', i.expires_at, 'createdAt', i.created_at, 'inviterId', i.inviter_id, 'id', i.id,
            'organizationName', o.name, 'organizationSlug', o.slug, 'inviterEmail', v.email))
            FROM auth.organizations o, auth.users v WHERE o.id = i.organization_id AND v.id = i.inviter_id);
END
$$;
COMMENT ON FUNCTION auth_api.invitation_get IS 'GET /organization/get-invitation: to who has its verified address, as long as its inviter could still give it';

CREATE FUNCTION auth_api.invitation_page(c auth.caller, invitation_id text)
  RETURNS TABLE (state text, organization text, inviter text, email text)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
  i auth.invitations;
BEGIN
  IF s.id IS NULL THEN
    RETURN QUERY SELECT 'signed_out', NULL::text, NULL::text, NULL::text;
    RETURN;
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  SELECT x.* INTO i FROM auth.invitations x WHERE x.id = invitation_id;
  state := CASE
    WHEN i.id IS NULL THEN 'gone'
    WHEN i.email <> u.email THEN 'other'
    WHEN NOT u.email_verified THEN 'unverified'
    WHEN i.status = 'rejected' THEN 'rejected'
    WHEN (auth.member_of(i.organization_id, u.id)).id IS NOT NULL THEN 'member'
    WHEN i.status <> 'pending' OR i.expires_at <= now()
         OR NOT auth.member_may_invite(auth.member_of(i.organization_id, i.inviter_id), i.role) THEN 'gone'
    ELSE 'open' END;
  email := u.email;
  IF state IN ('open', 'member', 'rejected') THEN
    SELECT o.name INTO STRICT organization FROM auth.organizations o WHERE o.id = i.organization_id;
    SELECT auth.inviter_name(v.name, u.locale) INTO STRICT inviter FROM auth.users v WHERE v.id = i.inviter_id;
  END IF;
  RETURN NEXT;
END
$$;
COMMENT ON FUNCTION auth_api.invitation_page IS
  'what the page of an invitation shows: open, member, rejected, with the organization and who invites; gone, other, '
  'unverified, signed_out, with neither';

CREATE FUNCTION auth_api.invitation_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  chosen constant text := auth.organization_meant(input, s);
  me constant auth.members := auth.member_of(chosen, s.user_id);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF chosen IS NULL THEN
    RETURN auth.refuse_as(400, 'Organization ID is required');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse('YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION');
  ELSIF NOT auth.role_may(me.role, 'invitation', 'create') THEN
    RETURN auth.refuse('YOU_ARE_NOT_ALLOWED_TO_LIST_INVITATIONS');
  END IF;
  RETURN auth.granted(auth.invitations_json(me, (input ->> 'limit')::bigint, (input ->> 'offset')::bigint));
END
$$;
COMMENT ON FUNCTION auth_api.invitation_list IS
  'GET /organization/list-invitations?limit&offset: those that the caller could have given, whatever became of them; without a '
  'limit the newest 500';

CREATE FUNCTION auth_api.invitation_list_own(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF input ? 'email' THEN
    RETURN auth.refuse_as(400, 'User email cannot be passed for client side API calls.');
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  IF NOT u.email_verified THEN
    RETURN auth.refuse('EMAIL_VERIFICATION_REQUIRED_FOR_INVITATION');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.json_object(
             'organizationId', i.organization_id, 'email', i.email, 'role', i.role, 'status', i.status,
             'expiresAt', i.expires_at, 'createdAt', i.created_at, 'inviterId', i.inviter_id, 'id', i.id,
             'organizationName', o.name) ORDER BY i.created_at, i.id)
      FROM (SELECT x.* FROM auth.invitations x WHERE x.email = u.email AND x.status = 'pending' AND x.expires_at > now()
             ORDER BY x.created_at DESC, x.id DESC LIMIT 500) i
      JOIN auth.organizations o ON o.id = i.organization_id));
END
$$;
COMMENT ON FUNCTION auth_api.invitation_list_own IS
  'GET /organization/list-user-invitations: open ones to the caller''s verified address';
