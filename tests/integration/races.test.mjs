// Fifty identical requests at once, over real connections and two workers, for everything of the core that works once:
// exactly one wins, the others get the ordinary refusal, and nobody a 500.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, signUp, somebody, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { anotherEdge, startStack, UNLIMITED } from './lib/stack.mjs';

const AT_ONCE = 50;

describe('fifty at once', () => {
  let stack;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
  });
  after(() => stack?.stop());

  /** Sends them; `what` makes the nth request of a client of its own with those cookies. */
  const atOnce = (what, cookies = new Map()) => Promise.all(Array.from({ length: AT_ONCE }, (_, n) =>
    what(Object.assign(new Client(stack.url), { cookies: new Map(cookies) }), n)));

  /** How often each answer came; `show` says what is told apart. */
  const tally = (answers, show = ({ status, json }) => `${status} ${json?.code ?? ''}`.trim()) => {
    const counts = {};
    for (const answer of answers) counts[show(answer)] = (counts[show(answer)] ?? 0) + 1;
    return counts;
  };
  const where = ({ status, headers }) => `${status} ${headers.location ?? ''}`.trim();
  const count = (text, variables) => stack.sql(text, variables).length;

  test('one address signs up: everybody gets the same answer, and one user with one valid link comes of it', async () => {
    const ada = somebody(stack);
    const answers = await atOnce((http) => signUp({ ...ada, http }));
    assert.deepEqual(tally(answers), { 200: AT_ONCE });
    const [user, ...more] = stack.sql(`SELECT id FROM auth.users WHERE email = :'email'`, ada);
    assert.deepEqual(more, []);
    assert.equal(answers.filter(({ json }) => json.user.id === user.id).length, 1);
    assert.equal(new Set(answers.map(({ json }) => json.user.id)).size, AT_ONCE);
    assert.equal(count(`SELECT 1 FROM auth.accounts WHERE user_id = :'id'`, user), 1);
    // each sign-up replaces the one before, and with the rate limits off each has its mail
    assert.equal(count(`SELECT 1 FROM auth.verification WHERE user_id = :'id' AND identifier LIKE 'verify-email:%'`, user), 1);
    assert.equal(count(`SELECT 1 FROM auth.outbox WHERE recipient = :'email' AND kind = 'verify_email'`, ada), AT_ONCE);
    assert.equal(count(`SELECT 1 FROM auth.security_events WHERE user_id = :'id' AND event_type = 'REGISTER'`, user), 1);
  });

  test('one verification link opens one session', async () => {
    const ada = somebody(stack);
    await signUp(ada);
    const link = await stack.mail.link(ada.email, '/verify-email');
    const answers = await atOnce((http) => http.get(link));
    assert.deepEqual(tally(answers, where), { '302 /': AT_ONCE }, 'a used link leads on, and gives nothing');
    assert.equal(answers.filter(({ setCookies }) => setCookies.length > 0).length, 1);
    assert.equal(count(`SELECT 1 FROM auth.sessions s JOIN auth.users u ON u.id = s.user_id WHERE u.email = :'email'`, ada), 1);
  });

  test('one reset link sets one password', async () => {
    const ada = await somebodyVerified(stack);
    await ada.http.post('/api/auth/request-password-reset', { email: ada.email });
    const link = await stack.mail.link(ada.email, '/reset-password/', { contains: '/reset-password/' });
    const token = new URL(link).pathname.split('/').at(-1);
    const password = (n) => `a-password-of-number-${n}-it-is`;
    const answers = await atOnce((http, n) => http.post('/api/auth/reset-password', { token, newPassword: password(n) }));
    assert.deepEqual(tally(answers), { 200: 1, '400 INVALID_TOKEN': AT_ONCE - 1 });
    const winner = answers.findIndex(({ status }) => status === 200);
    assert.equal((await signIn({ ...ada, http: new Client(stack.url), password: password(winner) })).status, 200);
    assert.equal(count(
      `SELECT 1 FROM auth.outbox WHERE recipient = :'email' AND kind = 'password_changed'`, ada), 1);
  });

  test('one link changes the address once', async () => {
    const ada = await somebodySignedIn(stack);
    const newEmail = `new-${ada.email}`;
    await ada.http.post('/api/auth/change-email', { newEmail });
    const link = await stack.mail.link(newEmail, '/verify-email');
    const answers = await atOnce((http) => http.get(link), ada.http.cookies);
    assert.deepEqual(tally(answers, where), { '302 /': AT_ONCE }, 'a link whose work is done is no error');
    assert.equal(count(`SELECT 1 FROM auth.security_events WHERE user_id = :'id' AND event_type = 'EMAIL_CHANGED'`, ada), 1);
  });

  test('one link deletes the account once', async () => {
    const ada = await somebodySignedIn(stack);
    stack.psql(`UPDATE auth.sessions SET proved_at = proved_at - interval '11 minutes' WHERE user_id = :'id'`, ada);
    await ada.http.post('/api/auth/delete-user', { callbackURL: '/bye' });
    const link = await stack.mail.link(ada.email, '/delete-user/callback', { contains: '/delete-user/callback' });
    const answers = await atOnce((http) => http.get(link), ada.http.cookies);
    const { '302 /bye': won, ...lost } = tally(answers, (a) => (a.status === 302 ? where(a) : `${a.status} ${a.json.code}`));
    assert.ok(won >= 1); // the link leads on when its work is done
    assert.equal(answers.filter(({ headers }) => headers.location?.includes('error')).length, 0);
    // The session dies with its user: whoever comes after that is nobody.
    const refusals = ['401 UNAUTHORIZED', '404 INVALID_TOKEN', '404 FAILED_TO_GET_USER_INFO'];
    assert.deepEqual(Object.keys(lost).filter((what) => !refusals.includes(what)), []);
    assert.equal(count(`SELECT 1 FROM auth.security_events WHERE user_id = :'id' AND event_type = 'ACCOUNT_DELETED'`, ada), 1);
    assert.equal(count(`SELECT 1 FROM auth.outbox WHERE recipient = :'email' AND kind = 'account_deleted'`, ada), 1);
  });

  test('the password deletes the account once', async () => {
    const ada = await somebodySignedIn(stack);
    const answers = await atOnce((http) => http.post('/api/auth/delete-user', { password: PASSWORD }), ada.http.cookies);
    assert.deepEqual(tally(answers), { 200: 1, '401 UNAUTHORIZED': AT_ONCE - 1 });
  });

  test('one refresh token is spent once, and tabs at the same time get the same successor', async () => {
    const ada = await somebodyVerified(stack);
    const login = () => new Client(stack.url).post('/api/v1/auth/login', { email: ada.email, password: PASSWORD });
    const { refreshToken } = (await login()).json;
    const refresh = (http) => http.post('/api/v1/auth/refresh', { refreshToken });
    const answers = await atOnce(refresh);
    assert.deepEqual(tally(answers), { 200: AT_ONCE });
    assert.equal(new Set(answers.map(({ json }) => json.refreshToken)).size, 1);
    const tokens = stack.sql(`SELECT spent_at FROM auth.session_tokens t JOIN auth.sessions s ON s.id = t.session_id WHERE s.user_id = :'id'`, ada);
    assert.equal(tokens.filter((token) => token.spent_at).length, 1);
    assert.equal(tokens.length, 2);

    // After ten seconds the same token is a stolen one: it ends the session, and once.
    stack.psql(`UPDATE auth.session_tokens SET spent_at = now() - interval '1 minute' WHERE spent_at IS NOT NULL`);
    assert.deepEqual(tally(await atOnce(refresh)), { '401 TOKEN_EXPIRED': AT_ONCE });
    assert.equal(count(`SELECT 1 FROM auth.security_events WHERE user_id = :'id' AND event_type = 'REFRESH_TOKEN_REUSED'`, ada), 1);
  });

  test('a second edge gives the same successor for the same refresh token', async () => {
    const ada = await somebodyVerified(stack);
    const { refreshToken } = (await new Client(stack.url).post('/api/v1/auth/login', { email: ada.email, password: PASSWORD })).json;
    const other = await anotherEdge(stack);
    try {
      const answers = [];
      for (const url of [stack.url, other.url, stack.url])
        answers.push(await new Client(url).post('/api/v1/auth/refresh', { refreshToken }));
      assert.deepEqual(tally(answers), { 200: 3 });
      assert.equal(new Set(answers.map(({ json }) => json.refreshToken)).size, 1);
      assert.notEqual(answers[0].json.refreshToken, refreshToken);
    } finally {
      await other.stop();
    }
  });

  test('of two ways in one stays, however many unlink both', async () => {
    const ada = await somebodySignedIn(stack);
    stack.psql(`INSERT INTO auth.accounts (account_id, provider_id, user_id) VALUES ('x', 'elsewhere', :'id')`, ada);
    const accounts = stack.sql(`SELECT id FROM auth.accounts WHERE user_id = :'id'`, ada).map(({ id }) => id);
    const answers = await atOnce(
      (http, n) => http.post('/api/auth/unlink-account', { accountId: accounts[n % 2] }), ada.http.cookies);
    assert.deepEqual(tally(answers), { 200: 1, '400 FAILED_TO_UNLINK_LAST_ACCOUNT': AT_ONCE - 1 });
    assert.equal(count(`SELECT 1 FROM auth.accounts WHERE user_id = :'id'`, ada), 1);
  });

  test('of fifty wrong passwords five are looked at', async () => {
    const ada = await somebodyVerified(stack);
    const answers = await atOnce((http) => signIn({ ...ada, http, password: 'not-the-password' }));
    assert.deepEqual(tally(answers), { '401 INVALID_EMAIL_OR_PASSWORD': 5, '429 ACCOUNT_LOCKED': AT_ONCE - 5 });
    const right = await signIn({ ...ada, http: new Client(stack.url) });
    assert.equal(right.status, 429);
    const announced = Number(right.headers['retry-after']);
    const [{ left }] = stack.sql(`SELECT extract(epoch FROM locked_until - now()) AS left FROM auth.lockouts WHERE email = :'email' AND locked_until IS NOT NULL`, ada);
    assert.ok(announced >= left && announced - left < 10, `${announced} announced, ${left} true`);
  });
});
