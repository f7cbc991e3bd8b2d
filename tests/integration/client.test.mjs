// The official client of Better Auth, unchanged, from sign-up to deletion: what it offers of the core. Each call is also
// looked at from outside, for a client that throws nothing proves little.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { betterAuth, granted } from './lib/client.mjs';
import { Client } from './lib/http.mjs';
import { PASSWORD, somebody } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const OTHER_PASSWORD = 'amber-glacier-beneath-7-owls';

/** Every path of the core that a client may call. Each must have been called when all tests are over. */
const CORE = [
  'account-info', 'change-email', 'change-password', 'delete-user', 'delete-user/callback', 'get-access-token',
  'get-session', 'link-social', 'list-accounts', 'list-sessions', 'ok', 'refresh-token', 'request-password-reset',
  'reset-password', 'revoke-other-sessions', 'revoke-session', 'revoke-sessions', 'send-verification-email',
  'sign-in/email', 'sign-in/social', 'sign-out', 'sign-up/email', 'unlink-account', 'update-session', 'update-user',
  'verify-email', 'verify-password',
];

describe('the official client', () => {
  let stack, ada, auth;
  const called = new Set();

  before(async () => {
    stack = await startStack({}, UNLIMITED);
    ada = somebody(stack);
    auth = browser(ada.http);
  });
  after(() => stack?.stop());

  /** A client in a browser of its own, whose calls are remembered. */
  function browser(http = new Client(stack.url)) {
    return betterAuth(stack, http, { called });
  }

  async function refused(promise, status, code) {
    const { data, error } = await promise;
    assert.equal(data, null);
    assert.deepEqual({ status: error.status, code: error.code }, { status, code });
  }

  async function tokenMailed(to, part, options) {
    const link = new URL(await stack.mail.link(to, part, { contains: part, ...options }));
    return link.searchParams.get('token') ?? link.pathname.split('/').at(-1);
  }

  async function signedInElsewhere() {
    const elsewhere = browser();
    granted(await elsewhere.signIn.email({ email: ada.email, password: ada.password }));
    return elsewhere;
  }

  test('finds the service', async () => {
    assert.deepEqual(granted(await auth.ok()), { ok: true });
    assert.equal(granted(await auth.getSession()), null);
  });

  test('signs somebody up', async () => {
    const { token, user } = granted(await auth.signUp.email({ name: ada.name, email: ada.email, password: PASSWORD }));
    assert.deepEqual([token, user.email, user.emailVerified], [null, ada.email, false]);
    assert.ok(user.createdAt instanceof Date, 'the client understands our times');
    ada.id = user.id;
    await refused(auth.signUp.email({ name: 'x', email: 'no address', password: PASSWORD }), 400, 'VALIDATION_ERROR');
    await refused(auth.signUp.email({ name: 'x', email: 'x@example.com', password: 'short' }), 400, 'PASSWORD_TOO_SHORT');
  });

  test('asks for another verification mail, and verifies', async () => {
    await refused(auth.signIn.email({ email: ada.email, password: PASSWORD }), 403, 'EMAIL_NOT_VERIFIED');
    const first = await tokenMailed(ada.email, '/verify-email');
    assert.deepEqual(granted(await auth.sendVerificationEmail({ email: ada.email })), { status: true });
    const second = await tokenMailed(ada.email, '/verify-email', { count: 2 });
    assert.notEqual(second, first);
    await refused(auth.verifyEmail({ query: { token: first } }), 401, 'INVALID_TOKEN');
    assert.equal(granted(await auth.verifyEmail({ query: { token: second } })).status, true);
    assert.equal(granted(await auth.getSession()).user.emailVerified, true);
  });

  test('signs out and in', async () => {
    assert.deepEqual(granted(await auth.signOut()), { success: true });
    assert.equal(granted(await auth.getSession()), null);
    await refused(auth.signIn.email({ email: ada.email, password: 'wrong-wrong' }), 401, 'INVALID_EMAIL_OR_PASSWORD');
    const { token, user } = granted(await auth.signIn.email({ email: ada.email, password: PASSWORD, rememberMe: true }));
    const { session } = granted(await auth.getSession());
    assert.deepEqual([session.token, session.userId], [token, user.id]);
    assert.ok(session.expiresAt instanceof Date);
  });

  test('shows the session to a page that waits for it', async () => {
    const shown = await new Promise((resolve) => {
      const stop = auth.useSession.subscribe((state) => {
        if (state.isPending) return;
        setImmediate(() => stop());
        resolve(state);
      });
      auth.$store.notify('$sessionSignal'); // outside of a browser the client asks only when the session may have changed
    });
    assert.deepEqual([shown.error, shown.data.user.id], [null, ada.id]);
  });

  test('changes name and picture, and nothing else', async () => {
    assert.deepEqual(granted(await auth.updateUser({ name: 'Augusta Ada', image: 'https://example.com/ada.png' })), { status: true });
    const { user } = granted(await auth.getSession());
    assert.deepEqual([user.name, user.image], ['Augusta Ada', 'https://example.com/ada.png']);
    await refused(auth.updateUser({ email: 'else@example.com' }), 400, 'EMAIL_CAN_NOT_BE_UPDATED');
    await refused(auth.updateUser({ name: 'Ada', accessTier: 'founder' }), 400, 'FIELD_NOT_ALLOWED');
    const answer = await auth.updateSession({ activeOrganizationId: 'any' });
    assert.ok(answer.error, 'a session has no field that its owner sets');
  });

  test('lists sessions and ends them', async () => {
    const phone = await signedInElsewhere();
    const tablet = await signedInElsewhere();
    const own = granted(await auth.getSession()).session;
    const listed = granted(await auth.listSessions());
    assert.equal(listed.length, 3);
    const phoneId = granted(await phone.getSession()).session.id;
    const handle = listed.find(({ id }) => id === phoneId).token;
    assert.deepEqual(granted(await auth.revokeSession({ token: handle })), { status: true });
    assert.equal(granted(await phone.getSession()), null);
    assert.notEqual(granted(await tablet.getSession()), null);
    assert.deepEqual(granted(await auth.revokeOtherSessions()), { status: true });
    assert.equal(granted(await tablet.getSession()), null);
    assert.deepEqual(granted(await auth.listSessions()).map(({ id }) => id), [own.id]);
    assert.deepEqual(granted(await auth.revokeSessions()), { status: true });
    assert.equal(granted(await auth.getSession()), null);
    await refused(auth.listSessions(), 401, 'UNAUTHORIZED');
    granted(await auth.signIn.email({ email: ada.email, password: PASSWORD }));
  });

  test('changes the password', async () => {
    const phone = await signedInElsewhere();
    assert.deepEqual(granted(await auth.verifyPassword({ password: PASSWORD })), { status: true });
    await refused(auth.verifyPassword({ password: 'not-this-one' }), 400, 'INVALID_PASSWORD');
    const passwords = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD };
    await refused(auth.changePassword({ ...passwords, currentPassword: 'not-this-one' }), 400, 'INVALID_PASSWORD');
    const { token, user } = granted(await auth.changePassword({ ...passwords, revokeOtherSessions: true }));
    assert.deepEqual([typeof token, user.id], ['string', ada.id]);
    assert.equal(granted(await phone.getSession()), null);
    assert.equal(granted(await auth.getSession()).session.token, token);
    ada.password = OTHER_PASSWORD;
  });

  test('sets a forgotten password by the mailed link', async () => {
    const asked = granted(await auth.requestPasswordReset({ email: ada.email, redirectTo: '/reset-password' }));
    assert.equal(asked.status, true);
    const token = await tokenMailed(ada.email, '/reset-password/');
    await refused(auth.resetPassword({ newPassword: PASSWORD, token: 'made-up' }), 400, 'INVALID_TOKEN');
    assert.deepEqual(granted(await auth.resetPassword({ newPassword: PASSWORD, token })), { status: true });
    await refused(auth.resetPassword({ newPassword: PASSWORD, token }), 400, 'INVALID_TOKEN');
    assert.equal(granted(await auth.getSession()), null, 'a reset ends every session');
    ada.password = PASSWORD;
    granted(await auth.signIn.email({ email: ada.email, password: PASSWORD }));
  });

  test('changes the address', async () => {
    const newEmail = `new-${ada.email}`;
    assert.deepEqual(granted(await auth.changeEmail({ newEmail, callbackURL: '/' })), { status: true });
    const token = await tokenMailed(newEmail, '/verify-email');
    assert.equal(granted(await auth.verifyEmail({ query: { token } })).user.email, newEmail);
    assert.equal(granted(await auth.getSession()).user.email, newEmail);
    ada.email = newEmail;
  });

  test('lists ways in, and keeps the last', async () => {
    const [account, ...more] = granted(await auth.listAccounts());
    assert.deepEqual([account.providerId, account.accountId, more], ['credential', ada.id, []]);
    await refused(auth.unlinkAccount({ accountId: account.id }), 400, 'FAILED_TO_UNLINK_LAST_ACCOUNT');
    stack.psql(`INSERT INTO auth.accounts (account_id, provider_id, user_id) VALUES ('x', 'elsewhere', :'id')`, { id: ada.id });
    const [, elsewhere] = granted(await auth.listAccounts());
    assert.deepEqual(granted(await auth.unlinkAccount({ accountId: elsewhere.id })), { status: true });
    assert.deepEqual(granted(await auth.listAccounts()).map(({ id }) => id), [account.id]);
  });

  test('is told that there is no way in by another service', async () => {
    await refused(auth.signIn.social({ provider: 'google' }), 404, 'PROVIDER_NOT_FOUND');
    await refused(auth.linkSocial({ provider: 'google' }), 404, 'PROVIDER_NOT_FOUND');
    const [{ id }] = granted(await auth.listAccounts());
    await refused(auth.getAccessToken({ accountId: id }), 400, 'PROVIDER_NOT_SUPPORTED');
    await refused(auth.refreshToken({ accountId: id }), 400, 'PROVIDER_NOT_SUPPORTED');
    await refused(auth.accountInfo({ query: { accountId: id } }), 400, 'PROVIDER_NOT_CONFIGURED');
    await refused(auth.accountInfo({ query: { accountId: 'nobody' } }), 400, 'ACCOUNT_NOT_FOUND');
  });

  test('deletes the account by the mailed link', async () => {
    stack.psql(`UPDATE auth.sessions SET proved_at = proved_at - interval '11 minutes' WHERE user_id = :'id'`, { id: ada.id });
    await refused(auth.deleteUser({ password: 'not-this-one' }), 400, 'INVALID_PASSWORD');
    const asked = granted(await auth.deleteUser({ callbackURL: '/' }));
    assert.deepEqual([asked.success, asked.message], [true, 'Verification email sent']);
    const token = await tokenMailed(ada.email, '/delete-user/callback');
    await refused(auth.deleteUser.callback({ query: { token: 'made-up' } }), 404, 'INVALID_TOKEN');
    assert.equal(granted(await auth.deleteUser.callback({ query: { token } })).success, true);
    assert.equal(granted(await auth.getSession()), null);
    assert.deepEqual(stack.sql(`SELECT id FROM auth.users WHERE id = :'id'`, { id: ada.id }), []);
    await refused(auth.signIn.email({ email: ada.email, password: PASSWORD }), 401, 'INVALID_EMAIL_OR_PASSWORD');
  });

  test('has called everything there is', () => {
    assert.deepEqual(CORE.filter((path) => !called.has(`/api/auth/${path}`)), []);
  });
});
