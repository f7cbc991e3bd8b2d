-- Settings: defaults at the first look, merged at every depth, of devices and apps; within their size.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.61';
SET ROLE auth_edge;
SELECT story.member('sue@example.com', 'Sue');
SELECT refusal FROM story.sign_in('sue@example.com', 'sue-1');
SELECT story.member('tom@example.com', 'Tom');
SELECT refusal FROM story.sign_in('tom@example.com', 'tom-1');
RESET ROLE;
CREATE FUNCTION story.settings(r auth.reply, what text) RETURNS text LANGUAGE sql AS
  $$ SELECT COALESCE(r.refusal, regexp_replace(story.mask(r.body::json ->> what), '\s', '', 'g')) $$;
SET ROLE auth_edge;

SELECT story.answer(auth_api.settings_get(story.caller(), '{}'));
SELECT story.answer(auth_api.settings_get(story.caller('sue-1'), '{}'));
SELECT story.answer(auth_api.settings_get(story.bearer('sue@example.com'), '{}'));

-- Objects are merged; arrays, scalars and null replace.
SELECT story.settings(auth_api.settings_patch_global(story.caller('sue-1'), '{"settings":{"nav":{"sidebarCollapsed":true},"tags":["a","b"]}}'), 'globalSettings');
SELECT story.settings(auth_api.settings_patch_global(story.caller('sue-1'), '{"settings":{"nav":{"order":{"x":1}},"tags":["c"],"locale":null}}'), 'globalSettings');
SELECT story.settings(auth_api.settings_patch_global(story.caller('sue-1'), '{"settings":{"nav":7}}'), 'globalSettings');
SELECT story.settings(auth_api.settings_patch_global(story.caller('sue-1'), '{"settings":{"nav":{"again":true}}}'), 'globalSettings');

-- Of one app, and not of another.
SELECT story.settings(auth_api.settings_patch_app(story.caller('sue-1'), '{"appId":"todo","settings":{"view":{"list":true}}}'), 'appOverrides');
SELECT story.settings(auth_api.settings_patch_app(story.caller('sue-1'), '{"appId":"todo","settings":{"view":{"size":3}}}'), 'appOverrides');
SELECT story.settings(auth_api.settings_patch_app(story.caller('sue-1'), '{"appId":"chat","settings":{}}'), 'appOverrides');
SELECT story.settings(auth_api.settings_delete_app(story.caller('sue-1'), '{"appId":"todo"}'), 'appOverrides');
SELECT story.settings(auth_api.settings_delete_app(story.caller('sue-1'), '{"appId":"todo"}'), 'appOverrides');

-- Of an app on a device: its members replace one another whole.
SELECT story.settings(auth_api.settings_patch_device(story.caller('sue-1'), '{"deviceId":"d1","appId":"todo","settings":{"a":{"x":1},"b":2}}'), 'deviceSettings');
SELECT story.settings(auth_api.settings_patch_device(story.caller('sue-1'), '{"deviceId":"d1","appId":"todo","deviceName":"Laptop","settings":{"a":{"y":1}}}'), 'deviceSettings');
SELECT story.settings(auth_api.settings_patch_device(story.caller('sue-1'), '{"deviceId":"d1","appId":"chat","deviceType":"mobile"}'), 'deviceSettings');
SELECT story.answer(auth_api.settings_list_devices(story.caller('sue-1'), '{}'));
SELECT story.settings(auth_api.settings_delete_device(story.caller('sue-1'), '{"deviceId":"d1"}'), 'deviceSettings');
SELECT story.answer(auth_api.settings_list_devices(story.caller('tom-1'), '{}'));

-- What is too large is refused, and nothing of it stays.
SELECT story.answer(auth_api.settings_patch_app(story.caller('sue-1'), json_build_object('appId', 'big', 'settings', json_build_object('x', repeat('y', 70000)))::jsonb));
SELECT story.settings(auth_api.settings_get(story.caller('sue-1'), '{}'), 'appOverrides');
SELECT story.answer(auth_api.settings_patch_global(story.caller('nobody'), '{"settings":{}}'));
