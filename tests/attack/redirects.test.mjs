// Open redirects: every parameter that names an address, on every route, with every spelling by which browsers have been led astray.
// No answer leads to, or shows a link to, an origin that is not trusted.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { somebody, somebodyVerified } from '../integration/lib/people.mjs';
import { URLS } from './lib/names.mjs';
import { copyOf, each, member, PASSWORD, routes, stranger, target, without } from './lib/target.mjs';

const base = new URL(target.url);
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

// Each of these leaves the service in some browser, or runs a script there.
const EVIL = [
  'https://evil.example', 'http://evil.example/', '//evil.example', '///evil.example', '////evil.example/%2f..', '/\\evil.example', '\\\\evil.example', '\\/evil.example',
  '/\t/evil.example', '/\n/evil.example', '/\r/evil.example', '\t//evil.example', ' //evil.example', '\u00a0//evil.example', '/%09/evil.example', '/%5cevil.example',
  '/%2f/evil.example', '/%2F%2Fevil.example', '/..//evil.example', '/.//evil.example', '/x/..//evil.example', './/evil.example', '/;//evil.example', '/a/../../\\evil.example',
  'https:evil.example', 'https:/evil.example', 'https:///evil.example', 'http:\\\\evil.example', 'HTTPS://EVIL.EXAMPLE', 'ht\ttps://evil.example', 'ftp://evil.example',
  `${target.url}.evil.example`, `${target.url}@evil.example`, `${target.url}:x@evil.example/`, `${target.url}\\@evil.example`, `${target.url}%2f@evil.example`,
  `${target.url}\u3002evil.example`, `${target.url}%00.evil.example`, `https://evil.example/${target.url}`, `https://evil.example?${target.url}`,
  `https://evil.example#${target.url}`,
  `https://evil.example\\.${base.host}`, `${base.protocol}//evil.example:80@${base.host}.evil.example`, `${base.protocol}${base.host}.evil.example`,
  'javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java\nscript:alert(1)', '\u0001javascript:alert(1)', 'javascript://evil.example/%0aalert(1)',
  'data:text/html,<script>alert(1)</script>',
  'vbscript:msgbox(1)', 'blob:https://evil.example/x', 'file:///etc/passwd', 'view-source:https://evil.example', '/login?callbackURL=//evil.example',
  '//evil.example/%0d%0aSet-Cookie:x=1', 'https://\u0435vil.example', 'https://evil。example', 'https://[::ffff:1.2.3.4]/', '//1.2.3.4', '//0x01020304', 'https://evil.example:443/',
];

/** Where a browser goes that is told to go there, if it leaves the service. */
function leaves(location) {
  let url;
  try {
    url = new URL(location, `${target.url}/api/auth/x`);
  } catch {
    return location; // browsers differ in what they make of it
  }
  const isTrusted = url.origin === base.origin || (target.trustedOrigin && url.origin === new URL(target.trustedOrigin).origin);
  return isTrusted ? undefined : url.href;
}

/** Where an answer leads: its Location, what a script is told to open, and what a page links to or opens by itself. */
function leads({ headers, json, text }) {
  const found = [headers.location, headers.refresh?.replace(/^.*url=/i, ''), json?.url, json?.redirectTo, json?.redirectURL, json?.redirect_uri, json?.callbackURL];
  if (/text\/html/.test(headers['content-type'] ?? ''))
    for (const [, , quoted] of text.matchAll(/\b(href|action|src|content|formaction)="([^"]*)"/gi)) {
      const link = quoted.replaceAll('&amp;', '&').replaceAll('&#34;', '"').replaceAll('&quot;', '"').replaceAll('&#x2f;', '/');
      if (link !== 'data:,' && /^\s*(javascript|data|vbscript):|evil/i.test(link) && !/^\/[a-z]/.test(link)) found.push(link); // data:, is no icon
    }
  return found.filter((where) => typeof where === 'string' && where !== '');
}

function assertStays(answer, what) {
  for (const where of leads(answer)) assert.equal(leaves(where), undefined, `${what} leads to ${where}`);
  assert.ok(answer.status < 500, `${what}: ${answer.status}`);
}

