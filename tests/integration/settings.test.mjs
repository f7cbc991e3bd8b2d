// Settings of accounts and sessions, seen from outside: what each changes, with a value that is not its default.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { answers, spawnEdge } from './lib/edge.mjs';
import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, signUp, somebody, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

/** A stack for each: `settings` are its environment. */
function withSettings(settings, body) {
  describe(Object.entries(settings).map(([name, value]) => `${name}=${value}`).join(' '), () => {
    const it = {};
    before(async () => {
      it.stack = await startStack(settings, UNLIMITED);
    });
    after(() => it.stack?.stop());
    body(it);
  });
}

const register = (stack, person) =>
  new Client(stack.url).post('/api/v1/auth/register', { email: person.email, password: person.password });
const storedPassword = (stack, { id }) => stack.sql(`SELECT password FROM auth.accounts WHERE user_id = :'id'`, { id })[0].password;

withSettings({ SIGNUP_DUPLICATE: 'conflict', SESSION_LIMIT: '2', SESSION_JWT_HEADER: 'off', NEW_DEVICE_MAIL: 'on' }, (it) => {
  test('a known address is told so, in both dialects, and nothing happens', async () => {
    const ada = await somebodyVerified(it.stack);
    const again = await signUp({ ...ada, http: new Client(it.stack.url) });
    assert.deepEqual([again.status, again.json], [409, { message: 'Email already registered', code: 'EMAIL_ALREADY_REGISTERED' }]);
    const { status, json } = await register(it.stack, { ...ada, email: ada.email.toUpperCase() });
    assert.deepEqual([status, json.error, json.code], [409, 'EMAIL_ALREADY_REGISTERED', 'EMAIL_ALREADY_REGISTERED']);
    assert.deepEqual(it.stack.sql(`SELECT 1 FROM auth.outbox WHERE recipient = :'email' AND kind = 'existing_account'`, ada), []);
  });

  test('of three sessions the oldest is gone', async () => {
    const ada = await somebodyVerified(it.stack); // the first
    const browsers = [ada.http, new Client(it.stack.url), new Client(it.stack.url)];
    for (const http of browsers.slice(1)) assert.equal((await signIn({ ...ada, http })).status, 200);
    const alive = await Promise.all(browsers.map(async (http) => (await http.get('/api/auth/get-session')).json !== null));
    assert.deepEqual(alive, [false, true, true]);
  });

  test('get-session signs nothing', async () => {
    const ada = await somebodySignedIn(it.stack);
    const answer = await ada.http.get('/api/auth/get-session');
    assert.deepEqual([answer.json.user.id, answer.headers['set-auth-jwt']], [ada.id, undefined]);
  });

  test('a device that was never here is told of by mail, once', async () => {
    const ada = await somebodyVerified(it.stack);
    const tablet = () => new Client(it.stack.url, { headers: { 'user-agent': 'Tablet/1.0' } });
    await signIn({ ...ada, http: tablet() });
    const mail = await it.stack.mail.latest(ada.email, { contains: 'Tablet/1.0' });
    assert.match(mail.text, /127\.0\.0\.1/);
    await signIn({ ...ada, http: tablet() });
    assert.equal(it.stack.sql(`SELECT 1 FROM auth.outbox WHERE recipient = :'email' AND kind = 'new_device'`, ada).length, 1);
  });
});

withSettings({ MAX_DAILY_SIGNUPS: '2' }, (it) => {
  const status = async () => (await new Client(it.stack.url).get('/api/v1/auth/signup-status')).json;

  test('the third of a day is told to come back tomorrow, and when that is', async () => {
    const resetsAt = new Date(`${new Date().toISOString().slice(0, 10)}T00:00:00Z`).getTime() + 86_400_000;
    const { resetsAt: announced, ...first } = await status();
    assert.deepEqual(first, { registrationOpen: true, spotsRemaining: 2, totalToday: 0, limit: 2 });
    assert.equal(new Date(announced).getTime(), resetsAt);
    const [ada, bob] = [somebody(it.stack), somebody(it.stack)];
    assert.equal((await signUp(ada)).status, 200);
    assert.equal((await register(it.stack, bob)).status, 200);
    for (const answer of [await signUp(somebody(it.stack)), await register(it.stack, somebody(it.stack))]) {
      assert.deepEqual([answer.status, answer.json.code], [429, 'SIGNUP_LIMIT_REACHED']);
      const left = (resetsAt - Date.now()) / 1000;
      assert.ok(Math.abs(Number(answer.headers['retry-after']) - left) < 5, `${answer.headers['retry-after']}, not ${left}`);
    }
    const { resetsAt: again, ...then } = await status();
    assert.deepEqual(then, { registrationOpen: false, spotsRemaining: 0, totalToday: 2, limit: 2 });
    assert.equal(again, announced);
  });

  test('an account that is deleted frees no place', async () => {
    it.stack.psql(`UPDATE auth.users SET email_verified = true`);
    const [{ email }] = it.stack.sql(`SELECT email FROM auth.users LIMIT 1`);
    const ada = { email, password: PASSWORD, http: new Client(it.stack.url) };
    assert.equal((await signIn(ada)).status, 200);
    assert.equal((await ada.http.post('/api/auth/delete-user', { password: PASSWORD })).status, 200);
    assert.equal((await status()).registrationOpen, false);
  });
});

