-- A user's own account: name and picture, password, address, ways in, deletion.

CREATE FUNCTION auth_api.user_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  forbidden text;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF input ? 'email' THEN
    RETURN auth.refuse('EMAIL_CAN_NOT_BE_UPDATED');
  END IF;
  SELECT k INTO forbidden FROM jsonb_object_keys(input) k WHERE k NOT IN ('name', 'image') LIMIT 1;
  IF forbidden IS NOT NULL THEN
    RETURN auth.refuse('FIELD_NOT_ALLOWED', forbidden || ' is not allowed to be set');
  ELSIF NOT input ?| ARRAY['name', 'image'] THEN
    RETURN auth.granted(auth.json_object('message', 'No fields to update'), status => 400);
  END IF;
  UPDATE auth.users u
     SET name = COALESCE(input ->> 'name', u.name),
         image = CASE WHEN input ? 'image' THEN input ->> 'image' ELSE u.image END, updated_at = now()
   WHERE u.id = me.user_id;
  PERFORM auth.security_event(c, me.user_id, 'PROFILE_UPDATED');
  RETURN auth.granted(auth.json_object('status', true),
                      CASE WHEN c.session_digest IS NOT NULL AND me.remember_me THEN E'session_token \x03 604800' END);
END
$$;
COMMENT ON FUNCTION auth_api.user_update IS 'POST /update-user: name, image; any other declared field is refused by name';

