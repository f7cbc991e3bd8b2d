// Step-up authentication: what a stolen JWT and an old cookie must not do, and how their owner goes on.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, somebodySignedIn, token } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const PROGRAM = fileURLToPath(new URL('../../build/mana-auth-edge', import.meta.url));
const STEP_UP = '/api/v1/auth/step-up';

// Every route by which a signed-in user loses, or an intruder keeps, an account: method and path as in the table of routes, what is
// sent, and what a fresh session is answered.
const SENSITIVE = [
  ['POST /api/auth/change-email', { json: { newEmail: 'new@example.com' } }, 200],
  ['POST /api/v1/auth/change-email', { json: { newEmail: 'new@example.com' } }, 200],
  ['POST /api/auth/delete-user', { json: {} }, 200],
  ['DELETE /api/v1/auth/account', { json: {} }, 200],
  ['DELETE /api/v1/me/data', { json: {} }, 200],
  ['POST /api/auth/unlink-account', { json: { accountId: 'x' } }, 400],
  ['GET /api/auth/passkey/generate-register-options', {}, 200],
  ['POST /api/auth/passkey/delete-passkey', { json: { id: 'x' } }, 404],
  ['POST /api/v1/auth/passkeys/register/options', { json: {} }, 200],
  ['DELETE /api/v1/auth/passkeys/:id', {}, 404],
  ['POST /api/v1/api-keys', { json: { name: 'key' }, role: 'admin' }, 201],
  ['PUT /api/v1/admin/users/:id/role', { json: { role: 'user' }, role: 'admin' }, 404],
  ['DELETE /api/v1/admin/users/:id/data', { role: 'admin' }, 404, 'nobody is erased: the user is looked for first'],
];
// The present password is in the request, which is a proof where no second factor is on.
const WITH_PASSWORD = [
  'POST /api/auth/two-factor/enable', 'POST /api/auth/two-factor/disable', 'POST /api/auth/two-factor/get-totp-uri',
  'POST /api/auth/two-factor/generate-backup-codes', 'POST /api/auth/change-password', 'POST /api/v1/auth/change-password',
  'POST /api/auth/verify-password', 'POST /api/v1/auth/step-up', 'POST /api/v1/auth/step-up/mail',
];
// A challenge that only generate-register-options gives out.
const AFTER_OPTIONS = ['POST /api/auth/passkey/verify-registration', 'POST /api/v1/auth/passkeys/register/verify'];
// They take something from an intruder, or change nothing that protects the account.
const ORDINARY = [
  'POST /api/auth/revoke-session', 'POST /api/auth/revoke-sessions', 'POST /api/auth/revoke-other-sessions',
  'DELETE /api/v1/auth/sessions/:id', 'POST /api/v1/auth/session-to-token', 'POST /api/auth/update-user',
  'POST /api/auth/update-session', 'POST /api/auth/get-access-token', 'POST /api/auth/refresh-token', 'POST /api/v1/auth/profile',
  'POST /api/auth/link-social', 'DELETE /api/v1/auth/trusted-devices', 'DELETE /api/v1/auth/trusted-devices/:id',
  'POST /api/auth/oauth2/consent', 'POST /api/auth/oauth2/continue', 'POST /api/auth/oauth2/update-consent',
  'POST /api/auth/oauth2/delete-consent', 'POST /api/auth/passkey/update-passkey', 'PATCH /api/v1/auth/passkeys/:id',
  'PATCH /api/v1/me/profile', 'POST /api/v1/me/onboarding/complete', 'PATCH /api/v1/me/onboarding/reset',
  'DELETE /api/v1/api-keys/:id', 'PUT /api/v1/admin/users/:id/tier', 'DELETE /api/v1/admin/users/:id/sessions',
  'DELETE /api/v1/admin/users/:id/sessions/:sessionId', 'POST /api/v1/admin/users/:id/unlock',
  'POST /api/v1/admin/users/:id/resend-verification',
  'POST /api/auth/delete-user/callback', // the token that was mailed to the present address is the proof
];
// Organizations have their own rules, OAuth clients belong to administrators, settings are no credentials, and the vault's tests
// are beside the vault.
const ELSEWHERE = ['/api/auth/organization/', '/api/auth/oauth2/', '/api/v1/settings/', '/api/v1/me/encryption-vault/'];

const routes = spawnSync(PROGRAM, ['routes'], { encoding: 'utf8' }).stdout
  .split('\n').slice(2).filter(Boolean)
  .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim().replaceAll('`', '')))
  .map(([method, path, access]) => ({ route: `${method} ${path}`, method, path, access }));