describe('RATE_LIMIT=on', () => {
  let stack;
  before(async () => {
    stack = await startStack({ RATE_LIMIT: 'on', TRUSTED_PROXIES: '127.0.0.0/8' });
  });
  after(() => stack?.stop());

  const from = (address) => new Client(stack.url, { headers: { 'x-forwarded-for': address } });
  let people = 0;
  const login = () => ({ email: `nobody${++people}@example.com`, password: 'wrong-wrong' });

  test('a client that tries too often is told when to come back, and may come back then', async () => {
    const http = from('198.51.100.1');
    for (let n = 0; n < 3; n++) assert.equal((await http.post('/api/v1/auth/login', login())).status, 401);
    const { status, json, headers } = await http.post('/api/v1/auth/login', login());
    assert.deepEqual([status, json.error, json.code, json.status], [429, 'RATE_LIMITED', 'RATE_LIMITED', 429]);
    const seconds = Number(headers['retry-after']);
    assert.ok(seconds >= 1 && seconds <= 10, headers['retry-after']);
    assert.equal(json.retryAfterSec, seconds);
    const since = Date.now();
    await until('the window is over', async () => (await http.post('/api/v1/auth/login', login())).status === 401, 15_000);
    assert.ok(Date.now() - since > (seconds - 2) * 1000, 'it was not as long as announced');
  });

  test('all doors to a password are one, and other clients are not held up', async () => {
    const http = from('198.51.100.2');
    const doors = ['/api/v1/auth/login', '/api/auth/sign-in/email', '/api/v1/auth/login', '/api/auth/sign-in/email'];
    const statuses = [];
    for (const door of doors) statuses.push((await http.post(door, login())).status);
    assert.deepEqual(statuses, [401, 401, 401, 429]);
    assert.equal((await from('198.51.100.3').post('/api/v1/auth/login', login())).status, 401);
  });

  test('ports and brackets in X-Forwarded-For, and Forwarded (RFC 7239), name the client', async () => {
    const forwarded = (value) => new Client(stack.url, { headers: { forwarded: value } });
    const ways = [from('198.51.100.30:4711'), from('198.51.100.30:4712'), forwarded('for="198.51.100.30:4713";proto=https')];
    for (const http of ways) assert.equal((await http.post('/api/v1/auth/login', login())).status, 401);
    assert.equal((await from('198.51.100.30').post('/api/v1/auth/login', login())).status, 429);
    const v6 = [from('[2001:db8:7::1]:443'), forwarded('for=192.0.2.1, for="[2001:db8:7::2]"'), forwarded('by=_x;For="[2001:db8:7::3]:_y"')];
    for (const http of v6) assert.equal((await http.post('/api/v1/auth/login', login())).status, 401);
    assert.equal((await from('2001:db8:7::9').post('/api/v1/auth/login', login())).status, 429);
  });

  test('with PROXY_HEADER=forwarded the X-Forwarded-For that a client sends does not count', async () => {
    const edge = await spawnEdge(stack, { PROXY_HEADER: 'forwarded' });
    try {
      await until('the edge', () => answers(edge.port, '/health/ready'), 30_000);
      const attempt = (n) => new Client(`http://127.0.0.1:${edge.port}`, {
        origin: null, headers: { 'x-forwarded-for': `203.0.113.${n}`, forwarded: `for=203.0.113.${n}, for=198.51.100.31` },
      }).post('/api/v1/auth/login', login());
      for (let n = 0; n < 3; n++) assert.equal((await attempt(n)).status, 401);
      assert.equal((await attempt(3)).status, 429);
    } finally {
      edge.child.kill('SIGTERM');
      await edge.ended;
    }
  });

  test('a network of IPv6 is one client; an address that a stranger claims is nobody\'s', async () => {
    for (let n = 0; n < 3; n++) assert.equal((await from(`2001:db8:1:2::${n}`).post('/api/v1/auth/login', login())).status, 401);
    assert.equal((await from('2001:db8:1:2:ffff::9').post('/api/v1/auth/login', login())).status, 429);
    assert.equal((await from('2001:db8:1:3::1').post('/api/v1/auth/login', login())).status, 401);
    for (let n = 0; n < 3; n++) await from(`203.0.113.${n}, 198.51.100.7`).post('/api/v1/auth/login', login());
    assert.equal((await from('203.0.113.9, 198.51.100.7').post('/api/v1/auth/login', login())).status, 429);
  });
});

withSettings({ PASSWORD_HASH: 'scrypt' }, (it) => {
  test('new passwords are written as the service before us reads them', async () => {
    const ada = await somebodySignedIn(it.stack);
    assert.match(storedPassword(it.stack, ada), /^[0-9a-f]{32}:[0-9a-f]{128}$/);
  });
});

withSettings({ SIGNUP_DUPLICATE: 'conceal' }, (it) => {
  test('without a limit everybody may sign up', async () => {
    const answer = await new Client(it.stack.url).get('/api/v1/auth/signup-status');
    assert.equal(answer.text, '{"registrationOpen":true,"spotsRemaining":null,"totalToday":0,"limit":0,"resetsAt":""}');
  });

  test('a password of the service before us signs in, and is hashed anew', async () => {
    const ada = await somebodyVerified(it.stack);
    const theirs = '79c9193e3f124ba642bfc1d607d3f8c2:4e21012e56f76ca5d8b30c75288074ca61d7cd7da08cef7201654dd3eb1302cb'
      + 'd2c86025b4d026aa1ddd49b0756140d58428e57c00142919af6ad114a5c67d57';
    it.stack.psql(`UPDATE auth.accounts SET password = '${theirs}' WHERE user_id = :'id'`, { id: ada.id });
    const attempt = (password) => signIn({ ...ada, http: new Client(it.stack.url), password });
    assert.equal((await attempt('TestPassword123?')).status, 401);
    assert.equal(storedPassword(it.stack, ada), theirs);
    assert.equal((await attempt('TestPassword123!')).status, 200);
    assert.match(storedPassword(it.stack, ada), /^\$argon2id-hmac-sha256\$/);
    assert.equal((await attempt('TestPassword123!')).status, 200);
  });
});