CREATE FUNCTION auth_api.user_profile(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
BEGIN
  IF s.id IS NULL THEN
    RETURN CASE WHEN c.session_id IS NULL THEN auth.granted('null') ELSE auth.refuse('UNAUTHORIZED') END;
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  RETURN auth.granted(auth.json_object(
    'session', auth.session_json(s, CASE WHEN c.session_digest IS NOT NULL THEN auth.presented_token() ELSE to_json(s.id) END),
    'user', auth.user_json(u), 'id', u.id, 'name', u.name, 'email', u.email, 'emailVerified', u.email_verified,
    'image', u.image, 'role', u.role, 'createdAt', u.created_at), NULL, auth.user_claims(u, s.id));
END
$$;
COMMENT ON FUNCTION auth_api.user_profile IS
  'GET /api/v1/auth/profile: {session, user} as Better Auth says it, and the flat fields that the apps read';

CREATE FUNCTION auth_api.password_lookup(c auth.caller) RETURNS TABLE (
    user_id text, email text, name text, password text, password_version integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
BEGIN
  RETURN QUERY
    SELECT u.id, u.email, u.name, a.password, a.password_version
      FROM auth.users u LEFT JOIN auth.accounts a ON a.user_id = u.id AND a.provider_id = 'credential'
     WHERE u.id = s.user_id AND auth.lockout_seconds(u.email) = 0;
END
$$;
COMMENT ON FUNCTION auth_api.password_lookup IS
  'what the caller''s password is verified against; no row: no live session, or the address is locked';

CREATE FUNCTION auth.password_failed(c auth.caller, u auth.users, dialect text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  locked constant integer := auth.lockout_count_failure(c, u.email);
BEGIN
  PERFORM auth.security_event(c, u.id, CASE WHEN locked > 0 THEN 'ACCOUNT_LOCKED' ELSE 'LOGIN_FAILURE' END,
                              '{"code":"INVALID_PASSWORD"}');
  RETURN auth.refuse(CASE dialect WHEN 'v1' THEN 'INVALID_CREDENTIALS' ELSE 'INVALID_PASSWORD' END);
END
$$;

CREATE FUNCTION auth_api.password_change(
    c auth.caller, verified boolean, password_version integer, new_hash text, new_session boolean, dialect text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u auth.users;
  s auth.sessions;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.id = me.user_id;
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF verified THEN
    UPDATE auth.accounts a SET password = new_hash, password_version = a.password_version + 1, updated_at = now()
     WHERE a.user_id = u.id AND a.provider_id = 'credential' AND a.password_version = password_change.password_version;
  END IF;
  IF NOT verified OR NOT FOUND THEN
    RETURN auth.password_failed(c, u, dialect);
  END IF;
  PERFORM auth.security_event(c, u.id, 'PASSWORD_CHANGED');
  PERFORM auth.mail_queue('password_changed', u.email, u.locale, auth.json_object('name', u.name), u.id);
  IF new_session THEN
    PERFORM auth.sessions_end(c, u.id, NULL);
    s := auth.session_open(c, u.id, me.remember_me);
  ELSE
    PERFORM auth.sessions_end(c, u.id, me.id);
  END IF;
  RETURN CASE WHEN dialect = 'v1' THEN auth.granted(auth.json_object('success', true))
              ELSE auth.granted(auth.json_object('token', CASE WHEN new_session THEN auth.fresh_token() END,
                                                 'user', auth.user_json(u)),
                                CASE WHEN new_session THEN auth.session_cookies(me.remember_me) END) END;
END
$$;
COMMENT ON FUNCTION auth_api.password_change IS
  'POST /change-password after the present one was verified or not; the other sessions end, with new_session this one too '
  'and a new one opens';

CREATE FUNCTION auth_api.password_verified(c auth.caller, verified boolean) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.id = me.user_id;
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF NOT verified THEN
    RETURN auth.password_failed(c, u, 'better-auth');
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.password_verified IS 'POST /verify-password after it was verified or not';

CREATE FUNCTION auth_api.email_change(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  address constant text := auth.email_normal(input ->> 'newEmail');
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.id = me.user_id;
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF u.email = address THEN
    RETURN auth.granted(auth.json_object('message', 'Email is the same'), status => 400);
  END IF;
  PERFORM auth.security_event(c, u.id, 'EMAIL_CHANGE_REQUESTED', auth.json_object('newEmail', address)::jsonb);
  IF NOT EXISTS (SELECT FROM auth.users x WHERE x.email = address) AND auth.rate_limit_count('mail/change_email', address) = 0 THEN
    PERFORM auth.mail_queue('change_email', address, u.locale, auth.json_object(
      'name', u.name, 'callbackURL', COALESCE(input ->> 'callbackURL', '/'),
      'token', auth.verification_issue('change-email', u.id, auth.json_object('email', u.email, 'newEmail', address),
                                       interval '1 hour')), u.id);
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.email_change IS
  'POST /change-email: a mail to the new address, whose link changes it; a taken address gets the same answer and no mail';

CREATE FUNCTION auth.email_change_finish(c auth.caller, v auth.verification) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  what constant jsonb := v.value::jsonb;
  u auth.users;
BEGIN
  IF EXISTS (SELECT FROM auth.users x WHERE x.email = what ->> 'newEmail') THEN
    RETURN u;
  END IF;
  UPDATE auth.users x SET email = what ->> 'newEmail', email_verified = true, updated_at = now()
   WHERE x.id = v.user_id AND x.email = what ->> 'email'
  RETURNING x.* INTO u;
  IF u.id IS NOT NULL THEN
    PERFORM auth.mail_queue('email_changed', what ->> 'email', u.locale, auth.json_object('name', u.name), u.id);
  END IF;
  RETURN u;
EXCEPTION WHEN unique_violation THEN
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.email_change_finish IS 'the link of a change of address was opened; NULL: the address is taken by now';

CREATE FUNCTION auth_api.account_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.json_object(
             'accountId', a.account_id, 'providerId', a.provider_id, 'userId', a.user_id, 'createdAt', a.created_at,
             'updatedAt', a.updated_at, 'id', a.id,
             'scopes', to_jsonb(COALESCE(string_to_array(a.scope, ','), ARRAY[]::text[]))) ORDER BY a.created_at)
      FROM auth.accounts a WHERE a.user_id = me.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.account_list IS 'GET /list-accounts: the ways in';

CREATE FUNCTION auth_api.account_unlink(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  PERFORM FROM auth.users u WHERE u.id = me.user_id FOR UPDATE; -- of two parallel calls the second sees what the first left
  IF (SELECT count(*) FROM auth.accounts a WHERE a.user_id = me.user_id) <= 1 THEN
    RETURN auth.refuse('FAILED_TO_UNLINK_LAST_ACCOUNT');
  END IF;
  DELETE FROM auth.accounts a
   WHERE a.user_id = me.user_id AND a.provider_id = input ->> 'providerId' AND a.account_id = input ->> 'accountId';
  IF NOT FOUND THEN
    RETURN auth.refuse('ACCOUNT_NOT_FOUND');
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.account_unlink IS 'POST /unlink-account: never the last way in';

CREATE FUNCTION auth_api.security_event_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.json_object(
             'id', e.id, 'user_id', e.user_id, 'event_type', e.event_type, 'ip_address', e.ip_address,
             'user_agent', e.user_agent, 'metadata', e.metadata, 'created_at', e.created_at) ORDER BY e.created_at DESC)
      FROM (SELECT x.* FROM auth.security_events x WHERE x.user_id = me.user_id ORDER BY x.created_at DESC
             LIMIT least(greatest(COALESCE((input ->> 'limit')::integer, 50), 1), 200)) e));
END
$$;
COMMENT ON FUNCTION auth_api.security_event_list IS 'GET /api/v1/auth/security-events: newest first; limit 1 to 200, default 50';

CREATE FUNCTION auth_api.user_delete(c auth.caller, verified boolean, dialect text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.id = me.user_id;
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF verified IS FALSE THEN
    RETURN auth.password_failed(c, u, dialect);
  ELSIF verified IS NULL AND me.created_at < now() - interval '1 day' THEN
    RETURN auth.refuse('SESSION_EXPIRED');
  END IF;
  PERFORM auth.user_erase(c, u);
  RETURN auth.granted(
    CASE WHEN dialect = 'v1' THEN auth.json_object('success', true)
         ELSE auth.json_object('success', true, 'message', 'User deleted') END, auth.session_cookies_cleared());
END
$$;
COMMENT ON FUNCTION auth_api.user_delete IS
  'POST /delete-user: by the password (verified), or without one (NULL) by a session younger than a day';

CREATE FUNCTION auth.user_erase(c auth.caller, u auth.users) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pseudonym constant text := 'erased-' || auth.random_id(24);
BEGIN
  PERFORM auth.vault_audit_write(c, u.id, 'erase', NULL, 200);
  PERFORM auth.vault_audit_pseudonymize(u.id, pseudonym);
  PERFORM auth.lockout_clear(u.email);
  DELETE FROM auth.users x WHERE x.id = u.id;
  INSERT INTO auth.security_events (user_id, event_type, metadata)
  VALUES (NULL, 'ACCOUNT_DELETED', auth.json_object('pseudonym', pseudonym)::jsonb);
  PERFORM auth.mail_queue('account_deleted', u.email, u.locale, auth.json_object('name', u.name));
END
$$;
COMMENT ON FUNCTION auth.user_erase IS
  'the user and all that belongs to them, at once; what stays is the vault''s trail under a pseudonym, an event, and a last mail';
