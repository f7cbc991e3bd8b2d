// Attacks on the OpenID provider, a line each.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { basic, CALLBACK, code, exchange, pkce, register, request, SYNAPSE, SYNAPSE_BASIC } from './lib/oidc.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

describe('hostile clients', () => {
  let stack, ada, stranger;
  before(async () => {
    stack = await startStack(SYNAPSE, UNLIMITED);
    ada = await somebodySignedIn(stack, 'Ada Lovelace');
    stranger = new Client(stack.url, { origin: null });
    register(stack, { name: `'Other'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'other'`, secret: `'other-secret'`, skip_consent: 'true' });
    register(stack, { name: `'Phone'`, redirect_uris: `ARRAY['http://127.0.0.1/cb']`, client_id: `'phone'`, auth_method: `'none'`, skip_consent: 'true' });
  });
  after(() => stack?.stop());

  const { verifier, challenge } = pkce();

  for (const redirect_uri of [
    'https://evil.example/cb', `${CALLBACK}/`, `${CALLBACK}/../x`, `${CALLBACK}?x=1`, `${CALLBACK}#x`, CALLBACK.toUpperCase(), `${CALLBACK}%00`,
    `${CALLBACK}@evil.example`, CALLBACK.replace('127.0.0.1', '127.0.0.1.evil.example'), CALLBACK.replace('http://', 'http://u@'),
    CALLBACK.replace('http', 'https'), `//127.0.0.1:27090/cb`, 'javascript:alert(1)', '', undefined,
  ])
    test(`redirect_uri ${redirect_uri}`, async () => {
      const answer = await ada.http.get(request({ redirect_uri }));
      assert.equal(answer.status, 302);
      assert.ok(answer.headers.location.startsWith(`${stack.url}/api/auth/error?error=invalid_redirect&`), answer.headers.location);
    });

  for (const [attack, more, error] of [
    ['PKCE plain', { code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' }, 'invalid_request'],
    ['PKCE method left out', { code_challenge: 'x'.repeat(43) }, 'invalid_request'],
    ['implicit', { response_type: 'token' }, 'unsupported_response_type'],
    ['hybrid', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['form_post', { response_mode: 'form_post' }, 'invalid_request'],
    ['unknown scope', { scope: 'openid admin' }, 'invalid_scope'],
    ['request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported'],
    ['prompt none with login', { prompt: 'none login' }, 'invalid_request'],
  ])
    test(attack, async () => {
      const { location } = (await ada.http.get(request(more))).headers;
      const url = new URL(location.replace('#', '?'));
      assert.deepEqual([url.searchParams.get('error'), url.searchParams.get('code'), url.searchParams.get('iss')], [error, null, stack.url]);
    });

  for (const name of ['state', 'scope', 'nonce', 'code_challenge', 'prompt', 'response_type'])
    test(`${name} twice in the authorization request`, async () => {
      const path = `${request({ code_challenge: challenge, code_challenge_method: 'S256', prompt: 'login' })}&${name}=again`;
      for (const answer of [await ada.http.get(path), await ada.http.request('POST', '/api/auth/oauth2/authorize', {
        body: path.split('?')[1], headers: { 'content-type': 'application/x-www-form-urlencoded' },
      })]) {
        const url = new URL(answer.headers.location);
        assert.deepEqual([answer.status, url.origin + url.pathname, url.searchParams.get('error'), url.searchParams.get('code')], [302, CALLBACK, 'invalid_request', null]);
        assert.match(url.searchParams.get('error_description'), new RegExp(name));
      }
    });

  for (const name of ['client_id', 'redirect_uri', 'r%65direct_uri'])
    test(`${name} twice in the authorization request`, async () => {
      for (const path of [`${request()}&${name}=https%3A%2F%2Fevil.example%2F`, `${request().replace('?', `?${name}=https%3A%2F%2Fevil.example%2F&`)}`]) {
        const { headers: { location } } = await ada.http.get(path);
        assert.ok(location.startsWith(`${stack.url}/api/auth/error?error=invalid_request&`), location);
      }
    });

  test('an unknown parameter is ignored, and refused when it is given twice (RFC 6749 section 3.1)', async () => {
    const audience = '&audience=https%3A%2F%2Fa.example';
    const once = await ada.http.get(request() + audience);
    assert.match(once.headers.location, /[?&]code=/);
    const twice = await ada.http.get(request() + audience + audience);
    assert.match(twice.headers.location, /[?&]error=invalid_request&/);
  });

  test('resource twice: RFC 8707 would allow it, we give tokens for one', async () => {
    const answer = await ada.http.get(`${request()}&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example`);
    assert.match(answer.headers.location, /[?&]error=invalid_target/);
  });

  for (const name of ['code', 'grant_type', 'client_id', 'redirect_uri', 'code_verifier'])
    test(`${name} twice in the token request`, async () => {
      const form = new URLSearchParams({ grant_type: 'authorization_code', redirect_uri: CALLBACK, code: await code(ada), client_id: 'matrix-synapse', code_verifier: verifier });
      form.append(name, form.get(name));
      const answer = await stranger.request('POST', '/api/auth/oauth2/token', {
        body: form.toString(), headers: { 'content-type': 'application/x-www-form-urlencoded', ...SYNAPSE_BASIC },
      });
      assert.deepEqual([answer.status, answer.json.error], [400, 'invalid_request'], answer.text);
    });

  test('a public client without PKCE', async () => {
    const answer = await ada.http.get(request({ client_id: 'phone', redirect_uri: 'http://127.0.0.1:9/cb' }));
    assert.equal(new URL(answer.headers.location).searchParams.get('error'), 'invalid_request');
  });

  const WITH = { code_challenge: challenge, code_challenge_method: 'S256' };
  for (const [attack, asked, form, headers, status, error] of [
    ['code of another client', WITH, { code_verifier: verifier }, basic('other', 'other-secret'), 400, 'invalid_grant'],
    ['wrong verifier', WITH, { code_verifier: 'w'.repeat(43) }, undefined, 400, 'invalid_grant'],
    ['no verifier', WITH, {}, undefined, 400, 'invalid_grant'],
    ['verifier where none was promised (downgrade)', {}, { code_verifier: verifier }, undefined, 400, 'invalid_grant'],
    ['another redirect_uri', {}, { redirect_uri: 'https://evil.example/' }, undefined, 400, 'invalid_grant'],
    ['wrong secret', {}, {}, basic('matrix-synapse', 'wrong'), 401, 'invalid_client'],
    ['no secret', {}, { client_id: 'matrix-synapse' }, {}, 400, 'invalid_client'],
    ['unknown client', {}, {}, basic('ghost', 'x'), 401, 'invalid_client'],
    ['two ways of authentication', {}, { client_id: 'matrix-synapse', client_secret: 'x' }, undefined, 400, 'invalid_request'],
    ['password grant', {}, { grant_type: 'password' }, undefined, 400, 'unsupported_grant_type'],
    ['client_credentials of a client for users', {}, { grant_type: 'client_credentials' }, undefined, 400, 'unauthorized_client'],
  ])
    test(attack, async () => {
      const answer = await exchange(stranger, { code: await code(ada, asked), ...form }, headers ?? SYNAPSE_BASIC);
      assert.deepEqual([answer.status, answer.json.error], [status, error], answer.text);
      assert.equal(answer.headers['cache-control'], 'no-store');
    });

  test('a replayed code revokes what it gave', async () => {
    const given = await code(ada);
    const tokens = await exchange(stranger, { code: given });
    assert.equal((await exchange(stranger, { code: given })).status, 400);
    assert.equal((await stranger.get('/api/auth/oauth2/userinfo', { bearer: tokens.json.access_token })).status, 401);
  });

  test('ten presentations of one code at once give tokens once', async () => {
    const given = await code(ada);
    const answers = await Promise.all(Array.from({ length: 10 }, () => exchange(stranger, { code: given })));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.equal(answers.filter(({ status }) => status === 400).length, 9);
  });

  test('an open redirector after logout', async () => {
    const answer = await ada.http.get('/api/auth/oauth2/end-session?client_id=other&post_logout_redirect_uri=https://evil.example/');
    assert.equal(answer.status, 400);
  });
});
