// Signatures of cookies: one key for each purpose, and names that no other host can set.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';

import { answers, spawnEdge } from './lib/edge.mjs';
import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { totp } from './lib/totp.mjs';
import { until } from './lib/wait.mjs';

const SECRET = 'q0Zl3v5c1YtWmR8uKx2bNf7hJd9sGpEaTiUoLwQyXzA=';
let stack;
before(async () => {
  stack = await startStack({ BETTER_AUTH_SECRET: SECRET }, UNLIMITED);
});
after(() => stack?.stop());

const halves = (cookie) => {
  const value = decodeURIComponent(cookie);
  const dot = value.lastIndexOf('.');
  return [value.slice(0, dot), value.slice(dot + 1)];
};
const underTheSecret = (text) => createHmac('sha256', SECRET).update(text).digest('base64');
const browserWith = (cookies) => Object.assign(new Client(stack.url), { cookies: new Map(Object.entries(cookies)) });

/** One cookie of each kind, all of one user. */
async function oneOfEach() {
  const { http, ...person } = await somebodySignedIn(stack);
  const enabled = await http.post('/api/auth/two-factor/enable', { password: PASSWORD });
  const uri = enabled.json.totpURI;
  assert.equal((await http.post('/api/auth/two-factor/verify-totp', { code: totp(uri) })).status, 200);
  const found = new Map();
  const keep = ({ setCookies }) => setCookies.filter(({ value }) => value).forEach(({ name, value }) => found.set(name, value));
  const other = new Client(stack.url);
  keep(await other.post('/api/auth/sign-in/email', { email: person.email, password: PASSWORD, rememberMe: false }));
  const [code] = enabled.json.backupCodes;
  keep(await other.post('/api/auth/two-factor/verify-backup-code', { code, trustDevice: true }));
  keep(await new Client(stack.url).get('/api/auth/passkey/generate-authenticate-options'));
  return { person, uri, cookies: Object.fromEntries(found) };
}

test('the session cookie alone is signed with the secret itself', async () => {
  const { cookies } = await oneOfEach();
  assert.deepEqual(Object.keys(cookies).sort(),
    ['mana.better-auth-passkey', 'mana.dont_remember', 'mana.session_token', 'mana.trust_device', 'mana.two_factor']);
  const signed = Object.entries(cookies).filter(([, cookie]) => {
    const [value, signature] = halves(cookie);
    return signature === underTheSecret(value);
  });
  assert.deepEqual(signed.map(([name]) => name), ['mana.session_token']);
});

test('a cookie is not accepted under another name', async () => {
  const { person, cookies } = await oneOfEach();
  for (const [name, value] of Object.entries(cookies)) {
    const session = await browserWith({ 'mana.session_token': value }).get('/api/auth/get-session');
    if (name === 'mana.session_token') assert.equal(session.json.user.email, person.email);
    else assert.equal(session.json, null, `${name} is a session`);
    if (name !== 'mana.two_factor') {
      const challenge = await browserWith({ 'mana.two_factor': value }).post('/api/auth/two-factor/verify-totp', { code: '000000' });
      assert.equal(challenge.json.code, 'INVALID_TWO_FACTOR_COOKIE', `${name} is a challenge`);
    }
    if (name !== 'mana.trust_device') {
      const http = browserWith({ 'mana.trust_device': value });
      assert.equal((await signIn({ ...person, http })).json.twoFactorRedirect, true, `${name} is a trusted browser`);
    }
  }
  const trusted = browserWith({ 'mana.trust_device': cookies['mana.trust_device'] });
  assert.ok((await signIn({ ...person, http: trusted })).json.token, 'the trusted browser itself');
});

test('a value signed with the secret is no cookie but the session\'s', async () => {
  const { person, cookies } = await oneOfEach();
  const [device] = halves(cookies['mana.trust_device']);
  const http = browserWith({ 'mana.trust_device': encodeURIComponent(`${device}.${underTheSecret(device)}`) });
  assert.equal((await signIn({ ...person, http })).json.twoFactorRedirect, true);
  for (const text of ['true', 'x'.repeat(31), 'x'.repeat(33), `${'x'.repeat(31)}.`]) {
    const forged = browserWith({ 'mana.session_token': encodeURIComponent(`${text}.${underTheSecret(text)}`) });
    const answer = await forged.get('/api/auth/get-session');
    assert.deepEqual([answer.json, answer.setCookies], [null, []], text);
  }
});

test('where BASE_URL is https no session travels over plain HTTP, nor is one taken that was set there', async () => {
  const origin = 'https://auth.example';
  const person = await somebodyVerified(stack);
  const edge = await spawnEdge(stack, { BASE_URL: origin });
  try {
    await until('the edge', () => answers(edge.port, '/health/ready'), 30_000);
    const browser = (cookies = new Map()) => Object.assign(new Client(`http://127.0.0.1:${edge.port}`, { origin }), { cookies: new Map(cookies) });
    const http = browser();
    const found = [await signIn({ ...person, http }), await signIn({ ...person, http: browser() }), await http.get('/api/auth/passkey/generate-authenticate-options')]
      .flatMap(({ setCookies }) => setCookies);
    assert.ok(found.length >= 4);
    for (const { name, attributes } of found) {
      assert.match(name, /^__(Secure|Host)-/, 'a browser accepts the name over https only');
      assert.equal(attributes.secure, true, name);
    }
    assert.equal((await http.get('/api/auth/get-session')).json.user.email, person.email);
    // a man in the middle of plain HTTP can set cookies without a prefix
    const [, session] = [...http.cookies].find(([name]) => name.endsWith('session_token'));
    for (const name of ['mana.session_token', '__Host-mana.session_token', 'session_token'])
      assert.equal((await browser([[name, session]]).get('/api/auth/get-session')).json, null, name);
  } finally {
    edge.child.kill('SIGTERM');
    await edge.ended;
  }
});
