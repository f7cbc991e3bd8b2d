-- A user's passkeys: asking for a new one, keeping it, listing, renaming, deleting. The edge has verified what an
-- authenticator answered, but for the challenge: that is known here alone.

CREATE FUNCTION auth.base64url(bytes bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT
  RETURN pg_catalog.translate(pg_catalog.encode(bytes, 'base64'), E'+/=\n', '-_');
COMMENT ON FUNCTION auth.base64url IS 'RFC 4648 section 5, without padding';

CREATE FUNCTION auth.passkey_json(p auth.passkeys) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object(
    'name', p.name, 'publicKey', p.public_key, 'userId', p.user_id, 'credentialID', p.credential_id, 'counter', p.counter,
    'deviceType', p.device_type, 'backedUp', p.backed_up, 'transports', p.transports, 'createdAt', p.created_at,
    'aaguid', p.aaguid, 'id', p.id);
COMMENT ON FUNCTION auth.passkey_json IS 'a passkey as clients see it';

CREATE FUNCTION auth.passkey_descriptors(of_user_id text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT auth.json_array_agg(
             CASE WHEN p.transports IS NULL THEN auth.json_object('id', p.credential_id, 'type', 'public-key')
                  ELSE auth.json_object('id', p.credential_id, 'transports', to_json(string_to_array(p.transports, ',')),
                                        'type', 'public-key') END ORDER BY p.created_at, p.id)
      FROM auth.passkeys p WHERE p.user_id = of_user_id);
END
$$;
COMMENT ON FUNCTION auth.passkey_descriptors IS 'the passkeys of a user, as browsers are told about them';

CREATE FUNCTION auth.passkey_challenge_issue(c auth.caller, ceremony text, for_user_id text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  challenge constant text := auth.base64url(auth.random_bytes(32));
BEGIN
  INSERT INTO auth.passkey_challenges (cookie_digest, challenge_digest, ceremony, user_id)
  VALUES (c.fresh_digest, sha256(convert_to(challenge, 'UTF8')), passkey_challenge_issue.ceremony, for_user_id);
  RETURN challenge;
END
$$;
COMMENT ON FUNCTION auth.passkey_challenge_issue IS 'a new challenge for the browser that gets the fresh token as its cookie';

CREATE FUNCTION auth.passkey_challenge_cookie() RETURNS text LANGUAGE sql IMMUTABLE
  RETURN E'better-auth-passkey \x01 300';
COMMENT ON FUNCTION auth.passkey_challenge_cookie IS 'the cookie that ties a challenge to its browser';

CREATE FUNCTION auth.passkey_challenge_consume(cookie_digest bytea, ceremony text) RETURNS auth.passkey_challenges
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  taken auth.passkey_challenges;
BEGIN
  DELETE FROM auth.passkey_challenges x WHERE x.cookie_digest = passkey_challenge_consume.cookie_digest RETURNING x.* INTO taken;
  IF taken.expires_at <= now() OR taken.ceremony <> passkey_challenge_consume.ceremony THEN
    RETURN NULL;
  END IF;
  RETURN taken;
END
$$;
COMMENT ON FUNCTION auth.passkey_challenge_consume IS
  'takes the challenge of a cookie: it is gone whoever else asks, and whatever comes of it. A row of NULLs: unknown, used, '
  'expired, or of the other ceremony';

CREATE FUNCTION auth.passkey_refusal(c auth.caller, me auth.sessions) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 50;
  refusal constant auth.reply := auth.step_up_refusal(c, me, 'passkey');
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF (SELECT count(*) FROM auth.passkeys p WHERE p.user_id = me.user_id) >= most THEN
    RETURN auth.refuse('PASSKEY_LIMIT_REACHED');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.passkey_refusal IS
  'why this session may not add a passkey: a new way in requires step-up authentication, and there are at most 50. A row of NULLs: '
  'go on';

CREATE FUNCTION auth_api.passkey_register_options(c auth.caller, rp_id text, rp_name text, name text, attachment text)
RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  refusal constant auth.reply := auth.passkey_refusal(c, me);
  u auth.users;
  selection json;
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = me.user_id;
  selection := CASE WHEN attachment IS NULL
    THEN auth.json_object('residentKey', 'preferred', 'userVerification', 'preferred', 'requireResidentKey', false)
    ELSE auth.json_object('residentKey', 'preferred', 'userVerification', 'preferred', 'authenticatorAttachment', attachment,
                          'requireResidentKey', false) END;
  RETURN auth.granted(auth.json_object(
    'challenge', auth.passkey_challenge_issue(c, 'registration', u.id),
    'rp', auth.json_object('name', rp_name, 'id', rp_id),
    'user', auth.json_object('id', auth.base64url(convert_to(u.id, 'UTF8')), 'name', COALESCE(NULLIF(name, ''), u.email),
                             'displayName', u.email),
    'pubKeyCredParams', '[{"alg":-8,"type":"public-key"},{"alg":-7,"type":"public-key"},{"alg":-257,"type":"public-key"}]'::json,
    'timeout', 60000, 'attestation', 'none', 'excludeCredentials', auth.passkey_descriptors(u.id),
    'authenticatorSelection', selection, 'extensions', '{"credProps":true}'::json, 'hints', '[]'::json),
    auth.passkey_challenge_cookie());
END
$$;
COMMENT ON FUNCTION auth_api.passkey_register_options IS
  'GET /passkey/generate-register-options: what a browser makes a passkey of the caller from';

CREATE FUNCTION auth_api.passkey_register(
    c auth.caller, cookie_digest bytea, challenge_digest bytea, credential_id text, public_key text, counter bigint,
    device_type text, backed_up boolean, transports text, aaguid text, name text, open_session boolean)
RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c); -- behind the lock: the session may have ended meanwhile
  refusal constant auth.reply := auth.passkey_refusal(c, me);
  asked auth.passkey_challenges;
  p auth.passkeys;
  s auth.sessions;
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  asked := auth.passkey_challenge_consume(passkey_register.cookie_digest, 'registration');
  IF asked.cookie_digest IS NULL THEN
    RETURN auth.refuse('CHALLENGE_NOT_FOUND');
  ELSIF asked.user_id <> u.id THEN
    RETURN auth.refuse('YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY');
  ELSIF public_key IS NULL OR asked.challenge_digest <> passkey_register.challenge_digest THEN
    RETURN auth.refuse('FAILED_TO_VERIFY_REGISTRATION');
  END IF;
  INSERT INTO auth.passkeys AS x
    (name, public_key, user_id, credential_id, counter, device_type, backed_up, transports, aaguid, user_handle)
  VALUES (NULLIF(passkey_register.name, ''), passkey_register.public_key, u.id, passkey_register.credential_id,
          passkey_register.counter, passkey_register.device_type, passkey_register.backed_up,
          NULLIF(passkey_register.transports, ''), passkey_register.aaguid, u.id)
      ON CONFLICT ON CONSTRAINT passkeys_credential_id_unique DO NOTHING
  RETURNING x.* INTO p;
  IF p.id IS NULL THEN
    RETURN auth.refuse('PREVIOUSLY_REGISTERED');
  END IF;
  PERFORM auth.security_event(c, u.id, 'PASSKEY_REGISTERED', auth.json_object('passkeyId', p.id)::jsonb);
  PERFORM auth.mail_queue('passkey_added', u.email, u.locale, auth.json_object('name', u.name), u.id);
  IF NOT open_session THEN
    RETURN auth.granted(auth.passkey_json(p));
  END IF;
  s := auth.session_open(c, u.id, true, me.proof);
  UPDATE auth.sessions x SET proved_at = me.proved_at WHERE x.id = s.id; -- the proof grows no younger
  RETURN auth.granted(
    auth.json_object(
      'name', p.name, 'publicKey', p.public_key, 'userId', p.user_id, 'credentialID', p.credential_id, 'counter', p.counter,
      'deviceType', p.device_type, 'backedUp', p.backed_up, 'transports', p.transports, 'createdAt', p.created_at,
      'aaguid', p.aaguid, 'id', p.id, 'session', auth.session_json(s, auth.fresh_token()), 'user', auth.user_json(u)),
    auth.session_cookies(true));
END
$$;
COMMENT ON FUNCTION auth_api.passkey_register IS
  'POST /passkey/verify-registration: keeps the key that the edge has verified (NULL: it could not), if it answers the challenge '
  'of this browser and this user';

CREATE FUNCTION auth_api.passkey_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.passkey_json(p) ORDER BY p.created_at, p.id) FROM auth.passkeys p WHERE p.user_id = me.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.passkey_list IS 'GET /passkey/list-user-passkeys';

