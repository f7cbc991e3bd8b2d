// Step-up authentication: what a stolen JWT and an old cookie must not do, and how their owner goes on.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Authenticator, FLAG } from './lib/authenticator.mjs';
import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, somebodySignedIn, token } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const PROGRAM = fileURLToPath(new URL('../../build/mana-auth-edge', import.meta.url));
const STEP_UP = '/api/v1/auth/step-up';

const somebodysOrganization = async (person) => {
  const slug = `guild-${person.id.toLowerCase()}`;
  const made = await person.http.post('/api/auth/organization/create', { name: 'Guild', slug });
  assert.equal(made.status, 200, made.text);
  return { organizationId: made.json.id, memberId: made.json.members[0].id };
};
const redirect_uris = ['https://app.example/callback'];

// Sensitive by effect: a credential is made, access is widened, something is lost for good, or another person's account is changed.
// Method and path as in the table of routes, what is sent (a function gets the person while the session is fresh), and what a fresh
// session is answered.
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
  ['POST /api/v1/api-keys', { json: { name: 'key' } }, 201],
  ['POST /api/auth/organization/delete', { json: somebodysOrganization }, 200],
  ['POST /api/auth/organization/update-member-role', { json: async (person) => ({ role: 'owner', ...await somebodysOrganization(person) }) }, 200],
  ['POST /api/auth/organization/invite-member',
    { json: async (person) => ({ email: 'thief@example.com', role: 'admin', ...await somebodysOrganization(person) }) }, 200],
  ['POST /api/auth/oauth2/create-client', { json: { redirect_uris }, role: 'admin' }, 201],
  ['POST /api/auth/oauth2/register', { json: { redirect_uris }, role: 'admin', by: 'cookie' }, 201],
  ['POST /api/auth/oauth2/update-client', { json: { client_id: 'x', update: { redirect_uris } }, role: 'admin' }, 404],
  ['POST /api/auth/oauth2/client/rotate-secret', { json: { client_id: 'x' }, role: 'admin' }, 404],
  ['POST /api/auth/oauth2/delete-client', { json: { client_id: 'x' }, role: 'admin' }, 404],
  ['PUT /api/v1/admin/users/:id/role', { json: { role: 'user' }, role: 'admin' }, 404],
  ['PUT /api/v1/admin/users/:id/tier', { json: { tier: 'founder' }, role: 'admin' }, 404],
  ['POST /api/v1/admin/users/:id/unlock', { json: {}, role: 'admin' }, 404],
  ['DELETE /api/v1/admin/users/:id/data', { role: 'admin' }, 404, 'nobody is erased: the user is looked for first'],
];
// Sensitive, and tested elsewhere: in this file by name, or in vault_undo and vault_zero_knowledge.
const SENSITIVE_ELSEWHERE = [
  'POST /api/auth/two-factor/enable', 'POST /api/auth/two-factor/disable', 'POST /api/auth/two-factor/get-totp-uri',
  'POST /api/auth/two-factor/generate-backup-codes', 'POST /api/auth/change-password', 'POST /api/v1/auth/change-password',
  'POST /api/v1/me/encryption-vault/rotate', 'POST /api/v1/me/encryption-vault/recovery-wrap',
  'DELETE /api/v1/me/encryption-vault/recovery-wrap', 'POST /api/v1/me/encryption-vault/zero-knowledge',
  'POST /api/v1/me/encryption-vault/restore',
];
// Every other route, with the reason why it needs no step-up.
const ORDINARY = {
  'is how a session gets a proof': ['POST /api/auth/verify-password', 'POST /api/v1/auth/step-up', 'POST /api/v1/auth/step-up/mail',
    'POST /api/v1/auth/step-up/passkey'],
  'carries a challenge that only a route with step-up gives out': [
    'POST /api/auth/passkey/verify-registration', 'POST /api/v1/auth/passkeys/register/verify',
  ],
  'carries its own proof: a password, a code, a passkey, a token that was mailed, a secret of a client or a service': [
    'POST /api/auth/sign-in/email', 'POST /api/v1/auth/login', 'POST /login', 'POST /confirm-sign-up',
    'GET /api/auth/verify-email', 'POST /api/auth/verify-email', 'GET /api/auth/magic-link/verify', 'POST /api/auth/magic-link/verify',
    'GET /api/auth/revert-email-change', 'POST /api/auth/revert-email-change',
    'GET /api/auth/delete-user/callback', 'POST /api/auth/delete-user/callback',
    'GET /api/auth/reset-password/:token', 'POST /api/auth/reset-password', 'POST /api/v1/auth/reset-password', 'POST /reset-password',
    'POST /api/auth/two-factor/verify-totp', 'POST /api/auth/two-factor/verify-otp', 'POST /api/auth/two-factor/verify-backup-code',
    'POST /two-factor', 'POST /api/auth/passkey/verify-authentication', 'POST /api/v1/auth/passkeys/authenticate/verify',
    'POST /api/v1/auth/refresh', 'POST /api/auth/oauth2/token', 'POST /api/auth/oauth2/introspect', 'POST /api/auth/oauth2/revoke',
    'POST /api/v1/api-keys/validate', 'POST /api/v1/auth/validate',
    'GET /api/v1/internal/org/:orgId/member/:userId', 'GET /api/v1/internal/users/:userId/memberships',
  ],
  'is open to everybody, and changes nothing for a signed-in user': [
    'POST /api/auth/sign-up/email', 'POST /api/v1/auth/register', 'POST /sign-up', 'POST /api/auth/sign-in/social',
    'GET /api/auth/callback/:provider', 'POST /api/auth/callback/:provider', 'POST /api/auth/link-social',
    'POST /api/auth/request-password-reset', 'POST /api/v1/auth/forgot-password', 'POST /forgot-password',
    'POST /api/auth/send-verification-email', 'POST /api/v1/auth/resend-verification', 'POST /api/auth/sign-in/magic-link',
    'POST /api/auth/magic-link/send-magic-link', 'POST /login-link', 'POST /api/auth/two-factor/send-otp', 'POST /two-factor/mail',
    'GET /api/auth/passkey/generate-authenticate-options', 'POST /api/v1/auth/passkeys/authenticate/options',
    'POST /api/auth/oauth2/public-client-prelogin',
  ],
  'takes something from an intruder, and must not wait: whoever loses a session signs in again': [
    'POST /api/auth/sign-out', 'POST /api/v1/auth/logout', 'POST /api/auth/revoke-session', 'POST /api/auth/revoke-sessions',
    'POST /api/auth/revoke-other-sessions', 'DELETE /api/v1/auth/sessions/:id', 'DELETE /api/v1/auth/trusted-devices',
    'DELETE /api/v1/auth/trusted-devices/:id', 'DELETE /api/v1/api-keys/:id', 'POST /api/auth/oauth2/delete-consent',
    'DELETE /api/v1/admin/users/:id/sessions', 'DELETE /api/v1/admin/users/:id/sessions/:sessionId',
    'GET /api/auth/oauth2/end-session', 'POST /api/auth/oauth2/end-session', 'GET /api/auth/oauth2/endsession',
    'POST /api/auth/oauth2/endsession', 'POST /api/auth/oauth2/end-session/confirm',
    'POST /api/auth/organization/remove-member', 'POST /api/auth/organization/cancel-invitation', 'POST /api/auth/organization/leave',
    'POST /api/auth/organization/reject-invitation',
  ],
  'changes what its user can change back, and no access': [
    'POST /api/auth/update-user', 'POST /api/auth/update-session', 'POST /api/v1/auth/profile', 'PATCH /api/v1/me/profile',
    'POST /api/v1/me/onboarding/complete', 'PATCH /api/v1/me/onboarding/reset', 'POST /api/auth/passkey/update-passkey',
    'PATCH /api/v1/auth/passkeys/:id', 'PATCH /api/v1/settings/global', 'PATCH /api/v1/settings/app/:appId',
    'DELETE /api/v1/settings/app/:appId', 'PATCH /api/v1/settings/device/:deviceId/:appId', 'DELETE /api/v1/settings/device/:deviceId',
    'POST /api/auth/organization/create', 'POST /api/auth/organization/update', 'POST /api/auth/organization/set-active',
    'POST /api/v1/me/encryption-vault/init', // only where there is no key
  ],
  'is offered by somebody else to the address of the caller': [
    'POST /api/auth/organization/accept-invitation', 'GET /accept-invitation', 'POST /accept-invitation',
  ],
  'mails the holder of an address, who decides': ['POST /api/v1/admin/users/:id/resend-verification'],
  'gives a client that an administrator registered what ends with the session; more only from a recent sign-in (oidc.test.mjs)': [
    'GET /api/auth/oauth2/authorize', 'POST /api/auth/oauth2/authorize', 'POST /api/auth/oauth2/consent',
    'POST /api/auth/oauth2/continue', 'POST /api/auth/oauth2/update-consent', 'GET /consent', 'POST /consent',
  ],
  'gives a token that ends with the session': ['GET /api/auth/token', 'POST /api/v1/auth/session-to-token'],
  'reads': [
    'GET /', 'GET /health', 'GET /health/ready', 'GET /api/auth/ok', 'GET /api/auth/error', 'GET /api/auth/get-session',
    'POST /api/auth/get-session', 'GET /api/auth/jwks', 'GET /api/v1/auth/session', 'GET /api/v1/auth/jwks',
    'GET /api/auth/list-sessions', 'GET /api/v1/auth/sessions', 'GET /api/auth/list-accounts', 'GET /api/auth/account-info',
    'POST /api/auth/get-access-token', 'POST /api/auth/refresh-token', 'GET /api/v1/auth/profile', 'GET /api/v1/auth/security-events',
    'GET /api/v1/auth/signup-status', 'GET /api/auth/organization/get-organization', 'GET /api/auth/organization/get-full-organization',
    'GET /api/auth/organization/list', 'GET /api/auth/organization/get-invitation', 'GET /api/auth/organization/list-invitations',
    'GET /api/auth/organization/list-user-invitations', 'GET /api/auth/organization/get-active-member',
    'GET /api/auth/organization/get-active-member-role', 'GET /api/auth/organization/list-members',
    'POST /api/auth/organization/check-slug', 'POST /api/auth/organization/has-permission', 'GET /api/v1/auth/trusted-devices',
    'GET /.well-known/openid-configuration', 'GET /.well-known/oauth-authorization-server',
    'GET /api/auth/.well-known/openid-configuration', 'GET /api/auth/oauth2/userinfo', 'POST /api/auth/oauth2/userinfo',
    'GET /api/auth/oauth2/get-client', 'GET /api/auth/oauth2/get-clients', 'GET /api/auth/oauth2/public-client',
    'GET /api/auth/oauth2/client/:client_id', 'GET /api/auth/oauth2/get-consents', 'GET /api/auth/oauth2/get-consent',
    'GET /api/auth/passkey/list-user-passkeys', 'GET /api/v1/auth/passkeys/capability', 'GET /api/v1/auth/passkeys',
    'GET /api/v1/me/onboarding', 'GET /api/v1/settings', 'GET /api/v1/settings/devices', 'GET /api/v1/api-keys', 'GET /login',
    'GET /passkey.js', 'GET /two-factor', 'GET /sign-up', 'GET /forgot-password', 'GET /reset-password', 'GET /sign-out',
    'GET /signed-out', 'GET /signed-in', 'GET /form-post', 'GET /form-post.js', 'GET /api/v1/me/data',
    'GET /api/v1/me/data/export', 'GET /api/v1/me/data/erasure/:id',
    'GET /api/v1/admin/users', 'GET /api/v1/admin/stats', 'GET /api/v1/admin/security-events', 'GET /api/v1/admin/users/:id/tier',
    'GET /api/v1/admin/users/:id/security-events', 'GET /api/v1/admin/users/:id/sessions', 'GET /api/v1/admin/users/:id/data',
    'GET /api/v1/me/encryption-vault/status', 'GET /api/v1/me/encryption-vault/key', 'GET /api/v1/me/encryption-vault/restore',
  ],
};

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
  const jsonOf = async ({ json }, person) => (typeof json === 'function' ? json(person) : json);
  const takesBearer = (access) => !/cookie$/.test(access) || /or/.test(access);
  const send = (person, route, { json }, credential) => {
    const [method, path] = route.split(' ');
    const { access } = routes.find((row) => row.route === route);
    const bearer = credential === 'jwt' || (credential !== 'cookie' && !/cookie/.test(access)) ? person.token : undefined;
    const http = bearer ? new Client(stack.url) : person.http; // a stolen JWT comes without the cookie
    return http.request(method, path.replace(/:\w+/g, 'x'), { json, bearer });
  };
  const isRefused = (answer, what) => {
    assert.equal(answer.status, 403, `${what}: ${answer.status} ${answer.text}`);
    // the second in the form of OAuth: RFC 9470
    assert.match(answer.text, /STEP_UP_REQUIRED|insufficient_user_authentication/, what);
    assert.deepEqual(answer.json.methods, ['password', 'mail'], what);
  };

  test('every route is sensitive, or ordinary for a reason', () => {
    const judged = [...SENSITIVE.map(([route]) => route), ...SENSITIVE_ELSEWHERE, ...Object.values(ORDINARY).flat()];
    const known = new Set(judged);
    assert.deepEqual(routes.map(({ route }) => route).filter((route) => !known.has(route)), []);
    assert.deepEqual([...known].filter((route) => !routes.some((row) => row.route === route)), [], 'rows of routes that do not exist');
    assert.deepEqual(judged.filter((route, i) => judged.indexOf(route) !== i), [], 'judged twice');
  });

  for (const [route, request, granted, note] of SENSITIVE) {
    const { access } = routes.find((row) => row.route === route) ?? { access: '' };
    for (const credential of request.by ? [request.by] : [...(/cookie/.test(access) ? ['cookie'] : []), ...(takesBearer(access) ? ['jwt'] : [])]) {
      if (!note) test(`an old session cannot ${route} by its ${credential}`, async () => {
        const person = await somebodyWithRole(request.role);
        const json = await jsonOf(request, person);
        ages(person);
        isRefused(await send(person, route, { json }, credential), route);
        assert.equal(stack.psql(`SELECT count(*) FROM auth.users WHERE id = :'id' AND deleted_at IS NULL AND email = :'email'`, person), '1');
      });
      test(`a fresh session can ${route} by its ${credential}`, async () => {
        const person = await somebodyWithRole(request.role);
        const answer = await send(person, route, { json: await jsonOf(request, person) }, credential);
        assert.equal(answer.status, granted, answer.text);
      });
    }
  }

  test('an old session of an owner still invites a plain member', async () => {
    const person = await somebodySignedIn(stack);
    const { organizationId } = await somebodysOrganization(person);
    ages(person);
    const invite = (role) => person.http.post('/api/auth/organization/invite-member', { email: `${[role].flat().join('-')}@example.com`, role, organizationId });
    assert.equal((await invite('member')).status, 200);
    for (const role of ['owner', ['member', 'admin']]) isRefused(await invite(role), String(role));
  });

  test('an old session cannot raise a pending invitation by sending it again', async () => {
    const person = await somebodySignedIn(stack);
    const { organizationId } = await somebodysOrganization(person);
    const invite = (more) => person.http.post('/api/auth/organization/invite-member', { email: 'twice@example.com', organizationId, ...more });
    assert.equal((await invite({ role: 'member' })).status, 200);
    ages(person);
    isRefused(await invite({ role: 'owner', resend: true }), 'resend');
    assert.equal(stack.psql(`SELECT role FROM auth.invitations WHERE organization_id = :'id'`, { id: organizationId }), 'member');
  });

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

  describe('a passkey', () => {
    const PASSKEY = '/api/auth/passkey';
    const somebodyWithPasskey = async () => {
      const person = await somebodySignedIn(stack);
      person.authenticator = new Authenticator(stack.url);
      const options = await person.http.get(`${PASSKEY}/generate-register-options`);
      const response = await person.authenticator.create(options.json);
      assert.equal((await person.http.post(`${PASSKEY}/verify-registration`, { response })).status, 200);
      ages(person);
      return person;
    };
    const optionsOf = async (person, purpose = 'change-email') => {
      const answer = await person.http.post(`${STEP_UP}/passkey`, { purpose });
      assert.equal(answer.status, 200, answer.text);
      return answer.json;
    };
    const prove = (person, passkey) => person.http.post(STEP_UP, { passkey });
    const change = (person) => person.http.post('/api/auth/change-email', { newEmail: 'passkey@example.com' });

    test('proves its session for the purpose of the challenge, once', async () => {
      const person = await somebodyWithPasskey();
      const options = await optionsOf(person);
      assert.deepEqual([options.userVerification, options.allowCredentials.length], ['required', 1]);
      const passkey = await person.authenticator.get(options);
      const proven = await prove(person, passkey);
      assert.deepEqual([proven.status, proven.json.success], [200, true], proven.text);
      assert.equal((await change(person)).status, 200);
      assert.equal((await person.http.post('/api/auth/delete-user', {})).json.code, 'STEP_UP_REQUIRED', 'another purpose');
      assert.equal((await prove(person, passkey)).json.error, 'CHALLENGE_NOT_FOUND', 'a second time');
      stack.psql(`UPDATE auth.sessions SET passkey_proved_at = passkey_proved_at - interval '11 minutes' WHERE user_id = :'id'`, person);
      assert.equal((await change(person)).json.code, 'STEP_UP_REQUIRED', 'later');
      assert.equal(stack.psql(`SELECT metadata ->> 'method' FROM auth.security_events WHERE user_id = :'id' AND event_type = 'STEP_UP'`, person), 'passkey');
    });

    test('proves nothing that was merely touched, or that another origin, challenge or user answered', async () => {
      const [person, other] = [await somebodyWithPasskey(), await somebodyWithPasskey()];
      for (const [what, make, error] of [
        ['touched', (options) => person.authenticator.get(options, { flags: FLAG.present }), 'PASSKEY_VERIFICATION_FAILED'],
        ['origin', (options) => person.authenticator.get(options, { origin: 'https://evil.example' }), 'PASSKEY_VERIFICATION_FAILED'],
        ['challenge', (options) => person.authenticator.get(options, { challenge: 'AAAA' }), 'PASSKEY_VERIFICATION_FAILED'],
        ['user', (options) => other.authenticator.get(options), 'PASSKEY_VERIFICATION_FAILED'],
        ['nonsense', () => ({ id: 'x' }), 'PASSKEY_VERIFICATION_FAILED'],
      ]) {
        const answer = await prove(person, await make(await optionsOf(person)));
        assert.equal(answer.json.error, error, `${what}: ${answer.text}`);
        assert.equal((await change(person)).json.code, 'STEP_UP_REQUIRED', what);
      }
    });

    test('answers a challenge of its own session and ceremony only', async () => {
      const person = await somebodyWithPasskey();
      const first = new Map(person.http.cookies);
      const asked = await person.authenticator.get(await optionsOf(person));
      const challenge = [...person.http.cookies].filter(([name]) => name.endsWith('passkey'));
      assert.equal(challenge.length, 1);
      await signIn(person);
      ages(person);
      for (const [name, value] of challenge) person.http.cookies.set(name, value);
      assert.equal((await prove(person, asked)).json.error, 'CHALLENGE_NOT_FOUND', 'of another session');
      const signingIn = await person.http.get(`${PASSKEY}/generate-authenticate-options`);
      assert.equal((await prove(person, await person.authenticator.get(signingIn.json))).json.error, 'CHALLENGE_NOT_FOUND', 'of a sign-in');
      const response = await person.authenticator.get(await optionsOf(person));
      assert.equal((await person.http.post(`${PASSKEY}/verify-authentication`, { response })).json.code, 'CHALLENGE_NOT_FOUND', 'in a sign-in');
      person.http.cookies = first;
      assert.equal((await change(person)).json.code, 'STEP_UP_REQUIRED');
    });

    test('is asked for by who has one, for a purpose that exists', async () => {
      const person = await somebodySignedIn(stack);
      assert.equal((await person.http.post(`${STEP_UP}/passkey`, { purpose: 'change-email' })).status, 404);
      assert.equal((await person.http.post(`${STEP_UP}/passkey`, { purpose: 'make-coffee' })).status, 400);
      assert.equal((await new Client(stack.url).post(`${STEP_UP}/passkey`, { purpose: 'change-email' })).status, 401);
    });
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
