// Nothing signs a text that its sender chose: neither a form, nor a callback URL, nor the query of a hosted page.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { SYNAPSE, request } from './lib/oidc.mjs';
import { PASSWORD, somebody, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { totp } from './lib/totp.mjs';

const SECRET = 'q0Zl3v5c1YtWmR8uKx2bNf7hJd9sGpEaTiUoLwQyXzA=';
let stack;
before(async () => {
  stack = await startStack({ BETTER_AUTH_SECRET: SECRET, ...SYNAPSE }, UNLIMITED);
});
after(() => stack?.stop());

const base64url = (text) => Buffer.from(text).toString('base64url');
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const send = (http, path, body) => http.request('POST', path, { body, headers: FORM });
const field = (name, value) => `${name}=${encodeURIComponent(value)}`;

/** What would take the account of `victim` over: header and payload of a link of the legacy service. */
function unsignedLink(victim, to) {
  const now = Math.floor(Date.now() / 1000);
  const payload = { email: victim, updateTo: to, requestType: 'change-email-verification', iat: now, exp: now + 3600 };
  return `${base64url('{"alg":"HS256"}')}.${base64url(JSON.stringify(payload))}`;
}

/** Every MAC of the text that an edge could have made, in both alphabets. */
function macs(text) {
  const mac = createHmac('sha256', SECRET).update(text).digest('base64');
  return [mac, encodeURIComponent(mac), mac.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')];
}

function assertUnsigned(answer, text, way) {
  const said = `${JSON.stringify(answer.headers)} ${answer.text}`;
  for (const mac of macs(text)) assert.ok(!said.includes(mac), `${way} signed a chosen text`);
  const location = answer.headers.location ?? '';
  assert.ok(!/[?&]sig=[^&]/.test(location), `${way} signed ${location}`);
}

/** Ways to give the field of the waiting request twice, encoded, or empty. */
const WAITING = ['oauth%5Fquery=&oauth_query=x', 'oauth_query=x&oauth%5Fquery=', 'oauth_query=&oauth%5fquery=x', 'oauth_query=&oauth_query=x',
  'oauth_query=x&oauth_query=', '%6Fauth_query=x', 'oauth_query=', ''];

test('a form of a user with an account of their own yields no link for another account', async () => {
  const victim = await somebodySignedIn(stack);
  const thief = await somebodyVerified(stack);
  const unsigned = unsignedLink(victim.email, `mine-${thief.email}`);
  for (const waiting of WAITING) {
    const answer = await send(new Client(stack.url), '/login', [
      field('email', thief.email), field('password', PASSWORD), waiting, `callbackURL=/x?${unsigned}%26sig=`].join('&'));
    assertUnsigned(answer, unsigned, `POST /login with ${waiting}`);
    const signature = /sig=([^&]+)/.exec(answer.headers.location ?? '')?.[1];
    if (!signature) continue;
    const link = `${unsigned}.${decodeURIComponent(signature).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`;
    await new Client(stack.url).get(`/api/auth/verify-email?token=${link}`);
  }
  assert.deepEqual(stack.sql(`SELECT email FROM auth.users WHERE id = :'id'`, victim), [{ email: victim.email }]);
});

test('no form signs the address that it is told to go on to', async () => {
  const { http, ...person } = await somebodySignedIn(stack);
  const { json: { totpURI, backupCodes } } = await http.post('/api/auth/two-factor/enable', { password: PASSWORD });
  await http.post('/api/auth/two-factor/verify-totp', { code: totp(totpURI) });
  const unsigned = unsignedLink('victim@example.com', 'mine@example.com');
  const target = `/x?${unsigned}&sig=`;
  for (const waiting of WAITING) {
    const browser = new Client(stack.url);
    const to = `callbackURL=${encodeURIComponent(target)}`;
    const signIn = await send(browser, '/login', [field('email', person.email), field('password', PASSWORD), waiting, to].join('&'));
    assertUnsigned(signIn, unsigned, '/login');
    const code = backupCodes.pop();
    if (code) assertUnsigned(await send(browser, '/two-factor', [field('code', code), waiting, to].join('&')), unsigned, '/two-factor');
    assertUnsigned(await send(browser, '/two-factor/mail', [waiting, to].join('&')), unsigned, '/two-factor/mail');
    const other = somebody(stack);
    assertUnsigned(await send(browser, '/sign-up', [field('email', other.email), field('name', 'X'), field('password', PASSWORD),
      waiting, to].join('&')), unsigned, '/sign-up');
    assertUnsigned(await send(browser, '/login-link', [field('email', other.email), waiting, to].join('&')), unsigned, '/login-link');
    assertUnsigned(await send(browser, '/consent', ['accept=true', waiting, to].join('&')), unsigned, '/consent');
    assertUnsigned(await send(browser, '/accept-invitation', ['invitationId=x', 'accept=true', waiting, to].join('&')), unsigned, '/accept-invitation');
    assertUnsigned(await send(browser, '/api/auth/sign-in/email', [field('email', person.email), field('password', PASSWORD),
      waiting, to].join('&')), unsigned, '/api/auth/sign-in/email');
  }
});

test('no link of a mail signs the address that it leads to', async () => {
  const unsigned = unsignedLink('victim@example.com', 'mine@example.com');
  const target = `/x?${unsigned}&sig=`;
  const json = { headers: { accept: 'application/json' } };
  const person = somebody(stack);
  await person.http.post('/api/auth/sign-up/email', { ...person, http: undefined, callbackURL: target });
  const verify = await stack.mail.link(person.email, '/api/auth/verify-email');
  assertUnsigned(await person.http.get(verify, json), unsigned, 'verify-email');
  await person.http.post('/api/auth/sign-in/magic-link', { email: person.email, callbackURL: target });
  const magic = await stack.mail.link(person.email, '/api/auth/magic-link/verify', { contains: 'magic-link/verify' });
  assertUnsigned(await person.http.get(magic, json), unsigned, 'magic-link');
  await person.http.post('/api/auth/request-password-reset', { email: person.email, redirectTo: target });
  const reset = await stack.mail.link(person.email, '/api/auth/reset-password', { contains: 'reset-password' });
  assertUnsigned(await person.http.get(reset), unsigned, 'reset-password');
});

test('a session cookie is no signature of a page query, nor is that of a page a session cookie', async () => {
  const person = await somebodySignedIn(stack);
  const waiting = await new Client(stack.url).get(request());
  const [page, query] = waiting.headers.location.split('?');
  assert.equal(page, '/login');
  const signed = query.replace(/&sig=.*/, '');
  const signature = decodeURIComponent(/&sig=(.*)/.exec(query)[1]);
  assert.ok(!macs(signed).includes(signature), 'the query has the key of session cookies');
  const cookie = Object.assign(new Client(stack.url), { cookies: new Map([['mana.session_token', encodeURIComponent(`${signed}.${signature}`)]]) });
  assert.equal((await cookie.get('/api/auth/get-session')).json, null);
  const [token, mac] = decodeURIComponent(person.http.cookies.get('mana.session_token')).split('.');
  for (const forged of [`${token}&ba_param=${token}&sig=${encodeURIComponent(mac)}`, `${signed}&sig=${encodeURIComponent(macs(signed)[0])}`]) {
    const answer = await person.http.post('/api/auth/oauth2/continue', { oauth_query: forged });
    assert.deepEqual(answer.json, { error: 'invalid_signature' });
  }
  assert.equal((await person.http.post('/api/auth/oauth2/continue', { oauth_query: query })).json.redirect, true);
});
