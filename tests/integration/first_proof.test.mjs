// Somebody signs up with an address that is not theirs and waits for its owner to confirm it. Whatever way the owner takes, only
// the owner gets in afterwards.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startBrowser } from './lib/browser.mjs';
import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, signUp, somebody } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const PAGE = { headers: { accept: 'text/html,application/xhtml+xml' } };
const EVES = 'eves-harbour-lantern-73';
const NEW = 'quiet-otter-paints-91-doors';

describe('an account that somebody else made', () => {
  let stack;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
  });
  after(() => stack?.stop());

  /** Eve's sign-up, then the owner's in a browser; the newest link. */
  async function hijacked() {
    const owner = somebody(stack, 'Vera');
    const eve = { ...owner, name: 'Eve', password: EVES, http: new Client(stack.url) };
    assert.equal((await signUp(eve)).status, 200);
    const older = await stack.mail.link(owner.email, '/verify-email');
    owner.http.headers['sec-fetch-mode'] = 'cors';
    assert.equal((await signUp(owner)).status, 200);
    delete owner.http.headers['sec-fetch-mode'];
    const link = await stack.mail.link(owner.email, '/verify-email', { count: 2 });
    return { owner, eve, older, link };
  }
  const press = (http, link) => http.request('POST', '/api/auth/verify-email', {
    form: { token: new URL(link).searchParams.get('token'), callbackURL: '/home' }, ...PAGE,
  });
  const confirm = (http, link, form) => http.request('POST', '/confirm-sign-up', {
    form: { token: new URL(link).searchParams.get('token'), callbackURL: '/home', ...form }, ...PAGE,
  });
  const isSignedIn = async (http) => (await http.get('/api/auth/get-session')).json !== null;
  const entersWith = async (email, password) => (await signIn({ email, password, http: new Client(stack.url) })).status;

  test('opens to the owner\'s password and not to an earlier one, when a program confirms the newest link', async () => {
    const { owner, older, link } = await hijacked();
    assert.equal((await new Client(stack.url).get(older)).headers.location, '/?error=INVALID_TOKEN');
    assert.equal(await entersWith(owner.email, PASSWORD), 403, 'not before it is confirmed');
    const answer = await new Client(stack.url).get(link);
    assert.equal(answer.status, 302, answer.text);
    assert.equal(await entersWith(owner.email, PASSWORD), 200);
    assert.equal(await entersWith(owner.email, EVES), 401);
  });

  test('is confirmed at once in the browser that signed up', async () => {
    const { owner, link } = await hijacked();
    const page = await owner.http.get(link, PAGE);
    assert.ok(!page.text.includes('type="password"'), page.text);
    assert.equal(await isSignedIn(owner.http), false, 'the page takes nothing');
    const answer = await press(owner.http, link);
    assert.deepEqual([answer.status, answer.headers.location], [302, '/home']);
    assert.equal(await isSignedIn(owner.http), true);
    assert.equal(await entersWith(owner.email, EVES), 401);
  });

  test('asks any other browser for the chosen password', async () => {
    const { owner, eve, link } = await hijacked();
    for (const http of [new Client(stack.url), eve.http]) {
      assert.match((await http.get(link, PAGE)).text, /action="\/confirm-sign-up"/);
      const pressed = await press(http, link);
      assert.equal(pressed.status, 403);
      assert.match(pressed.text, /action="\/confirm-sign-up"/);
      assert.deepEqual(pressed.setCookies, []);
    }
    const fetched = await new Client(stack.url).get(link, {
      headers: { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
    });
    assert.deepEqual([fetched.status, fetched.json?.code, fetched.setCookies], [403, 'SIGN_UP_ELSEWHERE', []], 'a script there is refused');
    const phone = new Client(stack.url);
    for (const form of [{ password: EVES }, { password: '' }, {}, { newPassword: 'password' }, { newPassword: 'short' }]) {
      const wrong = await confirm(phone, link, form);
      assert.ok(wrong.status >= 400 && wrong.status < 500, `${wrong.status}`);
      assert.match(wrong.text, /role="alert"/);
      assert.deepEqual(wrong.setCookies, []);
    }
    assert.equal(await entersWith(owner.email, PASSWORD), 403);
    const right = await confirm(phone, link, { password: PASSWORD });
    assert.deepEqual([right.status, right.headers.location], [303, '/home'], right.text);
    assert.equal(await isSignedIn(phone), true);
    assert.equal(await entersWith(owner.email, PASSWORD), 200);
  });

  test('gets a new password from the owner who does not know the chosen one', async () => {
    const { owner, link } = await hijacked();
    assert.equal((await signUp({ ...owner, password: EVES, http: new Client(stack.url) })).status, 200); // Eve is the newest
    const newest = await stack.mail.link(owner.email, '/verify-email', { count: 3 });
    assert.notEqual(newest, link);
    assert.match((await owner.http.get(newest, PAGE)).text, /action="\/confirm-sign-up"/, 'this browser did not sign up last');
    assert.equal((await confirm(owner.http, newest, { password: PASSWORD })).status, 400);
    const answer = await confirm(owner.http, newest, { newPassword: NEW });
    assert.deepEqual([answer.status, answer.headers.location], [303, '/home'], answer.text);
    assert.equal(await isSignedIn(owner.http), true);
    for (const [password, status] of [[NEW, 200], [EVES, 401], [PASSWORD, 401]]) assert.equal(await entersWith(owner.email, password), status);
  });

  test('keeps no password from before a reset that is the first proof', async () => {
    const { owner, link } = await hijacked();
    await owner.http.post('/api/auth/request-password-reset', { email: owner.email });
    const reset = await stack.mail.link(owner.email, '/reset-password/', { count: 3 });
    const answer = await owner.http.post('/api/auth/reset-password', { token: new URL(reset).pathname.split('/').at(-1), newPassword: NEW });
    assert.equal(answer.status, 200, answer.text);
    assert.match((await new Client(stack.url).get(link)).headers.location, /error=INVALID_TOKEN/);
    for (const [password, status] of [[NEW, 200], [EVES, 401], [PASSWORD, 401]]) assert.equal(await entersWith(owner.email, password), status);
  });

  test('keeps no password at all from before a magic link that is the first proof', async () => {
    const { owner } = await hijacked();
    await owner.http.post('/api/auth/sign-in/magic-link', { email: owner.email });
    const magic = await stack.mail.link(owner.email, '/magic-link/verify', { count: 3 });
    assert.equal((await owner.http.get(magic)).status, 302);
    for (const password of [EVES, PASSWORD]) assert.equal(await entersWith(owner.email, password), 401);
  });

  test('a second use of a link that has done its work goes to the callback and gives nothing', async () => {
    const { owner, link } = await hijacked();
    const target = `${link.replace(/callbackURL=.*/, '')}callbackURL=%2Fhome`;
    assert.equal((await owner.http.get(target)).status, 302);
    const stranger = new Client(stack.url);
    for (const again of [await stranger.get(target), await press(stranger, link), await confirm(stranger, link, { newPassword: EVES })]) {
      assert.equal(again.headers.location, '/home', `${again.status} ${again.text}`);
      assert.deepEqual(again.setCookies, []);
    }
    assert.equal((await stranger.get(target.replace(/&callbackURL=.*/, ''))).status, 401);
    assert.equal(await entersWith(owner.email, PASSWORD), 200);
  });

  test('a sign-up shows the same for a new, a pending and a proven address, and never opens a session', async () => {
    const { owner: pending } = await hijacked();
    const { owner: proven, link } = await hijacked();
    await new Client(stack.url).get(link);
    const shape = async (email) => {
      const http = new Client(stack.url, { headers: { 'sec-fetch-mode': 'cors' } });
      const { status, headers, setCookies, json } = await http.post('/api/auth/sign-up/email', { email, password: EVES, name: 'Eve' });
      assert.equal(await isSignedIn(http), false);
      return {
        status, headers: Object.keys(headers).sort(), cookies: setCookies.map(({ name, attributes }) => [name, attributes]),
        user: { ...json.user, id: json.user.id.length, email: '', createdAt: '', updatedAt: '' }, token: json.token,
      };
    };
    const fresh = await shape(somebody(stack).email);
    assert.deepEqual(await shape(pending.email), fresh);
    assert.deepEqual(await shape(proven.email), fresh);
    assert.deepEqual(fresh.cookies.map(([name]) => name.replace(/^.*mana\./, '')), ['sign_up']);
  });

  test('signed up in Chromium: its link goes straight on there, and asks for a password elsewhere', async () => {
    const browser = await startBrowser();
    try {
      const owner = somebody(stack);
      const [desk, phone] = [await browser.newContext({ locale: 'en' }), await browser.newContext({ locale: 'en' })];
      const page = await desk.newPage();
      await page.goto(`${stack.url}/sign-up`);
      for (const field of ['name', 'email', 'password']) await page.fill(`#${field}`, owner[field]);
      await page.click('form button[type=submit]');
      const link = await stack.mail.link(owner.email, '/verify-email');
      const other = await phone.newPage();
      await other.goto(link);
      assert.equal(await other.locator('input[type=password]').count(), 2);
      if (process.env.PICTURES) await other.screenshot({ path: `${process.env.PICTURES}/confirm_sign_up.png`, fullPage: true });
      await page.goto(link);
      assert.equal(await page.locator('input[type=password]').count(), 0);
      await page.click('form button[type=submit]');
      await page.waitForURL(`${stack.url}/signed-in`);
      await page.goto(`${stack.url}/api/auth/get-session`);
      assert.equal(JSON.parse(await page.textContent('body')).user.email, owner.email);
    } finally {
      await browser.close();
    }
  });
});
