// Guessing passwords over HTTP: every endpoint that takes a password counts each attempt, and gives one answer while it is locked,
// whether or not the password is right. Strangers lock their own network.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Authenticator } from './lib/authenticator.mjs';
import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, somebodySignedIn, somebodyVerified, token } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const WRONG = 'not-the-password';
const STRONG = 'copper-lantern-over-4-rivers';
const WEAK = ['short', 'password1234', 'x'.repeat(129)];

// method, path, body from the present password and a new one
const ENDPOINTS = [
  ['POST', '/api/auth/change-password', (currentPassword, newPassword) => ({ currentPassword, newPassword })],
  ['POST', '/api/v1/auth/change-password', (currentPassword, newPassword) => ({ currentPassword, newPassword })],
  ['POST', '/api/auth/verify-password', (password) => ({ password })],
  ['POST', '/api/auth/delete-user', (password) => ({ password })],
  ['DELETE', '/api/v1/auth/account', (password) => ({ password })],
  ['POST', '/api/v1/auth/step-up', (password) => ({ password })],
  ['DELETE', '/api/v1/me/data', (password) => ({ password })],
  ['POST', '/api/auth/two-factor/enable', (password) => ({ password })],
  ['POST', '/api/auth/two-factor/disable', (password) => ({ password })],
  ['POST', '/api/auth/two-factor/get-totp-uri', (password) => ({ password })],
  ['POST', '/api/auth/two-factor/generate-backup-codes', (password) => ({ password })],
];

