// Passkeys in a real browser with an authenticator that Chromium plays: Better Auth's own client on a page of an app, and
// our sign-in page.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

import { startBrowser, withAuthenticator } from './lib/browser.mjs';
import { Client } from './lib/http.mjs';
import { exchange, request, SYNAPSE, SYNAPSE_BASIC } from './lib/oidc.mjs';
import { somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { stepPasses, totp } from './lib/totp.mjs';

const PICTURES = process.env.PICTURES; // a folder: what the page looks like is put there

/** It has a button and nothing else: it can be asked by name only, which the session of its user gives. */
const SECURITY_KEY = { transport: 'usb', hasResidentKey: false, hasUserVerification: false, isUserVerified: false };

/** A page with the official client in it, as an app bundles it. */
async function bundle(baseURL) {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { createAuthClient } from 'better-auth/client';
        import { passkeyClient } from '@better-auth/passkey/client';
        window.auth = createAuthClient({ baseURL: ${JSON.stringify(baseURL)}, plugins: [passkeyClient()] });`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true, format: 'iife', write: false, logLevel: 'error',
  });
  return outputFiles[0].text;
}

describe('passkeys in a browser', () => {
  let stack, browser, app, appUrl, script, received;
  const violations = [];
  before(async () => {
    app = createServer((incoming, answer) => {
      if (incoming.url.startsWith('/cb')) received = new URL(incoming.url, appUrl);
      const isScript = incoming.url === '/app.js';
      answer.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      answer.end(isScript ? script : '<!doctype html><title>App</title><script src="/app.js"></script>');
    });
    await new Promise((resolve) => app.listen(0, '127.0.0.1', resolve));
    appUrl = `http://localhost:${app.address().port}`;
    stack = await startStack({ ...SYNAPSE, CORS_ORIGINS: appUrl, SYNAPSE_OIDC_REDIRECT_URIS: `${appUrl}/cb` }, UNLIMITED);
    script = await bundle(stack.url);
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    app?.close();
    await stack?.stop();
  });

  const open = async (options) => {
    const page = await (await browser.newContext({ locale: 'en', ...options })).newPage();
    page.on('console', (message) => /Content Security Policy|Refused/.test(message.text()) && violations.push(message.text()));
    page.on('pageerror', (error) => violations.push(error.message));
    return page;
  };
  /** Calls the client on the page: a function of `auth`, and what it is given. */
  const client = (page, what, given) => page.evaluate(
    async ([text, value]) => {
      const { data, error } = await (0, eval)(`(${text})`)(window.auth, value);
      return { data: data ?? null, error: error ?? null };
    },
    [what.toString(), given],
  );
  const signInByPassword = (page, { email, password }) =>
    client(page, (auth, given) => auth.signIn.email(given), { email, password });
  const addPasskey = (page, name) => client(page, (auth, given) => auth.passkey.addPasskey({ name: given }), name);
  const somebodyOnAPage = async (authenticatorOptions) => {
    const person = await somebodyVerified(stack);
    const page = await open();
    const authenticator = await withAuthenticator(page, authenticatorOptions);
    await page.goto(appUrl);
    assert.equal((await signInByPassword(page, person)).error, null);
    return { person, page, authenticator };
  };
  /** From here on the page's browser suggests no passkeys; else Chromium's authenticator takes a suggestion by itself. */
  const withoutSuggestions = (page) =>
    page.addInitScript(() => { PublicKeyCredential.isConditionalMediationAvailable = async () => false; });
  const picture = (page, name) => PICTURES && page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });

  test('the official client registers, signs in, lists, renames and deletes', async () => {
    const { person, page, authenticator } = await somebodyOnAPage();
    const added = await addPasskey(page, 'Laptop');
    assert.equal(added.error, null, JSON.stringify(added.error));
    assert.equal(added.data.name, 'Laptop');
    const [credential] = await authenticator.credentials();
    assert.equal(Buffer.from(credential.userHandle, 'base64').toString(), person.id);
    assert.equal(Buffer.from(credential.credentialId, 'base64').toString('base64url'), added.data.credentialID);

    const twice = await addPasskey(page, 'Again');
    assert.equal(twice.error.code, 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED');

    await client(page, (auth) => auth.signOut());
    assert.equal((await client(page, (auth) => auth.getSession())).data, null);
    for (const _ of [1, 2]) {
      const signedIn = await client(page, (auth) => auth.signIn.passkey());
      assert.equal(signedIn.error, null, JSON.stringify(signedIn.error));
      assert.equal(signedIn.data.user.email, person.email);
      assert.equal((await client(page, (auth) => auth.getSession())).data.session.id, signedIn.data.session.id);
      await client(page, (auth) => auth.signOut());
    }

    await client(page, (auth) => auth.signIn.passkey());
    const list = async () => (await client(page, (auth) => auth.$fetch('/passkey/list-user-passkeys'))).data;
    const [kept] = await list();
    assert.ok(kept.counter >= 2, `the authenticator has counted: ${kept.counter}`);
    await client(page, (auth, id) => auth.passkey.updatePasskey({ id, name: 'Old laptop' }), kept.id);
    assert.equal((await list())[0].name, 'Old laptop');
    await client(page, (auth, id) => auth.passkey.deletePasskey({ id }), kept.id);
    assert.deepEqual(await list(), []);
    await client(page, (auth) => auth.signOut());
    assert.equal((await client(page, (auth) => auth.signIn.passkey())).error.code, 'PASSKEY_NOT_FOUND');
  });

  test('a security key without a screen signs in who is named by the session', async () => {
    const { person, page } = await somebodyOnAPage(SECURITY_KEY);
    const added = await addPasskey(page, 'Key');
    assert.equal(added.error, null, JSON.stringify(added.error));
    assert.equal(added.data.transports, 'usb');
    const again = await client(page, (auth) => auth.signIn.passkey());
    assert.equal(again.data.user.email, person.email);
  });

  test('our sign-in page signs in with one click, and an application gets its code', async () => {
    const { person, page } = await somebodyOnAPage();
    await addPasskey(page, 'Laptop');
    await client(page, (auth) => auth.signOut());
    await withoutSuggestions(page);
    await page.goto(`${stack.url}${request({ redirect_uri: `${appUrl}/cb` })}`);
    assert.equal(await page.title(), 'Sign in · Mana');
    await picture(page, 'login-passkey');
    await page.click('text=Sign in with a passkey');
    await page.waitForURL(`${appUrl}/cb**`);
    const tokens = await exchange(new Client(stack.url),
      { code: received.searchParams.get('code'), redirect_uri: `${appUrl}/cb` }, SYNAPSE_BASIC);
    assert.equal(tokens.status, 200, tokens.text);
    assert.equal(JSON.parse(Buffer.from(tokens.json.id_token.split('.')[1], 'base64url')).email, person.email);

    await page.context().clearCookies();
    await page.goto(`${stack.url}/login`);
    await page.click('text=Sign in with a passkey');
    await page.waitForURL(`${stack.url}/signed-in`);
  });

  test('our sign-in page says when a passkey did not work, and still takes the password', async () => {
    const { person, page } = await somebodyOnAPage();
    const added = await addPasskey(page, 'Laptop');
    await client(page, (auth, id) => auth.passkey.deletePasskey({ id }), added.data.id);
    await page.context().clearCookies();
    await withoutSuggestions(page);
    await page.goto(`${stack.url}/login`);
    assert.equal(await page.isVisible('#passkey-alert'), false);
    await page.click('text=Sign in with a passkey');
    await page.waitForSelector('#passkey-alert:not([hidden])');
    assert.match(await page.textContent('#passkey-alert'), /did not work/);
    await picture(page, 'login-passkey-failed');
    await page.fill('#email', person.email);
    await page.fill('#password', person.password);
    await page.click('button[type=submit]');
    await page.waitForURL(`${stack.url}/signed-in`);
  });

  test('our sign-in page takes a passkey from the suggestions of its e-mail field', async () => {
    const { page } = await somebodyOnAPage();
    await addPasskey(page, 'Laptop');
    await client(page, (auth) => auth.signOut());
    await page.goto(`${stack.url}${request({ redirect_uri: `${appUrl}/cb`, state: 'suggested' })}`, { waitUntil: 'commit' });
    await page.waitForURL(`${appUrl}/cb**`);
    assert.equal(received.searchParams.get('state'), 'suggested');
    assert.ok(received.searchParams.get('code'));
  });

  test('our sign-in page asks for the second factor after a mere touch, and then goes on', async () => {
    const { person, page } = await somebodyOnAPage(SECURITY_KEY);
    assert.equal((await addPasskey(page, 'Key')).error, null);
    const enabled = await person.http.post('/api/auth/two-factor/enable', { password: person.password });
    const code = () => totp(enabled.json.totpURI);
    assert.equal((await person.http.post('/api/auth/two-factor/verify-totp', { code: code() })).status, 200);
    stepPasses(stack, person.email);
    await withoutSuggestions(page);
    await page.goto(`${stack.url}${request({ redirect_uri: `${appUrl}/cb`, state: 'touched', prompt: 'login' })}`);
    await page.click('text=Sign in with a passkey');
    await page.waitForURL(`${stack.url}/two-factor?**`);
    await page.fill('input[name=code]', code());
    await page.click('button[type=submit]');
    await page.waitForURL(`${appUrl}/cb**`);
    assert.equal(received.searchParams.get('state'), 'touched');
    assert.ok(received.searchParams.get('code'));
  });

  test('without scripts the page has no button that does nothing', async () => {
    const page = await open({ javaScriptEnabled: false });
    await page.goto(`${stack.url}/login`);
    assert.equal(await page.isVisible('text=Sign in with a passkey'), false);
    assert.equal(await page.isVisible('button[type=submit]'), true);
  });

  test('no page has broken its policy, and there is one script, of ours', async () => {
    assert.deepEqual(violations, []);
    const http = new Client(stack.url);
    const page = await http.get('/login');
    assert.deepEqual(page.text.match(/<script.*?<\/script>/g), ['<script src="/passkey.js" defer></script>']);
    assert.match(page.headers['content-security-policy'], /; script-src 'self'; connect-src 'self'; /);
    const loaded = await http.get('/passkey.js');
    assert.deepEqual([loaded.status, loaded.headers['content-type'], loaded.headers['x-content-type-options']],
      [200, 'text/javascript; charset=utf-8', 'nosniff']);
  });
});