CREATE FUNCTION auth_api.passkey_list_v1(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(
             auth.json_object(
               'name', p.name, 'publicKey', p.public_key, 'userId', p.user_id, 'credentialID', p.credential_id,
               'counter', p.counter, 'deviceType', p.device_type, 'backedUp', p.backed_up, 'transports', p.transports,
               'createdAt', p.created_at, 'aaguid', p.aaguid, 'id', p.id, 'friendlyName', p.name, 'lastUsedAt', p.last_used_at)
             ORDER BY p.created_at, p.id)
      FROM auth.passkeys p WHERE p.user_id = me.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.passkey_list_v1 IS
  'GET /api/v1/auth/passkeys: the same, with the name as older apps call it, and when each was used last';

CREATE FUNCTION auth_api.passkey_delete(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c);
  refusal constant auth.reply := auth.step_up_refusal(c, me, 'passkey');
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  DELETE FROM auth.passkeys p WHERE p.id = input ->> 'id' AND p.user_id = me.user_id;
  IF NOT FOUND THEN
    RETURN auth.refuse('PASSKEY_NOT_FOUND');
  END IF;
  PERFORM auth.security_event(c, me.user_id, 'PASSKEY_DELETED', auth.json_object('passkeyId', input ->> 'id')::jsonb);
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.passkey_delete IS 'POST /passkey/delete-passkey {id}, with step-up: one of the caller''s own';

CREATE FUNCTION auth_api.passkey_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  called constant text := regexp_replace(COALESCE(input ->> 'name', input ->> 'friendlyName'), '^\s+|\s+$', '', 'g');
  p auth.passkeys;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF called IS NULL OR called = '' THEN
    RETURN auth.refuse('VALIDATION_ERROR', '[body.name] Too small: expected string to have >=1 characters');
  END IF;
  UPDATE auth.passkeys x SET name = called WHERE x.id = input ->> 'id' AND x.user_id = me.user_id RETURNING x.* INTO p;
  IF p.id IS NULL THEN
    RETURN auth.refuse('PASSKEY_NOT_FOUND');
  END IF;
  PERFORM auth.security_event_once(c, me.user_id, 'PASSKEY_RENAMED', auth.json_object('passkeyId', p.id)::jsonb);
  RETURN auth.granted(auth.json_object('passkey', auth.passkey_json(p)));
END
$$;
COMMENT ON FUNCTION auth_api.passkey_update IS 'POST /passkey/update-passkey {id, name}: a new name for one of the caller''s own';
