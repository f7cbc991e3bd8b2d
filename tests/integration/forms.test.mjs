// One reader for each form and query: every form route is sent the same fields in different encodings, then twice, and every
// layer must take the same values. The routes are those of `mana-auth-edge routes`.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Client } from './lib/http.mjs';
import { pkce, request, SYNAPSE, SYNAPSE_BASIC } from './lib/oidc.mjs';
import { PASSWORD, somebody, somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const EDGE = fileURLToPath(new URL('../../build/mana-auth-edge', import.meta.url));
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const REPEATED = /given more than once/;

let stack, ada, query;
before(async () => {
  stack = await startStack({ ...SYNAPSE, PASSWORD_GUESSABLE: 'allow' }, UNLIMITED);
  ada = await somebodySignedIn(stack);
  query = new URL((await new Client(stack.url).get(request())).headers.location, stack.url).search.slice(1);
});
after(() => stack?.stop());

/** What each form route is sent: fields, and the client that sends them. */
const forms = {
  '/login': () => ({ email: ada.email, password: 'wrong p+ä&=%', callbackURL: '/a?b=c&d', oauth_query: query }),
  '/login-link': () => ({ email: ada.email, callbackURL: '/a?b', oauth_query: query }),
  '/two-factor': () => ({ code: '12 34+5', callbackURL: '/a?b', oauth_query: query, trustDevice: 'true' }),
  '/two-factor/mail': () => ({ callbackURL: '/a?b', oauth_query: query }),
  '/sign-up': () => ({ email: ada.email, name: 'Ä <b> + "x"', password: 'short', callbackURL: '/a?b' }),
  '/consent': () => ({ accept: 'false', oauth_query: query }),
  '/forgot-password': () => ({ email: 'nobody@example.com' }),
  '/confirm-sign-up': () => ({ token: 'no+such token', callbackURL: '/a?b', newPassword: 'short' }),
  '/reset-password': () => ({ token: 'no+such token', newPassword: PASSWORD }),
  '/accept-invitation': () => ({ invitationId: 'no+such id', accept: 'true' }),
  '/api/auth/sign-in/email': () => ({ email: 'nobody@example.com', password: 'wrong p+ä&=%', callbackURL: '/a?b', rememberMe: 'false' }),
  '/api/auth/sign-up/email': () => ({ email: 'x+y@example.com', name: 'Ä + "x"', password: 'short' }),
  '/api/auth/verify-email': () => ({ token: 'no+such token', callbackURL: '/a?b' }),
  '/api/auth/revert-email-change': () => ({ token: 'no+such token' }),
  '/api/auth/magic-link/verify': () => ({ token: 'no+such token', callbackURL: '/a?b', errorCallbackURL: '/e' }),
  '/api/auth/callback/:provider': () => ({ state: 'a b', code: 'c+d', error: 'e' }),
  '/api/auth/oauth2/authorize': () => Object.fromEntries(new URL(request({ code_challenge: pkce().challenge, code_challenge_method: 'plain' }), stack.url).searchParams),
  '/api/auth/oauth2/token': () => ({ grant_type: 'authorization_code', code: 'no+such code', redirect_uri: SYNAPSE.SYNAPSE_OIDC_REDIRECT_URIS }),
  '/api/auth/oauth2/introspect': () => ({ token: 'no+such token', token_type_hint: 'access_token' }),
  '/api/auth/oauth2/revoke': () => ({ token: 'no+such token', token_type_hint: 'access_token' }),
  '/api/auth/oauth2/userinfo': () => ({ access_token: 'no+such token' }),
  '/api/auth/oauth2/end-session': () => ({ state: 'a b', client_id: 'matrix-synapse' }),
  '/api/auth/oauth2/end-session/confirm': () => ({ state: 'a b', client_id: 'matrix-synapse' }),
  '/api/auth/oauth2/endsession': () => ({ state: 'a b', client_id: 'matrix-synapse' }),
};

/** Paths that take a form, from the binary's own table of routes: a POST that does not refuse one. */
async function formRoutes() {
  const table = execFileSync(EDGE, ['routes'], { encoding: 'utf8' });
  const paths = [...table.matchAll(/^\| POST \| `([^`]+)` \| (\w+)/gm)].filter(([, , who]) => who !== 'service').map(([, path]) => path);
  assert.ok(paths.length > 60, 'the table of routes was read');
  const found = [];
  for (const path of paths) {
    const answer = await new Client(stack.url).request('POST', path.replaceAll(/:\w+/g, 'x'), { body: 'x=1', headers: FORM });
    if (answer.status !== 415 && answer.status !== 401) found.push(path);
  }
  return found;
}

const escaped = (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
/** Encodings of one pair that mean the same. */
const encodings = [
  (name, value) => new URLSearchParams([[name, value]]).toString(),
  (name, value) => `${escaped(name)}=${escaped(value)}`,
  (name, value) => `${escaped(name).toUpperCase()}=${encodeURIComponent(value)}`,
  (name, value) => `${escaped(name[0])}${name.slice(1)}=${escaped(value).toUpperCase()}`,
  (name, value) => `&${name.slice(0, -1)}${escaped(name.at(-1))}=${new URLSearchParams([['', value]]).toString().slice(1)}&`,
];
const encoded = (fields, encode) => Object.entries(fields).map(([name, value]) => encode(name, value)).join('&');

/** An answer without what differs by itself. */
function told({ status, headers, text, setCookies }) {
  const same = (value) => String(value).replaceAll(/(exp|ba_iat)=\d+/g, '$1=N').replaceAll(/sig=[^&"]+/g, 'sig=S');
  return { status, location: same(headers.location), text: same(text), cookies: setCookies.map(({ name }) => name) };
}

const send = (path, body) => {
  const confidential = /oauth2\/(token|introspect|revoke)/.test(path) ? SYNAPSE_BASIC : {};
  return new Client(stack.url).request('POST', path.replaceAll(/:\w+/g, 'x'), { body, headers: { ...FORM, ...confidential } });
};

test('every form route is covered', async () => {
  assert.deepEqual((await formRoutes()).filter((path) => !forms[path]), []);
});

test('a form means the same in every encoding of its names and values', async () => {
  for (const [path, fields] of Object.entries(forms)) {
    const plain = told(await send(path, encoded(fields(), encodings[0])));
    for (const encode of encodings.slice(1)) { // five wrong passwords in all, which is one less than a lock needs
      const body = encoded(fields(), encode);
      assert.deepEqual(told(await send(path, body)), plain, `${path}: ${body}`);
    }
  }
});

test('a form that gives a name twice is refused, however the name is encoded and whichever value is empty', async () => {
  for (const [path, fields] of Object.entries(forms)) {
    for (const [name, value] of Object.entries(fields())) {
      const others = Object.fromEntries(Object.entries(fields()).filter(([other]) => other !== name));
      const rest = encoded(others, encodings[0]);
      for (const pair of [[value, ''], ['', value], [value, value], [value, 'x']]) {
        const body = `${encodings[1](name, pair[0])}&${rest}&${encodings[0](name, pair[1])}`;
        const answer = await send(path, body);
        const where = `${path}: ${body}`;
        if (path === '/api/auth/oauth2/authorize') {
          assert.equal(answer.status, 302, where);
          assert.match(answer.headers.location, /error=invalid_request.*more\+than\+once/, where);
        } else {
          assert.deepEqual([answer.status, REPEATED.test(answer.text)], [400, true], `${where} → ${answer.text.slice(0, 200)}`);
          assert.equal(answer.setCookies.length, 0, where);
        }
      }
    }
  }
});

test('a name that no form knows is refused when it is repeated, too', async () => {
  const answer = await send('/login', `${encoded(forms['/login'](), encodings[0])}&x=1&%78=2`);
  assert.equal(answer.status, 400);
});

test('SQL, the answer and the page that shows a form again take the same value', async () => {
  const person = somebody(stack, 'Ünï <i>"&+%20');
  const created = await new Client(stack.url).request('POST', '/api/auth/sign-up/email', {
    body: encoded({ email: person.email, name: person.name, password: PASSWORD }, encodings[1]), headers: FORM });
  assert.equal(created.json.user.name, person.name);
  assert.deepEqual(stack.sql(`SELECT name FROM auth.users WHERE email = :'email'`, person), [{ name: person.name }]);
  const shown = await send('/sign-up', encoded({ email: person.email, name: person.name, password: 'short' }, encodings[1]));
  assert.equal(shown.status, 400);
  const value = /name="name"[^>]* value="([^"]*)"/.exec(shown.text)?.[1] ?? /value="([^"]*)"[^>]* name="name"/.exec(shown.text)?.[1];
  const decoded = value.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#34;', '"').replaceAll('&amp;', '&');
  assert.equal(decoded, person.name);
});

test('a JSON body that gives a name twice is malformed, however the name is written', async () => {
  for (const again of ['email', '\\u0065mail']) {
    const body = `{"email":"${ada.email}","password":"${PASSWORD}","${again}":"x@example.com"}`;
    const answer = await new Client(stack.url).request('POST', '/api/auth/sign-in/email', { body, headers: { 'content-type': 'application/json' } });
    assert.equal(answer.status, 400, answer.text);
  }
});

test('pages refuse a query that repeats a name or is not text', async () => {
  for (const path of ['/login', '/two-factor', '/sign-up', '/consent', '/forgot-password', '/reset-password', '/accept-invitation', '/sign-out']) {
    for (const bad of ['token=a&%74oken=b', 'id=&id=x', 'x=%zz', 'x=%ff', `${query}&%73ig=x`, `${query}&scope=admin`]) {
      assert.equal((await new Client(stack.url).get(`${path}?${bad}`)).status, 400, `${path}?${bad}`);
    }
  }
});

test('a page shows and uses what is signed, and nothing that was appended', async () => {
  const { http } = ada;
  const bare = new URL((await http.get(request({ scope: undefined, prompt: 'consent', nonce: undefined }))).headers.location, stack.url);
  assert.equal(bare.pathname, '/consent');
  assert.equal(bare.searchParams.get('scope'), null);
  const plain = await http.get(`/consent${bare.search}`);
  assert.equal(plain.status, 200);
  const appended = await http.get(`/consent${bare.search}&scope=openid+steal_everything&evil=1`);
  assert.equal(appended.status, 200);
  assert.doesNotMatch(appended.text, /steal_everything|evil/);
  assert.equal(appended.text, plain.text);
  const login = await new Client(stack.url).get(`/login${bare.search}&login_hint=thief%40example.com`);
  assert.doesNotMatch(login.text, /thief/);
});

test('a signed query stays valid when a client encodes it otherwise', async () => {
  const pairs = [...new URLSearchParams(query)];
  for (const encode of encodings) {
    const again = pairs.map(([name, value]) => encode(name, value)).join('&');
    const answer = await ada.http.post('/api/auth/oauth2/continue', { oauth_query: again });
    assert.equal(answer.json.redirect, true, `${again} → ${answer.text}`);
  }
  for (const changed of [`${query}&scope=x`, query.replace('scope=openid', 'scope=openid+admin'), `${query}&ba_param=evil&evil=1`, query.replace('&ba_param=ba_param', '')]) {
    const answer = await ada.http.post('/api/auth/oauth2/continue', { oauth_query: changed });
    assert.deepEqual(answer.json, { error: 'invalid_signature' }, changed);
  }
});
