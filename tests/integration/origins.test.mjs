// Origins that are trusted: as an operator wrote them and as browsers send them, of subdomains, and of apps with a scheme of
// their own; they may act, read the answer, and be redirected to.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';

import { PROGRAM } from './lib/edge.mjs';
import { Client } from './lib/http.mjs';
import { somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const CORS_ORIGINS = [
  'https://app.example/', 'https://B.example', 'https://c.example:443', 'https://*.d.example', 'capacitor://localhost',
  'chrome-extension://abcdefghijklmnop', 'webapp://',
].join(',');
const BETTER_AUTH_TRUSTED_ORIGINS = 'myapp://,tauri://localhost,com.example.app:/';

const LISTED = [
  'https://app.example', 'https://b.example', 'https://c.example', 'https://x.d.example', 'https://y.x.d.example', 'capacitor://localhost',
  'chrome-extension://abcdefghijklmnop', 'webapp://anything',
];
const TRUSTED_ONLY = ['myapp://cb', 'tauri://localhost', 'com.example.app://'];
const STRANGE = [
  'https://d.example', 'http://app.example', 'https://app.example.evil.example', 'capacitor://localhost.evil', 'tauri://localhost:1',
  'chrome-extension://ponmlkjihgfedcba', 'otherapp://cb', 'null',
];

describe('trusted origins', () => {
  let stack;
  before(async () => {
    stack = await startStack({ CORS_ORIGINS, BETTER_AUTH_TRUSTED_ORIGINS }, UNLIMITED);
  });
  after(() => stack?.stop());

  let people = 0;
  const signIn = (origin) => new Client(stack.url, { origin, headers: { cookie: 'a=b' } })
    .post('/api/auth/sign-in/email', { email: `nobody${++people}@example.com`, password: 'wrong-password' });
  const allowed = (answer) => answer.headers['access-control-allow-origin'];

  for (const origin of LISTED)
    test(`${origin} may act and read the answer`, async () => {
      const answer = await signIn(origin);
      assert.deepEqual([answer.status, allowed(answer)], [401, origin]);
      const preflight = await new Client(stack.url, { origin }).request('OPTIONS', '/api/auth/sign-in/email');
      assert.deepEqual([preflight.status, allowed(preflight)], [204, origin]);
    });

  for (const origin of TRUSTED_ONLY)
    test(`${origin} may act, and reads no answer without CORS_ORIGINS`, async () => {
      const answer = await signIn(origin);
      assert.deepEqual([answer.status, allowed(answer)], [401, undefined]);
    });

  for (const origin of STRANGE)
    test(`${origin} may not act`, async () => {
      const answer = await signIn(origin);
      assert.deepEqual([answer.status, allowed(answer)], [403, undefined]);
    });

  test('an Origin that no browser writes gets no CORS header', async () => {
    for (const origin of ['https://app.example/', 'https://APP.example', 'https://app.example:443'])
      assert.equal(allowed(await new Client(stack.url, { origin }).get('/health')), undefined, origin);
  });

  for (const target of ['myapp://cb', 'myapp:///cb?x=1#y', 'tauri://localhost/done', 'com.example.app:/cb', 'capacitor://localhost/x',
    'https://x.d.example/welcome'])
    test(`a sign-in link leads to ${target}`, async () => {
      const person = await somebodyVerified(stack);
      const asked = await new Client(stack.url).post('/api/auth/sign-in/magic-link', { email: person.email, callbackURL: target });
      assert.equal(asked.status, 200, asked.text);
      const link = await stack.mail.link(person.email, '/magic-link/verify', { contains: '/magic-link/verify' });
      const page = await new Client(stack.url, { headers: { accept: 'text/html' } }).get(link);
      assert.equal(page.status, 200);
      const scheme = target.split(':')[0];
      assert.match(page.headers['content-security-policy'], new RegExp(`form-action 'self'[^;]* ${scheme}:`));
      const opened = await new Client(stack.url).get(link);
      assert.deepEqual([opened.status, opened.headers.location], [302, target]);
      const again = await new Client(stack.url).get(link);
      assert.equal(again.status, 302);
    });

  for (const target of ['otherapp://cb', 'tauri://localhost.evil/', 'javascript://cb/%0aalert(1)', 'myapp:cb', 'intent://cb', 'myapp://u@cb'])
    test(`no link leads to ${target}`, async () => {
      const asked = await new Client(stack.url).post('/api/auth/sign-in/magic-link', { email: 'a@example.com', callbackURL: target });
      assert.deepEqual([asked.status, asked.json.code], [403, 'INVALID_CALLBACK_URL']);
    });
});

describe('a configuration that could never work', () => {
  const start = (environment) => spawnSync(PROGRAM, ['run'], { encoding: 'utf8', env: { PATH: process.env.PATH, ...environment } });
  const refused = {
    'BASE_URL must be a URL such as https://auth.mana.how, without a path': { BASE_URL: 'https://auth.example/auth' },
    'CORS_ORIGINS: "https://a.example;https://b.example" is not one origin: items are separated by commas':
      { CORS_ORIGINS: 'https://a.example;https://b.example' },
    'CORS_ORIGINS: "*" has * elsewhere': { CORS_ORIGINS: '*' },
    'BETTER_AUTH_TRUSTED_ORIGINS: "https://a.example/app" is more than an origin': { BETTER_AUTH_TRUSTED_ORIGINS: 'https://a.example/app' },
    'SMTP_HOST must be a host name': { SMTP_HOST: 'smtp://mail.example' },
    'SMTP_FROM must be an address': { SMTP_FROM: 'Mana' },
  };
  for (const [message, environment] of Object.entries(refused))
    test(`is refused at start: ${message}`, () => {
      const { status, stderr } = start(environment);
      assert.equal(status, 78);
      assert.ok(stderr.startsWith(message), stderr);
    });
});
