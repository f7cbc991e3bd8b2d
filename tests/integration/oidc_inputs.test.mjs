// What relying parties send, by the letter of the specifications: parameters that are empty, unknown or repeated, lists of prompts,
// times with fractions, the ways to authenticate, and where they live.

import assert from 'node:assert/strict';
import { createHmac, hkdfSync } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';

import { Client } from './lib/http.mjs';
import { basic, CALLBACK, code, exchange, pkce, register, request } from './lib/oidc.mjs';
import { PASSWORD, somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const SECRET = 'q0Zl3v5c1YtWmR8uKx2bNf7hJd9sGpEaTiUoLwQyXzA=';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

let stack, ada, stranger;
before(async () => {
  stack = await startStack({ BETTER_AUTH_SECRET: SECRET }, UNLIMITED);
  ada = await somebodySignedIn(stack, 'Ada Lovelace');
  stranger = new Client(stack.url, { origin: null });
  register(stack, { name: `'Ours'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'ours'`, secret: `'ours-secret'`, skip_consent: 'true' });
  register(stack, { name: `'Theirs'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'theirs'`, secret: `'theirs-secret'` });
});
after(() => stack?.stop());

const OURS = basic('ours', 'ours-secret');
const ours = (more) => request({ client_id: 'ours', ...more });
const theirs = (more) => request({ client_id: 'theirs', ...more });
const answerOf = ({ headers: { location } }) => Object.fromEntries(new URL(location).searchParams);
const redeem = (given, form = {}, headers = OURS) => exchange(stranger, { code: given, ...form }, headers);
const oauthQuery = (html) => /name="oauth_query"[^>]* value="([^"]*)"/.exec(html)[1].replaceAll('&amp;', '&');

describe('parameters of a request', () => {
  test('that are empty are omitted (RFC 6749, section 3.1)', async () => {
    const empty = { prompt: '', max_age: '', nonce: '', resource: '', request: '', request_uri: '', code_challenge: '', code_challenge_method: '', response_mode: '',
      login_hint: '', ui_locales: '', id_token_hint: '' };
    const given = await code(ada, { client_id: 'ours', ...empty });
    const { status, json } = await redeem(given, { code_verifier: '', resource: '', client_id: '', client_secret: '', client_assertion: '', client_assertion_type: '' });
    assert.equal(status, 200, JSON.stringify(json));
    assert.equal(decodeJwt(json.id_token).nonce, undefined);
  });

  test('whose absence is an error are absent when they are empty', async () => {
    for (const [name, error] of [['response_type', 'invalid_request'], ['client_id', 'invalid_client'], ['redirect_uri', 'invalid_redirect']])
      assert.equal(answerOf(await ada.http.get(ours({ [name]: '' }))).error, error, name);
    assert.deepEqual(Object.keys(answerOf(await ada.http.get(ours({ state: '' })))), ['code', 'iss'], 'no state comes back');
    for (const [form, error] of [[{ code: '' }, 'invalid_request'], [{ grant_type: '' }, 'invalid_request'], [{ grant_type: 'refresh_token', refresh_token: '' }, 'invalid_request']])
      assert.equal((await redeem('x', form)).json.error, error, JSON.stringify(form));
  });

  test('that are empty are omitted by every endpoint', async () => {
    const { json: tokens } = await redeem(await code(ada, { client_id: 'ours', scope: 'openid offline_access' }));
    const refreshed = await exchange(stranger, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, redirect_uri: '', scope: '', resource: '' }, OURS);
    assert.deepEqual([refreshed.status, refreshed.json.scope], [200, 'openid offline_access'], refreshed.text);
    const introspected = await stranger.request('POST', '/api/auth/oauth2/introspect', {
      form: { token: refreshed.json.access_token, token_type_hint: '', client_id: '' }, headers: OURS });
    assert.equal(introspected.json.active, true, introspected.text);
    const userinfo = await stranger.request('POST', '/api/auth/oauth2/userinfo', { form: { access_token: '' }, bearer: refreshed.json.access_token });
    assert.equal(userinfo.json.sub, ada.id, userinfo.text);
    const bob = await somebodySignedIn(stack);
    const ended = await bob.http.get('/api/auth/oauth2/end-session?id_token_hint=&client_id=&post_logout_redirect_uri=&state=');
    assert.match(ended.headers.location, /^\/sign-out/, ended.text);
  });

  test('that nobody knows are ignored', async () => {
    const unknown = { 'x-y': 'z', claims: '{"userinfo":{}}', registration: '{}', ext_q: ' ', access_type: 'offline', realm: 'a b' };
    const given = await code(ada, { client_id: 'ours', ...unknown });
    assert.equal((await redeem(given, { audience: 'x', client_version: '1', 'x[]': '' })).status, 200);
  });

  test('that are repeated are refused, also when one of them is empty or they are unknown (section 3.2)', async () => {
    for (const more of ['state=a&state=', 'state=&state=', 'x=1&x=2', 'prompt=login&prompt=login'])
      assert.equal(answerOf(await ada.http.get(`${ours({ state: undefined })}&${more}`)).error, 'invalid_request', more);
    for (const more of ['grant_type=&grant_type=authorization_code', 'code=x&code=', 'x=&x=']) {
      const answer = await stranger.request('POST', '/api/auth/oauth2/token', { body: `${more}&redirect_uri=x`, headers: { ...FORM, ...OURS } });
      assert.deepEqual([answer.status, answer.json.error], [400, 'invalid_request'], more);
    }
  });
});

