// Cross-site request forgery: a page of another site lets the browser of a signed-in user send whatever a browser can send without
// asking first. Nothing changes, on any route, and no answer can be read by that page.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { somebodyVerified } from '../integration/lib/people.mjs';
import { FIELDS } from './lib/names.mjs';
import { copyOf, member, routes, stateOf, stranger, target, without } from './lib/target.mjs';

const EVIL = 'https://evil.example';
const base = new URL(target.url);
const FORM = 'application/x-www-form-urlencoded';
const pathOf = ({ path }) => path.replace(/:\w+/g, 'x');
const REFUSALS = ['INVALID_ORIGIN', 'MISSING_OR_NULL_ORIGIN', 'CROSS_SITE_NAVIGATION_LOGIN_BLOCKED'];

// Routes that other sites may send forms to, and why a forged request does no harm.
const ANY_ORIGIN = {
  'POST /api/v1/auth/validate': 'reads',
  'POST /api/auth/callback/:provider': 'there is no provider',
  'POST /api/auth/oauth2/authorize': 'OpenID Connect Core, section 3.1.2.1; goes on to the page, or to the address of the client',
  'POST /api/auth/oauth2/token': 'the credentials are in the body or in Authorization',
  'POST /api/auth/oauth2/introspect': 'the same',
  'POST /api/auth/oauth2/revoke': 'the same',
  'POST /api/auth/oauth2/userinfo': 'the same',
  'POST /api/auth/oauth2/end-session': 'without a valid hint it asks the user',
  'POST /api/auth/oauth2/endsession': 'the same',
};

