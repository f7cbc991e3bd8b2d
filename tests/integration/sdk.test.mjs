// The calls of the apps' own SDK, as it makes them: without cookies, with the refresh token in the body and the access token
// in the header; and what it reads of the answers. Errors are one superset for all of its versions.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { PASSWORD, somebody, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const V1 = '/api/v1/auth';
const OTHER_PASSWORD = 'amber-glacier-beneath-7-owls';

describe('the SDK of the apps', () => {
  let stack;
  before(async () => {
    stack = await startStack({ CORS_ORIGINS: 'https://app.mana.how' }, UNLIMITED);
  });
  after(() => stack?.stop());

  /** fetch() with credentials omitted: an app that sends no cookie and keeps none. */
  const call = (method, path, { bearer, json, headers } = {}) =>
    new Client(stack.url, { origin: 'https://app.mana.how' }).request(method, `${V1}${path}`, { bearer, json, headers });
  const ok = async (promise) => {
    const answer = await promise;
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  const login = (person) => ok(call('POST', '/login', { json: { email: person.email, password: person.password } }));

  async function refused(promise, status, code, more = {}) {
    const { json, headers, status: got, text } = await promise;
    assert.equal(got, status, text);
    const { message, ...rest } = json;
    assert.deepEqual(rest, { error: code, code, status, ...more });
    assert.match(message, /\S/);
    return { json, headers };
  }

  test('somebody registers, reads the mail, and is signed in with both tokens', async () => {
    const ada = somebody(stack);
    const sourceAppUrl = 'https://app.mana.how/welcome';
    const { user, token } = await ok(call('POST', '/register', { json: { email: ada.email, password: PASSWORD, sourceAppUrl } }));
    assert.deepEqual([token, user.emailVerified, user.name], [null, false, ada.email.split('@')[0]]);
    await refused(call('POST', '/login', { json: { email: ada.email, password: PASSWORD } }), 403, 'EMAIL_NOT_VERIFIED');
    const link = new URL(await stack.mail.link(ada.email, '/api/auth/verify-email'));
    assert.equal(link.searchParams.get('callbackURL'), sourceAppUrl, 'the mail leads back to the app');
    const opened = await new Client(stack.url).get(link.href);
    assert.deepEqual([opened.status, opened.headers.location], [302, sourceAppUrl]);
    const signedIn = await login({ ...ada, password: PASSWORD });
    assert.deepEqual(Object.keys(signedIn), ['redirect', 'token', 'user', 'accessToken', 'refreshToken']);
    assert.equal(signedIn.accessToken.split('.').length, 3);
  });

  test('an app that is not ours gets no link back, and the sign-up is as good as any', async () => {
    const ada = somebody(stack);
    await ok(call('POST', '/register', { json: { email: ada.email, password: PASSWORD, sourceAppUrl: 'https://evil.example' } }));
    const link = new URL(await stack.mail.link(ada.email, '/api/auth/verify-email'));
    assert.equal(link.searchParams.get('callbackURL'), '/');
  });

  test('what is wrong with a registration is said by code', async () => {
    const register = (json) => call('POST', '/register', { json: { email: 'someone@example.com', password: PASSWORD, ...json } });
    await refused(register({ password: 'short' }), 400, 'WEAK_PASSWORD');
    await refused(register({ password: 'x'.repeat(129) }), 400, 'WEAK_PASSWORD');
    await refused(register({ password: 'password1234' }), 400, 'PASSWORD_COMPROMISED');
    await refused(register({ email: 'nobody' }), 400, 'VALIDATION');
    await refused(register({ email: undefined }), 400, 'VALIDATION');
    const notJson = await new Client(stack.url).request('POST', `${V1}/register`, {
      body: '{', headers: { 'content-type': 'application/json' },
    });
    assert.deepEqual([notJson.status, notJson.json.error, notJson.json.message], [400, 'VALIDATION', 'Invalid JSON body']);
  });

  test('an app stays signed in by its refresh token, each for one time', async () => {
    const ada = await somebodyVerified(stack);
    const first = (await login(ada)).refreshToken;
    const second = await ok(call('POST', '/refresh', { json: { refreshToken: first } }));
    assert.deepEqual(Object.keys(second), ['accessToken', 'refreshToken']);
    assert.notEqual(second.refreshToken, first);
    assert.equal((await ok(call('GET', '/profile', { bearer: second.accessToken }))).email, ada.email);
    await refused(call('POST', '/refresh', { json: { refreshToken: 'made-up' } }), 401, 'TOKEN_EXPIRED');
    await refused(call('POST', '/refresh', { json: {} }), 401, 'TOKEN_EXPIRED');
  });

  test('the shared cookie is worth tokens of its own', async () => {
    const ada = await somebodyVerified(stack);
    const tokens = await ok(ada.http.post(`${V1}/session-to-token`, undefined));
    assert.equal((await ok(call('GET', '/profile', { bearer: tokens.accessToken }))).id, ada.id);
    await ok(call('POST', '/refresh', { json: { refreshToken: tokens.refreshToken } }));
    await refused(new Client(stack.url).post(`${V1}/session-to-token`, undefined), 401, 'UNAUTHORIZED');
  });

  test('the profile is flat, and changed with the access token alone', async () => {
    const ada = await somebodyVerified(stack);
    const bearer = (await login(ada)).accessToken;
    const { id, name, email, emailVerified, role, session, user } = await ok(call('GET', '/profile', { bearer }));
    assert.deepEqual([id, name, email, emailVerified, role], [ada.id, ada.name, ada.email, true, 'user']);
    assert.deepEqual([session.userId, user.id], [ada.id, ada.id]);
    const changed = await ok(call('POST', '/profile', { bearer, json: { name: 'Augusta' } }));
    assert.deepEqual([changed.success, changed.user.name], [true, 'Augusta']);
    await refused(call('POST', '/profile', { bearer, json: {} }), 400, 'VALIDATION');
    await refused(call('POST', '/profile', { json: { name: 'x' } }), 401, 'UNAUTHORIZED');
    assert.equal((await call('GET', '/session')).text, 'null');
  });

  test('the password is changed with the access token alone, and the other devices are out', async () => {
    const ada = await somebodyVerified(stack);
    const [here, there] = [await login(ada), await login(ada)];
    const change = (json) => call('POST', '/change-password', { bearer: here.accessToken, json });
    await refused(change({ currentPassword: 'not-this-one', newPassword: OTHER_PASSWORD }), 401, 'INVALID_CREDENTIALS');
    assert.deepEqual(await ok(change({ currentPassword: PASSWORD, newPassword: OTHER_PASSWORD })), { success: true });
    await ok(call('GET', '/profile', { bearer: here.accessToken }));
    await refused(call('GET', '/profile', { bearer: there.accessToken }), 401, 'UNAUTHORIZED');
    await refused(call('POST', '/refresh', { json: { refreshToken: there.refreshToken } }), 401, 'TOKEN_EXPIRED');
  });

  test('a forgotten password is set again', async () => {
    const ada = await somebodyVerified(stack);
    const redirectTo = 'https://app.mana.how/reset';
    assert.deepEqual(await ok(call('POST', '/forgot-password', { json: { email: ada.email, redirectTo } })), { success: true });
    const link = await stack.mail.link(ada.email, '/reset-password/', { contains: '/reset-password/' });
    const opened = await new Client(stack.url).get(link);
    const token = new URL(opened.headers.location).searchParams.get('token');
    assert.equal(opened.headers.location, `${redirectTo}?token=${token}`);
    const reset = (json) => call('POST', '/reset-password', { json: { token, newPassword: OTHER_PASSWORD, ...json } });
    await refused(reset({ newPassword: 'short' }), 400, 'WEAK_PASSWORD');
    await refused(reset({ token: 'made-up' }), 400, 'TOKEN_INVALID');
    assert.deepEqual(await ok(reset({})), { success: true });
    await refused(reset({}), 400, 'TOKEN_INVALID');
    await login({ ...ada, password: OTHER_PASSWORD });
  });

  test('a verification mail is sent again, and nothing is said of addresses', async () => {
    const ada = somebody(stack);
    await ok(call('POST', '/register', { json: { email: ada.email, password: PASSWORD } }));
    for (const email of [ada.email, 'nobody-at-all@example.com']) {
      assert.deepEqual(await ok(call('POST', '/resend-verification', { json: { email } })), { success: true });
    }
    assert.equal((await stack.mail.find(ada.email, { count: 2 })).length, 2);
  });

  test('the address is changed by the link that the new one gets', async () => {
    const ada = await somebodyVerified(stack);
    const bearer = (await login(ada)).accessToken;
    const newEmail = `new-${ada.email}`;
    const change = (json) => call('POST', '/change-email', { bearer, json });
    await refused(change({}), 400, 'VALIDATION');
    await refused(change({ newEmail: ada.email }), 400, 'VALIDATION');
    assert.equal((await ok(change({ newEmail }))).success, true);
    await new Client(stack.url).get(await stack.mail.link(newEmail, '/verify-email'));
    assert.equal((await ok(call('GET', '/profile', { bearer }))).email, newEmail);
  });

  test('devices are listed and signed out by the access token', async () => {
    const ada = await somebodyVerified(stack);
    const [here, there] = [await login(ada), await login(ada)];
    const list = await ok(call('GET', '/sessions', { bearer: here.accessToken }));
    const other = list.filter(({ current }) => !current).map(({ id }) => id);
    assert.equal(list.length, other.length + 1);
    for (const id of other) await ok(call('DELETE', `/sessions/${id}`, { bearer: here.accessToken }));
    await refused(call('DELETE', `/sessions/${other[0]}`, { bearer: here.accessToken }), 404, 'NOT_FOUND');
    await refused(call('GET', '/profile', { bearer: there.accessToken }), 401, 'UNAUTHORIZED');
    await ok(call('GET', '/profile', { bearer: here.accessToken }));
  });

  test('a locked address is told for how long, in each of the SDK\'s words', async () => {
    const ada = await somebodyVerified(stack);
    for (let n = 0; n < 5; n++) {
      await refused(call('POST', '/login', { json: { email: ada.email.toUpperCase(), password: 'wrong-wrong' } }), 401, 'INVALID_CREDENTIALS');
    }
    const { status, json, headers } = await call('POST', '/login', { json: { email: ada.email, password: PASSWORD } });
    assert.deepEqual([status, json.error, json.code], [429, 'ACCOUNT_LOCKED', 'ACCOUNT_LOCKED']);
    const seconds = Number(headers['retry-after']);
    assert.ok(seconds > 1700 && seconds <= 1800, headers['retry-after']);
    assert.deepEqual([json.retryAfterSec, json.remainingSeconds], [seconds, seconds]);
  });

  test('the account is deleted by password and access token', async () => {
    const ada = await somebodyVerified(stack);
    const bearer = (await login(ada)).accessToken;
    await refused(call('DELETE', '/account', { bearer, json: { password: 'not-this-one' } }), 401, 'INVALID_CREDENTIALS');
    const gone = await ok(call('DELETE', '/account', { bearer, json: { password: PASSWORD } }));
    assert.equal(gone.success, true);
    await refused(call('GET', '/profile', { bearer }), 401, 'UNAUTHORIZED');
    await refused(call('POST', '/login', { json: { email: ada.email, password: PASSWORD } }), 401, 'INVALID_CREDENTIALS');
  });
});
