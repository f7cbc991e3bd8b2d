// A GET changes nothing for who only looks: mail scanners, browsers that prefetch, pictures and scripts of other sites. A
// link in a mail acts for a program that asks for it, and by the button of its page.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { code, request, SYNAPSE } from './lib/oidc.mjs';
import { signUp, somebody, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const TRUSTED = 'https://app.example';
const json = { accept: 'application/json' };

const navigation = (site) => ({
  accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document',
});
const embedded = (dest, site = 'cross-site') => ({ accept: '*/*', 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': dest });
const fetched = (site, origin) => ({
  ...json, 'sec-fetch-site': site, 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', ...(origin && { origin }),
});

/** Its fetch chooses Accept and may hide the Referer; without CORS it has no Origin, and before 2023 no Sec-Fetch-*. */
const OLD_BROWSER = { ...json, 'user-agent': 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/15.6 Safari/605.1.15' };

const LOOKING = {
  'a navigation from a mailbox on the web': navigation('cross-site'),
  'a navigation by the address bar': navigation('none'),
  'a browser of before Sec-Fetch': { accept: 'text/html,*/*;q=0.8' },
  'a navigation that accepts JSON': { ...navigation('cross-site'), ...json },
  'a prefetch': { ...json, 'sec-purpose': 'prefetch' },
  'a prefetch that prerenders': { ...navigation('same-origin'), 'sec-purpose': 'prefetch;prerender' },
  'a prefetch of an older browser': { ...json, purpose: 'prefetch' },
  'an image of another site': embedded('image'),
  'an image of another site that accepts JSON': { ...embedded('image'), ...json },
  'an image of ours': embedded('image', 'same-origin'),
  'a script': embedded('script'),
  'a style': embedded('style', 'same-site'),
  'a frame': { ...embedded('iframe'), 'sec-fetch-mode': 'navigate' },
  'a worker': embedded('worker', 'same-origin'),
  'a fetch of another site': fetched('cross-site', 'https://evil.example'),
  'a fetch of another site without Origin': fetched('cross-site'),
  'a fetch of a sibling domain that is not trusted': fetched('same-site', 'https://evil.app.example'),
  'a fetch of a sandboxed frame': fetched('cross-site', 'null'),
  'another site without Sec-Fetch-Dest': { ...json, 'sec-fetch-site': 'cross-site' },
  'an Origin that is not trusted': { ...json, origin: 'https://evil.example' },
  'an older browser, for a page of another site': { ...OLD_BROWSER, referer: 'https://evil.example/' },
  'an older browser, for a page of another site that hides itself': OLD_BROWSER,
  'an older browser, for a page at a name that only begins like a trusted one': { ...OLD_BROWSER, referer: `${TRUSTED}.evil.example/` },
  'somebody with cookies who does not say from where': { ...json, cookie: 'theme=dark' },
  'a client that says nothing': {},
  'a client that takes anything': { accept: '*/*' },
};

const ASKING = {
  'a program that accepts JSON': json,
  'a program that accepts JSON and more': { accept: 'application/json, text/plain, */*' },
  'a program that names a trusted origin': { ...json, origin: TRUSTED },
  'an older browser, for a page of a trusted origin': { ...OLD_BROWSER, referer: `${TRUSTED}/verify?a=b` },
  'the fetch of Node, which says its mode only': { ...json, 'sec-fetch-mode': 'cors' },
  'a fetch of a page of ours': fetched('same-origin'),
  'a fetch of a trusted origin': fetched('same-site', TRUSTED),
  'a fetch of a trusted origin on another site': { ...fetched('cross-site', TRUSTED), accept: '*/*' },
};

describe('links in mails', () => {
  let stack;
  before(async () => {
    stack = await startStack({ ...SYNAPSE, CORS_ORIGINS: TRUSTED }, UNLIMITED);
  });
  after(() => stack?.stop());

  const links = {
    verification: async () => {
      const person = somebody(stack);
      person.http.headers['sec-fetch-mode'] = 'cors'; // a browser: it gets the cookie by which its link needs no password
      await signUp(person);
      const link = await stack.mail.link(person.email, '/verify-email');
      const acted = () => stack.sql(`SELECT 1 FROM auth.users WHERE email = '${person.email}' AND email_verified`).length === 1;
      return { link, acted, cookies: person.http.cookies };
    },
    'sign-in': async () => {
      const person = await somebodyVerified(stack);
      stack.psql(`DELETE FROM auth.sessions WHERE user_id = '${person.id}'`);
      await new Client(stack.url).post('/api/auth/sign-in/magic-link', { email: person.email });
      const link = await stack.mail.link(person.email, '/magic-link/verify', { contains: '/magic-link/verify' });
      const acted = () => stack.sql(`SELECT 1 FROM auth.sessions WHERE user_id = '${person.id}'`).length === 1;
      return { link, acted, cookies: new Map() };
    },
    deletion: async () => {
      const person = await somebodySignedIn(stack);
      stack.psql(`SELECT auth.mail_queue('delete_account', u.email, u.locale, auth.json_object('name', u.name, 'callbackURL', '/bye', 'token',
        auth.verification_issue('delete-account', u.id, auth.json_object('email', u.email), interval '1 day')), u.id)
        FROM auth.users u WHERE u.id = '${person.id}'`);
      const link = await stack.mail.link(person.email, '/delete-user/callback', { contains: '/delete-user/callback' });
      const acted = () => stack.sql(`SELECT 1 FROM auth.sessions WHERE user_id = '${person.id}'`).length === 0;
      return { link, acted, cookies: person.http.cookies };
    },
  };

  for (const [kind, mailed] of Object.entries(links)) {
    test(`the link of a ${kind} mail does nothing for who only looks, and acts by the button of its page`, async () => {
      const { link, acted, cookies } = await mailed();
      const open = (method, headers) => {
        const { cookie, ...others } = headers;
        const client = new Client(stack.url, { origin: null, headers: { accept: undefined } });
        client.cookies = new Map([...cookies, ...(cookie ? [cookie.split('=')] : [])]);
        return client.request(method, link, { headers: others });
      };
      for (const [who, headers] of Object.entries(LOOKING)) {
        const page = await open('GET', headers);
        assert.deepEqual([page.status, page.headers['content-type'], page.setCookies], [200, 'text/html; charset=utf-8', []], who);
      }
      assert.equal((await open('HEAD', json)).status, 200);
      assert.equal(acted(), false);

      const page = await open('GET', navigation('cross-site'));
      const [, action] = /<form method="post" action="([^"]*)"/.exec(page.text);
      const form = Object.fromEntries([...page.text.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]));
      const browser = new Client(stack.url);
      browser.cookies = new Map(cookies);
      const forged = await browser.request('POST', action, { form, headers: { origin: 'https://evil.example' } });
      assert.equal(forged.status, 403);
      const pressed = await browser.request('POST', action, { form });
      assert.equal(pressed.status, 302, pressed.text);
      assert.equal(acted(), true, 'the button');
    });

    for (const [who, asking] of Object.entries(ASKING))
      test(`the link of a ${kind} mail acts for ${who}`, async () => {
        let headers = asking;
        const { link, acted, cookies } = await mailed();
        const client = new Client(stack.url, { origin: null, headers: { accept: undefined } });
        const proven = headers.origin || headers.referer || headers['sec-fetch-site'];
        if (proven) client.cookies = new Map(cookies);
        else if (kind === 'deletion') headers = { ...headers, origin: TRUSTED, cookie: [...cookies].map((pair) => pair.join('=')).join('; ') };
        const answer = await client.get(link, { headers });
        assert.ok([200, 302].includes(answer.status), answer.text);
        assert.equal(acted(), true);
      });
  }

  test('a logout with a hint does nothing as an image, a prefetch or a HEAD, and ends the session as a navigation', async () => {
    const person = await somebodySignedIn(stack);
    const tokens = await person.http.request('POST', '/api/auth/oauth2/token', {
      form: { grant_type: 'authorization_code', redirect_uri: 'http://127.0.0.1:27090/cb', code: await code(person) },
      headers: { authorization: `Basic ${Buffer.from(`matrix-synapse:${SYNAPSE.SYNAPSE_OIDC_CLIENT_SECRET}`).toString('base64')}` },
    });
    const path = `/api/auth/oauth2/end-session?id_token_hint=${tokens.json.id_token}`;
    const lives = async () => (await person.http.get('/api/auth/get-session')).json !== null;
    for (const headers of [embedded('image'), { ...navigation('same-origin'), 'sec-purpose': 'prefetch' }])
      await person.http.get(path, { headers });
    await person.http.request('HEAD', path);
    assert.equal(await lives(), true);
    await person.http.get(path, { headers: navigation('cross-site') });
    assert.equal(await lives(), false);
  });

  test('an authorization request makes no code as an image, a prefetch or a HEAD', async () => {
    const person = await somebodySignedIn(stack);
    const codes = () => Number(stack.psql(`SELECT count(*) FROM auth.oauth_codes`));
    const before = codes();
    for (const headers of [embedded('image'), embedded('script', 'same-site'), { ...navigation('same-origin'), 'sec-purpose': 'prefetch' }])
      assert.equal((await person.http.get(request(), { headers })).status, 400);
    assert.equal((await person.http.request('HEAD', request())).status, 400);
    assert.equal(codes(), before);
    assert.equal((await person.http.get(request(), { headers: navigation('cross-site') })).status, 302);
    assert.equal(codes(), before + 1);
  });
});

test('with MAIL_LINK_GET=act the link acts for a client that says nothing of itself, and for nobody else that looks', async () => {
  const stack = await startStack({ MAIL_LINK_GET: 'act', CORS_ORIGINS: TRUSTED }, UNLIMITED);
  try {
    const person = somebody(stack);
    await signUp(person);
    const link = await stack.mail.link(person.email, '/verify-email');
    const silent = ['a client that says nothing', 'a client that takes anything', 'somebody with cookies who does not say from where'];
    const open = (headers) => new Client(stack.url, { origin: null, headers: { accept: undefined } }).get(link, { headers });
    for (const [who, headers] of Object.entries(LOOKING)) {
      if (silent.includes(who)) continue;
      assert.equal((await open(headers)).headers['content-type'], 'text/html; charset=utf-8', who);
    }
    assert.equal((await open({ accept: '*/*', cookie: 'theme=dark' })).status, 302);
    assert.equal(stack.sql(`SELECT 1 FROM auth.users WHERE email = '${person.email}' AND email_verified`).length, 1);
  } finally {
    await stack.stop();
  }
});
