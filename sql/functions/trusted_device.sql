-- Browsers in which the second factor is not asked for: remembered with it, seen and ended by their user.

CREATE FUNCTION auth.trusted_device_add(c auth.caller, of_user_id text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 20;
  token constant text := auth.random_id(32);
BEGIN
  DELETE FROM auth.trusted_devices d WHERE d.id IN (
    SELECT o.id FROM auth.trusted_devices o WHERE o.user_id = of_user_id ORDER BY o.last_used_at DESC, o.id OFFSET most - 1);
  INSERT INTO auth.trusted_devices (user_id, token_digest, ip_address, user_agent, expires_at)
  VALUES (of_user_id, sha256(convert_to(token, 'UTF8')), host(c.ip), c.user_agent, now() + interval '30 days');
  PERFORM auth.security_event(c, of_user_id, 'TRUSTED_DEVICE_ADDED');
  RETURN token;
END
$$;
COMMENT ON FUNCTION auth.trusted_device_add IS 'trusts the browser of the caller for 30 days; the token for its cookie. Of more than twenty the one that was not used for '
  'longest goes';

CREATE FUNCTION auth.trusted_device_rotate(c auth.caller, of_user_id text, device_digest bytea) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  token constant text := auth.random_id(32);
BEGIN
  UPDATE auth.trusted_devices d
     SET token_digest = sha256(convert_to(token, 'UTF8')), ip_address = host(c.ip), user_agent = c.user_agent,
         last_used_at = now(), expires_at = now() + interval '30 days'
   WHERE d.token_digest = device_digest AND d.user_id = of_user_id AND d.expires_at > now();
  RETURN CASE WHEN FOUND THEN token END;
END
$$;
COMMENT ON FUNCTION auth.trusted_device_rotate IS
  'a new token for the cookie of a trusted browser, and 30 more days; NULL: it is not trusted by this user';

CREATE FUNCTION auth_api.trusted_device_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.json_object(
             'id', d.id, 'ipAddress', d.ip_address, 'userAgent', d.user_agent, 'createdAt', d.created_at,
             'lastUsedAt', d.last_used_at, 'expiresAt', d.expires_at) ORDER BY d.last_used_at DESC, d.id)
      FROM auth.trusted_devices d WHERE d.user_id = me.user_id AND d.expires_at > now()));
END
$$;
COMMENT ON FUNCTION auth_api.trusted_device_list IS 'GET /api/v1/auth/trusted-devices: last used first';

CREATE FUNCTION auth_api.trusted_device_revoke(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  ended bigint;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  DELETE FROM auth.trusted_devices d WHERE d.user_id = me.user_id AND d.id = COALESCE(input ->> 'id', d.id);
  GET DIAGNOSTICS ended = ROW_COUNT;
  IF ended > 0 THEN
    PERFORM auth.security_event(c, me.user_id, 'TRUSTED_DEVICE_REVOKED', auth.json_object('devices', ended)::jsonb);
  ELSIF input ? 'id' THEN
    RETURN auth.refuse('NOT_FOUND', 'Trusted device not found');
  END IF;
  RETURN auth.granted(auth.json_object('success', true));
END
$$;
COMMENT ON FUNCTION auth_api.trusted_device_revoke IS
  'DELETE /api/v1/auth/trusted-devices/:id, and all of them without an id: there the second factor is asked for again';