describe('prompt', () => {
  let carl;
  before(async () => {
    carl = await somebodySignedIn(stack);
  });

  /** What the hosted pages ask until the browser is back at its relying party: the last item is the answer. */
  async function walk(person, path) {
    const seen = [];
    let { location } = (await person.http.get(path)).headers;
    while (!location.startsWith(CALLBACK) && seen.length < 6) {
      const { pathname } = new URL(location, stack.url);
      seen.push(pathname);
      const oauth_query = oauthQuery((await person.http.get(location)).text);
      const form = pathname === '/consent' ? { oauth_query, accept: 'true' } : { oauth_query, email: person.email, password: PASSWORD };
      ({ location } = (await person.http.request('POST', pathname, { form })).headers);
    }
    return [...seen, ...Object.keys(answerOf({ headers: { location } })).filter((name) => name !== 'state' && name !== 'iss')];
  }
  const early = (person) =>
    stack.psql(`UPDATE auth.sessions SET created_at = created_at - interval '1 hour' WHERE user_id = :'id'`, { id: person.id });

  for (const [more, steps] of [
    [{ prompt: 'login' }, ['/login', '/consent', 'code']],
    [{ prompt: 'login consent' }, ['/login', '/consent', 'code']],
    [{ prompt: 'consent login' }, ['/login', '/consent', 'code']],
    [{ prompt: '  login   consent ' }, ['/login', '/consent', 'code']],
    [{ prompt: 'login login' }, ['/login', '/consent', 'code']],
    [{ prompt: 'select_account' }, ['/login', '/consent', 'code']],
    [{ prompt: 'select_account consent' }, ['/login', '/consent', 'code']],
    [{ prompt: 'select_account login consent' }, ['/login', '/consent', 'code']],
    [{ prompt: 'consent' }, ['/consent', 'code']],
    [{ prompt: '' }, ['/consent', 'code']],
    [{ max_age: '0' }, ['/login', '/consent', 'code']],
    [{ max_age: '0', prompt: 'consent' }, ['/login', '/consent', 'code']],
    [{ max_age: '0', prompt: 'login consent' }, ['/login', '/consent', 'code']],
    [{ max_age: '1800' }, ['/login', '/consent', 'code']],
    [{ max_age: '7200' }, ['/consent', 'code']],
    [{ prompt: 'none' }, ['error', 'error_description']],
    [{ prompt: 'none login' }, ['error', 'error_description']],
    [{ prompt: 'consent none' }, ['error', 'error_description']],
    [{ prompt: 'Login' }, ['error', 'error_description']],
  ])
    test(`${JSON.stringify(more)} leads through ${steps.join(', ')}`, async () => {
      stack.psql(`DELETE FROM auth.oauth_consents`);
      early(carl);
      assert.deepEqual(await walk(carl, theirs(more)), steps);
    });

  test('of what was allowed before is asked again by each new request', async () => {
    const person = await somebodySignedIn(stack);
    await walk(person, theirs());
    early(person);
    assert.deepEqual(await walk(person, theirs({ prompt: 'login' })), ['/login', 'code']);
    early(person);
    assert.deepEqual(await walk(person, theirs({ prompt: 'login consent' })), ['/login', '/consent', 'code']);
    assert.deepEqual(await walk(person, theirs({ prompt: 'login' })), ['/login', 'code'], 'a sign-in from before the request does not count');
  });

  test('an old sign-in does not pass for the one that prompt=login asks for, however often a page was shown since', async () => {
    const person = await somebodySignedIn(stack);
    const first = (await person.http.get(theirs({ prompt: 'login' }))).headers.location;
    const form = { oauth_query: first.split('?')[1], email: person.email, password: PASSWORD };
    const consent = (await person.http.request('POST', '/login', { form })).headers.location;
    assert.match(consent, /^\/consent/);
    early(person);
    const again = await person.http.request('POST', '/consent', { form: { oauth_query: consent.split('?')[1], accept: 'true' } });
    assert.match(again.headers.location, /^\/login/);
  });

  test('a sign-in by a mailed link goes on with a consent that was asked for', async () => {
    const person = await somebodySignedIn(stack);
    for (const more of [{ prompt: 'login consent' }, { max_age: '0', prompt: 'consent' }]) {
      await walk(person, theirs());
      const { location } = (await person.http.get(theirs({ ...more, max_age: more.max_age ?? '0' }))).headers;
      await stack.mail.clear();
      await person.http.request('POST', '/login-link', { form: { oauth_query: location.split('?')[1], email: person.email } });
      const link = new URL(await stack.mail.link(person.email, '/magic-link/verify'));
      const opened = await person.http.request('POST', '/api/auth/magic-link/verify', { form: Object.fromEntries(link.searchParams) });
      assert.deepEqual(await walk(person, opened.headers.location), ['/consent', 'code'], JSON.stringify(more));
    }
  });
});

