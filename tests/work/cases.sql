-- Calls whose work depends on what a client sent or made: each is measured with the largest input that the API lets through,
-- and with half of it. `-- case NAME: SIZE`, what bounds the size, then the call, with :n for the size. Lines that begin with
-- `setup` make the rows that a call needs.

-- setup
INSERT INTO auth.users (id, email, name, email_verified, role) VALUES ('ann', 'ann@example.com', 'Ann', true, 'admin');
INSERT INTO auth.sessions (id, user_id, token_digest, expires_at) VALUES ('ann', 'ann', sha256('ann'), 'infinity');
INSERT INTO auth.organizations (id, name, slug) VALUES ('org', 'Org', 'org');
INSERT INTO auth.members (id, organization_id, user_id, role) VALUES ('ann', 'org', 'ann', 'owner');
INSERT INTO auth.oauth_clients (id, name, redirect_uris, scopes, auth_method)
  VALUES ('web', 'Web', '{https://web.example/cb}', ARRAY(SELECT 's' || i FROM generate_series(1, 200) i) || '{openid}', 'none');
INSERT INTO auth.user_settings (user_id, global_settings)
  VALUES ('ann', (SELECT jsonb_object_agg('k' || i, i) FROM generate_series(1, 4000) i));
CREATE FUNCTION auth.ann() RETURNS auth.caller LANGUAGE sql AS
  $$ SELECT auth_api.caller(sha256('ann'), sha256('fresh'), NULL, NULL, '192.0.2.1', 'work/1', 'request', NULL) $$;
CREATE FUNCTION auth.keys(n integer) RETURNS jsonb LANGUAGE sql AS
  $$ SELECT jsonb_object_agg('k' || i, -i) FROM generate_series(1, n) i $$;
CREATE FUNCTION auth.words(n integer, word text, glue text) RETURNS text LANGUAGE sql AS
  $$ SELECT string_agg(word || i, glue) FROM generate_series(1, n) i $$;

-- case form_encode: 8192
-- the longest query that is signed
SELECT length(auth.form_encode(repeat('ä', :n / 2)));

-- case oidc_authorize state: 2048
-- the length of `state` in the schema of the route
SELECT length((auth_api.oidc_authorize(auth_api.caller(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), jsonb_build_object(
  'client_id', 'web', 'redirect_uri', 'https://web.example/cb', 'response_type', 'code', 'scope', 'openid', 'code_challenge_method', 'S256',
  'code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', 'state', repeat('ä', :n)), 'https://id.example', NULL)).location);

-- case oidc_authorize scope: 200
-- 1024 characters of `scope`, in words of four characters and a space
SELECT length((auth_api.oidc_authorize(auth_api.caller(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), jsonb_build_object(
  'client_id', 'web', 'redirect_uri', 'https://web.example/cb', 'response_type', 'code', 'scope', auth.words(:n, 's', ' '), 'code_challenge_method', 'S256',
  'code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'), 'https://id.example', NULL)).location);

-- case oidc_authorize unknown scopes: 512
-- 1024 characters of `scope`
SELECT length((auth_api.oidc_authorize(auth_api.caller(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), jsonb_build_object(
  'client_id', 'web', 'redirect_uri', 'https://web.example/cb', 'response_type', 'code',
  'scope', (SELECT string_agg(chr(256 + i), ' ') FROM generate_series(1, :n) i)), 'https://id.example', NULL)).location);

-- case oidc_scopes: 512
-- 1024 characters of `scope`
SELECT cardinality(auth.oidc_scopes((SELECT string_agg(chr(256 + i), ' ') FROM generate_series(1, :n) i)));

-- case jsonb_merged new: 4000
-- 64 KiB of settings in members of 16 bytes
SELECT length(auth.jsonb_merged('{}', auth.keys(:n))::text);

-- case jsonb_merged changed: 4000
-- 64 KiB of settings in members of 16 bytes
SELECT length(auth.jsonb_merged(auth.keys(:n), auth.keys(:n))::text);

-- case jsonb_merged nested: 4000
-- 64 KiB of settings in members of 16 bytes, at the greatest depth of a body
SELECT length(auth.jsonb_merged(j, j)::text)
  FROM (SELECT jsonb_build_object('a', jsonb_build_object('b', jsonb_build_object('c', jsonb_build_object('d', auth.keys(:n))))) AS j) x;

-- case settings_patch_global: 4000
-- 64 KiB of settings in members of 16 bytes
SELECT length((auth_api.settings_patch_global(auth.ann(), jsonb_build_object('settings', auth.keys(:n)))).body);

-- case settings_patch_app: 4000
-- 64 KiB of settings in members of 16 bytes
SELECT length((auth_api.settings_patch_app(auth.ann(), jsonb_build_object('appId', 'a', 'settings', auth.keys(:n)))).body);

-- case settings_patch_device: 4000
-- 64 KiB of settings in members of 16 bytes
SELECT length((auth_api.settings_patch_device(auth.ann(), jsonb_build_object('deviceId', 'd', 'appId', 'a', 'settings', auth.keys(:n)))).body);

-- case member_has_permission: 800
-- 4096 bytes of permissions, in actions of five
SELECT length((auth_api.member_has_permission(auth.ann(), jsonb_build_object('organizationId', 'org', 'permissions',
  jsonb_build_object('member', (SELECT jsonb_agg('a' || i) FROM generate_series(1, :n) i))))).body);

-- case member_has_permission resources: 400
-- 4096 bytes of permissions, in resources of ten
SELECT length((auth_api.member_has_permission(auth.ann(), jsonb_build_object('organizationId', 'org', 'permissions',
  (SELECT jsonb_object_agg('r' || i, '["a"]'::jsonb) FROM generate_series(1, :n) i)))).body);

-- case role_list: 512
-- 1024 bytes of roles
SELECT length(auth.role_list(to_jsonb(auth.words(:n, '', ','))));

-- case role_unknown: 512
-- 1024 bytes of roles
SELECT length(auth.role_unknown(auth.words(:n, '', ',')));

-- case slug_normal: 255
-- the length of a slug in a query, of combining marks in the wrong order
SELECT length(auth.slug_normal(repeat(U&'\0315\0300', :n / 2)));

-- case metadata_text: 16384
-- the bytes of an organization's metadata
SELECT length(auth.metadata_text(jsonb_build_object('a', repeat('"', :n / 2)))::text);

-- case api_key_create scopes: 500
-- 2048 bytes of scopes
SELECT length((auth_api.api_key_create(auth.ann(), jsonb_build_object('name', 'k', 'scopes', (SELECT jsonb_agg(i::text) FROM generate_series(1, :n) i)))).body);

-- case oidc_client_create redirects: 600
-- 16384 bytes of redirect URIs
SELECT length((auth_api.oidc_client_create(auth.ann(), jsonb_build_object(
  'redirect_uris', (SELECT jsonb_agg('https://web.example/' || i) FROM generate_series(1, :n) i)))).body);

-- case json_pretty depth: 4000
-- a record of the sync database, whose depth nobody bounds
SELECT length(auth.json_pretty((repeat('[', :n) || repeat(']', :n))::json, 1));

-- case json_pretty: 60000
-- a record of the sync database
SELECT length(auth.json_pretty(to_json(ARRAY(SELECT generate_series(1, :n))), 1));

-- case json_object: 8192
-- a text of the greatest default length
SELECT length(auth.json_object('a', repeat('"', :n))::text);

-- case json_array_agg: 10000
-- rows of an answer
SELECT length(auth.json_array_agg(auth.json_object('id', i))::text) FROM generate_series(1, :n) i;
