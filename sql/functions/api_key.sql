-- API keys: made, listed, revoked by their user; validated for the services that were handed one.

CREATE FUNCTION auth.api_key_json(k auth.api_keys) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object('id', k.id, 'name', k.name, 'keyPrefix', k.key_prefix, 'scopes', pg_catalog.to_jsonb(k.scopes),
                          'createdAt', k.created_at, 'lastUsedAt', k.last_used_at, 'revokedAt', k.revoked_at,
                          'expiresAt', k.expires_at);

CREATE FUNCTION auth.api_key_is_good(k auth.api_keys) RETURNS boolean LANGUAGE sql STABLE
  RETURN k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > pg_catalog.now());

CREATE FUNCTION auth.api_keys_end(c auth.caller, of_user_id text, by text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ended bigint;
BEGIN
  UPDATE auth.api_keys k SET revoked_at = now() WHERE k.user_id = of_user_id AND auth.api_key_is_good(k);
  GET DIAGNOSTICS ended = ROW_COUNT;
  IF ended > 0 THEN
    PERFORM auth.security_event(c, of_user_id, 'API_KEY_REVOKED', auth.json_object('by', by, 'keys', ended)::jsonb);
  END IF;
END
$$;
COMMENT ON FUNCTION auth.api_keys_end IS
  'revokes every API key of a user who recovers the account. Changing the password and ending sessions leave the keys: they are '
  'credentials of their own, each listed and revoked by itself';

CREATE FUNCTION auth_api.api_key_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.api_key_json(k) ORDER BY k.created_at DESC, k.id)
      FROM (SELECT x.* FROM auth.api_keys x WHERE x.user_id = me.user_id
             ORDER BY auth.api_key_is_good(x) DESC, x.created_at DESC, x.id
             LIMIT LEAST(COALESCE((input ->> 'limit')::bigint, 200), 200) OFFSET COALESCE((input ->> 'offset')::bigint, 0)) k));
END
$$;
COMMENT ON FUNCTION auth_api.api_key_list IS 'GET /api/v1/api-keys?limit&offset: at most 200, those that are good before those that have ended; newest first';

CREATE FUNCTION auth_api.api_key_create(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  keys_max constant integer := 100;
  ended_max constant integer := 100;
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id); -- keys of one user are made one at a time
  me constant auth.sessions := auth.session_hold(c); -- behind the lock: the session may have ended meanwhile
  secret constant text := encode(auth.random_bytes(32), 'hex');
  refusal auth.reply;
  k auth.api_keys;
BEGIN
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED'); -- or their erasure has just begun
  END IF;
  refusal := auth.step_up_refusal(c, me, 'api-key'); -- the key outlives the session
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  IF (SELECT count(*) >= keys_max FROM auth.api_keys x WHERE x.user_id = u.id AND auth.api_key_is_good(x)) THEN
    RETURN auth.refuse('API_KEY_LIMIT_REACHED');
  END IF;
  DELETE FROM auth.api_keys x WHERE x.id IN (
    SELECT y.id FROM auth.api_keys y WHERE y.user_id = u.id AND NOT auth.api_key_is_good(y)
     ORDER BY y.created_at DESC, y.id OFFSET ended_max);
  INSERT INTO auth.api_keys AS x (user_id, name, key_prefix, key_digest, expires_at, scopes)
  VALUES (u.id, input ->> 'name', left(secret, 8), sha256(convert_to('sk_live_' || secret, 'UTF8')),
          now() + make_interval(secs => (input ->> 'expiresIn')::bigint),
          COALESCE((SELECT array_agg(DISTINCT s ORDER BY s)
                      FROM jsonb_array_elements_text(CASE jsonb_typeof(input -> 'scopes') WHEN 'string' THEN jsonb_build_array(input -> 'scopes')
                                                     ELSE input -> 'scopes' END) s), '{stt,tts}'))
  RETURNING x.* INTO k;
  PERFORM auth.security_event(c, u.id, 'API_KEY_CREATED', auth.json_object('keyPrefix', k.key_prefix)::jsonb);
  RETURN auth.granted(auth.json_object(
    'id', k.id, 'userId', k.user_id, 'name', k.name, 'keyPrefix', k.key_prefix, 'scopes', to_jsonb(k.scopes),
    'rateLimitRequests', k.rate_limit_requests, 'rateLimitWindow', k.rate_limit_window, 'createdAt', k.created_at,
    'lastUsedAt', k.last_used_at, 'revokedAt', k.revoked_at, 'expiresAt', k.expires_at, 'key', 'sk_live_' || secret), status => 201);
END
$$;
COMMENT ON FUNCTION auth_api.api_key_create IS 'POST /api/v1/api-keys, with step-up: the key is shown this once, and good for expiresIn seconds or until it is revoked; at '
  'most 100 are good at once, and the 100 youngest of those that have ended are kept';

CREATE FUNCTION auth_api.api_key_revoke(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  k auth.api_keys;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT x.* INTO k FROM auth.api_keys x WHERE x.id = input ->> 'id' AND x.user_id = me.user_id FOR UPDATE;
  IF k.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'API key not found');
  ELSIF k.revoked_at IS NULL THEN
    UPDATE auth.api_keys x SET revoked_at = now() WHERE x.id = k.id;
    PERFORM auth.security_event(c, me.user_id, 'API_KEY_REVOKED', auth.json_object('keyPrefix', k.key_prefix)::jsonb);
  END IF;
  RETURN auth.granted('{"success":true}');
END
$$;
COMMENT ON FUNCTION auth_api.api_key_revoke IS 'DELETE /api/v1/api-keys/:id; again does nothing. The row stays a year, to be seen';

CREATE FUNCTION auth_api.api_key_validate(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k auth.api_keys;
BEGIN
  SELECT x.* INTO k FROM auth.api_keys x WHERE x.key_digest = decode(input ->> 'apiKey', 'hex') AND auth.api_key_is_good(x);
  IF k.id IS NULL THEN
    RETURN auth.granted('{"valid":false}');
  ELSIF input ->> 'scope' <> ALL (k.scopes) THEN
    RETURN auth.granted('{"valid":false,"reason":"scope_denied"}');
  END IF;
  IF k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute' THEN
    UPDATE auth.api_keys x SET last_used_at = now() WHERE x.id = k.id;
  END IF;
  RETURN auth.granted(auth.json_object(
    'valid', true, 'userId', k.user_id, 'scopes', to_jsonb(k.scopes),
    'rateLimit', auth.json_object('requests', k.rate_limit_requests, 'window', k.rate_limit_window)));
END
$$;
COMMENT ON FUNCTION auth_api.api_key_validate IS
  'POST /api/v1/api-keys/validate: {apiKey, scope?}, of whoever was handed a key; apiKey comes as the hex of its SHA-256. The key is '
  'all the proof there is, and has 256 bits';
