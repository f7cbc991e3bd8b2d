-- A relying party's way: authorize, sign in, consent, code, tokens, refresh, userinfo, introspection, revocation, logout.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.77';

-- A DBA registers clients; the edges configure one.
SELECT id, client_secret IS NULL AS known
  FROM auth.oidc_client_register('Wiki', '{https://wiki.example/cb}', client_id => 'wiki', secret => 'wiki-secret', auth_method => 'client_secret_basic',
                                 post_logout_redirect_uris => '{https://wiki.example/bye}');
SELECT id, length(client_secret) AS made
  FROM auth.oidc_client_register('Phone', '{http://127.0.0.1/cb,com.example.phone:/cb}', client_id => 'phone', auth_method => 'none')
UNION ALL
SELECT id, length(client_secret)
  FROM auth.oidc_client_register('Robot', '{}', client_id => 'robot', grant_types => '{client_credentials}',
                                 scopes => '{jobs.read,jobs.write}');
SELECT auth.oidc_client_rotate_secret('robot') AS robot_secret \gset
SELECT auth_api.oidc_configure('matrix-synapse', 'Matrix Synapse', sha256('s'), 'https://m.example/cb');
SELECT auth_api.oidc_configure('wiki', 'Stolen', sha256('s'), 'https://evil.example/cb');
SELECT id, name, skip_consent, configured, disabled FROM auth.oauth_clients ORDER BY id;
SELECT auth_api.oidc_configure('matrix-synapse', 'Matrix Synapse', NULL, 'https://m.example/cb');
SELECT disabled FROM auth.oauth_clients WHERE id = 'matrix-synapse';
SELECT auth_api.oidc_configure('matrix-synapse', 'Matrix Synapse', sha256('s'), 'https://m.example/cb');
\set VERBOSITY terse
SELECT auth.oidc_client_register('Bad', '{https://*.example/cb}');
SELECT auth.oidc_client_register('Bad', '{javascript:alert(1)}');
SELECT auth.oidc_client_register('Bad', '{https://a.example/cb#x}');
SELECT auth.oidc_client_register('Bad', '{http://a.example/cb}');
SELECT auth.oidc_client_register('Bad', '{https://a.example/cb}', auth_method => 'none', grant_types => '{client_credentials}');
SELECT auth.oidc_client_register('Bad', '{https://a.example/cb}', scopes => '{openid,"two names"}');
SELECT auth.oidc_client_register('Bad', '{https://a.example/cb}', scopes => '{openid,NULL}');
SELECT auth.oidc_client_register('Bad', '{https://a.example/cb}', scopes => '{""}');

-- What a story asks with. The verifier 'v' has this challenge.
CREATE FUNCTION story.ask(more jsonb DEFAULT '{}', client text DEFAULT 'wiki', back text DEFAULT 'https://wiki.example/cb')
  RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_strip_nulls(jsonb_build_object(
    'client_id', client, 'response_type', 'code', 'redirect_uri', back, 'scope', 'openid email', 'state', 'st&te', 'nonce', 'n',
    'code_challenge', translate(rtrim(encode(sha256('v'), 'base64'), '='), '+/', '-_'), 'code_challenge_method', 'S256') || more);
$$;
CREATE FUNCTION story.times(t text) RETURNS text LANGUAGE sql AS $$
  SELECT regexp_replace(regexp_replace(story.mask(t), '(code=)[A-Za-z0-9]{32}', '\1<code>'), '\m1[0-9]{9}([0-9]{3})?\M', '<time>', 'g');
