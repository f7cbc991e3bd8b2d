// RFC 9700, Best Current Practice for OAuth 2.0 Security, section by section of its attacker model and attacks (2 and 4). What
// tests/attack/oidc.test.mjs holds as a table of requests (redirect URIs, PKCE, wrong clients) is not repeated here.

import assert from 'node:assert/strict';
import { createHmac, createPublicKey, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';

import { Client } from './lib/http.mjs';
import { basic, CALLBACK, code, exchange, pkce, register, request, SYNAPSE, SYNAPSE_BASIC } from './lib/oidc.mjs';
import { PASSWORD, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const OTHER = basic('other', 'other-secret');
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('RFC 9700', () => {
  let stack, ada, eve, stranger;
  before(async () => {
    stack = await startStack({ ...SYNAPSE, CORS_ORIGINS: 'https://app.mana.how' }, UNLIMITED);
    ada = await somebodySignedIn(stack, 'Ada Lovelace');
    eve = await somebodySignedIn(stack, 'Eve');
    stranger = new Client(stack.url, { origin: null });
    const common = { redirect_uris: `ARRAY['${CALLBACK}']`, skip_consent: 'true' };
    register(stack, { ...common, name: `'Other'`, client_id: `'other'`, secret: `'other-secret'` });
    register(stack, { ...common, name: `'RSA'`, client_id: `'rsa'`, secret: `'rsa-secret'`, id_token_alg: `'RS256'` });
    register(stack, { name: `'Asking'`, client_id: `'asking'`, redirect_uris: `ARRAY['${CALLBACK}']`, secret: `'asking-secret'` });
    register(stack, {
      name: `'Robot'`, client_id: `'robot'`, secret: `'robot-secret'`, redirect_uris: `ARRAY[]::text[]`,
      grant_types: `'{client_credentials}'`, scopes: `'{jobs.read,openid}'`,
    });
  });
  after(() => stack?.stop());

  const offline = async (person = ada) =>
    (await exchange(stranger, { code: await code(person, { scope: 'openid email offline_access' }) })).json;
  const userinfo = (bearer) => stranger.get('/api/auth/oauth2/userinfo', { bearer });
  const ask = (path, form, headers = SYNAPSE_BASIC) => stranger.request('POST', `/api/auth/oauth2/${path}`, { form, headers });

  describe('2.1, 4.1 and 4.11: redirects', () => {
    test('no redirect before the address is proved, nor to one that a form names', async () => {
      for (const redirect_uri of ['https://evil.example/', `${CALLBACK}%2f..%2f`, `${CALLBACK};x`, `${CALLBACK} `, `${CALLBACK}\\@evil.example`])
        for (const more of [{}, { prompt: 'none' }, { response_type: 'token' }, { scope: 'admin' }]) {
          const { headers: { location } } = await ada.http.get(request({ redirect_uri, ...more }));
          assert.ok(location.startsWith(`${stack.url}/api/auth/error?`), location);
        }
      for (const callbackURL of ['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
        const page = await stranger.get(`/login?callbackURL=${encodeURIComponent(callbackURL)}`);
        assert.ok(!page.text.includes('evil.example') && !page.text.includes('javascript:'), callbackURL);
      }
    });

    test('4.12: "MUST NOT use the HTTP status code 307": a password is never sent on', async () => {
      const bob = await somebodyVerified(stack);
      bob.http = new Client(stack.url);
      const oauth_query = (await bob.http.get(request())).headers.location.split('?')[1];
      const signedIn = await bob.http.request('POST', '/login', { form: { email: bob.email, password: PASSWORD, oauth_query } });
      assert.deepEqual([signedIn.status, signedIn.headers.location.startsWith(`${CALLBACK}?code=`)], [303, true]);
      const posted = await bob.http.request('POST', '/api/auth/oauth2/authorize', { body: request().split('?')[1], headers: FORM });
      assert.equal(posted.status, 302);
    });
  });

  test('2.6: no CORS at the authorization endpoint, also for an origin that may read the others', async () => {
    const headers = { origin: 'https://app.mana.how', 'sec-fetch-mode': 'cors' };
    for (const answer of [
      await ada.http.get(request(), { headers }),
      await ada.http.request('POST', '/api/auth/oauth2/authorize', { body: request().split('?')[1], headers: { ...FORM, ...headers } }),
    ]) assert.equal(answer.headers['access-control-allow-origin'], undefined);
    const jwks = await stranger.get('/api/auth/jwks', { headers });
    assert.equal(jwks.headers['access-control-allow-origin'], 'https://app.mana.how');
  });

  describe('4.2 and 4.3: codes and tokens in headers, logs and histories', () => {
    test('pages send no query to others, and answers with a code are not kept', async () => {
      const page = await stranger.get('/login?state=secret');
      assert.equal(page.headers['referrer-policy'], 'same-origin');
      const answer = await ada.http.get(request());
      assert.equal(answer.headers['cache-control'], 'no-store');
    });

    test('an access token in a query is none (4.3.2)', async () => {
      const { access_token } = await offline();
      const answer = await stranger.get(`/api/auth/oauth2/userinfo?access_token=${access_token}`);
      assert.equal(answer.status, 401);
      assert.equal((await userinfo(access_token)).status, 200);
    });
  });

  test('4.4, mix-up: every answer to the client names the issuer, also an error', async () => {
    for (const more of [{}, { scope: 'admin' }, { prompt: 'none', max_age: '0' }, { response_type: 'id_token' }, { code_challenge: 'x' }]) {
      const { headers: { location } } = await ada.http.get(request(more));
      const url = new URL(location.replace('#', '?'));
      assert.deepEqual([url.origin + url.pathname, url.searchParams.get('iss'), url.searchParams.get('state')], [CALLBACK, stack.url, 'st4te'], location);
    }
    const { json } = await stranger.get('/.well-known/openid-configuration');
    assert.equal(json.authorization_response_iss_parameter_supported, true);
  });

  describe('4.5, code injection', () => {
    test("a stolen code is of no use in the thief's own flow: verifier and nonce are of another", async () => {
      const [victim, thief] = [pkce(), pkce()];
      const stolen = await code(ada, { code_challenge: victim.challenge, code_challenge_method: 'S256', nonce: 'of-the-victim' });
      const injected = await exchange(stranger, { code: stolen, code_verifier: thief.verifier });
      assert.deepEqual([injected.status, injected.json.error], [400, 'invalid_grant']);
      const afterwards = await exchange(stranger, { code: stolen, code_verifier: victim.verifier });
      assert.equal(afterwards.status, 400, 'and it is spent by the attempt');
      const { json } = await exchange(stranger, { code: await code(ada, { nonce: 'of-the-victim' }) });
      assert.equal(JSON.parse(Buffer.from(json.id_token.split('.')[1], 'base64url')).nonce, 'of-the-victim');
    });

    test('a code dies with the session in which it was given', async () => {
      const bob = await somebodySignedIn(stack);
      const given = await code(bob);
      await bob.http.post('/api/auth/sign-out', {});
      assert.equal((await exchange(stranger, { code: given })).json.error, 'invalid_grant');
    });
  });

  describe('4.7, request forgery', () => {
    test('a consent is given by who reads it: same origin, own session, for the query that was signed', async () => {
      const oauth_query = (await ada.http.get(request({ client_id: 'asking' }))).headers.location.split('?')[1];
      const give = (http, query, headers = {}) => http.post('/api/auth/oauth2/consent', { accept: true, oauth_query: query }, { headers });
      assert.equal((await give(ada.http, oauth_query, { origin: 'https://evil.example' })).status, 403);
      assert.equal((await give(stranger, oauth_query)).status, 401);
      for (const [from, to] of [['scope=openid+profile+email', 'scope=openid+offline_access'], ['state=st4te', 'state=x'], ['client_id=asking', 'client_id=other'], ['exp=', 'exp=9']])
        assert.deepEqual((await give(ada.http, oauth_query.replace(from, to))).json, { error: 'invalid_signature' }, to);
      const form = await ada.http.request('POST', '/consent', { form: { accept: 'true', oauth_query }, headers: { origin: 'https://evil.example' } });
      assert.equal(form.status, 403);
    });
  });

  describe('4.14, refresh tokens', () => {
    test('bound to their client, rotated, never wider; a used one ends the family', async () => {
      const first = await offline();
      const refresh = (refresh_token, more = {}, headers = SYNAPSE_BASIC) => ask('token', { grant_type: 'refresh_token', refresh_token, ...more }, headers);
      assert.equal((await refresh(first.refresh_token, {}, OTHER)).json.error, 'invalid_grant');
      assert.equal((await refresh(first.refresh_token, { client_id: 'matrix-synapse' }, {})).json.error, 'invalid_client');
      assert.equal((await refresh(first.refresh_token, { scope: 'openid email profile offline_access' })).json.error, 'invalid_scope');
      const narrow = await refresh(first.refresh_token, { scope: 'openid' });
      assert.deepEqual([narrow.status, narrow.json.scope], [200, 'openid']);
      assert.deepEqual(Object.keys((await userinfo(narrow.json.access_token)).json), ['sub']);
      const again = await refresh(narrow.json.refresh_token);
      assert.deepEqual([again.status, again.json.scope], [200, 'openid email offline_access'], 'RFC 6749, section 6: the scope as it was granted');
      assert.equal((await refresh(first.refresh_token)).status, 400);
      for (const token of [narrow, again]) assert.equal((await userinfo(token.json.access_token)).status, 401);
      assert.equal((await refresh(again.json.refresh_token)).status, 400);
    });

    test('ten uses of one at once: one next token, or the end of the family', async () => {
      const { refresh_token } = await offline();
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask('token', { grant_type: 'refresh_token', refresh_token })));
      const granted = answers.filter(({ status }) => status === 200);
      assert.ok(granted.length <= 1);
      for (const { json } of granted) assert.equal((await userinfo(json.access_token)).status, 401, 'the replays have ended it');
    });
  });

  describe('4.15: a client is no user', () => {
    test("its own token opens nothing of a user's, and no scope that speaks of one", async () => {
      const robot = basic('robot', 'robot-secret');
      const { json } = await ask('token', { grant_type: 'client_credentials', scope: 'jobs.read' }, robot);
      assert.equal((await userinfo(json.access_token)).status, 401);
      assert.equal((await stranger.get('/api/v1/auth/profile', { bearer: json.access_token })).status, 401);
      assert.equal((await ask('token', { grant_type: 'client_credentials', scope: 'openid' }, robot)).json.error, 'invalid_scope');
      const seen = await ask('introspect', { token: json.access_token }, robot);
      assert.deepEqual([seen.json.active, seen.json.sub, seen.json.sid], [true, 'robot', undefined]);
    });

    test('nobody chooses a client_id over HTTP', async () => {
      stack.psql(`UPDATE auth.users SET role = 'admin' WHERE id = :'id'`, { id: eve.id });
      const made = await eve.http.post('/api/auth/oauth2/create-client', { redirect_uris: [CALLBACK], client_id: ada.id, client_secret: 'mine' });
      assert.equal(made.status, 201, made.text);
      assert.notEqual(made.json.client_id, ada.id);
      assert.notEqual(made.json.client_secret, 'mine');
      stack.psql(`UPDATE auth.users SET role = 'user' WHERE id = :'id'`, { id: eve.id });
    });
  });

  test('4.16, clickjacking: no page of ours stands in a frame', async () => {
    const oauth_query = (await ada.http.get(request({ client_id: 'asking' }))).headers.location;
    for (const path of [oauth_query, '/login', '/sign-out']) {
      const { status, headers } = await ada.http.get(path);
      assert.equal(status, 200, path);
      assert.equal(headers['x-frame-options'], 'DENY');
      assert.match(headers['content-security-policy'], /frame-ancestors 'none'/);
    }
  });

  describe('one kind of token is not another', () => {
    test('neither at userinfo, nor at the token endpoint, nor as a code, nor in introspection by another client', async () => {
      const { access_token, refresh_token, id_token } = await offline();
      for (const token of [refresh_token, id_token, ada.token, await code(ada)]) assert.equal((await userinfo(token)).status, 401);
      for (const token of [access_token, await code(ada)])
        assert.equal((await ask('token', { grant_type: 'refresh_token', refresh_token: token })).json.error, 'invalid_grant');
      assert.equal((await ask('token', { grant_type: 'refresh_token', refresh_token: id_token })).status, 400);
      for (const token of [access_token, refresh_token]) {
        assert.equal((await exchange(stranger, { code: token })).json.error, 'invalid_grant');
        assert.deepEqual((await ask('introspect', { token }, OTHER)).json, { active: false });
        assert.equal((await ask('revoke', { token }, OTHER)).status, 200);
        assert.equal((await ask('introspect', { token })).json.active, true, 'another client has revoked nothing');
      }
      assert.equal((await userinfo(access_token)).status, 200);
    });
  });

  describe('algorithms are ours to choose (RFC 8725, section 3.1)', () => {
    /** A hint with the claims of a true id_token, signed in another way. */
    const forged = async (client_id, headers, forge) => {
      const { json } = await exchange(stranger, { code: await code(ada, { client_id }) }, headers);
      const [header, payload] = json.id_token.split('.');
      const { keys } = (await stranger.get('/api/auth/jwks')).json;
      const { kid } = JSON.parse(Buffer.from(header, 'base64url'));
      return forge(payload, keys.find((key) => key.kid === kid));
    };
    const hmac = (header, payload, secret) => {
      const text = `${base64url(header)}.${payload}`;
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    };
    const refused = async (id_token_hint) => {
      const answer = await ada.http.get(`/api/auth/oauth2/end-session?${new URLSearchParams({ id_token_hint })}`);
      assert.deepEqual([answer.status, answer.json?.error], [400, 'invalid_request'], id_token_hint);
    };

    test('an id_token without a signature, or by a public key as if it were a secret, is no hint', async () => {
      for (const [client_id, headers] of [['other', OTHER], ['rsa', basic('rsa', 'rsa-secret')]]) {
        await refused(await forged(client_id, headers, (payload, { kid }) => `${base64url({ alg: 'none', kid })}.${payload}.AAAA`));
        await refused(await forged(client_id, headers, (payload, key) => hmac({ alg: 'HS256', kid: key.kid }, payload, key.x ?? key.n)));
        await refused(await forged(client_id, headers, (payload, key) =>
          hmac({ alg: 'HS256', kid: key.kid }, payload, createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }))));
        await refused(await forged(client_id, headers, async (payload, { kid, alg }) => {
          const { privateKey, publicKey } = await generateKeyPair(alg);
          const claims = JSON.parse(Buffer.from(payload, 'base64url'));
          return new SignJWT(claims).setProtectedHeader({ alg, kid, jwk: await exportJWK(publicKey) }).sign(privateKey);
        }));
      }
      assert.equal((await ada.http.get('/api/auth/get-session')).json.user.id, ada.id);
    });

    test('an access JWT in any of these ways opens nothing', async () => {
      const [header, payload] = ada.token.split('.');
      const { kid } = JSON.parse(Buffer.from(header, 'base64url'));
      const { keys } = (await stranger.get('/api/auth/jwks')).json;
      const rsa = keys.find(({ alg }) => alg === 'RS256');
      const { privateKey } = await generateKeyPair('RS256');
      const claims = JSON.parse(Buffer.from(payload, 'base64url'));
      for (const bearer of [
        `${base64url({ alg: 'none' })}.${payload}.`, `${base64url({ alg: 'none', kid })}.${payload}.AAAA`, hmac({ alg: 'HS256', kid }, payload, keys[0].x),
        hmac({ alg: 'HS256', kid: rsa.kid }, payload, rsa.n), await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: rsa.kid }).sign(privateKey),
        await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey),
      ]) assert.equal((await stranger.get('/api/v1/auth/profile', { bearer })).status, 401, bearer);
    });

    test("a client's public key is no secret of its assertions", async () => {
      const { publicKey } = await generateKeyPair('RS256', { extractable: true });
      const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1' }] };
      register(stack, {
        name: `'Keyed'`, redirect_uris: `ARRAY[]::text[]`, client_id: `'keyed'`, auth_method: `'private_key_jwt'`,
        grant_types: `'{client_credentials}'`, scopes: `'{jobs.read}'`, jwks: `'${JSON.stringify(jwks)}'`,
      });
      const claims = base64url({ iss: 'keyed', sub: 'keyed', aud: stack.url, jti: randomUUID(), exp: Math.floor(Date.now() / 1000) + 60 });
      for (const secret of [jwks.keys[0].n, await exportSPKI(publicKey)]) {
        const answer = await ask('token', {
          grant_type: 'client_credentials', client_assertion: hmac({ alg: 'HS256', kid: 'k1' }, claims, secret),
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        }, {});
        assert.deepEqual([answer.status, answer.json.error], [401, 'invalid_client']);
      }
    });
  });

  test('whatever Host a request names, the issuer and its addresses are those of the configuration', async () => {
    const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' };
    const seen = await stranger.get('/.well-known/openid-configuration', { headers });
    assert.ok(!seen.text.includes('evil'), seen.text);
    const { headers: { location } } = await ada.http.get(request(), { headers });
    assert.equal(new URL(location).searchParams.get('iss'), stack.url);
  });

  test('nothing that was issued is kept as it is', async () => {
    const { access_token, refresh_token } = await offline();
    const given = await code(ada);
    const dump = stack.psql(`SELECT * FROM auth.oauth_codes; SELECT * FROM auth.oauth_access_tokens; SELECT * FROM auth.oauth_refresh_tokens;
                             SELECT * FROM auth.oauth_clients; SELECT * FROM auth.oauth_grants`);
    for (const secret of [access_token, refresh_token, given, 'other-secret', 'robot-secret', SYNAPSE.SYNAPSE_OIDC_CLIENT_SECRET])
      assert.ok(!dump.includes(secret) && !dump.includes(Buffer.from(secret).toString('hex')));
  });
});
