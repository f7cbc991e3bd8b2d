-- Clients as administrators manage them, consents as users do.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.78';
\set VERBOSITY terse
SELECT story.member('admin@example.com', 'Admin');
SELECT story.member('user@example.com', 'User');
UPDATE auth.users SET role = 'admin' WHERE email = 'admin@example.com';
CREATE FUNCTION story.epochs(t text) RETURNS text LANGUAGE sql AS $$
  SELECT regexp_replace(regexp_replace(story.mask(t), '\m1[0-9]{9}\M', '<time>', 'g'), '"client_secret":"[A-Za-z0-9]{48}"', '"client_secret":"<secret>"');
$$;
CREATE FUNCTION story.said(r auth.reply) RETURNS text LANGUAGE sql AS $$
  SELECT COALESCE((r).refusal || ' ', '') || COALESCE((r).status, 200) || ' ' || COALESCE(story.epochs((r).body), '');
$$;
SET ROLE auth_edge;
SELECT refusal FROM story.sign_in('admin@example.com', 'admin-cookie');
SELECT refusal FROM story.sign_in('user@example.com', 'user-cookie');

-- Everything that may be said, and what comes back.
SELECT story.said(auth_api.oidc_client_create(story.caller('admin-cookie'), '{"client_name":"Notes","client_uri":"https://notes.example",
  "logo_uri":"https://notes.example/logo.png","tos_uri":"https://notes.example/tos","policy_uri":"https://notes.example/privacy","contacts":["ops@notes.example"],
  "software_id":"notes","software_version":"1.2","redirect_uris":["https://notes.example/cb"],"post_logout_redirect_uris":["https://notes.example/bye"],
  "scope":"openid email notes.write","id_token_signed_response_alg":"RS256","require_pkce":true,"response_types":["code"]}'));
SELECT story.said(auth_api.oidc_client_create(story.caller('admin-cookie'), '{"client_name":"Robot","grant_types":["client_credentials"],"scope":"jobs.read"}'));

-- What may not be said.
SELECT wish, story.said(auth_api.oidc_client_create(story.caller('admin-cookie'), '{"redirect_uris":["https://x.example/cb"]}' || wish::jsonb)) FROM unnest(ARRAY[
  '{"redirect_uris":"https://x.example/cb"}', '{"redirect_uris":[]}', '{"redirect_uris":[1]}', '{"redirect_uris":["https://x.example/cb#f"]}',
  '{"post_logout_redirect_uris":["javascript:alert(1)"]}', '{"grant_types":["password"]}', '{"grant_types":["implicit"]}', '{"response_types":["token"]}',
  '{"logo_uri":"javascript:alert(1)"}', '{"policy_uri":"data:text/html,x"}', '{"client_uri":"https://x.example/\"onload=x"}', '{"scope":"openid  email"}', '{"scope":"a\"b"}',
  '{"id_token_signed_response_alg":"none"}', '{"id_token_signed_response_alg":"HS256"}', '{"token_endpoint_auth_method":"none","grant_types":["client_credentials"]}',
  '{"token_endpoint_auth_method":"private_key_jwt"}', '{"contacts":"me"}']) wish;
SELECT story.said(auth_api.oidc_client_create(story.caller('admin-cookie'), '{"client_name":"Nowhere"}'));

RESET ROLE;
-- Keys: public, strong enough, of a kind that can be verified, each named once.
SELECT keys, auth.oidc_jwks_is_usable(jsonb_build_object('keys', keys::jsonb)) FROM unnest(ARRAY[
  '[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"EdDSA","use":"sig"}]',
  '[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]',
  '[]', '{}', '1', 'null', '[1]', '[{}]',
  '[{"kty":"oct","k":"AAAA"}]',
  '[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]',
  '[{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]',
  '[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"enc"}]',
  '[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"RS256"}]',
  '[{"kty":"EC","crv":"P-384","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]',
  '[{"kty":"RSA","n":"AQAB","e":"AQAB"}]']) keys;
SELECT n, e, auth.oidc_jwks_is_usable(jsonb_build_object('keys', jsonb_build_array(jsonb_build_object('kty', 'RSA', 'n', repeat('x', n), 'e', e))))
  FROM (VALUES (342, 'AQAB'), (1366, 'AQAB'), (341, 'AQAB'), (1367, 'AQAB'), (342, 'Aw')) v (n, e);
SELECT auth.oidc_jwks_is_usable(jsonb_build_object('keys', jsonb_build_array(k, k))), auth.oidc_jwks_is_usable(jsonb_build_object('keys', jsonb_build_array(k, k - 'kid')))
  FROM (SELECT '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}'::jsonb) v (k);

-- Changed: what is named, by the same rules; nobody else may, and not the ones of the environment.
SELECT id AS notes FROM auth.oauth_clients WHERE name = 'Notes' \gset
SELECT auth_api.oidc_configure('matrix-synapse', 'Matrix Synapse', sha256('s'), 'https://m.example/cb');
SET ROLE auth_edge;
CREATE FUNCTION pg_temp.update_client(cookie text, id text, wish jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT story.said(auth_api.oidc_client_update(story.caller(cookie), jsonb_build_object('client_id', id, 'update', wish)));
$$;
SELECT pg_temp.update_client('user-cookie', :'notes', '{"client_name":"Mine"}');
SELECT pg_temp.update_client('admin-cookie', 'ghost', '{"client_name":"Mine"}');
SELECT pg_temp.update_client('admin-cookie', 'matrix-synapse', '{"redirect_uris":["https://evil.example/"]}');
SELECT pg_temp.update_client('admin-cookie', :'notes', '{"client_name":"Notes 2","require_pkce":false,"software_version":"1.3"}');
SELECT pg_temp.update_client('admin-cookie', :'notes', '{}') = pg_temp.update_client('admin-cookie', :'notes', '{"client_name":"Notes 2"}') AS same;
SELECT pg_temp.update_client('admin-cookie', :'notes', '{"redirect_uris":["http://notes.example/cb"]}');
SELECT pg_temp.update_client('admin-cookie', :'notes', '{"redirect_uris":[]}');
SELECT pg_temp.update_client('admin-cookie', :'notes', '{"jwks":{"keys":[]}}');
SELECT pg_temp.update_client('admin-cookie', :'notes', '{"jwks":{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}');

-- A user's consents: narrowed, what goes beyond is gone; of nobody else.
RESET ROLE;
CREATE FUNCTION pg_temp.allow(client text, scopes text[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO auth.oauth_consents (user_id, client_id, scopes) SELECT u.id, client, scopes FROM auth.users u WHERE u.email = 'user@example.com'
    ON CONFLICT (user_id, client_id) DO UPDATE SET scopes = excluded.scopes;
  WITH g AS (
    INSERT INTO auth.oauth_grants (client_id, user_id, session_id, sid, scopes, auth_time)
    SELECT client, s.user_id, s.id, s.id, scopes, now() FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id WHERE u.email = 'user@example.com' RETURNING id)
  INSERT INTO auth.oauth_access_tokens (digest, grant_id, client_id, scopes, expires_at)
  SELECT sha256(convert_to(scopes::text, 'UTF8')), g.id, client, scopes, now() + interval '1 hour' FROM g;
$$;
SELECT pg_temp.allow(:'notes', '{openid}');
SELECT pg_temp.allow(:'notes', '{openid,email,notes.write}');
SELECT id AS consent FROM auth.oauth_consents WHERE client_id = :'notes' \gset
SET ROLE auth_edge;
SELECT replace(story.said(auth_api.oidc_consent_get(story.caller('user-cookie'), jsonb_build_object('id', :'consent'))), :'notes', '<notes>');
SELECT story.said(auth_api.oidc_consent_get(story.caller('admin-cookie'), jsonb_build_object('id', :'consent')));
SELECT story.said(auth_api.oidc_consent_get(story.caller(), jsonb_build_object('id', :'consent')));
SELECT wish, replace(story.said(auth_api.oidc_consent_update(story.caller('user-cookie'), jsonb_build_object('id', :'consent', 'update', jsonb_build_object('scopes', wish::jsonb)))), :'notes', '<notes>')
  FROM unnest(ARRAY['"openid"', '[]', '[null]', '["openid","admin"]', '["openid","openid","email"]']) wish;
SELECT story.said(auth_api.oidc_consent_update(story.caller('admin-cookie'), jsonb_build_object('id', :'consent', 'update', '{"scopes":["openid"]}'::jsonb)));
SELECT story.said(auth_api.oidc_consent_update(story.caller(), jsonb_build_object('id', :'consent', 'update', '{"scopes":["openid"]}'::jsonb)));
RESET ROLE;
SELECT scopes FROM auth.oauth_grants WHERE client_id = :'notes';
SELECT story.said(auth_api.oidc_userinfo(story.caller(), sha256('{openid}'), 'https://id.example', NULL));

-- A client that may no longer ask for a scope has it no longer; a disabled one has nothing.
SELECT pg_temp.allow(:'notes', '{openid,notes.write}');
SET ROLE auth_edge;
SELECT pg_temp.update_client('admin-cookie', :'notes', '{"scope":"openid email"}') LIKE '200 %';
RESET ROLE;
SELECT scopes FROM auth.oauth_grants WHERE client_id = :'notes';
SET ROLE auth_edge;
SELECT pg_temp.update_client('admin-cookie', :'notes', '{"disabled":true}') LIKE '200 %';
SELECT story.said(auth_api.oidc_userinfo(story.caller(), sha256('{openid}'), 'https://id.example', NULL));
SELECT story.said(auth_api.oidc_client_public(story.caller('user-cookie'), jsonb_build_object('client_id', :'notes')));
SELECT pg_temp.update_client('admin-cookie', :'notes', '{"disabled":false}') LIKE '200 %';
SELECT story.said(auth_api.oidc_userinfo(story.caller(), sha256('{openid}'), 'https://id.example', NULL));
SELECT story.said(auth_api.oidc_client_public(story.caller('user-cookie'), jsonb_build_object('client_id', :'notes')));

-- Whoever deletes their account leaves no consent and no token behind.
RESET ROLE;
SELECT id AS gone FROM auth.users WHERE email = 'user@example.com' \gset
SELECT auth.user_erase(story.caller(), u) IS NOT NULL FROM auth.users u WHERE u.email = 'user@example.com';
SELECT (SELECT count(*) FROM auth.oauth_consents WHERE user_id = :'gone') AS consents, (SELECT count(*) FROM auth.oauth_grants WHERE user_id = :'gone') AS grants,
       (SELECT count(*) FROM auth.oauth_access_tokens WHERE client_id = :'notes') AS tokens;