describe('guessing passwords', () => {
  let stack;
  before(async () => {
    stack = await startStack({ TRUSTED_PROXIES: '127.0.0.1' }, UNLIMITED);
  });
  after(() => stack?.stop());

  const from = (ip, cookies) => {
    const http = new Client(stack.url, { headers: { 'x-forwarded-for': ip } });
    if (cookies) http.cookies = new Map(cookies);
    return http;
  };
  const failures = ({ email }) => Number(stack.sql(`SELECT count(*) AS n FROM auth.login_attempts WHERE email = :'email'`, { email })[0].n);
  const unlock = ({ email }) => stack.sql(`SELECT auth.lockout_clear(:'email')`, { email });
  const ask = (person, [method, path, body], password, newPassword) =>
    person.http.request(method, path, { json: body(password, newPassword), bearer: path.includes('/v1/') ? person.token : undefined });
  /** All that a client can see but for the clock; Retry-After counts down. */
  const shown = ({ status, headers, setCookies, text }) => {
    const { date, 'x-request-id': id, 'retry-after': retryAfter, 'content-length': length, ...others } = headers;
    return { status, others, setCookies, text: text.replace(/\b1[78]\d\d\b/g, '<seconds>'), announced: retryAfter > 1700 && retryAfter <= 1800 };
  };

  for (const endpoint of ENDPOINTS) {
    test(`a wrong password counts, and a locked session answers the same for the right one (${endpoint[0]} ${endpoint[1]})`, async () => {
      const ada = await somebodySignedIn(stack);
      const news = endpoint[1].endsWith('change-password') ? [STRONG, ...WEAK] : [undefined];
      for (const [n, newPassword] of news.entries()) {
        const refused = await ask(ada, endpoint, WRONG, newPassword);
        assert.match(refused.text, /INVALID_PASSWORD|INVALID_CREDENTIALS|Invalid email or password/, `${newPassword}: ${refused.text}`);
        assert.equal(failures(ada), n + 1, `wrong, with ${newPassword}`);
      }
      while (failures(ada) < 5) await ask(ada, endpoint, WRONG, STRONG);
      const answers = [];
      for (const password of [PASSWORD, WRONG]) {
        for (const newPassword of news) answers.push(shown(await ask(ada, endpoint, password, newPassword)));
      }
      for (const answer of answers) {
        assert.equal(answer.status, 429);
        assert.match(answer.text, /ACCOUNT_LOCKED|Account temporarily locked/);
        assert.ok(answer.announced);
        assert.deepEqual(answer, answers[0]);
      }
      assert.equal(failures(ada), 5);
      unlock(ada);
      assert.equal((await signIn({ ...ada, http: from('198.51.100.1') })).status, 200, 'nothing has happened to the account');
    });
  }

  test('the strength of a new password is judged for callers who know the present one', async () => {
    const ada = await somebodySignedIn(stack);
    for (const [endpoint, codes] of [
      [ENDPOINTS[0], ['PASSWORD_TOO_SHORT', 'PASSWORD_COMPROMISED', 'PASSWORD_TOO_LONG']],
      [ENDPOINTS[1], ['WEAK_PASSWORD', 'PASSWORD_COMPROMISED', 'WEAK_PASSWORD']],
    ]) {
      for (const [n, newPassword] of WEAK.entries()) {
        const answer = await ask(ada, endpoint, PASSWORD, newPassword);
        assert.equal(answer.status, 400);
        assert.ok(answer.text.includes(codes[n]), answer.text);
      }
    }
    assert.equal((await signIn(ada)).status, 200, 'the password is the old one');
  });

  for (const path of ['/api/auth/sign-in/email', '/api/v1/auth/login']) {
    test(`a locked address answers the same for the right and the wrong password, with an account and without (${path})`, async () => {
      const ada = await somebodyVerified(stack);
      const known = ada.email, unknown = ada.email.replace('person', 'nobody');
      const answers = [];
      for (const email of [known, unknown]) {
        for (let n = 0; n < 5; n++) assert.equal((await from('203.0.113.5').post(path, { email, password: WRONG })).status, 401);
        for (const password of [PASSWORD, WRONG]) answers.push(shown(await from('203.0.113.77').post(path, { email, password })));
      }
      for (const answer of answers) {
        assert.equal(answer.status, 429);
        assert.deepEqual(answer, answers[0]);
      }
    });
  }

  test('the failures of a stranger lock neither a session nor a known device nor another network', async () => {
    const ada = await somebodySignedIn(stack);
    const device = [...ada.http.cookies].filter(([name]) => name.endsWith('device'));
    assert.equal(device.length, 1);
    for (let n = 0; n < 5; n++) await signIn({ ...ada, password: WRONG, http: from('203.0.113.9') });
    assert.equal((await signIn({ ...ada, http: from('203.0.113.10') })).status, 429, 'the network');
    assert.equal((await ada.http.post('/api/auth/verify-password', { password: PASSWORD })).status, 200, 'the session');
    assert.equal((await signIn({ ...ada, http: from('203.0.113.10', device) })).status, 200, 'the device');
    assert.equal((await signIn({ ...ada, http: from('198.51.100.20') })).status, 200, 'another network');
  });

  test('every door that opens a session remembers its browser, and knows it again', async () => {
    const ada = await somebodySignedIn(stack);
    const devices = () => stack.sql(`SELECT id, digest FROM auth.known_devices WHERE user_id = :'id'`, { id: ada.id });
    const [{ id, digest }] = devices();
    assert.equal(devices().length, 1, 'the link of the verification mail, and the password, in one browser');
    const doors = {
      password: () => signIn(ada),
      'magic link': async () => {
        assert.equal((await ada.http.post('/api/auth/sign-in/magic-link', { email: ada.email })).status, 200);
        return ada.http.get(await stack.mail.link(ada.email, '/magic-link/verify', { contains: '/magic-link/verify' }));
      },
      passkey: async () => {
        const options = await ada.http.get('/api/auth/passkey/generate-authenticate-options');
        return ada.http.post('/api/auth/passkey/verify-authentication', { response: await authenticator.get(options.json) });
      },
    };
    const authenticator = new Authenticator(stack.url);
    const options = await ada.http.get('/api/auth/passkey/generate-register-options');
    assert.equal((await ada.http.post('/api/auth/passkey/verify-registration', { response: await authenticator.create(options.json) })).status, 200);
    let last = digest;
    for (const [door, open] of Object.entries(doors)) {
      const answer = await open();
      assert.ok(answer.status < 400, `${door}: ${answer.text}`);
      assert.ok(answer.setCookies.some(({ name, value }) => name.endsWith('.device') && value), `${door}: ${JSON.stringify(answer.setCookies)}`);
      const [known, ...others] = devices();
      assert.deepEqual([known.id, others], [id, []], door);
      assert.notEqual(known.digest, last, `${door}: a new token`);
      last = known.digest;
    }
  });

  test('the cookie of a known device opens nothing for anybody else, and is good once', async () => {
    const ada = await somebodySignedIn(stack), eve = await somebodySignedIn(stack);
    const device = [...eve.http.cookies].filter(([name]) => name.endsWith('device'));
    for (let n = 0; n < 5; n++) await signIn({ ...ada, password: WRONG, http: from('203.0.113.30', device) });
    assert.equal((await signIn({ ...ada, http: from('203.0.113.30', device) })).status, 429);
    const changed = device.map(([name, value]) => [name, value.replace(/^./, (c) => (c === 'x' ? 'y' : 'x'))]);
    assert.equal((await signIn({ ...ada, http: from('203.0.113.30', changed) })).status, 429, 'a forged one');
  });

  test('twenty guesses of an account are evaluated, from however many networks and endpoints', async () => {
    const ada = await somebodyVerified(stack);
    const statuses = await Promise.all(Array.from({ length: 30 }, async (_, n) => {
      const path = n % 2 ? '/api/auth/sign-in/email' : '/api/v1/auth/login';
      return (await from(`10.${n}.0.1`).post(path, { email: ada.email, password: WRONG })).status;
    }));
    assert.equal(statuses.filter((status) => status === 401).length, 20);
    assert.equal(statuses.filter((status) => status === 429).length, 10);
    assert.equal(failures(ada), 20);
  });

  test('a password of the legacy service is accepted, however often at once, and stored as argon2id', async () => {
    const ada = await somebodyVerified(stack);
    // password1234, as in Better Auth's own form
    stack.psql(`UPDATE auth.accounts SET password = :'hash' WHERE user_id = :'id'`, {
      id: ada.id,
      hash: '97644bbf07932059791ceb93e4b1001a:c8278aeb72ff8cc127b51845ce50712f02f02f033e75019ac8c328c4159684e5fdc4743836c1e56d5f3a7313d0d25fd668f6df56b880dcf3f5628b95fc067903',
    });
    const answers = await Promise.all(Array.from({ length: 6 }, () => signIn({ ...ada, password: 'password1234', http: from('192.0.2.9') })));
    assert.deepEqual(answers.map(({ status }) => status), Array(6).fill(200));
    const [{ password }] = stack.sql(`SELECT password FROM auth.accounts WHERE user_id = :'id'`, { id: ada.id });
    assert.match(password, /^\$argon2id-hmac-sha256\$/);
    assert.equal((await signIn({ ...ada, password: 'password1234', http: from('192.0.2.9') })).status, 200);
    assert.equal(failures(ada), 0);
  });
});

