// Second factors and sign-in links on the hosted pages, in a real browser without JavaScript. Both go on with the request of a
// relying party.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { startBrowser } from './lib/browser.mjs';
import { Client } from './lib/http.mjs';
import { request, SYNAPSE } from './lib/oidc.mjs';
import { PASSWORD, signUp, somebody, somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { stepPasses, totp, wrongTotp } from './lib/totp.mjs';

const PICTURES = process.env.PICTURES; // a folder: what the pages look like is put there
const PHONE = { viewport: { width: 390, height: 844 } };

describe('the second factor and the sign-in link on our pages', () => {
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
    browser = await startBrowser();
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
    return page;
  };
  const authorize = (more) => `${stack.url}${request({ redirect_uri: callback, ...more })}`;
  const picture = (page, name) => PICTURES && page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });
  const withApp = async () => {
    const person = await somebodySignedIn(stack);
    const { json } = await person.http.post('/api/auth/two-factor/enable', { password: PASSWORD });
    await person.http.post('/api/auth/two-factor/verify-totp', { code: totp(json.totpURI) });
    stepPasses(stack, person.email);
    return Object.assign(person, { uri: json.totpURI, backupCodes: json.backupCodes });
  };
  const password = async (page, { email }) => {
    await page.fill('#email', email);
    await page.fill('#password', PASSWORD);
    await page.click('button');
  };
  const shows = async (page, code) => {
    await page.fill('#code', code);
    await page.click('button');
  };
  const signedInAs = async (page) => {
    const answer = await page.context().request.get(`${stack.url}/api/auth/get-session`);
    return (await answer.json())?.user.email;
  };
  const arrives = async (page) => {
    await page.waitForURL(`${callback}**`);
    assert.ok(received.searchParams.get('code'), received.href);
    received = undefined;
  };

  test('the code of an app comes after the password, a wrong one is said, and the client gets its answer', async () => {
    const ada = await withApp();
    const page = await open();
    await page.goto(authorize());
    await password(page, ada);
    assert.equal(await page.title(), 'Second factor · Mana');
    assert.equal(await signedInAs(page), undefined);
    await picture(page, 'two-factor');
    await shows(page, wrongTotp(ada.uri));
    assert.match(await page.textContent('[role=alert]'), /code is wrong/);
    await picture(page, 'two-factor-wrong');
    const code = totp(ada.uri);
    await shows(page, `${code.slice(0, 3)} ${code.slice(3)}`);
    await arrives(page);
    assert.equal(await signedInAs(page), ada.email);
  });

  test('a backup code will do; a trusted browser is not asked again', async () => {
    const bob = await withApp();
    const page = await open({ ...PHONE, locale: 'de-DE' });
    await page.goto(`${stack.url}/login?callbackURL=%2Fsigned-in%3Fa`);
    await password(page, bob);
    assert.equal(await page.title(), 'Zweiter Faktor · Mana');
    await picture(page, 'two-factor-phone-de');
    await page.check('[name=trustDevice]');
    await shows(page, bob.backupCodes[0]);
    await page.waitForURL(`${stack.url}/signed-in?a`);
    await page.context().clearCookies({ name: 'mana.session_token' });
    await page.goto(authorize());
    await password(page, bob);
    await arrives(page);
  });

  test('codes by mail are sent when the button is pressed', async () => {
    const carl = await somebodySignedIn(stack);
    await carl.http.post('/api/auth/two-factor/enable', { password: PASSWORD, method: 'otp' });
    const page = await open({ ...PHONE, colorScheme: 'dark' });
    await page.goto(authorize());
    await password(page, carl);
    await page.click('text=E-mail me a code');
    assert.match(await page.textContent('[role=status]'), /on its way/);
    await picture(page, 'two-factor-mail-phone-dark');
    const { text } = await stack.mail.latest(carl.email, { contains: 'Code' });
    await shows(page, text.match(/\b\d{6}\b/)[0]);
    await arrives(page);
  });

  test('after too many wrong codes the password is asked for again, and the request survives', async () => {
    const dora = await withApp();
    const page = await open();
    await page.goto(authorize());
    await password(page, dora);
    for (let i = 0; i < 6; i += 1) await shows(page, wrongTotp(dora.uri));
    assert.equal(await page.title(), 'Sign in · Mana');
    assert.match(await page.textContent('.alert:not([hidden])'), /sign in again/);
    await password(page, dora);
    await shows(page, totp(dora.uri));
    await arrives(page);
  });

  test('who comes to the page without a sign-in that waits is sent to sign in', async () => {
    const page = await open();
    const answer = await page.goto(`${stack.url}/two-factor?callbackURL=https%3A%2F%2Fevil.example`);
    assert.equal(answer.status(), 401);
    assert.equal(await page.title(), 'Sign in · Mana');
    assert.doesNotMatch(await page.content(), /evil/);
  });

  test('a sign-in link goes on with the request, and makes an account for who has none', async () => {
    for (const eve of [await somebodySignedIn(stack), somebody(stack)]) {
      const page = await open();
      await page.goto(authorize());
      await page.fill('#email', eve.email);
      await page.click('text=E-mail me a sign-in link');
      assert.match(await page.textContent('h1'), /inbox/);
      await picture(page, 'link-sent');
      await page.goto(await stack.mail.link(eve.email, '/magic-link/verify', { contains: '/magic-link/verify' }));
      await picture(page, 'link-opened');
      await page.click('button');
      await arrives(page);
      assert.equal(await signedInAs(page), eve.email);
    }
  });

  test('a sign-in link of who has a second factor asks for it, and then goes on', async () => {
    const fay = await withApp();
    const page = await open();
    await page.goto(authorize());
    await page.fill('#email', fay.email);
    await page.click('text=E-mail me a sign-in link');
    await page.goto(await stack.mail.link(fay.email, '/magic-link/verify', { contains: '/magic-link/verify' }));
    await page.click('button');
    assert.equal(await page.title(), 'Second factor · Mana');
    assert.equal(await signedInAs(page), undefined);
    await shows(page, totp(fay.uri));
    await arrives(page);
  });

  test('a sign-in link for what is no address is refused on the page', async () => {
    const page = await open();
    await page.goto(authorize());
    await page.click('text=E-mail me a sign-in link');
    assert.match(await page.textContent('.alert:not([hidden])'), /not a valid/);
    const gus = somebody(stack);
    await signUp(gus);
    await page.fill('#email', gus.email);
    await page.click('text=E-mail me a sign-in link');
    assert.match(await page.textContent('h1'), /inbox/, 'and the request survives that');
  });

  test('a link may lead on to an app of the phone, whose scheme the pages name, and no script', async () => {
    const http = new Client(stack.url);
    for (const [app, named] of [['com.example.app:/cb', / com\.example\.app:$/], ['javascript:alert(1)//"', /javascript/]]) {
      for (const start of ['', stack.url]) {
        const target = `${start}${request({ redirect_uri: app })}`;
        const link = `/api/auth/magic-link/verify?token=x&callbackURL=${encodeURIComponent(target)}`;
        const policy = (await http.get(link, { headers: { accept: 'text/html' } })).headers['content-security-policy'];
        assert.match(policy, /form-action 'self' https: http:/);
        assert.equal(named.test(policy), !app.startsWith('javascript'), policy);
      }
    }
  });

  test('no page broke its policy, and each fits its screen', async () => {
    const page = await open(PHONE);
    await page.goto(authorize());
    await picture(page, 'login-phone');
    await password(page, await withApp());
    assert.equal(await page.evaluate('document.documentElement.scrollWidth <= 390'), true);
    assert.deepEqual(violations, []);
  });
});