/** What a browser sends for a page of another site, without a preflight. */
const FORGERIES = {
  'a form': { origin: EVIL, 'content-type': FORM },
  'a form with JSON in its text': { origin: EVIL, 'content-type': 'text/plain' },
  'a form with files': { origin: EVIL, 'content-type': 'multipart/form-data; boundary=x' },
  'a beacon without a type': { origin: EVIL, 'content-type': undefined },
  'a form of a sandboxed frame': { origin: 'null', 'content-type': FORM },
  'a form without Origin': { origin: undefined, 'content-type': FORM },
  'JSON without Origin': { origin: undefined, 'content-type': 'application/json' },
  'a Referer alone': { origin: undefined, referer: `${EVIL}/${target.url}`, 'content-type': FORM },
  'a Referer of ours beside an Origin of theirs': { origin: EVIL, referer: `${target.url}/login`, 'content-type': 'application/json' },
  'a navigation': { origin: EVIL, 'content-type': FORM, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
  'a sibling domain': { origin: `${base.protocol}//evil.${base.host}`, 'content-type': 'application/json', 'sec-fetch-site': 'same-site' },
  'a host that begins like ours': { origin: `${target.url}.evil.example`, 'content-type': 'application/json' },
  'our host as a user name': { origin: `${base.protocol}//${base.hostname}@evil.example`, 'content-type': 'application/json' },
  'another port': { origin: `${base.protocol}//${base.hostname}:1`, 'content-type': 'application/json' },
  'another scheme': { origin: `${base.protocol === 'https:' ? 'http:' : 'https:'}//${base.host}`, 'content-type': 'application/json' },
  'two origins': { origin: `${target.url}, ${EVIL}`, 'content-type': 'application/json' },
  'an origin behind a blank': { origin: `${target.url} ${EVIL}`, 'content-type': 'application/json' },
  'an origin with a path': { origin: `${EVIL}/${target.url}`, 'content-type': 'application/json' },
};

const everything = Object.fromEntries(FIELDS.map((name) => [name, 'x']));
const bodyFor = (type) => (type === FORM ? new URLSearchParams(everything).toString() : JSON.stringify(everything));

describe('cross-site request forgery', { skip: without.routes }, () => {
  let ada, initially;
  before(async () => {
    ada = await member('Ada');
    initially = await stateOf(ada);
  });

  test('the routes that take forms of any origin are those that are known', () => {
    assert.deepEqual(Object.keys(ANY_ORIGIN).filter((name) => !routes.some((row) => row.name === name)), []);
  });

  describe('by a form', { concurrency: 8 }, () => {
    for (const row of routes.filter(({ method }) => method !== 'GET')) test(`${row.name}: a page of another site cannot use the cookie`, async () => {
      for (const [what, headers] of Object.entries(FORGERIES)) {
        const http = copyOf(ada.http, { headers: { accept: '*/*' } });
        const answer = await http.request(row.method, pathOf(row), { body: bodyFor(headers['content-type']), headers });
        const allowed = answer.headers['access-control-allow-origin'];
        assert.ok(allowed === undefined || (allowed === '*' && !answer.headers['access-control-allow-credentials']), `${what}: ${allowed}`);
        if (row.name in ANY_ORIGIN) {
          assert.deepEqual(answer.setCookies.filter(({ name }) => name.includes('session_token')), [], what);
          assert.ok(answer.status < 500, `${what}: ${answer.status}`);
        } else if (/cookie|anybody/.test(row.access)) {
          assert.equal(answer.status, 403, `${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
          assert.ok(REFUSALS.some((code) => answer.text.includes(code)) || answer.headers['content-type']?.startsWith('text/html')
            || /origin/i.test(answer.text), `${what}: ${answer.text.slice(0, 200)}`);
        } else assert.equal(answer.status, 401, `${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
      }
    });
  });

  test('a page of another site signs nobody in to an account of its own', async () => {
    const eve = await somebodyVerified(target, 'Eve');
    const sent = { email: eve.email, password: eve.password, callbackURL: '/', rememberMe: 'true' };
    const doors = ['/api/auth/sign-in/email', '/api/v1/auth/login', '/login'];
    for (const path of doors)
      for (const [what, headers] of Object.entries({ ...FORGERIES, 'a fetch without Origin': { origin: undefined, 'content-type': 'application/json',
        'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'empty' } })) {
        if (headers.origin === undefined && !headers['sec-fetch-site'] && !headers.referer) continue; // a browser says one of them; a program none
        const isForm = headers['content-type'] === FORM;
        const body = isForm ? new URLSearchParams(sent).toString() : JSON.stringify({ ...sent, rememberMe: true });
        const answer = await stranger({ headers: { accept: '*/*' } }).request('POST', path, { body, headers });
        assert.equal(answer.status, 403, `${path}, ${what}: ${answer.status}`);
        assert.deepEqual(answer.setCookies, [], `${path}, ${what}`);
      }
    for (const path of doors.slice(0, 2)) assert.equal((await stranger().post(path, { email: eve.email, password: eve.password })).status, 200, `${path} from a page of ours`);
  });

  test('no GET of a page of another site changes anything', async () => {
    const embedded = { accept: '*/*', origin: undefined, referer: `${EVIL}/`, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
    const navigated = { ...embedded, accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    const query = new URLSearchParams(everything);
    for (const row of routes.filter(({ method }) => method === 'GET'))
      for (const headers of [embedded, navigated, { accept: 'application/json', origin: EVIL }])
        for (const method of ['GET', 'HEAD']) {
          const answer = await copyOf(ada.http).request(method, `${pathOf(row)}?${query}`, { headers });
          assert.ok(answer.status < 500, `${row.name}: ${answer.status}`);
          assert.deepEqual(answer.setCookies.filter(({ name }) => name.includes('session_token')), [], row.name);
          const allowed = answer.headers['access-control-allow-origin'];
          assert.ok(allowed === undefined || (allowed === '*' && !answer.headers['access-control-allow-credentials']), `${row.name}: ${allowed}`);
        }
  });

  test('no preflight allows the origin of another site to send credentials', async () => {
    for (const row of routes)
      for (const origin of [EVIL, 'null', `${target.url}.evil.example`, `${target.trustedOrigin ?? target.url}.evil.example`]) {
        const answer = await copyOf(ada.http).request('OPTIONS', pathOf(row), { headers: {
          origin, 'access-control-request-method': row.method, 'access-control-request-headers': 'content-type, authorization' } });
        const allowed = answer.headers['access-control-allow-origin'];
        assert.ok(allowed === undefined || (allowed === '*' && !answer.headers['access-control-allow-credentials']), `${row.name}: ${allowed}`);
      }
  });

  test('after all of it the user has what they had', async () => {
    assert.deepEqual(await stateOf(ada), initially);
  });

  test('the same requests of a page of ours are not refused for their origin', async () => {
    for (const row of routes.filter(({ method, access }) => method !== 'GET' && access === 'session cookie')) {
      const { status, text } = await copyOf(ada.http).request(row.method, pathOf(row), { json: { x: 1 } });
      assert.ok(!REFUSALS.some((code) => text.includes(code)), `${row.name}: ${status} ${text}`);
      if (/delete-user$|sign-out|revoke/.test(row.path)) ada = await member('Ada');
    }
  });
});
