// Every kind of mail as its reader sees it: rendered in a browser, wide and on a phone, in both languages, with values that
// would break a careless page. PICTURES=folder keeps what they look like.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { startStack, UNLIMITED } from './lib/stack.mjs';

const PICTURES = process.env.PICTURES;
const NAME = 'Ada <b>Lovelace</b> & "Söhne"';
const HOSTILE = `<img src=x onerror="document.title='taken'">`;
const LONG = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerk'.repeat(3);
const ARGS = {
  name: NAME,
  callbackURL: '/',
  newUserCallbackURL: '',
  errorCallbackURL: '',
  token: 'a'.repeat(32),
  newEmail: `${'x'.repeat(60)}@example.com`,
  device: `Mozilla/5.0 (X11; Linux x86_64) ${HOSTILE} ${LONG}`,
  ip: '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
  organization: `${HOSTILE} ${LONG}`,
  inviter: HOSTILE,
  role: 'admin',
  invitationId: 'b'.repeat(32),
  code: '123456',
};

const definitions = readFileSync(new URL('../../edge/mail/kinds.def', import.meta.url), 'utf8');
const kinds = [...definitions.matchAll(/^MAIL\((\w+), "([^"]*)/gm)].map(([, kind, link]) => ({ kind, hasLink: link !== '' }));

describe('mails in a browser', () => {
  let stack, browser;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  });
  after(async () => {
    await browser?.close();
    await stack?.stop();
  });

  async function mailed(kind, locale) {
    const recipient = `${kind.replaceAll('_', '-')}-${locale}@example.com`;
    stack.psql(
      `SELECT auth.mail_queue(:'kind', :'recipient', :'locale', :'args')`,
      { kind, recipient, locale, args: JSON.stringify(ARGS) },
    );
    return stack.mail.latest(recipient);
  }

  assert.ok(kinds.length > 10);
  for (const { kind, hasLink } of kinds) {
    for (const locale of ['de', 'en']) {
      test(`${kind} (${locale}) is read well, and does nothing`, async () => {
        const mail = await mailed(kind, locale);
        for (const [width, size] of [[800, 'wide'], [360, 'phone']]) {
          const page = await browser.newPage({ viewport: { width, height: 700 } });
          const asked = [];
          page.on('request', (request) => asked.push(request.url()));
          await page.setContent(mail.html, { waitUntil: 'load' });
          const seen = await page.evaluate(() => ({
            language: document.documentElement.lang,
            title: document.title,
            text: document.body.innerText,
            overflow: document.documentElement.scrollWidth > window.innerWidth,
            elements: document.querySelectorAll('img, script, b, iframe, form').length,
            links: [...document.querySelectorAll('a')].map((a) => a.href),
          }));
          if (PICTURES) await page.screenshot({ path: `${PICTURES}/${kind}-${locale}-${size}.png`, fullPage: true });
          await page.close();

          assert.deepEqual(asked, [], 'nothing is loaded');
          assert.equal(seen.overflow, false, `as wide as ${width} pixels`);
          assert.equal(seen.elements, 0, 'values are text');
          assert.equal(seen.language, locale);
          assert.equal(seen.title, mail.subject);
          assert.ok(seen.text.includes(NAME), seen.text);
          assert.doesNotMatch(seen.text, /\{\w+\}|undefined|null/);
          assert.ok(!hasLink || seen.links.filter((link) => link !== `${stack.url}/`).length >= 1, 'what to do is a link');
          for (const link of seen.links) assert.equal(new URL(link).origin, stack.url);
        }
        assert.doesNotMatch(`${mail.subject}${mail.text}`, /\{\w+\}|&amp;|&lt;/);
      });
    }
  }
});