describe('step-up authentication', () => {
  let stack;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
  });
  after(() => stack?.stop());

  const ages = (person, age = '11 minutes') =>
    stack.psql(`UPDATE auth.sessions SET proved_at = proved_at - :'age'::interval, mail_proved_at = mail_proved_at - :'age'::interval
                 WHERE user_id = :'id'`, { id: person.id, age });
  const somebodyWithRole = async (role) => {
    const person = await somebodySignedIn(stack);
    if (role) {
      stack.psql(`UPDATE auth.users SET role = :'role' WHERE id = :'id'`, { id: person.id, role });
      person.token = await token(person);
    }
    return person;
  };
  const takesBearer = (access) => !/cookie$/.test(access) || /or/.test(access);
  const send = (person, route, { json }, credential) => {
    const [method, path] = route.split(' ');
    const { access } = routes.find((row) => row.route === route);
    const bearer = credential === 'jwt' || !/cookie/.test(access) ? person.token : undefined;
    const http = bearer ? new Client(stack.url) : person.http; // a stolen JWT comes without the cookie
    return http.request(method, path.replace(/:\w+/g, 'x'), { json, bearer });
  };
  const isRefused = (answer, what) => {
    assert.equal(answer.status, 403, `${what}: ${answer.status} ${answer.text}`);
    assert.ok(answer.text.includes('STEP_UP_REQUIRED'), `${what}: ${answer.text}`);
    assert.deepEqual(answer.json.methods, ['password', 'mail'], what);
  };

  test('every route that changes something for a signed-in user is sensitive or explicitly is not', () => {
    const known = new Set([...SENSITIVE.map(([route]) => route), ...WITH_PASSWORD, ...AFTER_OPTIONS, ...ORDINARY]);
    const unknown = routes.filter(({ route, method, path, access }) => method !== 'GET' && access !== 'anybody' && !/service/i.test(access)
      && !known.has(route) && !ELSEWHERE.some((prefix) => path.startsWith(prefix)));
    assert.deepEqual(unknown.map(({ route }) => route), []);
    assert.deepEqual([...known].filter((route) => !routes.some((row) => row.route === route)), [], 'rows of routes that do not exist');
  });

  for (const [route, request, granted, note] of SENSITIVE) {
    const { access } = routes.find((row) => row.route === route) ?? { access: '' };
    for (const credential of [...(/cookie/.test(access) ? ['cookie'] : []), ...(takesBearer(access) ? ['jwt'] : [])]) {
      if (!note) test(`an old session cannot ${route} by its ${credential}`, async () => {
        const person = await somebodyWithRole(request.role);
        ages(person);
        isRefused(await send(person, route, request, credential), route);
        assert.equal(stack.psql(`SELECT count(*) FROM auth.users WHERE id = :'id' AND deleted_at IS NULL AND email = :'email'`, person), '1');
      });
      test(`a fresh session can ${route} by its ${credential}`, async () => {
        const person = await somebodyWithRole(request.role);
        const answer = await send(person, route, request, credential);
        assert.equal(answer.status, granted, answer.text);
      });
    }
  }

  test('an old admin session cannot erase another user', async () => {
    const [admin, person] = [await somebodyWithRole('admin'), await somebodySignedIn(stack)];
    const erase = () => admin.http.delete(`/api/v1/admin/users/${person.id}/data`, { bearer: admin.token });
    ages(admin);
    isRefused(await erase(), 'erase');
    assert.equal((await admin.http.post(STEP_UP, { password: PASSWORD })).status, 200);
    assert.equal((await erase()).status, 200);
  });

  test('an old session with the password in the request deletes the account, and not with a wrong one', async () => {
    const person = await somebodySignedIn(stack);
    ages(person);
    const wrong = await person.http.post('/api/auth/delete-user', { password: 'not-it-at-all' });
    assert.deepEqual([wrong.status, wrong.json.code], [400, 'INVALID_PASSWORD']);
    isRefused(await person.http.post('/api/auth/delete-user', {}), 'after a wrong password');
    assert.equal((await person.http.post('/api/auth/delete-user', { password: PASSWORD })).status, 200);
  });

  test('the password renews the proof of its own session, and of no other', async () => {
    const person = await somebodySignedIn(stack);
    const cookie = new Map(person.http.cookies);
    await signIn(person);
    ages(person);
    const wrong = await person.http.post(STEP_UP, { password: 'not-it-at-all' });
    assert.deepEqual([wrong.status, wrong.json.error], [401, 'INVALID_CREDENTIALS']);
    const right = await person.http.post(STEP_UP, { password: PASSWORD });
    assert.deepEqual([right.status, right.json.success], [200, true], right.text);
    assert.ok(Date.parse(right.json.expiresAt) > Date.now());
    assert.equal((await person.http.post('/api/auth/change-email', { newEmail: 'stepped@example.com' })).status, 200);
    person.http.cookies = cookie;
    isRefused(await person.http.post('/api/auth/change-email', { newEmail: 'stepped@example.com' }), 'the other session');
    const events = stack.sql(`SELECT metadata ->> 'method' AS method FROM auth.security_events
      WHERE user_id = :'id' AND event_type = 'STEP_UP'`, { id: person.id });
    assert.deepEqual(events, [{ method: 'password' }]);
  });

  test('verify-password of Better Auth renews the proof, too', async () => {
    const person = await somebodySignedIn(stack);
    ages(person);
    assert.equal((await person.http.post('/api/auth/verify-password', { password: PASSWORD })).status, 200);
    assert.equal((await person.http.get('/api/auth/passkey/generate-register-options')).status, 200);
  });

  test('wrong passwords of step-up count towards the lockout', async () => {
    const person = await somebodySignedIn(stack);
    for (let i = 0; i < 5; i++) await person.http.post(STEP_UP, { password: `wrong-password-${i}` });
    const events = stack.psql(`SELECT count(*) FROM auth.security_events WHERE user_id = :'id' AND event_type = 'LOGIN_FAILURE'`, { id: person.id });
    assert.equal(events, '5');
  });

  test('a mailed token proves the session that requested it, once, for its purpose', async () => {
    const person = await somebodySignedIn(stack);
    const first = new Map(person.http.cookies);
    await signIn(person);
    ages(person);
    assert.equal((await person.http.post(`${STEP_UP}/mail`, { purpose: 'make-coffee' })).status, 400);
    assert.equal((await person.http.post(`${STEP_UP}/mail`, { purpose: 'passkey' })).status, 200);
    const mail = await stack.mail.latest(person.email, { contains: '10 Minuten' });
    const code = mail.text.match(/^([A-Za-z0-9]{32})$/m)?.[1];
    assert.ok(code, mail.text);
    const second = person.http.cookies;
    person.http.cookies = first;
    assert.equal((await person.http.post(STEP_UP, { token: code })).json.error, 'TOKEN_INVALID', 'of another session');
    person.http.cookies = second;
    assert.equal((await person.http.post(STEP_UP, { token: code })).status, 200);
    assert.equal((await person.http.post(STEP_UP, { token: code })).json.error, 'TOKEN_INVALID', 'a second time');
    assert.equal((await person.http.get('/api/auth/passkey/generate-register-options')).status, 200);
    isRefused(await person.http.post('/api/auth/change-email', { newEmail: 'x@example.com' }), 'another purpose');
    ages(person);
    isRefused(await person.http.get('/api/auth/passkey/generate-register-options'), 'later');
  });

  test('a mailed token ends with the session that requested it', async () => {
    const person = await somebodySignedIn(stack);
    assert.equal((await person.http.post(`${STEP_UP}/mail`, { purpose: 'passkey' })).status, 200);
    assert.equal((await person.http.post('/api/auth/sign-out', {})).status, 200);
    assert.equal(stack.psql(`SELECT count(*) FROM auth.verification WHERE user_id = :'id' AND identifier LIKE 'step-up:%'`, { id: person.id }), '0');
  });

  test('step-up takes exactly one proof, and refuses strangers', async () => {
    const person = await somebodySignedIn(stack);
    for (const body of [{}, { password: PASSWORD, code: '123456' }])
      assert.equal((await person.http.post(STEP_UP, body)).status, 400);
    person.http.cookies.clear();
    assert.equal((await person.http.post(STEP_UP, { password: PASSWORD })).status, 401);
  });

  test('a code of a user without a second factor proves nothing', async () => {
    const person = await somebodySignedIn(stack);
    const answer = await person.http.post(STEP_UP, { code: '123456' });
    assert.deepEqual([answer.status, answer.json.error], [400, 'TWO_FACTOR_NOT_ENABLED']);
  });

  test('where a second factor is on, the password alone neither renews the proof nor gives the factor up', async () => {
    const person = await somebodySignedIn(stack);
    const enabled = await person.http.post('/api/auth/two-factor/enable', { password: PASSWORD, method: 'otp' });
    assert.equal(enabled.status, 200, enabled.text);
    ages(person);
    const alone = await person.http.post(STEP_UP, { password: PASSWORD });
    assert.deepEqual([alone.status, alone.json.error, alone.json.methods], [401, 'TWO_FACTOR_REQUIRED', ['otp']]);
    const refused = await person.http.post('/api/auth/two-factor/disable', { password: PASSWORD });
    assert.deepEqual([refused.status, refused.json.code, refused.json.methods], [403, 'STEP_UP_REQUIRED', ['otp']]);
    const mailed = await person.http.post(`${STEP_UP}/mail`, { purpose: 'two-factor' });
    assert.deepEqual([mailed.status, mailed.json.error], [403, 'STEP_UP_REQUIRED']);
    assert.equal((await person.http.post('/api/auth/two-factor/send-otp', {})).status, 200);
    const mail = await stack.mail.latest(person.email, { contains: 'Code' });
    const code = mail.text.match(/\b(\d{6})\b/)[1];
    assert.equal((await person.http.post(STEP_UP, { code: '000000' === code ? '000001' : '000000' })).json.error, 'INVALID_CODE');
    const right = await person.http.post(STEP_UP, { code });
    assert.equal(right.status, 200, right.text);
    assert.equal((await person.http.post('/api/auth/two-factor/disable', { password: PASSWORD })).status, 200);
  });
});
