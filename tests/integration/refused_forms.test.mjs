// Who sends a form of a hosted page sees a page, whatever is wrong with it: never JSON, and never nothing.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Client } from './lib/http.mjs';
import { request, SYNAPSE } from './lib/oidc.mjs';
import { PASSWORD, somebodySignedIn } from './lib/people.mjs';
import { startStack } from './lib/stack.mjs';

const EDGE = fileURLToPath(new URL('../../build/mana-auth-edge', import.meta.url));
const FORM = 'application/x-www-form-urlencoded';

let stack, ada, paths;
before(async () => {
  stack = await startStack({ ...SYNAPSE, RATE_LIMIT: 'on' });
  ada = await somebodySignedIn(stack);
  const table = execFileSync(EDGE, ['routes'], { encoding: 'utf8' });
  paths = [...table.matchAll(/^\| POST \| `(\/[^`]+)`/gm)].map(([, path]) => path).filter((path) => !path.startsWith('/api/'));
  assert.ok(paths.length >= 10, 'the table of routes was read');
});
after(() => stack?.stop());

/** Reads as a page in the language of the browser, with the status that a program would get. */
function assertPage(answer, status, words, where) {
  assert.equal(answer.status, status, `${where}: ${answer.text.slice(0, 300)}`);
  assert.match(answer.headers['content-type'] ?? '', /^text\/html/, where);
  assert.match(answer.text, words, where);
  assert.match(answer.headers['content-security-policy'], /^default-src 'none'/, where);
  assert.equal(answer.setCookies.length, 0, where);
}

const send = (path, { origin = stack.url, cookie, body = 'x=1', type = FORM, ...headers } = {}) =>
  new Client(stack.url, { origin }).request('POST', path, { body, headers: { 'accept-language': 'en', cookie, 'content-type': type ?? undefined, ...headers } });

test('a form from another site', async () => {
  const cookie = [...ada.http.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  for (const path of paths) {
    assertPage(await send(path, { origin: 'https://evil.example', cookie }), 403, /did not confirm that this form comes from our page/, path);
    assertPage(await send(path, { origin: 'null', cookie }), 403, /did not confirm/, path);
    assertPage(await send(path, { origin: null, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }), 403, /did not confirm/, path);
  }
});

test('a form of another type', async () => {
  for (const path of paths)
    for (const [type, body] of [['application/json', '{"email":"x"}'], ['multipart/form-data; boundary=x', '--x--'], ['text/plain', 'x'], [null, 'x=1']])
      assertPage(await send(path, { type, body }), 415, /could not be read/, `${path} ${type}`);
});

test('a form that cannot be read, or lacks a field', async () => {
  for (const path of paths) {
    for (const body of ['x=%ff', 'x=%zz', 'x=1&x=2', Array(70).fill('a').map((name, n) => `${name}${n}=`).join('&')])
      assertPage(await send(path, { body }), 400, /could not be read/, `${path} ${body.slice(0, 20)}`);
  }
  for (const path of ['/login', '/login-link', '/two-factor', '/sign-up', '/consent', '/forgot-password', '/reset-password', '/accept-invitation', '/confirm-sign-up'])
    assertPage(await send(path), 400, /could not be read/, path);
  assertPage(await send('/consent', { body: 'accept=true', cookie: [...ada.http.cookies].map(([name, value]) => `${name}=${value}`).join('; ') }), 400,
    /invalid or has expired/, 'a consent to nothing');
});

test('what is shown of the input is escaped, and the request that waits stays', async () => {
  const query = (await new Client(stack.url).get(request())).headers.location.split('?')[1];
  const body = new URLSearchParams([['oauth_query', query], ['<img src=x>', '1'], ['<img src=x>', '2']]).toString();
  const answer = await send('/login', { body });
  assertPage(answer, 400, /&lt;img src=x&gt;/, 'escaped');
  assert.doesNotMatch(answer.text, /<img src=x/);
  const lacking = await send('/login', { body: new URLSearchParams({ oauth_query: query, email: ada.email }).toString() });
  assertPage(lacking, 400, /Try again/, 'a way back');
});

test('the same for a page whose query cannot be read', async () => {
  for (const path of ['/login', '/two-factor', '/sign-up', '/consent', '/forgot-password', '/reset-password', '/accept-invitation', '/sign-out', '/signed-in', '/form-post'])
    for (const query of ['x=%ff', 'x=1&x=2'])
      assertPage(await new Client(stack.url, { headers: { 'accept-language': 'en' } }).get(`${path}?${query}`), 400, /could not be read/, `${path}?${query}`);
});

test('a link in a mail that a browser opens, and a program', async () => {
  for (const path of ['/api/auth/verify-email', '/api/auth/magic-link/verify', '/api/auth/revert-email-change', '/api/auth/delete-user/callback']) {
    const shown = await new Client(stack.url, { headers: { accept: 'text/html', 'accept-language': 'en' } }).get(`${path}?x=1&x=2`);
    assert.match(shown.headers['content-type'], /^text\/html/, path);
    assert.ok(shown.status >= 400 && shown.status < 500, path);
    assert.ok((await new Client(stack.url).get(`${path}?x=1&x=2`)).json.code, path);
  }
});

test('too many of them', async () => {
  let answer;
  for (let n = 0; n < 12 && answer?.status !== 429; n++) answer = await send('/forgot-password', { body: 'email=nobody%40example.com' });
  assertPage(answer, 429, /Too many attempts/, '/forgot-password');
  assert.ok(Number(answer.headers['retry-after']) > 0);
});

test('the fields are named as password managers expect', async () => {
  const fields = ({ text }) => Object.fromEntries([...text.matchAll(/<input id="\w+" name="(\w+)"[^>]*?autocomplete="([^"]+)"/g)].map(([, name, value]) => [name, value]));
  const get = (path) => new Client(stack.url).get(path);
  assert.deepEqual(fields(await get('/login')), { email: 'username webauthn', password: 'current-password' });
  assert.deepEqual(fields(await get('/sign-up')), { name: 'name', email: 'username', password: 'new-password' });
  assert.deepEqual(fields(await get('/forgot-password')), { email: 'username' });
  assert.deepEqual(fields(await get('/reset-password?token=x')), { newPassword: 'new-password' });
  await ada.http.post('/api/auth/two-factor/enable', { password: PASSWORD, method: 'otp' });
  const browser = new Client(stack.url);
  await browser.post('/api/auth/sign-in/email', { email: ada.email, password: PASSWORD });
  assert.deepEqual(fields(await browser.get('/two-factor')), { code: 'one-time-code' });
});

test('a database that is not there', async () => {
  await stack.command('postgres-stop', { mode: 'immediate' });
  for (const [path, body] of [['/login', { email: ada.email, password: PASSWORD }], ['/forgot-password', { email: ada.email }], ['/two-factor', { code: '123456' }],
    ['/sign-up', { email: 'x@example.com', name: 'X', password: PASSWORD }], ['/login-link', { email: ada.email }]]) {
    const answer = await send(path, { body: new URLSearchParams(body).toString() });
    assertPage(answer, 503, /(cannot be reached|did not work) just now/, path);
    assert.ok(Number(answer.headers['retry-after']) > 0, `${path} says when to try again`);
  }
});