describe('a page that was left open', () => {
  /** The query of a page as if it had been shown that long ago, signed as the edge signs it. */
  function aged(location, seconds) {
    const [path, query] = location.split('?');
    const pairs = [...new URLSearchParams(query)].filter(([name]) => name !== 'sig').map(([name, value]) => [
      name, name === 'exp' ? String(Number(value) - seconds) : name === 'ba_iat' ? String(Number(value) - seconds * 1000) : value]);
    const text = new URLSearchParams(pairs).toString();
    const key = Buffer.from(hkdfSync('sha256', SECRET, 'mana-auth/purpose/1', 'page query', 32));
    const sig = createHmac('sha256', key).update(`page query\0${text}`).digest('base64');
    return `${path}?${text}&${new URLSearchParams({ sig })}`;
  }

  test('is aged as the edge signs', async () => {
    const { location } = (await stranger.get(ours())).headers;
    assert.equal(aged(location, 0), location);
  });

  for (const seconds of [630, 3600, 12 * 3600]) {
    test(`for ${seconds} s: signing in goes on to the application`, async () => {
      const person = await somebodySignedIn(stack);
      for (const more of [{}, { prompt: 'login' }, { max_age: '0' }, { prompt: 'select_account' }]) {
        const browser = new Client(stack.url);
        const shown = aged((await browser.get(ours(more))).headers.location, seconds);
        const page = await browser.get(shown);
        assert.equal(page.status, 200);
        const form = { oauth_query: oauthQuery(page.text), email: person.email, password: PASSWORD };
        const answer = await browser.request('POST', '/login', { form });
        assert.equal(answer.status, 303, answer.text);
        assert.ok(answerOf(answer).code, answer.headers.location);
        assert.ok((await browser.get('/api/auth/get-session')).json.session);
      }
    });

    test(`for ${seconds} s: a consent is asked for once more, and then given`, async () => {
      const person = await somebodySignedIn(stack);
      const shown = aged((await person.http.get(theirs())).headers.location, seconds);
      const allow = (location) => person.http.request('POST', '/consent', { form: { oauth_query: location.split('?')[1], accept: 'true' } });
      const again = await allow(shown);
      assert.deepEqual([again.status, again.headers.location.split('?')[0]], [303, '/consent']);
      assert.equal(stack.sql(`SELECT 1 FROM auth.oauth_consents WHERE user_id = :'id'`, { id: person.id }).length, 0);
      assert.ok(answerOf(await allow(again.headers.location)).code);
      const denied = await person.http.request('POST', '/consent', { form: { oauth_query: shown.split('?')[1], accept: 'false' } });
      assert.equal(answerOf(denied).error, 'access_denied');
    });
  }

  test('an old request does not pass an old sign-in for a new one', async () => {
    const person = await somebodySignedIn(stack);
    stack.psql(`UPDATE auth.sessions SET created_at = created_at - interval '20 minutes' WHERE user_id = :'id'`, { id: person.id });
    const shown = aged((await person.http.get(ours({ prompt: 'login' }))).headers.location, 3600);
    const answer = await person.http.post('/api/auth/oauth2/continue', { oauth_query: shown.split('?')[1] });
    assert.match(answer.json.url, /^\/login\?/, 'it is newer than the request, and older than ten minutes');
  });
});

