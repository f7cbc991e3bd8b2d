// How the hosted pages look and read: each of them on a phone and on a desk, in light and dark, in both languages, is judged by
// axe-core (WCAG 2.2 AA), fits the screen, and asks nothing of anybody else. PICTURES=folder keeps what was seen.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startBrowser } from './lib/browser.mjs';
import { CALLBACK, register, request, SYNAPSE } from './lib/oidc.mjs';
import { PASSWORD, signUp, somebody, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><circle cx="32" cy="32" r="30" fill="#ffd60a"/></svg>';
const SCREENS = {
  phone: { viewport: { width: 360, height: 740 }, locale: 'de-DE' },
  'phone-dark': { viewport: { width: 360, height: 740 }, locale: 'en', colorScheme: 'dark' },
  desk: { viewport: { width: 1280, height: 800 }, locale: 'en' },
  'desk-dark': { viewport: { width: 1280, height: 800 }, locale: 'de-DE', colorScheme: 'dark' },
};

describe('the look of the hosted pages', () => {
  let stack, browser, ada, careful, verification;
  before(async () => {
    stack = await startStack({
      ...SYNAPSE, BRAND_IMPRINT_URL: 'https://mana.how/imprint', BRAND_PRIVACY_URL: 'https://mana.how/privacy?a=1&b=2',
    }, UNLIMITED);
    register(stack, {
      name: `'Wiki'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'wiki'`, secret: `'s'`,
      scopes: `'{openid,profile,email,offline_access,pages.write}'`,
    });
    ada = await somebodyVerified(stack);
    careful = await somebodySignedIn(stack);
    await careful.http.post('/api/auth/two-factor/enable', { password: PASSWORD, method: 'otp' });
    const newcomer = somebody(stack);
    await signUp(newcomer);
    verification = await stack.mail.link(newcomer.email, '/api/auth/verify-email');
    const grace = await somebodyVerified(stack, 'Grace Hopper');
    stack.psql(`
      INSERT INTO auth.organizations (id, name, slug) VALUES ('org', 'Äpfel & Birnen', 'org');
      INSERT INTO auth.members (organization_id, user_id, role) VALUES ('org', '${grace.id}', 'owner');
      INSERT INTO auth.invitations (id, organization_id, email, role, inviter_id) VALUES
        ('ours', 'org', '${ada.email}', 'member', '${grace.id}'), ('another', 'org', '${newcomer.email}', 'member', '${grace.id}');`);
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await stack?.stop();
  });

  const send = async (page, values) => {
    for (const [id, value] of Object.entries(values)) await page.fill(`#${id}`, value);
    await page.click('form button[type=submit]');
  };
  const go = (path) => (page) => page.goto(new URL(path, stack.url).href);
  const waiting = (scope) => request({ client_id: 'wiki', scope });

  /** Each page by the way that leads to it; the consent comes late, for somebody is signed in from then on. */
  const PAGES = {
    'sign-in': go('/login'),
    'sign-in-for': (page) => go(waiting('openid'))(page),
    'sign-in-wrong': async (page) => {
      await go('/login')(page);
      await send(page, { email: ada.email, password: 'not this one at all' });
    },
    'sign-up': go('/sign-up'),
    'sign-up-weak': async (page) => {
      await go('/sign-up')(page);
      await send(page, { name: 'Ada', email: 'weak@example.com', password: 'password' });
    },
    forgot: go('/forgot-password'),
    'forgot-sent': async (page) => {
      await go('/forgot-password')(page);
      await send(page, { email: 'nobody@example.com' });
    },
    reset: go('/reset-password?token=x'),
    verify: (page) => go(verification)(page),
    'verify-wrong': (page) => send(page, { password: 'not the one that was chosen' }),
    'signed-out': go('/signed-out'),
    error: go('/api/auth/error?error=invalid_client'),
    'second-factor': async (page) => {
      await go('/login')(page);
      await send(page, { email: careful.email, password: PASSWORD });
    },
    'second-factor-mail': (page) => page.click('[formaction="/two-factor/mail"]'),
    'second-factor-wrong': (page) => send(page, { code: 'aaaaa-bbbbb' }),
    'link-sent': async (page) => {
      await go('/login')(page);
      await page.fill('#email', 'reader@example.com');
      await page.click('[formaction="/login-link"]');
    },
    'link-opened': (page) => go('/api/auth/magic-link/verify?token=x')(page),
    consent: async (page) => {
      await go(waiting('openid profile email offline_access pages.write'))(page);
      await send(page, { email: ada.email, password: PASSWORD });
    },
    'sign-out': go('/sign-out'),
    'signed-in': go('/signed-in'),
    invitation: go('/accept-invitation?id=ours'),
    'invitation-for-another': go('/accept-invitation?id=another'),
    'invitation-gone': go('/accept-invitation?id=none'),
  };

  for (const [screen, options] of Object.entries(SCREENS))
    test(`on a ${screen}`, async (t) => {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      const foreign = [];
      page.on('request', (asked) => {
        const { origin, protocol } = new URL(asked.url());
        if (protocol !== 'data:' && origin !== stack.url) foreign.push(asked.url());
      });
      page.on('console', (message) => /Content Security Policy|Refused/.test(message.text()) && foreign.push(message.text()));
      for (const [name, visit] of Object.entries(PAGES))
        await t.test(name, async () => {
          await visit(page);
          if (process.env.PICTURES) await page.screenshot({ path: join(process.env.PICTURES, `${name}-${screen}.png`), fullPage: true });
          assert.equal(await page.getAttribute('html', 'lang'), options.locale.slice(0, 2));
          assert.equal(await page.locator('h1').count(), 1);
          assert.deepEqual(await judged(page), []);
          const [width, height] = await page.evaluate(() => [document.documentElement.scrollWidth, document.querySelector('main').offsetHeight]);
          assert.ok(width <= options.viewport.width, `it is ${width} wide`);
          assert.ok(height > 40);
        });
      await context.close();
      assert.deepEqual(foreign, []);
    });

  test('the keyboard reaches everything, in the order in which it is read', async () => {
    const page = await browser.newPage({ locale: 'en' });
    await go('/login')(page);
    await page.waitForFunction(() => document.activeElement.id === 'email' && !document.querySelector('#passkey').hidden);
    const seen = [];
    for (let i = 0; i < 9; i++) {
      seen.push(await page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim()));
      await page.keyboard.press('Tab');
    }
    assert.deepEqual(seen, [
      'email', 'password', 'Sign in', 'E-mail me a sign-in link', 'Sign in with a passkey', 'Forgot your password?', 'Create an account',
      'Legal notice', 'Privacy',
    ]);
    await send(page, { email: ada.email, password: 'not this one at all' });
    await page.waitForFunction(() => document.activeElement.id !== ''); // autofocus comes after the page has loaded
    assert.deepEqual(await page.evaluate(() => [document.activeElement.id, document.activeElement.getAttribute('aria-describedby')]), ['password', 'alert']);
    await page.close();
  });

  test('another brand: its name, its logo, and a colour on which white could not be read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mana-brand-'));
    const file = join(folder, 'logo.svg');
    writeFileSync(file, LOGO);
    chmodSync(folder, 0o755); // the edge is another user
    const other = await startStack({ BRAND_NAME: 'Äpfel & Söhne <3', BRAND_COLOR: '#ffd60a', BRAND_LOGO_FILE: file }, UNLIMITED);
    try {
      const page = await browser.newPage({ locale: 'en' });
      await page.goto(`${other.url}/login`);
      assert.equal(await page.title(), 'Sign in · Äpfel & Söhne <3');
      assert.equal(await page.textContent('header'), 'Äpfel & Söhne <3');
      assert.ok(await page.evaluate(() => document.querySelector('header img').naturalWidth > 0), 'the logo is shown');
      assert.deepEqual(await judged(page), []);
      if (process.env.PICTURES) await page.screenshot({ path: join(process.env.PICTURES, 'brand.png') });
      assert.equal(await page.locator('footer').count(), 0);
    } finally {
      await other.stop();
      rmSync(folder, { recursive: true });
    }
  });
});

/** What axe-core has against a page, as sentences; it runs outside of the page's policy. */
async function judged(page) {
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() =>
    axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  assert.ok(passes.length > 10, 'it has looked');
  return violations.flatMap(({ id, nodes }) => nodes.map(({ failureSummary, html }) => `${id}: ${html} ${failureSummary}`));
}
