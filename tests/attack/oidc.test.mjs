// Attacks on the OpenID provider, a line each: redirect addresses, PKCE, repeated parameters, replay, wrong clients, client assertions,
// wider scopes. tests/integration/oidc_rfc9700 goes through the sections of RFC 9700 in addition.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, describe, test } from 'node:test';

import { answered, authorized, basic, CALLBACK, exchange, pkce, registered, request, tokensOf } from './lib/clients.mjs';
import { encode, keyPair, signed } from './lib/jwt.mjs';
import { administrator, copyOf, each, member, program, target, without } from './lib/target.mjs';

const LOOPBACK = 'http://127.0.0.1/cb';
const TOKEN = '/api/auth/oauth2/token';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const failed = (error) => `${target.url}/api/auth/error?error=${error}&`;

describe('hostile clients', { skip: without.admin }, () => {
  let ada, web, other, phone, keyed, key;
  before(async () => {
    const admin = await administrator();
    ada = await member('Ada Lovelace');
    web = await registered(admin, { post_logout_redirect_uris: [`${CALLBACK}/out`] });
    other = await registered(admin);
    phone = { ...await registered(admin, { redirect_uris: [LOOPBACK], token_endpoint_auth_method: 'none' }), redirect_uri: 'http://127.0.0.1:9/cb' };
    key = keyPair('ES256');
    keyed = await registered(admin, {
      token_endpoint_auth_method: 'private_key_jwt', redirect_uris: [], grant_types: ['client_credentials'], scope: 'jobs.read',
      jwks: { keys: [{ ...key.jwk, kid: 'k1', alg: 'ES256', use: 'sig' }] },
    });
  });

  const { verifier, challenge } = pkce();
  const S256 = { code_challenge: challenge, code_challenge_method: 'S256' };

  // Of RFC 9700, section 2.1: "exact string matching"
  const near = (uri) => [
    'https://evil.example/cb', `${uri}/`, `${uri}//`, `${uri}/.`, `${uri}/../x`, `${uri}/../cb`, `${uri.replace('/cb', '/./cb')}`,
    `${uri.replace('/cb', '/x/../cb')}`, `${uri.replace('/cb', '//cb')}`,
    `${uri}?`, `${uri}?x=1`, `${uri}#`, `${uri}#x`, `${uri};x`, `${uri}&x=1`, `${uri}%00`, `${uri}%20`, `${uri}%23`, `${uri}%0d%0aX:y`, `${uri} `, ` ${uri}`,
    `${uri}\t`, `\n${uri}`, `${uri}\0`,
    uri.toUpperCase(), uri.replace('/cb', '/CB'), uri.replace('http', 'HTTP'), uri.replace('/cb', '/%63b'), uri.replace('/cb', '%2fcb'),
    uri.replace('/cb', '\\cb'), `${uri}@evil.example`,
    uri.replace('127.0.0.1', '127.0.0.1.evil.example'), uri.replace('127.0.0.1', '127.1'), uri.replace('127.0.0.1', '0x7f000001'), uri.replace('127.0.0.1', '2130706433'),
    uri.replace('127.0.0.1', '127.0.0.1.'), uri.replace('127.0.0.1', 'localhost'), uri.replace('127.0.0.1', '[::1]'), uri.replace('127.0.0.1', '１27.0.0.1'),
    uri.replace('http://', 'http://u@'), uri.replace('http://', 'http://evil.example@'), uri.replace('http://', 'http:///'), uri.replace('http://', 'http:'),
    uri.replace('http', 'https'),
    uri.replace('http:', ''), uri.replace('http', 'javascript'), 'javascript:alert(1)', 'data:text/html,x', `${uri},https://evil.example/`,
      `${uri} https://evil.example/`, 'null', '*', '', undefined,
  ];

  /** A text with NUL is no parameter at all: 400. */
  const assertNowhere = ({ status, headers }, redirect_uri) =>
    assert.ok(status === 302 ? headers.location.startsWith(failed('invalid_redirect')) : status === 400, `${redirect_uri} → ${status} ${headers.location}`);

  test('a redirect_uri that is not exactly one of the client leads to no client', async () => {
    for (const redirect_uri of near(CALLBACK)) assertNowhere(await ada.http.get(request(web, { redirect_uri })), redirect_uri);
  });

  test('a redirect_uri on a loopback address differs in its port (RFC 8252, section 7.3) and in nothing else', async () => {
    const asked = (redirect_uri) => ada.http.get(request({ ...phone, redirect_uri }, S256));
    for (const uri of near('http://127.0.0.1:9/cb')) assertNowhere(await asked(uri), uri);
    for (const port of ['9x', '-1', '655360', '9@evil.example', '9:9', ' 9', '0x9']) assertNowhere(await asked(`http://127.0.0.1:${port}/cb`), port);
    assert.match((await asked('http://127.0.0.1:51004/cb')).headers.location, /^http:\/\/127\.0\.0\.1:51004\/cb\?code=/);
  });

  for (const [attack, more, error] of [
    ['PKCE plain', { code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' }, 'invalid_request'],
    ['PKCE method left out', { code_challenge: 'x'.repeat(43) }, 'invalid_request'],
    ['PKCE method in small letters', { code_challenge: challenge, code_challenge_method: 's256' }, 'invalid_request'],
    ['PKCE challenge too short', { code_challenge: 'x'.repeat(42), code_challenge_method: 'S256' }, 'invalid_request'],
    ['implicit', { response_type: 'token' }, 'unsupported_response_type'],
    ['hybrid', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['response_mode of nobody', { response_mode: 'web_message' }, 'invalid_request'],
    ['unknown scope', { scope: 'openid admin' }, 'invalid_scope'],
    ['scope of another client', { scope: 'openid jobs.read' }, 'invalid_scope'],
    ['request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported'],
    ['prompt none with login', { prompt: 'none login' }, 'invalid_request'],
  ])
    test(attack, async () => {
      const url = new URL((await ada.http.get(request(web, more))).headers.location.replace('#', '?'));
      assert.deepEqual([url.origin + url.pathname, url.searchParams.get('error'), url.searchParams.get('code'), url.searchParams.get('iss')], [CALLBACK, error, null, target.url]);
    });

  for (const name of ['state', 'scope', 'nonce', 'code_challenge', 'prompt', 'response_type'])
    test(`${name} twice in the authorization request`, async () => {
      const path = `${request(web, { ...S256, prompt: 'login' })}&${name}=again`;
      for (const answer of [await ada.http.get(path), await ada.http.request('POST', '/api/auth/oauth2/authorize', { body: path.split('?')[1], headers: FORM })]) {
        const url = new URL(answer.headers.location);
        assert.deepEqual([answer.status, url.origin + url.pathname, url.searchParams.get('error'), url.searchParams.get('code')], [302, CALLBACK, 'invalid_request', null]);
        assert.match(url.searchParams.get('error_description'), new RegExp(name));
      }
    });

  for (const name of ['client_id', 'redirect_uri', 'r%65direct_uri'])
    test(`${name} twice in the authorization request`, async () => {
      for (const path of [`${request(web)}&${name}=https%3A%2F%2Fevil.example%2F`, `${request(web).replace('?', `?${name}=https%3A%2F%2Fevil.example%2F&`)}`]) {
        const { headers: { location } } = await ada.http.get(path);
        assert.ok(location.startsWith(failed('invalid_request')), location);
      }
    });

  test('an unknown parameter is ignored, and refused when it is given twice (RFC 6749 section 3.1)', async () => {
    const audience = '&audience=https%3A%2F%2Fa.example';
    assert.match((await ada.http.get(request(web) + audience)).headers.location, /[?&]code=/);
    assert.match((await ada.http.get(request(web) + audience + audience)).headers.location, /[?&]error=invalid_request&/);
  });

  test('resource twice: RFC 8707 would allow it, we give tokens for one', async () => {
    const answer = await ada.http.get(`${request(web)}&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example`);
    assert.match(answer.headers.location, /[?&]error=invalid_target/);
  });

  for (const name of ['code', 'grant_type', 'client_id', 'redirect_uri', 'code_verifier'])
    test(`${name} twice in the token request`, async () => {
      const form = new URLSearchParams({ grant_type: 'authorization_code', redirect_uri: CALLBACK, code: await authorized(ada, web), client_id: web.client_id,
        code_verifier: verifier });
      form.append(name, form.get(name));
      const answer = await program().request('POST', TOKEN, { body: form.toString(), headers: { ...FORM, ...web.headers } });
      assert.deepEqual([answer.status, answer.json.error], [400, 'invalid_request'], answer.text);
    });

  test('a public client without PKCE', async () => {
    assert.equal((await answered(ada, phone)).searchParams.get('error'), 'invalid_request');
  });

  for (const [attack, asked, form, headersOf, status, error] of [
    ['code of another client', S256, { code_verifier: verifier }, () => other.headers, 400, 'invalid_grant'],
    ['wrong verifier', S256, { code_verifier: 'w'.repeat(43) }, undefined, 400, 'invalid_grant'],
    ['no verifier', S256, {}, undefined, 400, 'invalid_grant'],
    ['an empty verifier', S256, { code_verifier: '' }, undefined, 400, 'invalid_grant'],
    ['the challenge as its verifier', S256, { code_verifier: challenge }, undefined, 400, 'invalid_grant'],
    ['verifier where none was promised (downgrade)', {}, { code_verifier: verifier }, undefined, 400, 'invalid_grant'],
    ['another redirect_uri', {}, { redirect_uri: 'https://evil.example/' }, undefined, 400, 'invalid_grant'],
    ['no redirect_uri', {}, { redirect_uri: '' }, undefined, 400, 'invalid_grant'],
    ['wrong secret', {}, {}, () => basic(web.client_id, 'wrong'), 401, 'invalid_client'],
    ['secret of another client', {}, {}, () => basic(web.client_id, other.client_secret), 401, 'invalid_client'],
    ['an empty secret', {}, {}, () => basic(web.client_id, ''), 401, 'invalid_client'],
    ['no secret', {}, () => ({ client_id: web.client_id }), () => ({}), 400, 'invalid_client'],
    ['unknown client', {}, {}, () => basic('ghost', 'x'), 401, 'invalid_client'],
    ['two ways of authentication', {}, () => ({ client_id: web.client_id, client_secret: 'x' }), undefined, 400, 'invalid_request'],
    ['the client_id of another client beside the credentials', {}, () => ({ client_id: other.client_id }), undefined, 400, undefined],
    ['password grant', {}, { grant_type: 'password' }, undefined, 400, 'unsupported_grant_type'],
    ['client_credentials of a client for users', {}, { grant_type: 'client_credentials' }, undefined, 400, 'unauthorized_client'],
    ['a grant type of nobody', {}, { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange' }, undefined, 400, 'unsupported_grant_type'],
  ])
    test(attack, async () => {
      const more = typeof form === 'function' ? form() : form;
      const answer = await exchange(web, { code: await authorized(ada, web, asked), ...more }, headersOf ? headersOf() : web.headers);
      assert.equal(answer.status, status, answer.text);
      if (error) assert.equal(answer.json.error, error, answer.text);
      assert.equal(answer.json.access_token, undefined);
      assert.equal(answer.headers['cache-control'], 'no-store');
    });

  test('a replayed code revokes what it gave', async () => {
    const code = await authorized(ada, web);
    const tokens = await tokensOf(web, code);
    assert.equal((await exchange(web, { code })).status, 400);
    assert.equal((await program().get('/api/auth/oauth2/userinfo', { bearer: tokens.access_token })).status, 401);
  });

  test('ten presentations of one code at once give tokens once', async () => {
    const code = await authorized(ada, web);
    const answers = await Promise.all(Array.from({ length: 10 }, () => exchange(web, { code })));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.equal(answers.filter(({ status }) => status === 400).length, 9);
  });

  test('a code that a thief has tried with another client is lost to the thief', async () => {
    const code = await authorized(ada, web, S256);
    assert.equal((await exchange(other, { code, code_verifier: verifier })).status, 400);
    assert.equal((await exchange(phone, { code, client_id: phone.client_id, code_verifier: verifier }, {})).status, 400);
  });

  test('a scope is never widened: neither by a refresh, nor by the exchange of a code, nor by a client for itself', async () => {
    const narrow = await tokensOf(web, await authorized(ada, web, { scope: 'openid offline_access' }), { scope: 'openid email profile offline_access' });
    assert.equal(narrow.scope, 'openid offline_access');
    const userinfo = (access_token) => program().get('/api/auth/oauth2/userinfo', { bearer: access_token });
    assert.deepEqual(Object.keys((await userinfo(narrow.access_token)).json), ['sub']);
    for (const scope of ['openid email offline_access', 'email', 'openid openid email', 'OPENID', 'openid\temail', 'openid offline_access jobs.read', 'admin']) {
      const wider = await program().request('POST', TOKEN, { form: { grant_type: 'refresh_token', refresh_token: narrow.refresh_token, scope }, headers: web.headers });
      assert.deepEqual([wider.status, wider.json.error], [400, 'invalid_scope'], `${scope}: ${wider.text}`);
    }
    for (const scope of ['openid', 'profile', 'jobs.read openid', 'jobs.write', '*'])
      assert.equal((await assertion({}, { scope })).json.error, 'invalid_scope', scope);
  });

  test('what a user has allowed once is asked for again when a client wants more', async () => {
    const asking = await registered(await administrator(), { skip_consent: false });
    const person = await member('Bob');
    const first = await person.http.get(request(asking, { scope: 'openid' }));
    const oauth_query = first.headers.location.split('?')[1];
    const widened = oauth_query.replace('scope=openid', 'scope=openid+email');
    assert.deepEqual((await person.http.post('/api/auth/oauth2/consent', { accept: true, oauth_query: widened })).json, { error: 'invalid_signature' });
    assert.deepEqual((await person.http.post('/api/auth/oauth2/consent', { accept: true, oauth_query,
      scope: 'openid email profile offline_access' })).json?.url?.includes('code='), undefined,
      'a scope that was not asked for is refused');
    const given = await person.http.post('/api/auth/oauth2/consent', { accept: true, oauth_query });
    const { scope } = await tokensOf(asking, new URL(given.json.url).searchParams.get('code'));
    assert.equal(scope, 'openid');
    const more = await person.http.get(request(asking, { scope: 'openid email' }));
    assert.equal(new URL(more.headers.location, target.url).pathname, '/consent');
    const none = await answered(person, asking, { scope: 'openid email', prompt: 'none' });
    assert.deepEqual([none.searchParams.get('error'), none.searchParams.get('code')], ['consent_required', null]);
  });

  const now = () => Math.floor(Date.now() / 1000);
  const claims = (more) => ({ iss: keyed.client_id, sub: keyed.client_id, aud: target.url, jti: randomUUID(), exp: now() + 60, ...more });
  const present = (client_assertion, form = {}, path = TOKEN) => program().request('POST', path, {
    form: { grant_type: 'client_credentials', client_assertion, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', ...form },
  });
  const assertion = (more, form, header = {}, pair = key) => present(signed({ alg: 'ES256', kid: 'k1', ...header }, claims(more), pair), form);

  test('an assertion of a client is taken when nothing is wrong with it', async () => {
    assert.equal((await assertion()).status, 200);
    assert.equal((await assertion({ aud: [target.url] })).status, 200);
  });

  for (const [fault, more, form, header] of [
    ['of another issuer', { iss: 'other' }], ['of another subject', { sub: 'other' }], ['without a subject', { sub: undefined }], ['without an issuer', { iss: undefined }],
    ['without an audience', { aud: undefined }], ['for another server', { aud: 'https://evil.example' }],
    ['for a server that begins like this', { aud: `${target.url}.evil.example` }],
    ['for an object', { aud: { 0: target.url } }],
    ['that has expired', { exp: 1 }], ['that never expires', { exp: undefined }], ['that expires in a year', { exp: Math.floor(Date.now() / 1000) + 31_536_000 }],
    ['whose end is text', { exp: `${Math.floor(Date.now() / 1000) + 60}` }], ['whose end is infinite', { exp: 1e300 }],
    ['that is not valid yet', { nbf: Math.floor(Date.now() / 1000) + 600 }],
    ['from the future', { iat: Math.floor(Date.now() / 1000) + 7200 }], ['without a jti', { jti: undefined }], ['with an empty jti', { jti: '' }],
    ['with a jti that is no text', { jti: 1 }],
    ['of another type', {}, { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' }], ['without a type', {}, { client_assertion_type: '' }],
    ['beside a secret', {}, { client_secret: 'x' }], ['with another client_id', {}, { client_id: 'other' }], ['with a kid of nobody', {}, {}, { kid: 'k2' }],
    ['with crit', {}, {}, { crit: ['exp'] }],
    ['with another alg', {}, {}, { alg: 'ES384' }], ['with alg none', {}, {}, { alg: 'none' }],
  ])
    test(`an assertion ${fault} is none`, async () => {
      const answer = await assertion(more, form, header);
      assert.ok([400, 401].includes(answer.status), answer.text);
      assert.match(answer.json.error, /invalid_(client|request)/);
      assert.equal(answer.json.access_token, undefined);
    });

  test('an assertion by a key of the attacker is none, wherever its header says that the key is', async () => {
    const mine = keyPair('ES256');
    for (const header of [{}, { jwk: mine.jwk }, { kid: undefined, jwk: mine.jwk }, { jku: `${target.url}/api/auth/jwks` }, { x5c: ['AAAA'] }])
      assert.equal((await assertion({}, {}, header, mine)).status, 401, JSON.stringify(header));
    assert.equal((await present(`${encode({ alg: 'ES256', kid: 'k1' })}.${encode(claims())}.${Buffer.alloc(64).toString('base64url')}`)).status, 401, 'r = s = 0');
  });

  test('an assertion is good once, at whichever endpoint, also ten times at once', async () => {
    const one = signed({ alg: 'ES256', kid: 'k1' }, claims(), key);
    const answers = await Promise.all(Array.from({ length: 10 }, () => present(one)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    const fresh = signed({ alg: 'ES256', kid: 'k1' }, claims(), key);
    assert.equal((await present(fresh, { token: 'x' }, '/api/auth/oauth2/introspect')).status, 200);
    assert.equal((await present(fresh)).status, 401);
  });

  test('no open redirector after logout', async () => {
    for (const post_logout_redirect_uri of ['https://evil.example/', `${CALLBACK}/out/`, `${CALLBACK}/out?x`, `${CALLBACK}/out#x`, `${CALLBACK}/OUT`, CALLBACK,
      '//evil.example', 'javascript:alert(1)'])
      for (const path of ['end-session', 'endsession']) {
        const answer = await copyOf(ada.http).get(`/api/auth/oauth2/${path}?${new URLSearchParams({ client_id: web.client_id, post_logout_redirect_uri })}`);
        assert.equal(answer.status, 400, post_logout_redirect_uri);
      }
    assert.equal((await ada.http.get('/api/auth/get-session')).json.user.id, ada.id);
  });

  test('nobody but an administrator registers, reads or changes a client', async () => {
    const body = { redirect_uris: ['https://evil.example/'], client_name: 'Mine', skip_consent: true, client_id: web.client_id,
      update: { redirect_uris: ['https://evil.example/'] } };
    await each(['register', 'create-client', 'update-client', 'delete-client', 'client/rotate-secret'], async (path) => {
      const answer = await ada.http.post(`/api/auth/oauth2/${path}`, body);
      assert.equal(answer.status, 403, `${path}: ${answer.text}`);
      assert.ok([401, 403].includes((await program().post(`/api/auth/oauth2/${path}`, body)).status), path);
    });
    assert.equal((await ada.http.get(`/api/auth/oauth2/get-client?client_id=${web.client_id}`)).status, 403);
    assert.doesNotMatch((await ada.http.get(`/api/auth/oauth2/public-client?client_id=${web.client_id}`)).text, /secret|redirect_uris/);
    assert.ok(await authorized(ada, web), 'the client is as it was');
  });
});