describe('client authentication', () => {
  test('of a client without a registered method: by the header or by the body', async () => {
    assert.equal((await redeem(await code(ada, { client_id: 'ours' }))).status, 200);
    const posted = await redeem(await code(ada, { client_id: 'ours' }), { client_id: 'ours', client_secret: 'ours-secret' }, {});
    assert.equal(posted.status, 200, posted.text);
    for (const [form, headers] of [[{}, basic('ours', 'wrong')], [{ client_id: 'ours', client_secret: 'wrong' }, {}], [{ client_id: 'ours' }, {}]]) {
      const wrong = await redeem(await code(ada, { client_id: 'ours' }), form, headers);
      assert.equal(wrong.json.error, 'invalid_client', JSON.stringify(form));
    }
    const both = await redeem(await code(ada, { client_id: 'ours' }), { client_id: 'ours', client_secret: 'ours-secret' });
    assert.deepEqual([both.status, both.json.error], [400, 'invalid_request'], 'one of them (RFC 6749, section 2.3)');
  });

  test('of a client with a registered method: by that alone', async () => {
    for (const method of ['client_secret_basic', 'client_secret_post']) {
      register(stack, { name: `'X'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'${method}'`, secret: `'s3cret'`, auth_method: `'${method}'`, skip_consent: 'true' });
      const ways = { client_secret_basic: [{}, basic(method, 's3cret')], client_secret_post: [{ client_id: method, client_secret: 's3cret' }, {}] };
      for (const [way, [form, headers]] of Object.entries(ways)) {
        const { status } = await redeem(await code(ada, { client_id: method }), form, headers);
        assert.equal(status === 200, way === method, `${method} by ${way}: ${status}`);
      }
    }
  });

  test('is registered, shown and kept as RFC 7591 says', async () => {
    const admin = await somebodySignedIn(stack);
    stack.psql(`SELECT auth.grant_admin(:'email')`, admin);
    const created = await admin.http.post('/api/auth/oauth2/create-client', { redirect_uris: [CALLBACK], client_name: 'New', skip_consent: true });
    assert.deepEqual([created.status, created.json.token_endpoint_auth_method], [201, 'client_secret_basic'], 'which is the default of section 2');
    const { client_id, client_secret } = created.json;
    for (const [form, headers] of [[{}, basic(client_id, client_secret)], [{ client_id, client_secret }, {}]])
      assert.equal((await redeem(await code(ada, { client_id }), form, headers)).status, 200);
    for (const method of ['client_secret', 'client_secret_jwt', 'tls_client_auth', '']) {
      const refused = await admin.http.post('/api/auth/oauth2/create-client', { redirect_uris: [CALLBACK], token_endpoint_auth_method: method });
      assert.deepEqual([refused.status, refused.json.error], [400, 'invalid_client_metadata'], method);
    }
  });

  test('an assertion may have fractions of seconds (RFC 7519, section 2)', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k' }] });
    register(stack, {
      name: `'Keyed'`, redirect_uris: `'{}'`, client_id: `'keyed'`, auth_method: `'private_key_jwt'`, jwks: `'${jwks}'`, grant_types: `'{client_credentials}'`, scopes: `'{jobs}'`,
    });
    const now = Date.now() / 1000;
    const token = async (times) => {
      const assertion = await new SignJWT({ iss: 'keyed', sub: 'keyed', aud: stack.url, jti: String(Math.random()), ...times })
        .setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(privateKey);
      return exchange(stranger, {
        grant_type: 'client_credentials', redirect_uri: '', client_assertion: assertion,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      }, {});
    };
    for (const times of [{ exp: now + 60.25 }, { exp: now + 60.75, iat: now - 0.5 }, { exp: now + 59.999, iat: now, nbf: now - 1.001 }, { exp: Math.ceil(now) + 60 }]) {
      const answer = await token(times);
      assert.equal(answer.status, 200, `${JSON.stringify(times)}: ${answer.text}`);
    }
    for (const times of [{ exp: now - 0.5 }, { exp: now + 60, nbf: now + 3600.5 }, { exp: `${now + 60}` }, { exp: 1e300 }, { exp: -1.5 }])
      assert.equal((await token(times)).json.error, 'invalid_client', JSON.stringify(times));
  });
});

