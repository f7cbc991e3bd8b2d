// The modules of the OpenID Foundation's certification plans (Basic OP, Config OP, RP-Initiated Logout), by their names. The suite
// itself is a Java service; what each of its modules asks of a provider is asked here over HTTP.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';

import { Client } from './lib/http.mjs';
import { CALLBACK, code, exchange, pkce, register, request, SYNAPSE } from './lib/oidc.mjs';
import { PASSWORD, signIn, somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const BYE = 'http://127.0.0.1:27090/bye';

describe('OpenID Connect conformance', () => {
  let stack, ada, stranger, keys;
  before(async () => {
    stack = await startStack(SYNAPSE, UNLIMITED);
    ada = await somebodySignedIn(stack, 'Ada Lovelace');
    stranger = new Client(stack.url, { origin: null });
    keys = createRemoteJWKSet(new URL('/api/auth/jwks', stack.url.replace('localhost', '127.0.0.1')));
    const common = { redirect_uris: `ARRAY['${CALLBACK}']`, post_logout_redirect_uris: `ARRAY['${BYE}']`, skip_consent: 'true' };
    register(stack, { ...common, name: `'RP'`, client_id: `'rp'`, secret: `'rp-secret'`, auth_method: `'client_secret_post'` });
  });
  after(() => stack?.stop());

  const rp = (more) => ({ client_id: 'rp', ...more });
  const authorize = (more, person = ada) => person.http.get(request(rp(more)));
  const redeem = (given, more = {}) => exchange(stranger, { code: given, client_id: 'rp', client_secret: 'rp-secret', ...more }, {});
  const verified = async ({ status, json, text }) => {
    assert.equal(status, 200, text);
    const { payload } = await jwtVerify(json.id_token, keys, { issuer: stack.url, audience: 'rp', requiredClaims: ['sub', 'iat', 'exp', 'auth_time'] });
    return { ...json, claims: payload };
  };
  const flow = async (more = {}, person = ada) => verified(await redeem(await code(person, rp(more))));
  const answerOf = ({ headers: { location } }) => Object.fromEntries(new URL(location.replace('#', '?')).searchParams);
  const userinfo = async (token) => (await stranger.get('/api/auth/oauth2/userinfo', { bearer: token })).json;
  const age = (person, seconds) =>
    stack.psql(`UPDATE auth.sessions SET created_at = created_at - interval '${seconds} seconds' WHERE user_id = :'id'`, { id: person.id });

  describe('Basic OP', () => {
    test('oidcc-server, oidcc-idtoken-signature, oidcc-server-client-secret-post', async () => {
      const { claims, token_type, expires_in } = await flow();
      assert.deepEqual([claims.sub, claims.nonce, token_type, expires_in], [ada.id, 'n0nce', 'Bearer', 3600]);
      assert.ok(claims.exp > claims.iat && claims.auth_time <= claims.iat);
    });

    test('oidcc-response-type-missing', async () => {
      assert.equal(answerOf(await authorize({ response_type: undefined })).error, 'invalid_request');
    });

    test('oidcc-userinfo-get, -post-header, -post-body', async () => {
      const { access_token } = await flow();
      const path = '/api/auth/oauth2/userinfo';
      for (const answer of [
        await stranger.get(path, { bearer: access_token }), await stranger.request('POST', path, { bearer: access_token }),
        await stranger.request('POST', path, { form: { access_token } }),
      ]) assert.deepEqual([answer.status, answer.json.sub], [200, ada.id], answer.text);
    });

    test('oidcc-ensure-request-without-nonce-succeeds-for-code-flow', async () => {
      assert.equal((await flow({ nonce: undefined })).claims.nonce, undefined);
    });

    for (const [name, scope, members] of [
      ['scope-profile', 'openid profile', ['sub', 'name', 'given_name', 'family_name']],
      ['scope-email', 'openid email', ['sub', 'email', 'email_verified']],
      ['scope-all', 'openid profile email', ['sub', 'name', 'given_name', 'family_name', 'email', 'email_verified', 'preferred_username']],
      ['ensure-other-scope-order-succeeds', 'email openid profile', ['sub', 'name', 'given_name', 'family_name', 'email', 'email_verified', 'preferred_username']],
    ])
      test(`oidcc-${name}`, async () => {
        const { access_token } = await flow({ scope });
        assert.deepEqual(Object.keys(await userinfo(access_token)), members);
      });

    for (const [name, more] of [
      ['display-page', { display: 'page' }], ['display-popup', { display: 'popup' }], ['ensure-request-with-unknown-parameter-succeeds', { extra: 'foobar' }],
      ['ui-locales', { ui_locales: 'se' }], ['claims-locales', { claims_locales: 'se' }], ['ensure-request-with-acr-values-succeeds', { acr_values: '1 2' }],
      ['claims-essential', { claims: '{"userinfo":{"name":{"essential":true}}}' }], ['login-hint', { login_hint: 'ada@example.com' }],
    ])
      test(`oidcc-${name}`, async () => assert.equal((await flow(more)).claims.sub, ada.id));

    test('oidcc-prompt-login', async () => {
      const bob = await somebodySignedIn(stack, 'Bob');
      age(bob, 5);
      const first = await flow({}, bob);
      const waits = await authorize({ prompt: 'login' }, bob);
      assert.match(waits.headers.location, /^\/login\?/);
      const { json } = await bob.http.post('/api/auth/sign-in/email', {
        email: bob.email, password: PASSWORD, oauth_query: waits.headers.location.split('?')[1],
      });
      const second = await verified(await redeem(new URL(json.url).searchParams.get('code')));
      assert.ok(second.claims.auth_time > first.claims.auth_time);
      assert.equal(second.claims.sub, first.claims.sub);
    });

    test('oidcc-prompt-none-not-logged-in, oidcc-prompt-none-logged-in', async () => {
      assert.equal(answerOf(await stranger.get(request(rp({ prompt: 'none' })))).error, 'login_required');
      const [first, second] = [await flow(), await flow({ prompt: 'none' })];
      assert.deepEqual([second.claims.sub, second.claims.auth_time], [first.claims.sub, first.claims.auth_time]);
    });

    test('oidcc-max-age-1, oidcc-max-age-10000', async () => {
      const bob = await somebodySignedIn(stack, 'Bob');
      age(bob, 2);
      const first = await flow({ max_age: '10000' }, bob);
      assert.match((await authorize({ max_age: '1' }, bob)).headers.location, /^\/login\?/);
      assert.equal(answerOf(await authorize({ max_age: '1', prompt: 'none' }, bob)).error, 'login_required');
      await signIn(bob);
      const second = await flow({ max_age: '10000' }, bob);
      assert.ok(second.claims.auth_time > first.claims.auth_time);
      const third = await flow({ max_age: '10000' }, bob);
      assert.equal(third.claims.auth_time, second.claims.auth_time);
    });

    test('oidcc-id-token-hint', async () => {
      const { id_token } = await flow();
      assert.equal((await flow({ prompt: 'none', id_token_hint: id_token })).claims.sub, ada.id);
      const bob = await somebodySignedIn(stack, 'Bob');
      assert.equal(answerOf(await authorize({ prompt: 'none', id_token_hint: id_token }, bob)).error, 'login_required', 'it is not Bob who is meant');
    });

    test('oidcc-codereuse, oidcc-codereuse-30seconds', async () => {
      for (const seconds of [0, 30]) {
        const given = await code(ada, rp());
        const { access_token } = await verified(await redeem(given));
        stack.psql(`UPDATE auth.oauth_codes SET spent_at = spent_at - interval '${seconds} seconds', expires_at = expires_at - interval '${seconds} seconds'`);
        const again = await redeem(given);
        assert.deepEqual([again.status, again.json.error], [400, 'invalid_grant']);
        assert.equal((await userinfo(access_token)).error, 'invalid_token', 'and what it gave is dead');
      }
    });

    test('oidcc-ensure-registered-redirect-uri', async () => {
      const { headers: { location } } = await authorize({ redirect_uri: `${CALLBACK}/unregistered` });
      assert.ok(location.startsWith(`${stack.url}/api/auth/error?`));
    });

    test('oidcc-ensure-post-request-succeeds', async () => {
      const answer = await ada.http.request('POST', '/api/auth/oauth2/authorize', {
        body: request(rp()).split('?')[1], headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
      assert.equal((await verified(await redeem(answerOf(answer).code))).claims.sub, ada.id);
    });

    test('oidcc-request-uri-unsigned, oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported', async () => {
      const object = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"scope":"openid"}').toString('base64url')}.`;
      assert.equal(answerOf(await authorize({ request_uri: 'https://rp.example/request.jwt' })).error, 'request_uri_not_supported');
      assert.equal(answerOf(await authorize({ request: object })).error, 'request_not_supported');
      assert.equal(answerOf(await authorize({ request: object, redirect_uri: 'https://evil.example/' })).error, 'invalid_redirect',
        'oidcc-ensure-request-object-with-redirect-uri');
    });

    test('oidcc-refresh-token', async () => {
      const first = await flow({ scope: 'openid offline_access' });
      const answer = await stranger.request('POST', '/api/auth/oauth2/token', {
        form: { grant_type: 'refresh_token', refresh_token: first.refresh_token, client_id: 'rp', client_secret: 'rp-secret' },
      });
      const { claims } = await verified(answer);
      for (const name of ['iss', 'sub', 'aud', 'auth_time', 'sid']) assert.equal(claims[name], first.claims[name], name);
      assert.equal(claims.nonce, undefined, 'OpenID Connect Core, section 12.2');
    });

    test('oidcc-ensure-request-with-valid-pkce-succeeds', async () => {
      const { verifier, challenge } = pkce();
      const given = await code(ada, rp({ code_challenge: challenge, code_challenge_method: 'S256' }));
      assert.equal((await verified(await redeem(given, { code_verifier: verifier }))).claims.sub, ada.id);
    });
  });

  test('Config OP: oidcc-discovery-endpoint-verification', async () => {
    const { json, headers } = await stranger.get('/.well-known/openid-configuration');
    assert.match(headers['content-type'], /^application\/json/);
    assert.equal(json.issuer, stack.url);
    for (const name of ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri', 'registration_endpoint', 'end_session_endpoint'])
      assert.ok(json[name].startsWith(`${stack.url}/`), name);
    assert.deepEqual([json.response_types_supported, json.subject_types_supported, json.claims_parameter_supported], [['code'], ['public'], false]);
    assert.ok(json.id_token_signing_alg_values_supported.includes('RS256'), 'Discovery, section 3: "The algorithm RS256 MUST be included."');
    for (const scope of ['openid', 'profile', 'email']) assert.ok(json.scopes_supported.includes(scope));
    const { keys: published } = (await stranger.get(json.jwks_uri)).json;
    assert.equal(new Set(published.map(({ kid }) => kid)).size, published.length);
    for (const key of published) assert.ok(!('d' in key || 'p' in key || 'k' in key), 'nothing private');
  });

  describe('RP-Initiated Logout', () => {
    /** Somebody with a session and an id_token; their way to the end of the session. */
    const leaving = async (more = {}, hinted = true) => {
      const carl = await somebodySignedIn(stack, 'Carl');
      const { id_token } = await flow({}, carl);
      const query = { ...(hinted && { id_token_hint: id_token }), ...more };
      const given = Object.entries(query).filter(([, value]) => value !== undefined);
      const answer = await carl.http.get(`/api/auth/oauth2/end-session?${new URLSearchParams(given)}`);
      const session = (await carl.http.get('/api/auth/get-session')).json;
      return { status: answer.status, location: answer.headers.location, error: answer.json?.error, ended: session === null, id_token };
    };

    for (const [name, more, location] of [
      ['oidcc-rp-initiated-logout', { post_logout_redirect_uri: BYE, state: 'x y' }, `${BYE}?state=x+y`],
      ['oidcc-rp-initiated-logout-no-state', { post_logout_redirect_uri: BYE }, BYE],
      ['oidcc-rp-initiated-logout-no-post-logout-redirect-uri', { state: 'x' }, '/signed-out'],
      ['oidcc-rp-initiated-logout-only-state', { state: 'x' }, '/signed-out'],
      ['oidcc-rp-initiated-logout-no-params', {}, '/signed-out'],
    ])
      test(name, async () => {
        const seen = await leaving(more);
        assert.deepEqual([seen.status, seen.location, seen.ended], [302, location, true]);
      });

    for (const [name, more] of [
      ['bad-post-logout-redirect-uri', { post_logout_redirect_uri: `${BYE}/other` }],
      ['query-added-to-post-logout-redirect-uri', { post_logout_redirect_uri: `${BYE}?foo=bar` }],
      ['bad-id-token-hint', { id_token_hint: 'this is not a JWT' }],
      ['bad-client-id', { client_id: 'matrix-synapse' }],
    ])
      test(`oidcc-rp-initiated-logout-${name}`, async () => {
        const seen = await leaving(more);
        assert.deepEqual([seen.status, seen.error, seen.ended], [400, 'invalid_request', false]);
      });

    test('oidcc-rp-initiated-logout-modified-id-token-hint', async () => {
      const { id_token } = await flow();
      const [header, payload, signature] = id_token.split('.');
      const changed = Buffer.from(JSON.stringify({ ...decodeJwt(id_token), sub: 'x' })).toString('base64url');
      assert.notEqual(changed, payload);
      const seen = await leaving({ id_token_hint: `${header}.${changed}.${signature}`, post_logout_redirect_uri: BYE });
      assert.deepEqual([seen.status, seen.ended], [400, false]);
    });

    test('oidcc-rp-initiated-logout-no-id-token-hint: the user is asked', async () => {
      const seen = await leaving({ client_id: 'rp', post_logout_redirect_uri: BYE, state: 'x' }, false);
      assert.equal(seen.status, 302);
      assert.match(seen.location, /^\/sign-out\?/);
      assert.equal(seen.ended, false);
    });
  });
});
