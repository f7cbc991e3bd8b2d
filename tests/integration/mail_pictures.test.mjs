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
const SPECIAL = {
  name: NAME,
  callbackURL: '/',
  newUserCallbackURL: '',
  errorCallbackURL: '',
  token: 'a'.repeat(32),
  invitationId: 'b'.repeat(32),
  code: '123456',
};

const read = (path) => readFileSync(new URL(`../../edge/mail/${path}`, import.meta.url), 'utf8');
const kinds = [...read('kinds.def').matchAll(/^MAIL\((\w+), "([^"]*)/gm)].map(([, kind, link]) => ({ kind, link }));

/** What the template of a kind names, filled with values that would break a careless page. */
function args({ kind, link }, locale) {
  const texts = ['subject', 'txt', 'html'].map((part) => read(`templates/${locale}/${kind}.${part}`));
  const names = [...`${link} ${texts.join(' ')}`.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const ours = ['greeting', 'link', 'base_url'];
  const named = names.filter((name) => !ours.includes(name)).map((name) => [name, SPECIAL[name] ?? `${HOSTILE} ${LONG}`]);
  return { ...SPECIAL, ...Object.fromEntries(named) };
}

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

  async function mailed({ kind, link }, locale) {
    const recipient = `${kind.replaceAll('_', '-')}-${locale}@example.com`;
    stack.psql(
      `SELECT auth.mail_queue(:'kind', :'recipient', :'locale', :'args')`,
      { kind, recipient, locale, args: JSON.stringify(args({ kind, link }, locale)) },
    );
    return stack.mail.latest(recipient);
  }

  assert.ok(kinds.length > 10);
  for (const { kind, link } of kinds) {
    for (const locale of ['de', 'en']) {
      test(`${kind} (${locale}) is read well, and does nothing`, async () => {
        const mail = await mailed({ kind, link }, locale);
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
          assert.ok(seen.links.length > (link ? 1 : 0), 'what to do is a link, beside the one at the foot');
          for (const href of seen.links) assert.equal(new URL(href).origin, stack.url);
        }
        assert.doesNotMatch(`${mail.subject}${mail.text}`, /\{\w+\}|&amp;|&lt;/);
      });
    }
  }
});