$$;
CREATE FUNCTION story.authorize(cookie text, asked jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT story.times(r.location || CASE WHEN r.sign_query THEN '&sig=' ELSE '' END)
    FROM auth_api.oidc_authorize(story.caller(cookie), asked, 'https://id.example', NULL) r;
$$;
CREATE FUNCTION story.code(cookie text, asked jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT substring(r.location FROM 'code=([A-Za-z0-9]{32})')
    FROM auth_api.oidc_authorize(story.caller(cookie), asked, 'https://id.example', NULL) r;
$$;
CREATE FUNCTION story.hex(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT encode(sha256(convert_to(t, 'UTF8')), 'hex') $$;
CREATE FUNCTION story.tokens(input jsonb, client text DEFAULT 'wiki', secret text DEFAULT 'wiki-secret',
                             method text DEFAULT 'client_secret_basic') RETURNS auth.reply LANGUAGE sql AS $$
  SELECT auth_api.oidc_token(story.caller(), input, 'https://id.example', method, client, sha256(convert_to(secret, 'UTF8')), NULL, NULL);
$$;
CREATE FUNCTION story.redeem(code text, more jsonb DEFAULT '{}', client text DEFAULT 'wiki', secret text DEFAULT 'wiki-secret',
                             method text DEFAULT 'client_secret_basic') RETURNS auth.reply LANGUAGE sql AS $$
  SELECT story.tokens(jsonb_strip_nulls(jsonb_build_object(
           'grant_type', 'authorization_code', 'code', story.hex(code), 'redirect_uri', 'https://wiki.example/cb',
           'code_verifier', story.hex('v')) || more), client, secret, method);
$$;
CREATE FUNCTION story.part(r auth.reply, name text) RETURNS text LANGUAGE sql AS $$
  SELECT COALESCE(replace(r.body, E'\x02', '')::json ->> name, r.body);
$$;
SET ROLE auth_edge;
SELECT story.member('olga@example.com', 'Olga von Ordinary');

-- Nobody is redirected to an address that is not proved.
SELECT story.authorize(NULL, story.ask(client => 'ghost'));
SELECT story.authorize(NULL, story.ask(back => 'https://wiki.example/cb2'));
SELECT story.authorize(NULL, story.ask(back => 'https://wiki.example/cb/'));
SELECT story.authorize(NULL, story.ask('{"redirect_uri":null}'));
SELECT story.authorize(NULL, story.ask(back => 'http://127.0.0.1.evil.example/cb', client => 'phone'));
SELECT story.authorize(NULL, story.ask(back => 'http://127.0.0.1:99999999/cb', client => 'phone'));

-- Errors that the client may know.
SELECT story.authorize(NULL, story.ask('{"response_type":null}'));
SELECT story.authorize(NULL, story.ask('{"response_type":"token"}'));
SELECT story.authorize(NULL, story.ask('{"scope":"openid bogus admin"}'));
SELECT story.authorize(NULL, story.ask('{"code_challenge_method":"plain"}'));
SELECT story.authorize(NULL, story.ask('{"code_challenge_method":null}'));
SELECT story.authorize(NULL, story.ask('{"code_challenge":"short"}'));
SELECT story.authorize(NULL, story.ask('{"code_challenge":null,"code_challenge_method":null}', 'phone', 'http://127.0.0.1:4711/cb'));
SELECT story.authorize(NULL, story.ask('{"prompt":"none login"}'));
SELECT story.authorize(NULL, story.ask('{"prompt":"none"}'));
SELECT story.authorize(NULL, story.ask('{"max_age":"-1"}'));
SELECT story.authorize(NULL, story.ask('{"request":"x.y.z"}'));

-- A parameter that is given twice: the client is told, unless it is the one that says where.
SELECT name, story.times(r.location) FROM unnest('{state,scope,redirect_uri,client_id}'::text[]) name,
  auth_api.oidc_authorize(story.caller(), story.ask(), 'https://id.example', NULL, name) r;
SELECT story.times(r.location) FROM auth_api.oidc_authorize(story.caller(), story.ask(back => 'https://evil.example/'), 'https://id.example', NULL, 'state') r;
SELECT story.times(r.location) FROM auth_api.oidc_authorize(story.caller(), story.ask(client => 'ghost'), 'https://id.example', NULL, 'state') r;

-- Nobody is signed in: to the sign-in, with the request. Then to the consent, and then never again.
SELECT story.authorize(NULL, story.ask());
SELECT refusal FROM story.sign_in('olga@example.com', 'olga-1');
SELECT story.authorize('olga-1', story.ask());
SELECT story.authorize('olga-1', story.ask('{"prompt":"none"}'));
SELECT extract(epoch FROM now() + interval '1 minute')::bigint AS exp, floor(extract(epoch FROM now()) * 1000) AS iat \gset
SELECT story.times(r.location) FROM auth_api.oidc_consent(story.caller('olga-1'),
  story.ask() || jsonb_build_object('exp', :'exp', 'ba_iat', :'iat'), 'https://id.example', false, NULL) r;
SELECT story.times(r.location) FROM auth_api.oidc_consent(story.caller('olga-1'),
  story.ask() || jsonb_build_object('exp', :'exp', 'ba_iat', :'iat'), 'https://id.example', true, NULL) r;
SELECT story.answer(r) FROM auth_api.oidc_consent(story.caller('olga-1'),
  story.ask() || jsonb_build_object('exp', '1', 'ba_iat', :'iat'), 'https://id.example', true, NULL) r;
SELECT story.answer(r) FROM auth_api.oidc_consent(story.caller(),
  story.ask() || jsonb_build_object('exp', :'exp', 'ba_iat', :'iat'), 'https://id.example', true, NULL) r;
SELECT story.answer(r) FROM auth_api.oidc_consent(story.caller('olga-1'),
  story.ask() || jsonb_build_object('exp', :'exp', 'ba_iat', :'iat'), 'https://id.example', true, 'openid offline_access') r;
SELECT story.authorize('olga-1', story.ask());
SELECT story.authorize('olga-1', story.ask('{"prompt":"consent"}'));
SELECT story.authorize('olga-1', story.ask('{"scope":"openid email profile"}'));
SELECT story.authorize('olga-1', story.ask('{"prompt":"login"}'));
SELECT story.authorize('olga-1', story.ask('{"max_age":"0"}'));
SELECT story.authorize('olga-1', story.ask('{"max_age":"3600"}'));
SELECT r.location LIKE '%error=login_required%' AS another_user
  FROM auth_api.oidc_authorize(story.caller('olga-1'), story.ask('{"prompt":"none"}'), 'https://id.example', 'somebody') r;

-- A sign-in after the request satisfies prompt=login; the one before it does not.
SELECT story.times(r.location) FROM auth_api.oidc_continue(story.caller('olga-1'),
  story.ask('{"prompt":"login"}') || jsonb_build_object('exp', :'exp', 'ba_iat', :'iat'), 'https://id.example') r;
SELECT refusal FROM story.sign_in('olga@example.com', 'olga-2');
SELECT story.times(r.location) FROM auth_api.oidc_continue(story.caller('olga-2'),
  story.ask('{"prompt":"login"}') || jsonb_build_object('exp', :'exp', 'ba_iat', :'iat'), 'https://id.example') r;

-- The code: for its client, its redirect URI, its verifier; and once. A replay takes the tokens with it.
SELECT story.times(line) FROM story.answer(story.redeem(story.code('olga-1', story.ask()), secret => 'wrong')) line;
SELECT story.answer(story.redeem(story.code('olga-1', story.ask()), method => 'client_secret_post'));
SELECT story.answer(story.redeem(story.code('olga-1', story.ask()), method => 'none'));
-- A client without a registered method uses either of the two, and no other.
SELECT method, COALESCE((story.tokens('{"grant_type":"client_credentials"}', 'robot', secret, method)).status, 200)
  FROM unnest('{client_secret_basic,client_secret_post,none,private_key_jwt}'::text[]) method, (VALUES ('wrong'), (:'robot_secret')) s (secret);
SELECT story.answer(story.redeem(story.code('olga-1', story.ask()), client => 'ghost'));
SELECT story.answer(story.redeem(story.code('olga-1', story.ask()), client => 'matrix-synapse', secret => 's'));
SELECT story.answer(story.redeem(story.code('olga-1', story.ask()), '{"redirect_uri":"https://wiki.example/"}'));
SELECT story.answer(story.redeem(story.code('olga-1', story.ask()), '{"code_verifier":null}'));
SELECT story.answer(story.redeem(story.code('olga-1', story.ask()), jsonb_build_object('code_verifier', story.hex('w'))));
SELECT story.answer(story.redeem(story.code('olga-1', story.ask('{"code_challenge":null,"code_challenge_method":null}'))));
SELECT story.answer(story.redeem('made-up'));
SELECT story.answer(story.redeem('x', '{"code":null}'));
SELECT story.answer(story.tokens('{"grant_type":"password"}'));
SELECT story.answer(story.tokens('{}'));
SELECT story.code('olga-1', story.ask()) AS code \gset
SELECT r.* FROM story.redeem(:'code') r \gset first_
SELECT story.times(line) FROM story.answer(ROW(NULL, NULL, NULL, :first_status, :'first_body', NULL, NULL, :'first_claims', NULL, NULL)::auth.reply) line;
SELECT replace(:'first_body', E'\x02', '')::json ->> 'access_token' AS access \gset
SELECT story.answer(auth_api.oidc_userinfo(story.caller(), sha256(:'access'), 'https://id.example', NULL));
SELECT story.answer(story.redeem(:'code'));
SELECT story.answer(auth_api.oidc_userinfo(story.caller(), sha256(:'access'), 'https://id.example', NULL));

-- Refresh tokens: where offline_access was asked for; each once; a used one ends its family.
SELECT r.location IS NOT NULL FROM auth_api.oidc_consent(story.caller('olga-1'),
  story.ask('{"scope":"openid profile email offline_access"}') || jsonb_build_object('exp', :'exp', 'ba_iat', :'iat'),
  'https://id.example', true, NULL) r;
SELECT story.part(story.redeem(story.code('olga-1', story.ask('{"scope":"openid profile email offline_access"}'))), 'refresh_token') AS refresh \gset
SELECT story.answer(story.tokens(jsonb_build_object('grant_type', 'refresh_token', 'refresh_token', story.hex(:'refresh')), secret => 'wrong'));
SELECT story.answer(story.tokens(jsonb_build_object('grant_type', 'refresh_token', 'refresh_token', story.hex(:'refresh')), 'matrix-synapse', 's'));
SELECT story.answer(story.tokens(jsonb_build_object('grant_type', 'refresh_token', 'refresh_token', story.hex(:'refresh'), 'scope', 'openid admin')));
SELECT r.* FROM story.tokens(jsonb_build_object('grant_type', 'refresh_token', 'refresh_token', story.hex(:'refresh'))) r \gset second_
SELECT story.times(line) FROM story.answer(ROW(NULL, NULL, NULL, :second_status, :'second_body', NULL, NULL, :'second_claims', NULL, NULL)::auth.reply) line;
SELECT replace(:'second_body', E'\x02', '')::json ->> 'access_token' AS access, replace(:'second_body', E'\x02', '')::json ->> 'refresh_token' AS next \gset
SELECT story.times(line) FROM story.answer(auth_api.oidc_introspect(story.caller(), jsonb_build_object('token', story.hex(:'access')),
  'https://id.example', 'client_secret_basic', 'wiki', sha256('wiki-secret'), NULL, NULL, NULL)) line;
SELECT story.times(line) FROM story.answer(auth_api.oidc_introspect(story.caller(), jsonb_build_object('token', story.hex(:'next')),
  'https://id.example', 'client_secret_basic', 'wiki', sha256('wiki-secret'), NULL, NULL, NULL)) line;
SELECT story.answer(auth_api.oidc_introspect(story.caller(), jsonb_build_object('token', story.hex(:'access')),
  'https://id.example', 'client_secret_basic', 'matrix-synapse', sha256('s'), NULL, NULL, NULL));
SELECT story.answer(auth_api.oidc_introspect(story.caller(), jsonb_build_object('token', story.hex(:'access')),
  'https://id.example', NULL, NULL, NULL, NULL, NULL, NULL));
SELECT story.answer(story.tokens(jsonb_build_object('grant_type', 'refresh_token', 'refresh_token', story.hex(:'refresh'))));
SELECT story.answer(story.tokens(jsonb_build_object('grant_type', 'refresh_token', 'refresh_token', story.hex(:'next'))));
SELECT story.answer(auth_api.oidc_userinfo(story.caller(), sha256(:'access'), 'https://id.example', NULL));

-- Revoked by its client, the family is dead; by another, nothing happens.
SELECT story.part(story.redeem(story.code('olga-1', story.ask('{"scope":"openid profile email offline_access"}'))), 'refresh_token') AS refresh \gset
SELECT story.answer(auth_api.oidc_revoke(story.caller(), jsonb_build_object('token', story.hex(:'refresh')), 'client_secret_basic', 'matrix-synapse', sha256('s'), NULL, NULL, NULL));
SELECT (story.tokens(jsonb_build_object('grant_type', 'refresh_token', 'refresh_token', story.hex(:'refresh')))).status;
SELECT story.part(story.redeem(story.code('olga-1', story.ask('{"scope":"openid profile email offline_access"}'))), 'refresh_token') AS refresh \gset
SELECT story.answer(auth_api.oidc_revoke(story.caller(), jsonb_build_object('token', story.hex(:'refresh')), 'client_secret_basic', 'wiki', sha256('wiki-secret'), NULL, NULL, NULL));
SELECT story.answer(story.tokens(jsonb_build_object('grant_type', 'refresh_token', 'refresh_token', story.hex(:'refresh'))));

-- A year after the user authorized a client its refresh tokens end, however often they were rotated.
SELECT story.part(story.redeem(story.code('olga-1', story.ask('{"scope":"openid profile email offline_access"}'))), 'refresh_token') AS refresh \gset
RESET ROLE;
UPDATE auth.oauth_grants g SET created_at = now() - interval '364 days'
 WHERE g.id = (SELECT t.grant_id FROM auth.oauth_refresh_tokens t WHERE t.digest = sha256(:'refresh'));
SET ROLE auth_edge;
SELECT story.part(story.tokens(jsonb_build_object('grant_type', 'refresh_token', 'refresh_token', story.hex(:'refresh'))), 'refresh_token') AS next \gset
RESET ROLE;
SELECT t.expires_at = g.created_at + interval '365 days' AS ends_with_the_year
  FROM auth.oauth_refresh_tokens t JOIN auth.oauth_grants g ON g.id = t.grant_id WHERE t.digest = sha256(:'next');
SET ROLE auth_edge;

-- An app on any port of this machine, and under its own scheme; a robot for itself, which is no user.
SELECT r.location IS NOT NULL FROM auth_api.oidc_consent(story.caller('olga-1'),
  story.ask(client => 'phone', back => 'com.example.phone:/cb') || jsonb_build_object('exp', :'exp', 'ba_iat', :'iat'), 'https://id.example', true, NULL) r;
SELECT story.authorize('olga-1', story.ask(client => 'phone', back => 'http://127.0.0.1:4711/cb'));
SELECT story.authorize('olga-1', story.ask(client => 'phone', back => 'com.example.phone:/cb'));
RESET ROLE;
UPDATE auth.oauth_clients SET secret_digest = sha256('robot-secret') WHERE id = 'robot';
SET ROLE auth_edge;
SELECT r.* FROM story.tokens('{"grant_type":"client_credentials","scope":"jobs.read"}', 'robot', 'robot-secret') r \gset robot_
SELECT story.times(story.mask(:'robot_body'));
SELECT story.answer(story.tokens('{"grant_type":"client_credentials","scope":"jobs.all"}', 'robot', 'robot-secret'));
SELECT story.answer(story.tokens('{"grant_type":"client_credentials"}'));
SELECT story.answer(auth_api.oidc_userinfo(story.caller(), sha256(convert_to(:'robot_body'::json ->> 'access_token', 'UTF8')), 'https://id.example', NULL));
SELECT story.times(line) FROM story.answer(auth_api.oidc_introspect(story.caller(), jsonb_build_object('token', story.hex(:'robot_body'::json ->> 'access_token')),
  'https://id.example', 'client_secret_basic', 'robot', sha256('robot-secret'), NULL, NULL, NULL)) line;

-- An assertion is good once.
RESET ROLE;
SELECT id FROM auth.oidc_client_register('Keyed', '{https://keyed.example/cb}', client_id => 'keyed', auth_method => 'private_key_jwt', jwks => '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}',
                                         grant_types => '{client_credentials}', scopes => '{jobs.read}');
SET ROLE auth_edge;
SELECT (auth_api.oidc_token(story.caller(), '{"grant_type":"client_credentials"}', 'https://id.example', 'private_key_jwt', 'keyed', NULL, 'jti-1', :exp)).status;
SELECT story.answer(auth_api.oidc_token(story.caller(), '{"grant_type":"client_credentials"}', 'https://id.example', 'private_key_jwt', 'keyed', NULL, 'jti-1', :exp));

-- Logout: a hint of the same user ends the session, without one the user is asked; only a registered address is gone back to.
SELECT story.answer(auth_api.oidc_end_session(story.caller(), '{}', 'https://id.example', NULL, NULL, NULL, false));
SELECT story.answer(auth_api.oidc_end_session(story.caller('olga-1'), '{}', 'https://id.example', NULL, NULL, NULL, false));
SELECT story.answer(auth_api.oidc_end_session(story.caller('olga-1'), '{"post_logout_redirect_uri":"https://evil.example/"}', 'https://id.example', 'wiki', 'x', 'y', false));
SELECT story.answer(auth_api.oidc_end_session(story.caller('olga-1'), '{"client_id":"phone"}', 'https://id.example', 'wiki', 'x', 'y', false));
SELECT story.answer(auth_api.oidc_end_session(story.caller('olga-1'), '{"post_logout_redirect_uri":"https://wiki.example/bye","state":"s"}', 'https://id.example',
                                              'wiki', 'another user', 'another session', false));
SELECT story.part(story.redeem(story.code('olga-1', story.ask())), 'access_token') AS access \gset
SELECT substr(:'first_claims', 7)::json ->> 'sub' AS sub, substr(:'first_claims', 7)::json ->> 'sid' AS sid \gset
SELECT story.answer(auth_api.oidc_end_session(story.caller('olga-1'), '{"post_logout_redirect_uri":"https://wiki.example/bye","state":"s"}', 'https://id.example',
                                              'wiki', :'sub', :'sid', false));
SELECT story.answer(auth_api.oidc_userinfo(story.caller(), sha256(:'access'), 'https://id.example', NULL));
SELECT story.authorize('olga-1', story.ask('{"prompt":"none"}'));

-- Clients over HTTP are for administrators, consents for who gave them.
SELECT story.answer(auth_api.oidc_client_create(story.caller('olga-2'), '{"redirect_uris":["https://x.example/cb"]}'));
SELECT story.answer(auth_api.oidc_client_list(story.caller('olga-2'), '{}'));
RESET ROLE;
UPDATE auth.users SET role = 'admin' WHERE email = 'olga@example.com';
SET ROLE auth_edge;
SELECT r.* FROM auth_api.oidc_client_create(story.caller('olga-2'), '{"client_name":"X","redirect_uris":["https://x.example/cb"]}') r \gset made_
SELECT story.times(regexp_replace(:'made_body', '"client_secret":"[A-Za-z0-9]{48}"', '"client_secret":"<secret>"'));
SELECT story.answer(auth_api.oidc_client_create(story.caller('olga-2'), '{"redirect_uris":["http://x.example/cb"]}'));
SELECT story.answer(auth_api.oidc_client_create(story.caller('olga-2'), '{"redirect_uris":["https://x.example/cb"],"token_endpoint_auth_method":"magic"}'));
SELECT (auth_api.oidc_client_rotate(story.caller('olga-2'), jsonb_build_object('client_id', :'made_body'::json ->> 'client_id'))).status IS NULL;
SELECT story.answer(auth_api.oidc_client_delete(story.caller('olga-2'), jsonb_build_object('client_id', :'made_body'::json ->> 'client_id')));
SELECT story.answer(auth_api.oidc_client_delete(story.caller('olga-2'), '{"client_id":"matrix-synapse"}'));
SELECT story.answer(auth_api.oidc_client_public(story.caller(), '{"client_id":"wiki"}'));
SELECT story.answer(auth_api.oidc_consent_list(story.caller('olga-2'), '{}'));
SELECT body::json -> 0 ->> 'id' AS consent FROM auth_api.oidc_consent_list(story.caller('olga-2'), '{}') \gset
SELECT story.answer(auth_api.oidc_consent_delete(story.caller('olga-2'), jsonb_build_object('id', :'consent')));
RESET ROLE;
SELECT count(*) FROM auth.oauth_grants WHERE client_id = 'wiki';

-- A token for a resource that is named (RFC 8707) is a JWT (RFC 9068): nothing is stored, and the edge signs what is said here.
RESET ROLE;
SELECT auth.oidc_resource_register('https://api.example/', 'Jobs', '{robot}', access_token_ttl => '10 minutes');
SELECT auth.oidc_resource_register('urn:wiki', 'Wiki', '{wiki,robot}', scopes => '{openid,email}', signing_alg => 'RS256');
SELECT auth.oidc_resource_register('urn:off', 'Gone', '{robot,wiki}');
SELECT auth.oidc_resource_register('urn:off', 'Gone', '{robot}', disabled => true);
SELECT r.name, r.disabled, array_agg(l.client_id) FROM auth.oauth_resources r JOIN auth.oauth_client_resources l ON l.resource = r.identifier
 WHERE r.identifier = 'urn:off' GROUP BY r.identifier;
\set VERBOSITY terse
SELECT auth.oidc_resource_register('mana', 'Not a URI');
SELECT auth.oidc_resource_register('https://api.example/#part', 'A part');
SELECT auth.oidc_resource_register('urn:ghost', 'Whose', '{nobody}');
SELECT auth.oidc_resource_register('urn:long', 'For ever', access_token_ttl => '2 days');
\set VERBOSITY default
SELECT count(*) AS stored FROM auth.oauth_access_tokens \gset
CREATE FUNCTION story.signed(r auth.reply) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT story.times(regexp_replace(line, '("jti":")(\w+\.)?\w+', '\1\2<jti>')) FROM unnest(string_to_array(r.claims, E'\n')) line;
$$;
SET ROLE auth_edge;
SELECT r.* FROM story.tokens('{"grant_type":"client_credentials","scope":"jobs.read","resource":"https://api.example/"}', 'robot', 'robot-secret') r \gset own_
SELECT story.times(replace(:'own_body', E'\x02', '^B'));
SELECT story.signed(ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL, :'own_claims', NULL, NULL)::auth.reply);
SELECT story.answer(story.tokens('{"grant_type":"client_credentials","resource":"https://other.example/"}', 'robot', 'robot-secret'));
SELECT story.answer(story.tokens('{"grant_type":"client_credentials","resource":"urn:off"}', 'robot', 'robot-secret'));
SELECT story.answer(story.tokens('{"grant_type":"client_credentials","resource":"urn:wiki"}', 'robot', 'robot-secret'));
SELECT story.answer(story.tokens('{"grant_type":"client_credentials","resource":""}', 'robot', 'robot-secret'));

-- Asked for with the code's request it holds for all tokens of the grant, also after a sign-in; else with each. Another is not to
-- be had for it.
SELECT story.authorize(NULL, story.ask('{"resource":"urn:wiki"}'));
SELECT r.location IS NOT NULL FROM auth_api.oidc_consent(story.caller('olga-2'),
  story.ask('{"scope":"openid email profile offline_access"}') || jsonb_build_object('exp', :'exp', 'ba_iat', :'iat'),
  'https://id.example', true, NULL) r;
SELECT story.authorize('olga-2', story.ask('{"resource":"https://api.example/"}'));
SELECT story.authorize('olga-2', story.ask('{"resource":"urn:wiki","scope":"offline_access"}'));
SELECT story.answer(story.redeem(story.code('olga-2', story.ask('{"resource":"urn:wiki"}')), '{"resource":"urn:off"}'));
SELECT r.* FROM story.redeem(story.code('olga-2', story.ask('{"resource":"urn:wiki","scope":"openid email profile offline_access"}'))) r \gset wiki_
SELECT story.times(replace(:'wiki_body', E'\x02', '^B'));
SELECT replace(story.signed(ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL, :'wiki_claims', NULL, NULL)::auth.reply), story.id_of('olga@example.com'), '<olga>');
SELECT replace(:'wiki_body', E'\x02', '')::json ->> 'refresh_token' AS refresh \gset
SELECT story.answer(story.tokens(jsonb_build_object('grant_type', 'refresh_token', 'refresh_token', story.hex(:'refresh'), 'resource', 'urn:off')));
SELECT story.answer(story.tokens(jsonb_build_object('grant_type', 'refresh_token', 'refresh_token', story.hex(:'refresh'), 'scope', 'profile')));
SELECT r.* FROM story.tokens(jsonb_build_object('grant_type', 'refresh_token', 'refresh_token', story.hex(:'refresh'))) r \gset again_
SELECT substring(:'again_claims' FROM '^RS256 at\+jwt (.*)\nEdDSA ') AS jwt \gset
SELECT :'jwt'::jsonb -> 'aud', :'jwt'::jsonb ->> 'scope';
SELECT split_part((story.redeem(story.code('olga-2', story.ask()), '{"resource":"urn:wiki"}')).claims, ' ', 2);
RESET ROLE;
SELECT count(*) - :stored AS stored FROM auth.oauth_access_tokens;
SET ROLE auth_edge;

-- Who brings one back: its client, and who has tokens for that resource, too; userinfo, if it is meant for it. Until its end it
-- cannot be revoked, but its grant can, and who asks hears of it.
CREATE FUNCTION pg_temp.introspected(client text, secret text, claims jsonb) RETURNS text LANGUAGE sql AS $$
  SELECT body FROM auth_api.oidc_introspect(story.caller(), '{"token":"00"}', 'https://id.example', 'client_secret_basic', client,
                                            sha256(convert_to(secret, 'UTF8')), NULL, NULL, claims);
$$;
SELECT substring(:'own_claims' FROM '\{.*') AS own \gset
SELECT pg_temp.introspected('robot', 'robot-secret', :'own')::jsonb - '{iat,exp,jti}'::text[];
SELECT pg_temp.introspected('wiki', 'wiki-secret', :'own');
SELECT pg_temp.introspected('wiki', 'wiki-secret', :'jwt')::jsonb -> 'active';
SELECT pg_temp.introspected('robot', 'robot-secret', :'jwt')::jsonb -> 'active';
SELECT pg_temp.introspected('matrix-synapse', 's', :'jwt');
SELECT pg_temp.introspected('wiki', 'wiki-secret', :'jwt'::jsonb || '{"sub":"somebody"}');
SELECT (auth_api.oidc_userinfo(story.caller(), '\x00', 'https://id.example', :'jwt')).body::json ->> 'email';
SELECT story.answer(auth_api.oidc_userinfo(story.caller(), '\x00', 'https://other.example', :'jwt'));
SELECT story.answer(auth_api.oidc_userinfo(story.caller(), '\x00', 'https://id.example', :'own'));
SELECT story.answer(auth_api.oidc_revoke(story.caller(), '{"token":"00"}', 'client_secret_basic', 'wiki', sha256('wiki-secret'), NULL, NULL, :'jwt'));
SELECT replace(:'again_body', E'\x02', '')::json ->> 'refresh_token' AS refresh \gset
SELECT (auth_api.oidc_revoke(story.caller(), jsonb_build_object('token', story.hex(:'refresh')), 'client_secret_basic', 'wiki', sha256('wiki-secret'), NULL, NULL, NULL)).refusal IS NULL;
SELECT pg_temp.introspected('wiki', 'wiki-secret', :'jwt');
SELECT story.answer(auth_api.oidc_userinfo(story.caller(), '\x00', 'https://id.example', :'jwt'));
RESET ROLE;
UPDATE auth.oauth_clients SET disabled = true WHERE id = 'robot';
SET ROLE auth_edge;
SELECT pg_temp.introspected('wiki', 'wiki-secret', :'own'::jsonb || '{"aud":"urn:wiki"}');

-- A consent to offline_access outlives the session, so an old session signs in again first, whoever holds its cookie; nothing is
-- stored. A consent without it needs no sign-in. Each consent leaves an event.
RESET ROLE;
CREATE FUNCTION story.grants(address text) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$
  SELECT count(*) FROM auth.oauth_grants g WHERE g.user_id = story.id_of(address);
$$;
CREATE FUNCTION story.grows_old(cookie text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE auth.sessions s SET created_at = now() - interval '1 hour', proved_at = now() - interval '1 hour'
   WHERE s.token_digest = sha256(convert_to(cookie, 'UTF8'));
$$;
CREATE FUNCTION story.consents(cookie text, exp text, iat text, scope text, client text DEFAULT 'wiki') RETURNS auth.reply LANGUAGE sql AS $$
  SELECT auth_api.oidc_consent(story.caller(cookie), story.ask(jsonb_build_object('scope', scope), client) || jsonb_build_object('exp', exp, 'ba_iat', iat),
                               'https://id.example', true, NULL);
$$;
SET ROLE auth_edge;
SELECT story.member('otto@example.com', 'Otto');
SELECT refusal FROM story.sign_in('otto@example.com', 'otto-1');
SELECT story.grows_old('otto-1');
SELECT story.times(location), sign_query FROM story.consents('otto-1', :'exp', :'iat', 'openid offline_access');
SELECT story.grants('otto@example.com'), json_array_length(body::json) AS consents FROM auth_api.oidc_consent_list(story.caller('otto-1'), '{}');
SELECT story.times(location) FROM story.consents('otto-1', :'exp', :'iat', 'openid email');
SELECT body::json #>> '{0,id}' AS consent FROM auth_api.oidc_consent_list(story.caller('otto-1'), '{}') \gset
SELECT story.answer(auth_api.oidc_consent_update(story.caller('otto-1'), jsonb_build_object('id', :'consent', 'update', '{"scopes":["openid","offline_access"]}'::jsonb)));
SELECT refusal FROM auth_api.oidc_consent_update(story.caller('otto-1'), jsonb_build_object('id', :'consent', 'update', '{"scopes":["openid"]}'::jsonb));
SELECT refusal FROM story.sign_in('otto@example.com', 'otto-2');
SELECT story.times(location) FROM story.consents('otto-2', :'exp', :'iat', 'openid offline_access');
SELECT event_type, story.mask(metadata::text) FROM story.events('otto@example.com') WHERE event_type LIKE 'OAUTH%';

-- Revoking a session ends what clients were allowed in it, with offline_access or without; signing out leaves offline_access, as
-- OpenID Connect Core, section 11, describes it.
SELECT refusal FROM auth_api.session_revoke_id(story.caller('otto-1'), jsonb_build_object('id', story.handle('otto-2')));
SELECT story.grants('otto@example.com');
SELECT refusal FROM story.sign_in('otto@example.com', 'otto-3');
SELECT story.code('otto-3', story.ask('{"scope":"openid offline_access"}')) IS NOT NULL AS allowed;
SELECT refusal FROM auth_api.session_revoke(story.caller('otto-1'), jsonb_build_object('token', story.handle('otto-3')));
SELECT story.grants('otto@example.com');
SELECT refusal FROM story.sign_in('otto@example.com', 'otto-4');
SELECT story.code('otto-4', story.ask('{"scope":"openid offline_access"}')) IS NOT NULL AS allowed;
SELECT refusal FROM auth_api.session_sign_out(story.caller('otto-4'), '{}');
SELECT story.grants('otto@example.com');
