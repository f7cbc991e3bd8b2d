// The hosted pages in a real browser, without JavaScript: a new user's way from a relying party through sign-up, and back.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { exchange, register, request, SYNAPSE, SYNAPSE_BASIC } from './lib/oidc.mjs';
import { PASSWORD, somebodyVerified } from './lib/people.mjs';
import { Client } from './lib/http.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

describe('the hosted pages', () => {
  let stack, browser, relyingParty, callback, received;
  const violations = [];
  before(async () => {
    relyingParty = createServer((incoming, answer) => {
      if (incoming.url.startsWith('/cb')) received = new URL(incoming.url, callback);
      answer.end('welcome back');
    });
    await new Promise((resolve) => relyingParty.listen(0, '127.0.0.1', resolve));
    callback = `http://127.0.0.1:${relyingParty.address().port}/cb`;
    stack = await startStack({ ...SYNAPSE, SYNAPSE_OIDC_REDIRECT_URIS: callback }, UNLIMITED);
    register(stack, {
      name: `'Wiki <b>&'`, redirect_uris: `ARRAY['${callback}']`, client_id: `'wiki'`, secret: `'s'`,
      scopes: `'{openid,profile,email,offline_access,pages.write,pages.<i>}'`,
      scope_words: `'{"pages.write": {"de": "in deinem Namen <u>schreiben</u>", "en": "write pages in your name"}}'`,
    });
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  });
  after(async () => {
    await browser?.close();
    relyingParty?.close();
    await stack?.stop();
  });

  const open = async (options = {}) => {
    const context = await browser.newContext({ javaScriptEnabled: false, locale: 'en', ...options });
    const page = await context.newPage();
    page.on('console', (message) => /Content Security Policy|Refused/.test(message.text()) && violations.push(message.text()));
    page.on('request', (asked) => {
      const { origin, protocol } = new URL(asked.url());
      if (protocol !== 'data:' && ![stack.url, new URL(callback).origin].includes(origin)) violations.push(asked.url());
    });
    return page;
  };
  const authorize = (more) => `${stack.url}${request({ redirect_uri: callback, ...more })}`;

  test('sign-in leads back with a code; a wrong password is said, and the request survives it', async () => {
    const ada = await somebodyVerified(stack);
    const page = await open();
    await page.goto(authorize({ login_hint: ada.email }));
    assert.equal(await page.title(), 'Sign in · Mana');
    assert.equal(await page.inputValue('#email'), ada.email);
    await page.fill('#password', 'not this one at all');
    await page.click('button');
    assert.match(await page.textContent('[role=alert]'), /wrong/);
    await page.fill('#password', PASSWORD);
    await page.click('button');
    await page.waitForURL(`${callback}**`);
    assert.equal(received.searchParams.get('state'), 'st4te');
    const tokens = await exchange(new Client(stack.url), { code: received.searchParams.get('code'), redirect_uri: callback }, SYNAPSE_BASIC);
    assert.equal(tokens.status, 200, tokens.text);
  });

  test('consent shows the client as text and what it will know; denied and allowed reach the client', async () => {
    const bob = await somebodyVerified(stack);
    const page = await open({ locale: 'de-DE' });
    await page.goto(authorize({ client_id: 'wiki', scope: 'openid profile email offline_access pages.write pages.<i>' }));
    assert.equal(await page.title(), 'Anmelden · Mana');
    assert.match(await page.textContent('main'), /Weiter zu Wiki <b>&/);
    await page.fill('#email', bob.email);
    await page.fill('#password', PASSWORD);
    await page.click('button');
    assert.match(await page.textContent('main'), /Wiki <b>& möchte/);
    assert.deepEqual(await page.locator('li').allTextContents().then((all) => all.slice(-3)), [
      'in deinem Namen <u>schreiben</u>', 'Rechte, die diese Anwendung so nennt: pages.<i>', 'all das auch, wenn du nicht angemeldet bist',
    ]);
    assert.equal(await page.locator('li').count(), 6);
    assert.match(await page.textContent('main'), new RegExp(`Danach geht es weiter zu ${new URL(callback).host}`));
    const consent = page.url();
    await page.click('button[value=false]');
    await page.waitForURL(`${callback}**`);
    assert.equal(received.searchParams.get('error'), 'access_denied');
    await page.goto(consent);
    await page.click('button[value=true]');
    await page.waitForURL(`${callback}**`);
    assert.ok(received.searchParams.get('code'));
  });

  test('somebody else may consent instead, and a session that has ended is asked for again', async () => {
    const [carl, dora] = [await somebodyVerified(stack), await somebodyVerified(stack)];
    const page = await open();
    const signIn = async ({ email }) => {
      await page.fill('#email', email);
      await page.fill('#password', PASSWORD);
      await page.click('button');
    };
    await page.goto(authorize({ client_id: 'wiki' }));
    await signIn(carl);
    await page.click('text=Use another account');
    await signIn(dora);
    assert.match(await page.textContent('main'), new RegExp(dora.email));
    stack.psql(`DELETE FROM auth.sessions WHERE user_id = :'id'`, { id: dora.id });
    await page.click('button[value=true]');
    assert.match(await page.textContent('[role=alert]:not([hidden])'), /sign in again/);
    await signIn(dora);
    await page.click('button[value=true]');
    await page.waitForURL(`${callback}**`);
    assert.ok(received.searchParams.get('code'));
  });

  test('signing up goes on with the request when the mail has been opened', async () => {
    const page = await open();
    await page.goto(authorize());
    await page.click('text=Create an account');
    const email = `hosted-${process.pid}@example.com`;
    await page.fill('#name', 'Hosted "Guest"');
    await page.fill('#email', email);
    await page.fill('#password', 'password');
    await page.click('button');
    assert.match(await page.textContent('[role=alert]'), /easy to guess/);
    await page.fill('#password', PASSWORD);
    await page.click('button');
    assert.match(await page.textContent('h1'), /inbox/);
    await page.goto(await stack.mail.link(email, '/api/auth/verify-email'));
    await page.click('button');
    await page.waitForURL(`${callback}**`);
    assert.ok(received.searchParams.get('code'));
  });

  test('a forgotten password is replaced by the link of the mail', async () => {
    const carl = await somebodyVerified(stack);
    const page = await open();
    await page.goto(`${stack.url}/login`);
    await page.click('text=Forgot');
    await page.fill('#email', carl.email);
    await page.click('button');
    const mail = await stack.mail.latest(carl.email, { contains: '/api/auth/reset-password' });
    await page.goto(mail.text.match(/http:\S+reset-password\S+/)[0]);
    await page.fill('#password', 'ochre-walrus-climbs-4-hills');
    await page.click('button');
    assert.match(await page.textContent('h1'), /changed/);
    await page.click('a.button');
    await page.fill('#email', carl.email);
    await page.fill('#password', 'ochre-walrus-climbs-4-hills');
    await page.click('button');
    await page.waitForURL(`${stack.url}/signed-in`);
  });

  test('logging out without a hint asks first', async () => {
    const dora = await somebodyVerified(stack);
    const page = await open();
    await page.goto(`${stack.url}/login`);
    await page.fill('#email', dora.email);
    await page.fill('#password', PASSWORD);
    await page.click('button');
    await page.goto(`${stack.url}/api/auth/oauth2/end-session`);
    await page.click('button');
    await page.waitForURL(`${stack.url}/signed-out`);
    assert.deepEqual((await page.context().cookies()).filter(({ name }) => /session_token/.test(name)), []);
  });

  test('every page forbids all scripts but the one of the sign-in, frames and foreign resources', async () => {
    for (const path of ['/login', '/sign-up', '/forgot-password', '/reset-password?token=x', '/sign-out', '/signed-out', '/api/auth/error?error=%3Cscript%3E']) {
      const answer = await new Client(stack.url).get(path);
      assert.match(answer.headers['content-security-policy'], /^default-src 'none'; .*frame-ancestors 'none'/, path);
      const scripts = path === '/login' ? ["script-src 'self'"] : null; // passkey.js
      assert.doesNotMatch(answer.headers['content-security-policy'], /unsafe/);
      assert.deepEqual(answer.headers['content-security-policy'].match(/script-src[^;]*/g), scripts, path);
      assert.equal(answer.text.match(/<script/gi)?.length, scripts?.length, path);
      assert.doesNotMatch(answer.text, /\son\w+=/i, path);
    }
    assert.deepEqual(violations, []);
  });
});
