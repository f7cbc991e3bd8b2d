-- Settings: read, merged under the lock of their row, so that of two patches none is lost.

CREATE FUNCTION auth.jsonb_merged(was jsonb, given jsonb) RETURNS jsonb
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_jsonb_merged';
COMMENT ON FUNCTION auth.jsonb_merged IS 'objects are merged, at every depth; arrays, scalars and null replace what was';

CREATE FUNCTION auth.settings_lock(c auth.caller) RETURNS auth.user_settings
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  s auth.user_settings;
BEGIN
  IF u.id IS NOT NULL THEN
    INSERT INTO auth.user_settings AS x (user_id) VALUES (u.id) ON CONFLICT ON CONSTRAINT user_settings_pkey DO NOTHING;
    SELECT x.* INTO STRICT s FROM auth.user_settings x WHERE x.user_id = u.id;
  END IF;
  RETURN s;
END
$$;
COMMENT ON FUNCTION auth.settings_lock IS
  'the settings of the caller, with the user locked until the transaction ends; a row of NULLs: nobody is signed in';

CREATE FUNCTION auth.settings_shown(s auth.user_settings) RETURNS auth.reply LANGUAGE sql STABLE
  RETURN auth.granted(auth.json_object(
    'success', true, 'globalSettings', s.global_settings, 'appOverrides', s.app_overrides, 'deviceSettings', s.device_settings));
COMMENT ON FUNCTION auth.settings_shown IS 'what every route of settings answers: all of them';

CREATE FUNCTION auth.settings_store(s auth.user_settings) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF s.user_id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  UPDATE auth.user_settings x
     SET global_settings = s.global_settings, app_overrides = s.app_overrides, device_settings = s.device_settings,
         updated_at = now()
   WHERE x.user_id = s.user_id;
  RETURN auth.settings_shown(s);
EXCEPTION WHEN check_violation THEN
  RETURN auth.refuse('SETTINGS_TOO_LARGE');
END
$$;
COMMENT ON FUNCTION auth.settings_store IS
  'keeps what was changed of auth.settings_lock, and shows all; refuses what is too large, and nobody''s';

CREATE FUNCTION auth_api.settings_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  s auth.user_settings;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT x.* INTO s FROM auth.user_settings x WHERE x.user_id = me.user_id;
  IF s.user_id IS NULL THEN
    s.global_settings := auth.settings_default();
    s.app_overrides := '{}';
    s.device_settings := '{}';
  END IF;
  RETURN auth.settings_shown(s);
END
$$;
COMMENT ON FUNCTION auth_api.settings_get IS 'GET /api/v1/settings: the defaults, until something is changed';

CREATE FUNCTION auth_api.settings_patch_global(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.user_settings := auth.settings_lock(c);
BEGIN
  s.global_settings := auth.jsonb_merged(s.global_settings, input -> 'settings');
  RETURN auth.settings_store(s);
END
$$;
COMMENT ON FUNCTION auth_api.settings_patch_global IS 'PATCH /api/v1/settings/global; input settings: the body';

CREATE FUNCTION auth_api.settings_patch_app(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.user_settings := auth.settings_lock(c);
BEGIN
  s.app_overrides := auth.jsonb_merged(s.app_overrides, jsonb_build_object(input ->> 'appId', input -> 'settings'));
  RETURN auth.settings_store(s);
END
$$;
COMMENT ON FUNCTION auth_api.settings_patch_app IS 'PATCH /api/v1/settings/app/:appId; input settings: the body';

CREATE FUNCTION auth_api.settings_delete_app(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.user_settings := auth.settings_lock(c);
BEGIN
  s.app_overrides := s.app_overrides - (input ->> 'appId');
  RETURN auth.settings_store(s);
END
$$;
COMMENT ON FUNCTION auth_api.settings_delete_app IS 'DELETE /api/v1/settings/app/:appId';

CREATE FUNCTION auth.devices_kept(devices jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 50;
BEGIN
  RETURN devices - ARRAY(SELECT d.key FROM jsonb_each(devices) d ORDER BY d.value ->> 'lastSeen' DESC, d.key OFFSET most);
END
$$;
COMMENT ON FUNCTION auth.devices_kept IS 'of many devices the fifty that were seen last: a browser that forgets itself comes back as another';

CREATE FUNCTION auth_api.settings_patch_device(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.user_settings := auth.settings_lock(c);
  app constant text := input ->> 'appId';
  device jsonb := COALESCE(s.device_settings -> (input ->> 'deviceId'), '{"deviceName":"Unknown","deviceType":"desktop","apps":{}}');
BEGIN
  device := device || jsonb_build_object(
    'deviceName', COALESCE(input -> 'deviceName', device -> 'deviceName'),
    'deviceType', COALESCE(input -> 'deviceType', device -> 'deviceType'),
    'lastSeen', auth.json_object('at', now()) -> 'at',
    -- an app's settings on a device replace one another whole, member by member
    'apps', device -> 'apps' || jsonb_build_object(app, COALESCE(device -> 'apps' -> app, '{}') || COALESCE(input -> 'settings', '{}')));
  s.device_settings := auth.devices_kept(s.device_settings || jsonb_build_object(input ->> 'deviceId', device));
  RETURN auth.settings_store(s);
END
$$;
COMMENT ON FUNCTION auth_api.settings_patch_device IS
  'PATCH /api/v1/settings/device/:deviceId/:appId: {deviceName?, deviceType?, settings?}; the device was seen now';

CREATE FUNCTION auth_api.settings_delete_device(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.user_settings := auth.settings_lock(c);
BEGIN
  s.device_settings := s.device_settings - (input ->> 'deviceId');
  RETURN auth.settings_store(s);
END
$$;
COMMENT ON FUNCTION auth_api.settings_delete_device IS 'DELETE /api/v1/settings/device/:deviceId';

CREATE FUNCTION auth_api.settings_list_devices(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted(auth.json_object('success', true, 'devices', (
    SELECT auth.json_array_agg(auth.json_object(
             'deviceId', d.key, 'deviceName', d.value -> 'deviceName', 'deviceType', d.value -> 'deviceType',
             'lastSeen', d.value -> 'lastSeen', 'appCount', (SELECT count(*) FROM jsonb_object_keys(d.value -> 'apps')))
             ORDER BY d.value ->> 'lastSeen' DESC, d.key)
      FROM auth.user_settings x, jsonb_each(x.device_settings) d WHERE x.user_id = me.user_id)));
END
$$;
COMMENT ON FUNCTION auth_api.settings_list_devices IS 'GET /api/v1/settings/devices: what was seen last comes first';
