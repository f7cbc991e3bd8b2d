// What the apps and the other services call below /api/v1/auth, beyond the walk: validating, signing out without cookies,
// links that were mailed by the service before us, and providers that there are none of.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { SignJWT } from 'jose';

import { answers, spawnEdge } from './lib/edge.mjs';
import { Client } from './lib/http.mjs';
import { signUp, somebody, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const SECRET = 'the-secret-of-the-service-before-us-0123456789';
const V1 = '/api/v1/auth';

describe('the apps', () => {
  let stack, stranger;
  before(async () => {
    stack = await startStack({ BETTER_AUTH_SECRET: SECRET, LEGACY_LINKS_UNTIL: '2999-12-31' },
      { settings: { ...UNLIMITED.settings, 'mana_auth.legacy_links_until': '2999-12-31' } });
    stranger = new Client(stack.url, { origin: null });
  });
  after(() => stack?.stop());

  const validate = (token) => stranger.post(`${V1}/validate`, { token });

  test('a token is valid with its claims, in their order', async () => {
    const ada = await somebodySignedIn(stack);
    const { status, json } = await validate(ada.token);
    assert.deepEqual([status, json.valid], [200, true]);
    assert.deepEqual(Object.keys(json.payload), ['iat', 'sub', 'email', 'role', 'sid', 'tier', 'sid_proof', 'exp', 'iss', 'aud']);
    assert.deepEqual([json.payload.sub, json.payload.email], [ada.id, ada.email]);
  });

  test('a token is not valid when it is changed, missing, of a dead session or of nobody', async () => {
    const ada = await somebodySignedIn(stack);
    const [header, , signature] = ada.token.split('.');
    const claims = Buffer.from(JSON.stringify({ sub: ada.id, sid: 'x' })).toString('base64url');
    for (const token of [undefined, '', 'x', 'a.b.c', `${header}.${claims}.${signature}`, `${ada.token}x`]) {
      assert.deepEqual((await validate(token)).json, { valid: false });
    }
    assert.equal((await stranger.post(`${V1}/validate`, { token: 5 })).status, 400);
    await ada.http.post('/api/auth/sign-out', {});
    assert.deepEqual((await validate(ada.token)).json, { valid: false });
  });

  for (const [what, headers, body] of [
    ['the access token alone', ({ accessToken }) => ({ authorization: `Bearer ${accessToken}` }), () => undefined],
    ['the refresh token alone', () => ({}), ({ refreshToken }) => ({ refreshToken })],
  ]) {
    test(`an app signs out with ${what}`, async () => {
      const ada = await somebodyVerified(stack);
      const tokens = (await stranger.post(`${V1}/login`, { email: ada.email, password: ada.password })).json;
      stranger.cookies.clear();
      assert.deepEqual((await validate(tokens.accessToken)).json.valid, true);
      const answer = await stranger.post(`${V1}/logout`, body(tokens), { headers: headers(tokens) });
      assert.deepEqual([answer.status, answer.json], [200, { success: true }]);
      assert.deepEqual((await validate(tokens.accessToken)).json, { valid: false });
    });
  }

  test('an app names its device, for the list of sessions', async () => {
    const ada = await somebodyVerified(stack);
    const login = { email: ada.email, password: ada.password };
    const { accessToken } = (await new Client(stack.url).post(`${V1}/login`, { ...login, deviceId: 'd-1', deviceName: 'Ada’s phone' })).json;
    await new Client(stack.url).post(`${V1}/login`, login);
    const { json } = await stranger.get(`${V1}/sessions`, { bearer: accessToken });
    const mine = json.find(({ current }) => current);
    assert.deepEqual([mine.deviceId, mine.deviceName], ['d-1', 'Ada’s phone']);
    assert.ok(json.some(({ deviceId, deviceName }) => deviceId === null && deviceName === null));
    assert.equal((await stranger.post(`${V1}/login`, { ...login, deviceName: 'x'.repeat(256) })).status, 400);
  });

  test('signing out is granted whatever is shown', async () => {
    const answer = await stranger.post(`${V1}/logout`, { refreshToken: 'x' }, { headers: { authorization: 'Bearer x' } });
    assert.deepEqual([answer.status, answer.json], [200, { success: true }]);
  });

  describe('a verification link of the legacy service', () => {
    const link = async (claims, { secret = SECRET, expires = '1h', made = '0s', header = {}, callback = '/welcome' } = {}) => {
      const token = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', ...header }).setIssuedAt(made).setExpirationTime(expires)
        .sign(new TextEncoder().encode(secret));
      return `/api/auth/verify-email?${new URLSearchParams({ token, ...(callback && { callbackURL: callback }) })}`;
    };
    const verified = ({ email }) => stack.sql(`SELECT email_verified AS v FROM auth.users WHERE email = :'email'`, { email })[0]?.v;
    const inTheLegacyService = async () => {
      const person = somebody(stack);
      await signUp(person);
      stack.psql(`UPDATE auth.users SET created_at = created_at - interval '1 hour' WHERE email = :'email'`, { email: person.email });
      return person;
    };

    test('verifies the address and opens no session', async () => {
      const ada = await inTheLegacyService();
      const path = await link({ email: ada.email });
      for (const http of [ada.http, new Client(stack.url)]) {
        const answer = await http.get(path);
        assert.deepEqual([answer.status, answer.headers.location, answer.setCookies], [302, '/welcome', []]);
      }
      assert.equal(verified(ada), true);
      assert.equal((await ada.http.get('/api/auth/get-session')).json, null);
    });

    test('does not verify an account that is younger than the link', async () => {
      const thief = somebody(stack);
      const path = await link({ email: thief.email }, { made: '-30m', expires: '30m' });
      await signUp(thief);
      assert.equal((await thief.http.get(path)).headers.location, '/welcome?error=INVALID_TOKEN');
      assert.equal(verified(thief), false);
    });

    test('changes no address', async () => {
      const ada = await somebodySignedIn(stack);
      const updateTo = `new-${ada.email}`;
      for (const requestType of ['change-email-verification', 'change-email-confirmation', undefined]) {
        const answer = await ada.http.get(await link({ email: ada.email, updateTo, requestType }));
        assert.equal(answer.headers.location, '/welcome?error=INVALID_TOKEN');
      }
      assert.equal((await ada.http.get('/api/auth/get-session')).json.user.email, ada.email);
    });

    test('is refused unless it is exactly what the legacy service made', async () => {
      const ada = await inTheLegacyService();
      const claims = { email: ada.email };
      for (const [path, error] of [
        [await link(claims, { made: '-2h', expires: '-1h' }), 'TOKEN_EXPIRED'],
        [await link(claims, { expires: '2h' }), 'INVALID_TOKEN'],
        [await link(claims, { expires: '30m' }), 'INVALID_TOKEN'],
        [await link(claims, { made: '2h', expires: '3h' }), 'INVALID_TOKEN'],
        [await link(claims, { header: { typ: 'JWT' } }), 'INVALID_TOKEN'],
        [await link({ ...claims, sub: 'x' }), 'INVALID_TOKEN'],
        [await link(claims, { secret: 'x'.repeat(40) }), 'INVALID_TOKEN'],
        [await link({ email: 'nobody@example.com' }), 'INVALID_TOKEN'],
        [await link({}), 'INVALID_TOKEN'],
      ]) {
        const answer = await new Client(stack.url).get(path);
        assert.deepEqual([answer.status, answer.headers.location, answer.setCookies], [302, `/welcome?error=${error}`, []], path);
      }
      assert.equal(verified(ada), false);
    });

    test('is refused where LEGACY_LINKS_UNTIL is over or not set', async () => {
      const ada = await inTheLegacyService();
      const path = await link({ email: ada.email });
      for (const LEGACY_LINKS_UNTIL of ['2026-01-01', '']) {
        const other = await spawnEdge(stack, { LEGACY_LINKS_UNTIL });
        try {
          while (!(await answers(other.port, '/health/ready'))) await setTimeout(100);
          const answer = await new Client(`http://127.0.0.1:${other.port}`, { origin: stack.url }).get(path);
          assert.equal(answer.headers.location, '/welcome?error=INVALID_TOKEN');
        } finally {
          other.child.kill('SIGTERM');
          await other.ended;
        }
      }
      assert.equal(verified(ada), false);
    });
  });

  describe('a provider that there is none of', () => {
    test('signs nobody in, and is asked before anything else whether its pages are ours', async () => {
      const social = (body) => stranger.post('/api/auth/sign-in/social', body);
      const answer = await social({ provider: 'google', callbackURL: '/', disableRedirect: true, idToken: { token: 'x' } });
      assert.deepEqual([answer.status, answer.json], [404, { message: 'Provider not found', code: 'PROVIDER_NOT_FOUND' }]);
      assert.equal((await social({})).status, 400);
      for (const [name, code] of [
        ['callbackURL', 'INVALID_CALLBACK_URL'], ['errorCallbackURL', 'INVALID_ERROR_CALLBACK_URL'],
        ['newUserCallbackURL', 'INVALID_NEW_USER_CALLBACK_URL'],
      ]) {
        const refused = await social({ provider: 'google', [name]: 'https://evil.example' });
        assert.deepEqual([refused.status, refused.json.code], [403, code]);
      }
    });

    test('has nothing to say to who is not signed in, as Better Auth says it', async () => {
      for (const path of ['get-access-token', 'refresh-token']) {
        const answer = await stranger.post(`/api/auth/${path}`, { accountId: 'x' });
        assert.deepEqual([answer.status, answer.text], [401, ''], path);
      }
      const info = await stranger.get('/api/auth/account-info?accountId=x');
      assert.deepEqual([info.status, info.text], [401, '']);
      const link = await stranger.post('/api/auth/link-social', { provider: 'google' });
      assert.deepEqual([link.status, link.json], [401, { message: 'Unauthorized', code: 'UNAUTHORIZED' }]);
    });

    test('calls back in vain', async () => {
      const error = async (path) => (await stranger.get(path)).headers.location;
      assert.equal(await error('/api/auth/callback/google?code=x'), `${stack.url}/api/auth/error?error=state_not_found`);
      assert.equal(await error('/api/auth/callback/google?code=x&state=y'), `${stack.url}/api/auth/error?error=state_mismatch`);
      const posted = await new Client(stack.url, { origin: 'https://appleid.apple.com' })
        .request('POST', '/api/auth/callback/apple?iss=i', { form: { state: 'a b&c', code: 'x', unknown: 'z' } });
      assert.equal(posted.status, 302);
      assert.equal(posted.headers.location, `${stack.url}/api/auth/callback/apple?code=x&state=a%20b%26c`);
    });
  });
});