describe('redirect URIs', () => {
  const LEGAL = [
    'https://app.example/cb', 'https://app.example:8443/cb?x=1', 'https://xn--mnchen-3ya.example/', 'http://127.0.0.1/cb', 'http://[::1]/cb', 'http://localhost:3000/cb',
    'com.example.app:/cb', 'com.example.app://cb', 'com.googleusercontent.apps.123-abc:cb', 'com.example.app:/', 'myapp://callback', 'myapp:/cb', 'tauri://localhost/cb',
    'capacitor://localhost/cb', 'chrome-extension://abcdefghijklmnop/cb', 'moz-extension://0f1e/cb', 'io.element.desktop:/', 'ms-app://s-1-15-2/', 'exp+mana://x', 'a1:/x', 'X-App:/cb',
  ];
  const ILLEGAL = [
    'javascript:alert(1)', 'JavaScript://x/%0aalert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', 'about:blank', 'blob:https://x/y', 'filesystem:https://x/',
    'view-source:https://x/', 'mailto:x@example.com', 'tel:112', 'sms:112', 'urn:ietf:wg:oauth:2.0:oob', 'ws://x/', 'wss://x/', 'ftp://x/', 'intent://x/#Intent;end', 'chrome://settings',
    'http://app.example/cb', 'http://127.0.0.1.evil.example/cb', 'http://127.0.0.1@evil.example/cb', 'http://2130706433/cb', 'http://[::2]/cb', 'https://user@app.example/cb',
    'https:///cb', 'https:app.example/cb', 'https://app.example/cb#x', 'com.example.app:/cb#x', 'com.example.app:', '/cb', '//app.example/cb', '1app:/cb', 'my_app:/cb', 'my app:/cb',
    'com.example.app:/c b', 'com.example.app:/\u00e4', 'com.example.app:/<x>', 'com.example.app:/*', 'https://*.example/cb', 'https://app.example/\\evil', '',
  ];

  test('of every legal scheme are registered, and none that a browser would act on', async () => {
    const judged = (uris) => Object.fromEntries(stack.sql(`SELECT uri, auth.oidc_redirect_uri_is_sound(uri) AS sound
      FROM json_array_elements_text(:'uris') uri`, { uris: JSON.stringify(uris) }).map(({ uri, sound }) => [uri, sound]));
    assert.deepEqual(judged(LEGAL), Object.fromEntries(LEGAL.map((uri) => [uri, true])));
    assert.deepEqual(judged(ILLEGAL), Object.fromEntries(ILLEGAL.map((uri) => [uri, false])));
  });

  test('of apps receive codes, and their scheme may end the form of our page', async () => {
    for (const [n, uri] of ['com.example.app:/cb', 'myapp://callback?x=1', 'com.googleusercontent.apps.1:cb', 'http://127.0.0.1/cb', 'http://[::1]/cb'].entries()) {
      const { challenge, verifier } = pkce();
      register(stack, { name: `'App'`, redirect_uris: `ARRAY['${uri}']`, client_id: `'app-${n}'`, auth_method: `'none'`, skip_consent: 'true' });
      const loopback = uri.replace(/^(http:\/\/[^/]+)/, '$1:51004'); // RFC 8252, section 7.3: any port
      const more = { client_id: `app-${n}`, redirect_uri: loopback, code_challenge: challenge, code_challenge_method: 'S256' };
      const { location } = (await ada.http.get(request(more))).headers;
      assert.ok(location.startsWith(`${loopback}${uri.includes('?') ? '&' : '?'}code=`), location);
      const tokens = await redeem(/code=(\w+)/.exec(location)[1], { redirect_uri: loopback, code_verifier: verifier, client_id: `app-${n}` }, {});
      assert.equal(tokens.status, 200, tokens.text);
      const page = await stranger.get((await stranger.get(request(more))).headers.location);
      const scheme = `${uri.split(':')[0]}:`;
      assert.ok(page.headers['content-security-policy'].split('form-action')[1].split(' ').includes(scheme), page.headers['content-security-policy']);
      assert.equal(answerOf(await ada.http.get(request({ ...more, redirect_uri: `${loopback}x` }))).error, 'invalid_redirect');
    }
  });
});