describe('redirects', { skip: without.routes }, () => {
  let ada;
  before(async () => {
    ada = await member('Ada');
  });

  test('this test would see a redirect that leaves', () => {
    for (const evil of ['https://evil.example', '//evil.example', '/\\evil.example', '\\\\evil.example', '/\t/evil.example', `${target.url}@evil.example`, 'javascript:alert(1)'])
      assert.ok(leaves(evil) !== undefined, evil);
    assert.equal(leaves('/path'), undefined);
  });

  test('no route leads away, whatever its query, form or JSON names', { timeout: 120_000 }, async () => {
    // one name at a time, for the first address that is refused would hide the others
    const attempts = routes.filter(({ access }) => !/admin|service/.test(access))
      .flatMap((row, n) => URLS.flatMap((name, m) => [EVIL[0], EVIL[(n * URLS.length + m) % EVIL.length]].map((evil) => ({ row, name, evil }))));
    await each(attempts, async ({ row, name, evil }) => {
      const path = row.path.replace(/:\w+/g, 'x');
      const query = new URLSearchParams({ token: 'x', email: 'x@example.com', provider: 'google', [name]: evil }).toString();
      // routes that need no session are attacked as a stranger would: a link that is sent to a victim
      const http = row.access === 'anybody' ? stranger() : copyOf(ada.http);
      const what = `${row.name} with ${name}=${JSON.stringify(evil)}`;
      if (row.method === 'GET') assertStays(await http.get(`${path}?${query}`, { headers: { accept: 'text/html' } }), what);
      else if (row.path !== '/api/auth/sign-out') assertStays(await http.request(row.method, path, { body: query, headers: { ...FORM, accept: 'text/html' } }), what);
    });
  });

  // A sign-in that succeeds goes on: here the address counts.
  const DOORS = {
    'POST /api/auth/sign-in/email': (evil, { email }) => ({ json: { email, password: PASSWORD, callbackURL: evil } }),
    'POST /login': (evil, { email }) => ({ form: { email, password: PASSWORD, callbackURL: evil } }),
    'POST /api/v1/auth/login': (evil, { email }) => ({ json: { email, password: PASSWORD, callbackURL: evil, redirectTo: evil } }),
  };
  for (const [name, bodyOf] of Object.entries(DOORS))
    test(`${name}: a sign-in that succeeds does not go on to an address that leaves`, async () => {
      const [method, path] = name.split(' ');
      const person = await somebodyVerified(target);
      await each(EVIL, async (evil) => assertStays(await stranger().request(method, path, bodyOf(evil, person)), evil));
    });

  test('a link of a mail whose address was changed on the way does not lead away', async () => {
    const person = somebody(target);
    await person.http.post('/api/auth/sign-up/email', { email: person.email, name: 'X', password: PASSWORD, callbackURL: '/fine' });
    const link = await target.mail.link(person.email, '/verify-email');
    const changed = (mailed, more) => {
      const url = new URL(mailed);
      for (const [name, value] of Object.entries(more)) url.searchParams.set(name, value);
      return url.pathname + url.search;
    };
    await each(EVIL, async (evil) => {
      for (const more of [{ callbackURL: evil }, { callbackURL: '/fine', errorCallbackURL: evil }])
        assertStays(await stranger().get(changed(link, more), { headers: { accept: 'text/html' } }), JSON.stringify(more));
    });
    await stranger().post('/api/auth/request-password-reset', { email: person.email, redirectTo: '/reset-password' });
    const mailed = await target.mail.link(person.email, '/reset-password', { contains: '/reset-password' });
    await each(EVIL, async (evil) => assertStays(await stranger().get(changed(mailed, { callbackURL: evil })), evil));
  });

  test('no mail has a link that leads away', async () => {
    const person = somebody(target);
    const asked = { '/api/auth/sign-up/email': ['callbackURL'], '/api/auth/request-password-reset': ['redirectTo'],
      '/api/auth/sign-in/magic-link': ['callbackURL', 'newUserCallbackURL', 'errorCallbackURL'],
      '/api/auth/send-verification-email': ['callbackURL'], '/api/v1/auth/forgot-password': ['redirectTo'], '/api/v1/auth/resend-verification': ['callbackURL'],
      '/api/v1/auth/register': ['callbackURL'] };
    const doors = Object.entries(asked).flatMap(([path, names]) => names.map((name) => [path, name]));
    for (const [n, [path, name]] of doors.entries()) // each address at a third of the doors
      await each(EVIL.filter((_, m) => (n + m) % 3 === 0), async (evil) => {
        const answer = await stranger().post(path, { email: person.email, name: 'X', password: PASSWORD, [name]: evil });
        if (answer.status !== 200 && answer.status !== 201) assert.ok([400, 403].includes(answer.status), `${path} ${evil}: ${answer.status}`);
      });
    await stranger().post('/api/auth/sign-up/email', { email: person.email, name: 'X', password: PASSWORD, callbackURL: '/fine' });
    await target.mail.latest(person.email, { contains: '%2Ffine' }); // the last one
    for (const mail of await target.mail.find(person.email, { waitSeconds: 0 }))
      for (const link of mail.links) {
        assert.equal(leaves(link), undefined, link);
        const inner = [...new URL(link).searchParams].filter(([key]) => URLS.includes(key));
        for (const [key, value] of inner) assert.equal(leaves(value), undefined, `${key} of ${link}`);
      }
  });
});