describe('many failures of one client', () => {
  let stack;
  before(async () => {
    stack = await startStack({ TRUSTED_PROXIES: '127.0.0.1', RATE_LIMIT: 'off' });
  });
  after(() => stack?.stop());

  test('slow it down, and lock nobody behind the same address', async () => {
    const ada = await somebodySignedIn(stack), bob = await somebodyVerified(stack);
    const office = (cookies = []) => {
      const http = new Client(stack.url, { headers: { 'x-forwarded-for': '203.0.113.50' } });
      http.cookies = new Map(cookies);
      return http;
    };
    const answers = [];
    for (let n = 0; n < 22; n++) answers.push(await office().post('/api/auth/sign-in/email', { email: `guess${n}@example.com`, password: WRONG }));
    assert.deepEqual(answers.slice(0, 20).map(({ status }) => status), Array(20).fill(401));
    const slowed = answers.find(({ status }) => status === 429);
    assert.ok(Number(slowed.headers['retry-after']) <= 10, 'ten seconds at most');
    const device = [...ada.http.cookies].filter(([name]) => name.endsWith('device'));
    assert.equal((await signIn({ ...ada, http: office(device) })).status, 200, 'a known device');
    assert.ok(await token(ada), 'a session');
    const deadline = Date.now() + 30_000;
    let status;
    do {
      status = (await signIn({ ...bob, http: office() })).status;
    } while (status !== 200 && Date.now() < deadline);
    assert.equal(status, 200, 'a new device with the right password, after a short while');
  });
});
