// A person with a browser signs in through each common proxy, whatever header fields the proxy or the platform adds.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startBrowser } from './lib/browser.mjs';
import { freePort } from './lib/edge.mjs';
import { somebodyVerified } from './lib/people.mjs';
import { ADDED, PROXY_NAMES, startProxy } from './lib/proxies.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

describe('behind a proxy', () => {
  const ports = {};
  let stack, browser, ada;
  before(async () => {
    for (const name of PROXY_NAMES) {
      ports[name] = {};
      for (const set of Object.keys(ADDED)) ports[name][set] = await freePort();
    }
    const origins = Object.values(ports).flatMap((sets) => Object.values(sets)).map((port) => `http://localhost:${port}`);
    stack = await startStack({ BETTER_AUTH_TRUSTED_ORIGINS: origins.join(','), TRUSTED_PROXIES: '127.0.0.1' }, UNLIMITED);
    ada = await somebodyVerified(stack);
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await stack?.stop();
  });

  for (const name of PROXY_NAMES)
    describe(name, () => {
      let proxy;
      before(async () => {
        proxy = await startProxy(name, ports[name], new URL(stack.url).port);
      });
      after(() => proxy?.stop());

      for (const set of Object.keys(ADDED))
        test(`Chromium signs in through ${name} with the fields of ${set}`, async () => {
          const url = `http://localhost:${ports[name][set]}`;
          const context = await browser.newContext({ locale: 'en' });
          try {
            // of another application on this domain, as browsers send it: in UTF-8
            await context.addCookies([{ name: 'sibling', value: 'Müller', url }, { name: 'empty', value: '', url }]);
            const page = await context.newPage();
            await page.goto(`${url}/login`);
            await page.fill('input[name=email]', ada.email);
            await page.fill('input[name=password]', ada.password);
            const [answer] = await Promise.all([
              page.waitForResponse((response) => response.request().method() === 'POST'),
              page.click('button[type=submit]'),
            ]);
            assert.equal(answer.status(), 303, await answer.text().catch(() => ''));
            await page.waitForLoadState();
            const session = await (await page.goto(`${url}/api/auth/get-session`)).json();
            assert.equal(session.user.email, ada.email);
            assert.equal(session.session.ipAddress, set === 'Azure Front Door' ? '198.51.100.3' : '203.0.113.7');
          } finally {
            await context.close();
          }
        });
    });
});
