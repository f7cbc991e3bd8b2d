-- A user's own account: name and picture, address, ways in.

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
  SELECT k INTO forbidden FROM jsonb_object_keys(input) k WHERE k NOT IN ('name', 'image') ORDER BY k LIMIT 1;
  IF forbidden IS NOT NULL THEN
    RETURN auth.refuse('FIELD_NOT_ALLOWED', forbidden || ' is not allowed to be set');
  ELSIF NOT input ?| ARRAY['name', 'image'] THEN
    RETURN auth.refuse_as(400, 'No fields to update');
  END IF;
  UPDATE auth.users u
     SET name = COALESCE(input ->> 'name', u.name),
         image = CASE WHEN input ? 'image' THEN input ->> 'image' ELSE u.image END, updated_at = now()
   WHERE u.id = me.user_id;
  PERFORM auth.security_event_once(c, me.user_id, 'PROFILE_UPDATED');
  RETURN auth.granted(auth.json_object('status', true),
                      CASE WHEN c.session_digest IS NOT NULL AND me.remember_me THEN E'session_token \x03 604800' END);
END
$$;
COMMENT ON FUNCTION auth_api.user_update IS 'POST /update-user: name, image; any other declared field is refused by name';

CREATE FUNCTION auth_api.user_update_v1(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r auth.reply := auth_api.user_update(c, input);
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF r.status = 400 THEN
    RETURN auth.refuse('VALIDATION', r.body::json ->> 'message');
  ELSIF r.refusal IS NULL THEN
    r.body := (SELECT auth.json_object('success', true, 'status', true, 'user', auth.user_json(u))
                 FROM auth.users u WHERE u.id = me.user_id);
  END IF;
  RETURN r;
END
$$;
COMMENT ON FUNCTION auth_api.user_update_v1 IS 'POST /api/v1/auth/profile: the same, with the user as it is now';

CREATE FUNCTION auth_api.user_profile(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
BEGIN
  IF s.id IS NULL THEN
    RETURN CASE WHEN c.session_reference IS NULL THEN auth.granted('null') ELSE auth.refuse('UNAUTHORIZED') END;
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  RETURN auth.granted(auth.json_object(
    'session', auth.session_json(s, auth.session_token_shown(c, s)), 'user', auth.user_json(u),
    'id', u.id, 'name', u.name, 'email', u.email, 'emailVerified', u.email_verified, 'image', u.image, 'role', u.role,
    'createdAt', u.created_at), NULL, auth.user_claims(u, s.id));
END
$$;
COMMENT ON FUNCTION auth_api.user_profile IS
  'GET /api/v1/auth/profile: {session, user} as Better Auth says it, and the flat fields that the apps read';

CREATE FUNCTION auth_api.user_change_email(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifetime constant interval := '1 hour';
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c);
  address constant text := auth.email_normal(input ->> 'newEmail');
  refusal constant auth.reply := auth.step_up_refusal(c, me, 'change-email');
  wait_seconds integer;
  token text;
  mail text;
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF u.email = address THEN
    RETURN auth.refuse_as(400, 'Email is the same');
  ELSIF NOT u.email_verified THEN
    RETURN auth.refuse('EMAIL_NOT_VERIFIED'); -- proving the new address would not prove whose account it is
  ELSIF NOT auth.email_is_valid(address) OR NOT auth.mail_inputs_fit(NULL, input ->> 'callbackURL') THEN
    RETURN auth.mail_inputs_refused();
  END IF;
  wait_seconds := auth.mail_wait_seconds('change_email', u.id);
  IF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  END IF;
  PERFORM auth.security_event(c, u.id, 'EMAIL_CHANGE_REQUESTED', auth.json_object('newEmail', address)::jsonb);
  token := auth.verification_issue('change-email', u.id, auth.json_object('email', u.email, 'newEmail', address),
                                   lifetime, me.id);
  mail := auth.mail_queue('change_email', address, u.locale, auth.json_object(
    'name', u.name, 'newEmail', address, 'callbackURL', COALESCE(input ->> 'callbackURL', '/'), 'token', token), u.id, lifetime);
  IF EXISTS (SELECT FROM auth.users x WHERE x.email = address) OR auth.email_is_reserved(address, u.id)
     OR auth.mail_is_limited('change_email', address) THEN
    PERFORM auth.mail_take_back(mail, 'change-email', token);
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.user_change_email IS
  'POST /change-email, with step-up: a mail to the new address, whose link changes it as long as the session lives; a taken address '
  'gets the same answer and no mail';

CREATE FUNCTION auth_api.user_change_email_v1(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r auth.reply := auth_api.user_change_email(c, input);
BEGIN
  IF r.status = 400 THEN
    RETURN auth.refuse('VALIDATION', r.body::json ->> 'message');
  ELSIF r.refusal IS NULL THEN
    r.body := auth.json_object('success', true, 'message', 'Verification email sent to new address');
  END IF;
  RETURN r;
END
$$;
COMMENT ON FUNCTION auth_api.user_change_email_v1 IS 'POST /api/v1/auth/change-email';

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
             'scopes', to_jsonb(COALESCE(string_to_array(a.scope, ','), ARRAY[]::text[]))) ORDER BY a.created_at, a.id)
      FROM auth.accounts a WHERE a.user_id = me.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.account_list IS 'GET /list-accounts: the ways in';

CREATE FUNCTION auth_api.account_unlink(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id); -- of two parallel calls the second sees what the first left
  me constant auth.sessions := auth.session_hold(c); -- behind the lock: the session may have ended meanwhile
  refusal constant auth.reply := auth.step_up_refusal(c, me, 'unlink-account');
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF (SELECT count(*) FROM auth.accounts a WHERE a.user_id = u.id) <= 1 THEN
    RETURN auth.refuse('FAILED_TO_UNLINK_LAST_ACCOUNT');
  END IF;
  DELETE FROM auth.accounts a
   WHERE a.user_id = u.id
     AND CASE WHEN input ? 'providerId' THEN a.provider_id = input ->> 'providerId' AND a.account_id = input ->> 'accountId'
              ELSE a.id = input ->> 'accountId' END;
  IF NOT FOUND THEN
    RETURN auth.refuse('ACCOUNT_NOT_FOUND');
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.account_unlink IS
  'POST /unlink-account, never the last way in, with step-up: accountId is the row''s id, or with providerId (clients of '
  'Better Auth 1.6) the id that the provider gave';

CREATE FUNCTION auth.account_provider_refusal(c auth.caller, input jsonb, part text, message text, code text) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  provider text;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF (input ? 'accountId') = (input ? 'useAccountCookie') OR input -> 'useAccountCookie' <> 'true' THEN
    RETURN auth.refuse('VALIDATION_ERROR', '[' || part || '] Invalid input');
  END IF;
  SELECT a.provider_id INTO provider FROM auth.accounts a WHERE a.user_id = me.user_id AND a.id = input ->> 'accountId';
  RETURN CASE WHEN provider IS NULL THEN auth.refuse('ACCOUNT_NOT_FOUND')
              ELSE auth.refuse_as(400, format(message, provider), code) END;
END
$$;
COMMENT ON FUNCTION auth.account_provider_refusal IS
  'why there is nothing to ask a provider about an account: there are none, a password is the only kind of account';

CREATE FUNCTION auth_api.account_tokens(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.account_provider_refusal(c, input, 'body', 'Provider %s is not supported.', 'PROVIDER_NOT_SUPPORTED');
END
$$;
COMMENT ON FUNCTION auth_api.account_tokens IS 'POST /get-access-token, /refresh-token: what a provider gave, of which there are none';

CREATE FUNCTION auth_api.account_info(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.account_provider_refusal(
    c, input, 'query', 'Account is not associated with a configured social provider.', 'PROVIDER_NOT_CONFIGURED');
END
$$;
COMMENT ON FUNCTION auth_api.account_info IS 'GET /account-info: what a provider says, of which there are none';

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
             'user_agent', e.user_agent, 'metadata', e.metadata, 'created_at', e.created_at) ORDER BY e.created_at DESC, e.id)
      FROM (SELECT x.* FROM auth.security_events x WHERE x.user_id = me.user_id ORDER BY x.created_at DESC
             LIMIT least(greatest(COALESCE((input ->> 'limit')::numeric, 50), 1), 200)::integer) e));
END
$$;
COMMENT ON FUNCTION auth_api.security_event_list IS 'GET /api/v1/auth/security-events: newest first; limit 1 to 200, default 50';