describe('claims', () => {
  test('preferred_username is the address, where the client may know that', async () => {
    const claims = async (scope) => {
      const { json } = await redeem(await code(ada, { client_id: 'ours', scope }));
      const userinfo = (await stranger.get('/api/auth/oauth2/userinfo', { bearer: json.access_token })).json;
      assert.equal(decodeJwt(json.id_token).preferred_username, userinfo.preferred_username);
      return userinfo.preferred_username;
    };
    assert.equal(await claims('openid profile email'), ada.email);
    assert.equal(await claims('openid email'), undefined, 'it belongs to the scope profile (OpenID Connect Core, section 5.4)');
    assert.equal(await claims('openid profile'), undefined, 'it would tell the address');
    assert.ok((await stranger.get('/.well-known/openid-configuration')).json.claims_supported.includes('preferred_username'));
  });
});

describe('response_mode=form_post', () => {
  const posted = (html) => Object.fromEntries([...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map(([, name, value]) => [name, value.replaceAll('&amp;', '&')]));
  const action = (html) => /<form method="post" action="([^"]*)"/.exec(html)[1].replaceAll('&amp;', '&');

  test('posts code, state and iss to the redirect URI by a page that needs no script', async () => {
    const answer = await ada.http.get(ours({ response_mode: 'form_post', state: `a&b<"'ü` }));
    assert.equal(answer.status, 200, answer.headers.location);
    assert.match(answer.headers['content-type'], /^text\/html/);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(action(answer.text), CALLBACK);
    assert.match(answer.text, /<button type="submit"/);
    assert.doesNotMatch(answer.text, /<script(?! src="\/form-post\.js" defer><\/script>)/);
    assert.match(answer.headers['content-security-policy'], /script-src 'self'.*form-action 'self' https: http:/);
    const fields = posted(answer.text);
    assert.deepEqual([Object.keys(fields), fields.iss], [['code', 'state', 'iss'], stack.url]);
    assert.equal((await redeem(fields.code)).status, 200);
    assert.equal((await stranger.get('/form-post.js')).status, 200);
  });

  test('posts errors, too', async () => {
    for (const [more, error] of [[{ prompt: 'none', max_age: '0' }, 'login_required'], [{ scope: 'openid root' }, 'invalid_scope'], [{ response_type: 'token' }, 'unsupported_response_type']]) {
      const { text } = await ada.http.get(ours({ response_mode: 'form_post', ...more }));
      assert.deepEqual([action(text), posted(text).error, posted(text).state], [CALLBACK, error, 'st4te']);
    }
    const repeated = await ada.http.get(`${ours({ response_mode: 'form_post' })}&nonce=2`);
    assert.equal(posted(repeated.text).error, 'invalid_request');
    assert.equal((await ada.http.get(ours({ response_mode: 'form_post', redirect_uri: 'https://evil.example/' }))).status, 302, 'nothing is posted to an address that is not registered');
  });

  test('survives a sign-in and a consent, on the pages and by script', async () => {
    const person = await somebodySignedIn(stack);
    const browser = new Client(stack.url);
    const login = (await browser.get(theirs({ response_mode: 'form_post' }))).headers.location;
    const form = { oauth_query: login.split('?')[1], email: person.email, password: PASSWORD };
    const consent = (await browser.request('POST', '/login', { form })).headers.location;
    const page = await browser.request('POST', '/consent', { form: { oauth_query: consent.split('?')[1], accept: 'true' } });
    assert.ok(posted(page.text).code, page.text);
    const script = await new Client(stack.url).post('/api/auth/sign-in/email', { email: person.email, password: PASSWORD, oauth_query: login.split('?')[1] });
    assert.equal(script.json.redirect, true);
    const shown = await new Client(stack.url).get(script.json.url);
    assert.equal(shown.status, 200, shown.text);
    assert.ok(posted(shown.text).code);
    const changed = await new Client(stack.url).get(script.json.url.replace(/redirect_uri=[^&]+/, 'redirect_uri=https%3A%2F%2Fevil.example%2F'));
    assert.equal(changed.status, 400);
    assert.doesNotMatch(changed.text, /evil/);
    assert.equal((await new Client(stack.url).get(`/form-post?${login.split('?')[1]}`)).status, 400, 'the query of another page is none of this');
  });

  test('reaches the relying party from Chromium, with and without scripts', async () => {
    const { startBrowser } = await import('./lib/browser.mjs');
    const received = [];
    const party = createServer((incoming, answer) => {
      let body = '';
      incoming.on('data', (chunk) => (body += chunk));
      incoming.on('end', () => {
        if (incoming.method === 'POST') received.push({ ...Object.fromEntries(new URLSearchParams(body)), origin: incoming.headers.origin });
        answer.end('welcome back');
      });
    });
    await new Promise((resolve) => party.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${party.address().port}/cb`;
    register(stack, { name: `'Poster'`, redirect_uris: `ARRAY['${url}']`, client_id: `'poster'`, skip_consent: 'true' });
    const browser = await startBrowser();
    try {
      for (const javaScriptEnabled of [true, false]) {
        const page = await (await browser.newContext({ javaScriptEnabled, locale: 'en' })).newPage();
        await page.goto(`${stack.url}${request({ client_id: 'poster', redirect_uri: url, response_mode: 'form_post' })}`);
        await page.fill('#email', ada.email);
        await page.fill('#password', PASSWORD);
        await page.click('button');
        if (!javaScriptEnabled) await page.click('button');
        await page.waitForURL(url);
        assert.ok(received.at(-1).code, JSON.stringify(received));
        assert.equal(received.at(-1).origin, stack.url);
      }
      assert.equal(received.length, 2);
    } finally {
      await browser.close();
      party.close();
    }
  });

  test('is refused for an app, to which no browser can post, and other modes as before', async () => {
    register(stack, { name: `'Posted'`, redirect_uris: `ARRAY['com.example.posted:/cb']`, client_id: `'posted'`, skip_consent: 'true' });
    const { headers } = await ada.http.get(request({ client_id: 'posted', redirect_uri: 'com.example.posted:/cb', response_mode: 'form_post' }));
    assert.match(headers.location, /^com\.example\.posted:\/cb\?error=invalid_request/);
    for (const mode of ['fragment', 'query.jwt', 'web_message'])
      assert.equal(answerOf(await ada.http.get(ours({ response_mode: mode }))).error, 'invalid_request', mode);
    assert.deepEqual((await stranger.get('/.well-known/openid-configuration')).json.response_modes_supported, ['query', 'form_post']);
  });
});

describe('end-session', () => {
  const path = '/api/auth/oauth2/end-session';
  for (const [why, query] of [
    ['a hint that is none', { id_token_hint: 'this is not a JWT' }], ['an address that is not registered', { client_id: 'ours', post_logout_redirect_uri: 'https://evil.example/' }],
    ['a name that is repeated', 'state=a&state=b'], ['a query that is not text', 'state=%ff'], ['a value that is too long', { state: 'x'.repeat(1500), client_id: 'x'.repeat(200) }],
  ])
    test(`shows people a page for ${why}, and programs JSON`, async () => {
      const { http } = await somebodySignedIn(stack);
      const target = `${path}?${typeof query === 'string' ? query : new URLSearchParams(query)}`;
      for (const headers of [BROWSER, { ...BROWSER, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }]) {
        const shown = await http.get(target, { headers });
        assert.ok(shown.status === 400 || shown.headers.location?.startsWith('/sign-out'), shown.text);
        if (shown.status === 400) assert.match(shown.headers['content-type'], /^text\/html/, shown.text);
        assert.doesNotMatch(shown.text, /evil|this is not a JWT/);
      }
      for (const headers of [{}, { ...BROWSER, 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }]) {
        const told = await http.get(target, { headers });
        if (told.status === 400) assert.ok(told.json.error, told.text);
      }
      assert.ok((await http.get('/api/auth/get-session')).json.session);
    });

  test('and the authorization endpoint likewise', async () => {
    const shown = await ada.http.get(`${ours()}&login_hint=${'x'.repeat(400)}`, { headers: BROWSER });
    assert.deepEqual([shown.status, /^text\/html/.test(shown.headers['content-type'])], [400, true], shown.text);
    const told = await ada.http.get(`${ours()}&login_hint=${'x'.repeat(400)}`);
    assert.deepEqual([told.status, told.json.error], [400, 'invalid_request']);
  });
});

describe('CORS', () => {
  const SPA = 'https://spa.example';
  const ANYWHERE = [
    ['GET', '/.well-known/openid-configuration'], ['GET', '/.well-known/oauth-authorization-server'], ['GET', '/api/auth/.well-known/openid-configuration'],
    ['GET', '/api/auth/jwks'], ['GET', '/api/v1/auth/jwks'], ['POST', '/api/auth/oauth2/token'], ['GET', '/api/auth/oauth2/userinfo'],
    ['POST', '/api/auth/oauth2/userinfo'], ['POST', '/api/auth/oauth2/revoke'], ['POST', '/api/auth/oauth2/introspect'],
  ];
  const call = (method, path, headers) => stranger.request(method, path, { headers, ...(method === 'POST' && { form: { x: '1' } }) });

  test('every origin may read what needs no cookie, and may not send one', async () => {
    for (const [method, path] of ANYWHERE)
      for (const origin of [SPA, 'null', 'http://localhost:9', 'com.example.app:']) {
        const { headers } = await call(method, path, { origin });
        assert.deepEqual([headers['access-control-allow-origin'], headers['access-control-allow-credentials']], ['*', undefined], `${method} ${path} from ${origin}`);
        assert.match(headers.vary, /\bOrigin\b/);
      }
  });

  test('a preflight says the same', async () => {
    for (const [method, path] of ANYWHERE) {
      const { status, headers } = await stranger.request('OPTIONS', path, {
        headers: { origin: SPA, 'access-control-request-method': method, 'access-control-request-headers': 'authorization,content-type' } });
      assert.deepEqual([status, headers['access-control-allow-origin'], headers['access-control-allow-credentials']], [204, '*', undefined], path);
      assert.match(headers['access-control-allow-headers'], /Authorization/);
      assert.match(headers['access-control-allow-methods'], new RegExp(method));
    }
  });

  test('trusted origins keep their credentials there', async () => {
    for (const origin of [stack.url, 'http://localhost:5173'])
      for (const [method, path] of ANYWHERE) {
        const { headers } = await call(method, path, { origin });
        assert.deepEqual([headers['access-control-allow-origin'], headers['access-control-allow-credentials']], [origin, 'true'], `${path} from ${origin}`);
      }
  });

  test('nothing else is open to every origin, neither to calls nor to preflights', async () => {
    for (const [method, path] of [
      ['GET', '/api/auth/oauth2/authorize'], ['POST', '/api/auth/oauth2/authorize'], ['POST', '/api/auth/oauth2/consent'], ['GET', '/api/auth/oauth2/end-session'],
      ['GET', '/api/auth/get-session'], ['GET', '/api/auth/token'], ['POST', '/api/auth/sign-in/email'], ['GET', '/login'], ['GET', '/api/v1/me/data'],
      ['POST', '/api/v1/auth/validate'], ['DELETE', '/api/auth/oauth2/token'], ['GET', '/api/auth/oauth2/token'], ['GET', '/no/such/path'],
    ]) {
      assert.equal((await call(method, path, { origin: SPA })).headers['access-control-allow-origin'], undefined, `${method} ${path}`);
      const preflight = await stranger.request('OPTIONS', path, { headers: { origin: SPA, 'access-control-request-method': method } });
      assert.equal(preflight.headers['access-control-allow-origin'], undefined, `preflight ${method} ${path}`);
    }
    const bare = await stranger.request('OPTIONS', '/api/auth/oauth2/token', { headers: { origin: SPA } });
    assert.equal(bare.headers['access-control-allow-origin'], undefined);
  });

  test('a browser app signs somebody in without an origin of ours', async () => {
    const { verifier, challenge } = pkce();
    register(stack, { name: `'SPA'`, redirect_uris: `ARRAY['${SPA}/cb']`, client_id: `'spa'`, auth_method: `'none'`, skip_consent: 'true' });
    const given = await code(ada, { client_id: 'spa', redirect_uri: `${SPA}/cb`, code_challenge: challenge, code_challenge_method: 'S256' });
    const form = { code: given, client_id: 'spa', code_verifier: verifier, redirect_uri: `${SPA}/cb` };
    const tokens = await exchange(new Client(stack.url, { origin: SPA }), form, {});
    assert.deepEqual([tokens.status, tokens.headers['access-control-allow-origin']], [200, '*'], tokens.text);
    const userinfo = await new Client(stack.url, { origin: SPA }).get('/api/auth/oauth2/userinfo', { bearer: tokens.json.access_token });
    assert.deepEqual([userinfo.json.sub, userinfo.headers['access-control-allow-origin']], [ada.id, '*']);
    const failed = await new Client(stack.url, { origin: SPA }).get('/api/auth/oauth2/userinfo', { bearer: 'x' });
    assert.match(failed.headers['access-control-expose-headers'], /WWW-Authenticate/);
  });
});
