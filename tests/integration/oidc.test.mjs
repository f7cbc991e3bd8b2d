// The OpenID provider as relying parties meet it: openid-client validates every token; then what Better Auth's clients see.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { exportJWK, generateKeyPair } from 'jose';
import { custom, generators, Issuer } from 'openid-client';

import { Client } from './lib/http.mjs';
import { basic, CALLBACK, code, exchange, pkce, register, request, SYNAPSE, SYNAPSE_BASIC } from './lib/oidc.mjs';
import { PASSWORD, signIn, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

custom.setHttpOptionsDefaults({ timeout: 20_000 });

describe('the OpenID provider', () => {
  let stack, ada, stranger;
  before(async () => {
    stack = await startStack(SYNAPSE, UNLIMITED);
    ada = await somebodySignedIn(stack, 'Ada King Lovelace');
    stranger = new Client(stack.url, { origin: null });
    register(stack, {
      name: `'Wiki'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'wiki'`, secret: `'wiki-secret'`,
      auth_method: `'client_secret_post'`, post_logout_redirect_uris: `ARRAY['http://127.0.0.1:27090/bye']`,
    });
    register(stack, { name: `'Phone'`, redirect_uris: `ARRAY['http://127.0.0.1/cb']`, client_id: `'phone'`, auth_method: `'none'`, skip_consent: 'true' });
  });
  after(() => stack?.stop());

  describe('discovery', () => {
    test('answers at the root and below /api/auth, cacheable and with an ETag', async () => {
      const root = await stranger.get('/.well-known/openid-configuration');
      const below = await stranger.get('/api/auth/.well-known/openid-configuration');
      assert.equal(root.status, 200);
      assert.deepEqual(below.json, root.json);
      assert.equal(root.json.issuer, stack.url);
      assert.match(root.headers['cache-control'], /max-age=\d+/);
      const again = await stranger.get('/.well-known/openid-configuration', { headers: { 'if-none-match': root.headers.etag } });
      assert.equal(again.status, 304);
    });

    test('every endpoint that it names exists', async () => {
      const { json } = await stranger.get('/.well-known/openid-configuration');
      for (const [name, url] of Object.entries(json).filter(([key]) => /_endpoint$|_uri$/.test(key))) {
        const answers = [await stranger.get(url), await stranger.request('POST', url, { form: {} })];
        assert.ok(answers.some(({ status }) => status !== 404), `${name} ${url}`);
      }
    });
  });

  describe('openid-client as Synapse', () => {
    let client;
    before(async () => {
      const issuer = await Issuer.discover(stack.url);
      client = new issuer.Client({
        client_id: 'matrix-synapse', client_secret: SYNAPSE.SYNAPSE_OIDC_CLIENT_SECRET, redirect_uris: [CALLBACK],
        response_types: ['code'], id_token_signed_response_alg: 'EdDSA', token_endpoint_auth_method: 'client_secret_basic',
      });
    });

    test('code flow with PKCE, nonce, state and iss; id_token, userinfo, refresh, introspection, revocation', async () => {
      const state = generators.state(), nonce = generators.nonce(), code_verifier = generators.codeVerifier();
      const url = client.authorizationUrl({
        scope: 'openid profile email offline_access', state, nonce,
        code_challenge: generators.codeChallenge(code_verifier), code_challenge_method: 'S256',
      });
      const answer = await ada.http.get(url);
      assert.equal(answer.status, 302, answer.text);
      const parameters = client.callbackParams(answer.headers.location);
      assert.equal(parameters.iss, stack.url);
      const tokens = await client.callback(CALLBACK, parameters, { state, nonce, code_verifier, response_type: 'code' });
      const claims = tokens.claims();
      assert.equal(claims.sub, ada.id);
      assert.equal(claims.email, ada.email);
      assert.equal(claims.email_verified, true);
      assert.equal(claims.name, 'Ada King Lovelace');
      assert.equal(claims.given_name, 'Ada King');
      assert.equal(claims.family_name, 'Lovelace');
      assert.ok(claims.auth_time <= claims.iat && claims.sid);
      assert.equal(claims.at_hash, undefined);

      const userinfo = await client.userinfo(tokens);
      assert.deepEqual(userinfo, {
        sub: ada.id, name: 'Ada King Lovelace', given_name: 'Ada King', family_name: 'Lovelace', email: ada.email, email_verified: true,
        preferred_username: ada.email,
      });
      const posted = await client.userinfo(tokens, { method: 'POST', via: 'body' });
      assert.equal(posted.sub, ada.id);

      const next = await client.refresh(tokens);
      assert.notEqual(next.refresh_token, tokens.refresh_token);
      assert.equal(next.claims().sub, ada.id);
      const seen = await client.introspect(next.access_token);
      assert.equal(seen.active, true);
      assert.equal(seen.sub, ada.id);
      await client.revoke(next.refresh_token);
      assert.deepEqual(await client.introspect(next.access_token), { active: false });
      await assert.rejects(client.refresh(next), { error: 'invalid_grant' });
    });

    test('a refresh token used twice ends its family', async () => {
      const answer = await ada.http.get(client.authorizationUrl({ scope: 'openid offline_access', state: 'x' }));
      const tokens = await client.callback(CALLBACK, client.callbackParams(answer.headers.location), { state: 'x', response_type: 'code' });
      const next = await client.refresh(tokens);
      await assert.rejects(client.refresh(tokens), { error: 'invalid_grant' });
      await assert.rejects(client.refresh(next), { error: 'invalid_grant' });
      await assert.rejects(client.userinfo(next), { error: 'invalid_token' });
    });
  });

  describe('authentication of clients', () => {
    test('client_secret_post, and no other way for that client', async () => {
      const consent = async () => {
        const first = await ada.http.get(request({ client_id: 'wiki' }));
        const oauth_query = first.headers.location.split('?')[1];
        const { json } = await ada.http.post('/api/auth/oauth2/consent', { accept: true, oauth_query });
        return new URL(json.url).searchParams.get('code');
      };
      const granted = await exchange(stranger, { code: await consent(), client_id: 'wiki', client_secret: 'wiki-secret' }, {});
      assert.equal(granted.status, 200, granted.text);
      const refused = await exchange(stranger, { code: 'x' }, basic('wiki', 'wiki-secret'));
      assert.deepEqual([refused.status, refused.json.error], [401, 'invalid_client']);
    });

    test('credentials in Basic are URL-decoded (RFC 6749, section 2.3.1)', async () => {
      register(stack, { name: `'Odd'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'odd'`, secret: `'a b+c%:/ü'`, skip_consent: 'true' });
      const answer = await exchange(stranger, { code: await code(ada, { client_id: 'odd' }) }, basic('odd', 'a b+c%:/ü'));
      assert.equal(answer.status, 200, answer.text);
    });

    for (const alg of ['EdDSA', 'RS256', 'PS256', 'ES256']) {
      test(`private_key_jwt with ${alg}, whose assertion is good once`, async () => {
        const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
        const id = `keyed-${alg.toLowerCase()}`;
        const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', use: 'sig', alg }] };
        register(stack, {
          name: `'Keyed'`, redirect_uris: `ARRAY[]::text[]`, client_id: `'${id}'`, auth_method: `'private_key_jwt'`,
          grant_types: `'{client_credentials}'`, scopes: `'{jobs.read}'`, jwks: `'${JSON.stringify(jwks)}'`,
        });
        const { SignJWT } = await import('jose');
        const assertion = (more = {}) =>
          new SignJWT({ iss: id, sub: id, aud: stack.url, jti: `jti-${Math.random()}`, exp: Math.floor(Date.now() / 1000) + 60, ...more })
            .setProtectedHeader({ alg, kid: 'k1' }).sign(privateKey);
        const ask = (client_assertion) => stranger.request('POST', '/api/auth/oauth2/token', {
          form: {
            grant_type: 'client_credentials', client_assertion,
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          },
        });
        const good = await assertion();
        const granted = await ask(good);
        assert.equal(granted.status, 200, granted.text);
        assert.equal(granted.json.scope, 'jobs.read');
        assert.equal(granted.json.refresh_token, undefined);
        for (const bad of [
          good, await assertion({ aud: 'https://elsewhere.example' }), await assertion({ sub: 'wiki' }),
          await assertion({ exp: Math.floor(Date.now() / 1000) - 1 }), await assertion({ exp: Math.floor(Date.now() / 1000) + 86400 }),
          await assertion({ jti: undefined }), `${good.slice(0, -6)}AAAAAA`,
          `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`,
        ]) {
          const refused = await ask(bad);
          assert.deepEqual([refused.status, refused.json.error], [401, 'invalid_client'], bad);
        }
      });
    }
  });

  describe("Better Auth's dialect", () => {
    let bob;
    before(async () => {
      bob = await somebodyVerified(stack, 'Bob');
      bob.http = new Client(stack.url);
    });

    test('without a session the request waits in a signed query, and the sign-in goes on with it', async () => {
      const { verifier, challenge } = pkce();
      const waits = await bob.http.get(request({ code_challenge: challenge, code_challenge_method: 'S256' }));
      assert.equal(waits.status, 302);
      const url = new URL(waits.headers.location, stack.url);
      assert.equal(url.pathname, '/login');
      assert.deepEqual([...new Set(url.searchParams.keys())], [
        'response_type', 'redirect_uri', 'scope', 'state', 'client_id', 'code_challenge', 'code_challenge_method', 'nonce',
        'exp', 'ba_iat', 'ba_param', 'sig',
      ]);
      const answer = await bob.http.post('/api/auth/sign-in/email', { email: bob.email, password: PASSWORD, oauth_query: url.search.slice(1) });
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(Object.keys(answer.json), ['redirect', 'url']);
      assert.ok(answer.setCookies.some(({ name }) => name === 'mana.session_token'));
      const back = new URL(answer.json.url);
      assert.equal(`${back.origin}${back.pathname}`, CALLBACK);
      assert.equal(back.searchParams.get('state'), 'st4te');
      assert.equal(back.searchParams.get('iss'), stack.url);
      const tokens = await exchange(stranger, { code: back.searchParams.get('code'), code_verifier: verifier });
      assert.equal(tokens.status, 200, tokens.text);
      assert.deepEqual(Object.keys(tokens.json), ['access_token', 'expires_in', 'expires_at', 'token_type', 'scope', 'id_token']);
      assert.equal(tokens.headers['cache-control'], 'no-store');
    });

    test('a script gets JSON', async () => {
      const answer = await new Client(stack.url).get(request(), { headers: { 'sec-fetch-mode': 'cors' } });
      assert.equal(answer.status, 200);
      assert.equal(answer.json.redirect, true);
      assert.match(answer.json.url, /^\/login\?/);
    });

    test('a changed query is refused before the password is looked at', async () => {
      const waits = await new Client(stack.url).get(request());
      const oauth_query = waits.headers.location.split('?')[1].replace('st4te', 'other');
      const answer = await new Client(stack.url).post('/api/auth/sign-in/email', { email: bob.email, password: PASSWORD, oauth_query });
      assert.deepEqual([answer.status, answer.json, answer.setCookies], [400, { error: 'invalid_signature' }, []]);
    });

    test('parameters that the page has added do not matter', async () => {
      const waits = await new Client(stack.url).get(request());
      const oauth_query = `utm=1&${waits.headers.location.split('?')[1]}&x=y`;
      const answer = await new Client(stack.url).post('/api/auth/sign-in/email', { email: bob.email, password: PASSWORD, oauth_query });
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.json.url, /code=/);
    });

    test('prompt=login asks again, and a sign-in after it suffices', async () => {
      const waits = await bob.http.get(request({ prompt: 'login' }));
      assert.match(waits.headers.location, /^\/login\?/);
      const oauth_query = waits.headers.location.split('?')[1];
      const same = await bob.http.post('/api/auth/oauth2/continue', { oauth_query });
      assert.match(same.json.url, /^\/login\?/, 'the old session does not do');
      const answer = await bob.http.post('/api/auth/sign-in/email', { email: bob.email, password: PASSWORD, oauth_query });
      assert.match(answer.json.url, /code=/);
    });

    test('prompt=none answers the client without a page', async () => {
      const answer = await new Client(stack.url).get(request({ prompt: 'none' }));
      const url = new URL(answer.headers.location);
      assert.equal(url.searchParams.get('error'), 'login_required');
      assert.equal(url.searchParams.get('iss'), stack.url);
    });

    test('consent is asked for once for each client and scope', async () => {
      register(stack, { name: `'Third'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'third'`, secret: `'third-secret'` });
      const asked = await bob.http.get(request({ client_id: 'third' }));
      assert.match(asked.headers.location, /^\/consent\?/);
      const oauth_query = asked.headers.location.split('?')[1];
      const denied = await bob.http.post('/api/auth/oauth2/consent', { accept: false, oauth_query });
      assert.equal(new URL(denied.json.url).searchParams.get('error'), 'access_denied');
      const missing = await bob.http.post('/api/auth/oauth2/consent', { accept: true });
      assert.deepEqual([missing.status, missing.json], [400, { error_description: 'missing oauth query', error: 'invalid_request' }]);
      const accepted = await bob.http.post('/api/auth/oauth2/consent', { accept: true, oauth_query });
      assert.match(accepted.json.url, /code=/);
      assert.match((await bob.http.get(request({ client_id: 'third' }))).headers.location, /code=/);
      const more = await bob.http.get(request({ client_id: 'third', scope: 'openid profile email offline_access' }));
      assert.match(more.headers.location, /^\/consent\?/);
      const [consent] = (await bob.http.get('/api/auth/oauth2/get-consents')).json;
      assert.equal(consent.clientId, 'third');
      await bob.http.post('/api/auth/oauth2/delete-consent', { id: consent.id });
      assert.match((await bob.http.get(request({ client_id: 'third' }))).headers.location, /^\/consent\?/);
    });
  });

  test('an old session signs in again before it allows offline_access, and a revoked session takes its grants with it', async () => {
    register(stack, { name: `'Fourth'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'fourth'`, secret: `'fourth-secret'` });
    const dan = await somebodySignedIn(stack, 'Dan');
    const elsewhere = new Client(stack.url);
    await signIn({ ...dan, http: elsewhere });
    stack.psql(`UPDATE auth.sessions SET created_at = now() - interval '1 hour', proved_at = proved_at - interval '1 hour' WHERE user_id = '${dan.id}'`);
    const waits = async (http) => (await http.get(request({ client_id: 'fourth', scope: 'openid offline_access' }))).headers.location.split('?')[1];
    const old = await dan.http.post('/api/auth/oauth2/consent', { accept: true, oauth_query: await waits(dan.http) });
    assert.match(old.json.url, /\/login\?.*prompt=login/, old.text);
    assert.deepEqual((await dan.http.get('/api/auth/oauth2/get-consents')).json, []);
    const again = await dan.http.request('POST', '/login', {
      form: { email: dan.email, password: PASSWORD, oauth_query: new URL(old.json.url, stack.url).search.slice(1) } });
    assert.match(again.headers.location, /^\/consent\?/, again.text);
    const allowed = await dan.http.post('/api/auth/oauth2/consent', { accept: true, oauth_query: again.headers.location.split('?')[1] });
    const client = { client_id: 'fourth', client_secret: 'fourth-secret' };
    const tokens = await exchange(stranger, { code: new URL(allowed.json.url).searchParams.get('code'), ...client }, {});
    const refresh = (refresh_token) => exchange(stranger, { grant_type: 'refresh_token', refresh_token, ...client }, {});
    const refreshed = await refresh(tokens.json.refresh_token);
    assert.equal(refreshed.status, 200, refreshed.text);
    const { id } = (await dan.http.get('/api/auth/get-session')).json.session;
    const revoked = await elsewhere.delete(`/api/v1/auth/sessions/${id}`);
    assert.equal(revoked.status, 200, revoked.text);
    assert.equal((await refresh(refreshed.json.refresh_token)).json.error, 'invalid_grant');
    const events = stack.sql(`SELECT metadata ->> 'clientId' AS client FROM auth.security_events WHERE event_type = 'OAUTH_CONSENT_GIVEN' AND user_id = :'id'`, dan);
    assert.deepEqual(events, [{ client: 'fourth' }]);
  });

  test('an app on this machine may listen on any port', async () => {
    const { verifier, challenge } = pkce();
    const redirect_uri = 'http://127.0.0.1:51234/cb';
    const given = await code(ada, { client_id: 'phone', redirect_uri, code_challenge: challenge, code_challenge_method: 'S256' });
    const tokens = await exchange(stranger, { code: given, redirect_uri, client_id: 'phone', code_verifier: verifier }, {});
    assert.equal(tokens.status, 200, tokens.text);
  });

  test('logout by an id_token ends the session and goes back to a registered address', async () => {
    const carl = await somebodySignedIn(stack, 'Carl');
    const waits = await carl.http.get(request({ client_id: 'wiki' }));
    const { json } = await carl.http.post('/api/auth/oauth2/consent', { accept: true, oauth_query: waits.headers.location.split('?')[1] });
    const tokens = await exchange(stranger, { code: new URL(json.url).searchParams.get('code'), client_id: 'wiki', client_secret: 'wiki-secret' }, {});
    const query = new URLSearchParams({ id_token_hint: tokens.json.id_token, post_logout_redirect_uri: 'http://127.0.0.1:27090/bye', state: 'zz' });
    const answer = await carl.http.get(`/api/auth/oauth2/end-session?${query}`);
    assert.equal(answer.status, 302, answer.text);
    assert.equal(answer.headers.location, 'http://127.0.0.1:27090/bye?state=zz');
    assert.ok(!carl.http.cookies.has('mana.session_token'));
    const userinfo = await stranger.get('/api/auth/oauth2/userinfo', { bearer: tokens.json.access_token });
    assert.equal(userinfo.status, 401, 'its tokens are dead, too');
  });

  test('an id_token opens no door that an access JWT opens', async () => {
    const tokens = await exchange(stranger, { code: await code(ada) }, SYNAPSE_BASIC);
    for (const bearer of [tokens.json.id_token, tokens.json.access_token]) {
      const answer = await stranger.get('/api/v1/me/encryption-vault/status', { bearer });
      assert.equal(answer.status, 401);
    }
    const userinfo = await stranger.get('/api/auth/oauth2/userinfo', { bearer: ada.token });
    assert.equal(userinfo.status, 401, 'nor the other way round');
  });

  test('only an administrator registers clients', async () => {
    const wish = { redirect_uris: [CALLBACK], client_name: 'dyn' };
    for (const http of [stranger, ada.http]) {
      const answer = await http.post('/api/auth/oauth2/register', wish);
      assert.deepEqual([answer.status, answer.json], [403, { error: 'access_denied', error_description: 'Client registration is disabled' }]);
    }
    stack.psql(`UPDATE auth.users SET role = 'admin' WHERE id = :'id'`, { id: ada.id });
    const made = await ada.http.post('/api/auth/oauth2/register', wish);
    assert.equal(made.status, 201, made.text);
    assert.match(made.json.client_secret, /^[A-Za-z0-9]{48}$/);
    stack.psql(`UPDATE auth.users SET role = 'user' WHERE id = :'id'`, { id: ada.id });
  });

  test('an administrator changes a client; by name and type only, and its secret stays', async () => {
    const admin = await somebodySignedIn(stack, 'Admin');
    stack.psql(`UPDATE auth.users SET role = 'admin' WHERE id = :'id'`, { id: admin.id });
    const { json: made } = await admin.http.post('/api/auth/oauth2/create-client', { redirect_uris: [CALLBACK], client_name: 'Changed', skip_consent: true });
    const update = (wish, http = admin.http) => http.post('/api/auth/oauth2/update-client', { client_id: made.client_id, update: wish });
    const changed = await update({ client_name: 'Changed 2', token_endpoint_auth_method: 'none', secret_digest: 'x', created_by: 'x' });
    assert.equal(changed.status, 200, changed.text);
    assert.deepEqual([changed.json.client_name, changed.json.token_endpoint_auth_method, changed.json.client_secret], ['Changed 2', 'client_secret_basic', undefined]);
    const tokens = await exchange(stranger, { code: await code(ada, { client_id: made.client_id }) }, basic(made.client_id, made.client_secret));
    assert.equal(tokens.status, 200, tokens.text);
    for (const wish of [{ client_name: 1 }, { redirect_uris: 'x' }, { redirect_uris: ['http://evil.example/'] }, { skip_consent: 'yes' }, { jwks: [] }, { grant_types: ['password'] }, 'x', null, []])
      assert.equal((await update(wish)).status, 400, JSON.stringify(wish));
    assert.equal((await update({ client_name: 'Mine' }, ada.http)).status, 403);
    assert.equal((await update({ client_name: 'Mine' }, stranger)).status, 401);
  });

  test('before a sign-in, a page learns of the client whose request it shows, and of no other', async () => {
    const http = new Client(stack.url);
    const oauth_query = (await http.get(request({ client_id: 'wiki' }))).headers.location.split('?')[1];
    const known = await http.post('/api/auth/oauth2/public-client-prelogin', { client_id: 'wiki', oauth_query });
    assert.deepEqual([known.status, known.json], [200, { client_id: 'wiki', client_name: 'Wiki' }]);
    for (const wish of [
      { client_id: 'phone', oauth_query }, { client_id: 'wiki' }, { client_id: 'wiki', oauth_query: oauth_query.replace('st4te', 'x') },
      { client_id: 'wiki', oauth_query: '' },
    ]) {
      const answer = await http.post('/api/auth/oauth2/public-client-prelogin', wish);
      assert.deepEqual([answer.status, answer.json], [401, { error: 'invalid_signature' }]);
    }
    const later = await ada.http.get('/api/auth/oauth2/client/wiki');
    assert.deepEqual(later.json, known.json);
  });

  test('consents are read, narrowed and withdrawn by who gave them', async () => {
    const eve = await somebodySignedIn(stack, 'Eve');
    const asked = await eve.http.get(request({ client_id: 'wiki' }));
    const { json } = await eve.http.post('/api/auth/oauth2/consent', { accept: true, oauth_query: asked.headers.location.split('?')[1] });
    const tokens = await exchange(stranger, { code: new URL(json.url).searchParams.get('code'), client_id: 'wiki', client_secret: 'wiki-secret' }, {});
    const [{ id }] = (await eve.http.get('/api/auth/oauth2/get-consents')).json;
    const seen = await eve.http.get(`/api/auth/oauth2/get-consent?id=${id}`);
    assert.deepEqual(Object.keys(seen.json), ['id', 'clientId', 'userId', 'scopes', 'createdAt', 'updatedAt']);
    assert.equal((await ada.http.get(`/api/auth/oauth2/get-consent?id=${id}`)).status, 404);
    assert.equal((await stranger.get(`/api/auth/oauth2/get-consent?id=${id}`)).status, 401);
    assert.equal((await eve.http.get('/api/auth/oauth2/get-consent')).status, 400);
    const narrowed = await eve.http.post('/api/auth/oauth2/update-consent', { id, update: { scopes: ['openid'] } });
    assert.deepEqual([narrowed.status, narrowed.json.scopes], [200, ['openid']]);
    assert.equal((await stranger.get('/api/auth/oauth2/userinfo', { bearer: tokens.json.access_token })).status, 401, 'what goes beyond is withdrawn');
    assert.match((await eve.http.get(request({ client_id: 'wiki' }))).headers.location, /^\/consent\?/);
    for (const update of [{ scopes: 'openid' }, { scopes: [] }, { scopes: ['admin'] }, {}, [], { scopes: [1] }])
      assert.equal((await eve.http.post('/api/auth/oauth2/update-consent', { id, update })).status, 400, JSON.stringify(update));
    assert.equal((await ada.http.post('/api/auth/oauth2/update-consent', { id, update: { scopes: ['openid'] } })).status, 404);
  });

  test('what has expired is swept away by the edges, and what a replay must still find is not', async () => {
    const spent = await code(ada, { scope: 'openid offline_access' });
    await exchange(stranger, { code: spent });
    const counts = () => stack.sql(`SELECT (SELECT count(*)::int FROM auth.oauth_codes) AS codes, (SELECT count(*)::int FROM auth.oauth_access_tokens) AS access`)[0];
    assert.ok(counts().access > 0);
    stack.psql(`UPDATE auth.oauth_access_tokens SET expires_at = now() - interval '1 second';
                UPDATE auth.oauth_codes SET expires_at = now() - interval '2 days'`);
    await stack.command('edge-stop');
    await stack.command('edge-start'); // it sweeps as it starts
    await until('the access tokens to go', () => counts().access === 0);
    const replayed = await exchange(stranger, { code: spent });
    assert.deepEqual([replayed.status, replayed.json.error], [400, 'invalid_grant']);
    const left = stack.sql(`SELECT count(*)::int AS grants FROM auth.oauth_grants g WHERE g.user_id = :'id' AND g.client_id = 'matrix-synapse' AND 'offline_access' = ANY (g.scopes)
      AND EXISTS (SELECT FROM auth.oauth_codes c WHERE c.grant_id = g.id AND c.digest = sha256(:'code'))`, { id: ada.id, code: spent });
    assert.equal(left[0].grants, 0, 'the replay has ended the family');
  });
});
