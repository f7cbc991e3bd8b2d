-- What the apps remember of a user: for all of them, for one, for one on a device.

CREATE FUNCTION auth.settings_default() RETURNS jsonb LANGUAGE sql IMMUTABLE
  RETURN '{"nav":{"desktopPosition":"top","sidebarCollapsed":false},"theme":{"mode":"system","colorScheme":"ocean"},"locale":"de"}'::jsonb;
COMMENT ON FUNCTION auth.settings_default IS 'what is shown of all apps until something is changed';

CREATE TABLE auth.user_settings (
  user_id          text        NOT NULL,
  global_settings  jsonb       NOT NULL DEFAULT auth.settings_default(),
  app_overrides    jsonb       NOT NULL DEFAULT '{}',
  device_settings  jsonb       NOT NULL DEFAULT '{}',
  created_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
  updated_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT user_settings_pkey PRIMARY KEY (user_id),
  CONSTRAINT user_settings_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT user_settings_are_objects CHECK (
    pg_catalog.jsonb_typeof(global_settings) = 'object' AND pg_catalog.jsonb_typeof(app_overrides) = 'object'
    AND pg_catalog.jsonb_typeof(device_settings) = 'object'),
  -- A user may fill a row, not the disk.
  CONSTRAINT user_settings_size CHECK (
    pg_catalog.octet_length(global_settings::text) <= 65536 AND pg_catalog.octet_length(app_overrides::text) <= 65536
    AND pg_catalog.octet_length(device_settings::text) <= 65536)
);
COMMENT ON TABLE auth.user_settings IS 'one row a user, made with the first change; each column at most 64 KiB as text';
COMMENT ON COLUMN auth.user_settings.global_settings IS 'of all apps';
COMMENT ON COLUMN auth.user_settings.app_overrides IS 'app id → what it has otherwise';
COMMENT ON COLUMN auth.user_settings.device_settings IS
  'device id → {deviceName, deviceType, lastSeen, apps: {app id → settings}}';
SELECT pg_catalog.pg_extension_config_dump('auth.user_settings', '');
