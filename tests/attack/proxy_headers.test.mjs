// Headers that a proxy adds and anybody can send: they choose neither the address in a mail nor that of an answer, neither the client's
// address nor the route. Where the tester is a trusted proxy, X-Forwarded-For is believed, and its tests skip.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { signIn, somebody, somebodyVerified } from '../integration/lib/people.mjs';
import { member, PASSWORD, program, stranger, target, without } from './lib/target.mjs';

const EVIL = 'evil.example';
const FORGED_ADDRESS = '203.0.113.77';
// What proxies and frameworks take a host from.
const HOSTS = {
  Host: { host: EVIL }, 'Host with a port': { host: `${EVIL}:443` }, 'X-Forwarded-Host': { 'x-forwarded-host': EVIL },
    'X-Forwarded-Host, a list': { 'x-forwarded-host': `${EVIL}, x` },
  'X-Host': { 'x-host': EVIL }, 'X-Forwarded-Server': { 'x-forwarded-server': EVIL }, 'X-Original-Host': { 'x-original-host': EVIL },
  'X-HTTP-Host-Override': { 'x-http-host-override': EVIL },
  Forwarded: { forwarded: `for=1.2.3.4;host=${EVIL};proto=https` }, 'X-Forwarded-Proto': { 'x-forwarded-proto': 'https', 'x-forwarded-port': '8443',
    'x-forwarded-prefix': `//${EVIL}` },
  'all at once': { host: EVIL, 'x-forwarded-host': EVIL, 'x-forwarded-proto': 'https', forwarded: `host=${EVIL}` },
};
// What servers take the client's address from.
const CLIENTS = {
  'X-Forwarded-For': { 'x-forwarded-for': FORGED_ADDRESS }, 'X-Forwarded-For, a list': { 'x-forwarded-for': `${FORGED_ADDRESS}, ${FORGED_ADDRESS}` },
  'X-Real-IP': { 'x-real-ip': FORGED_ADDRESS },
  'X-Client-IP': { 'x-client-ip': FORGED_ADDRESS, 'x-cluster-client-ip': FORGED_ADDRESS, 'client-ip': FORGED_ADDRESS },
  'True-Client-IP': { 'true-client-ip': FORGED_ADDRESS, 'cf-connecting-ip': FORGED_ADDRESS },
  Forwarded: { forwarded: `for=${FORGED_ADDRESS}` }, 'X-Originating-IP': { 'x-originating-ip': FORGED_ADDRESS, 'x-remote-ip': FORGED_ADDRESS,
    'x-remote-addr': FORGED_ADDRESS, 'x-azure-clientip': FORGED_ADDRESS },
};

describe('headers of proxies', { skip: without.mail }, () => {
  let ada, isProxy;
  const addressOf = async (http) => (await http.get('/api/auth/list-sessions')).json.map(({ ipAddress }) => ipAddress).join();
  const signedIn = async (person, headers) => {
    const http = stranger({ headers });
    const answer = await signIn({ ...person, http });
    assert.equal(answer.status, 200, answer.text);
    return (await http.get('/api/auth/get-session')).json.session.ipAddress;
  };

  before(async () => {
    ada = await member('Ada');
    isProxy = (await signedIn(ada, CLIENTS['X-Forwarded-For'])) === FORGED_ADDRESS;
  });

  for (const [what, headers] of Object.entries(HOSTS))
    test(`${what} gets into no link of a mail`, async () => {
      const person = somebody(target);
      await stranger({ headers }).post('/api/auth/sign-up/email', { email: person.email, name: 'X', password: PASSWORD, callbackURL: '/x' });
      await stranger({ headers }).post('/api/auth/request-password-reset', { email: ada.email, redirectTo: '/reset-password' });
      await stranger({ headers }).post('/api/auth/sign-in/magic-link', { email: person.email, callbackURL: '/x' });
      for (const mail of [await target.mail.latest(person.email, { count: 2 }), ...await target.mail.find(person.email, { waitSeconds: 0 }),
        ...await target.mail.find(ada.email, { waitSeconds: 0 })]) {
        assert.doesNotMatch(JSON.stringify(mail), new RegExp(EVIL.replace('.', '\\.')));
        for (const link of mail.links) assert.equal(new URL(link).origin, new URL(target.url).origin);
      }
    });

  test('no such header gets into an answer: neither a Location, nor a cookie, nor discovery, nor a token', async () => {
    for (const [what, headers] of Object.entries(HOSTS)) {
      const http = Object.assign(program(), { headers, cookies: new Map(ada.http.cookies) });
      for (const path of ['/.well-known/openid-configuration', '/api/auth/jwks', '/login', '/api/auth/get-session', '/api/auth/token', '/api/auth/oauth2/authorize?client_id=x',
        '/api/auth/verify-email?token=x&callbackURL=/x', '/api/auth/error', '/sign-out', '/nothing-here']) {
        const answer = await http.get(path);
        const said = JSON.stringify(answer.headers) + answer.text;
        assert.ok(!said.includes(EVIL), `${what}, ${path}: ${said.slice(0, 300)}`);
        for (const { attributes } of answer.setCookies) assert.equal(attributes.domain, undefined, what);
        if (answer.json?.token) assert.equal(JSON.parse(Buffer.from(answer.json.token.split('.')[1], 'base64url')).iss, target.url);
      }
    }
  });

  test('X-Forwarded-Proto makes nothing secure that is not, and nothing insecure that is', async () => {
    const cookies = async (headers) => (await signIn({ ...ada, http: stranger({ headers }) })).setCookies.map(({ name, attributes }) => [name,
      attributes.secure ?? false]).sort().join(' ');
    const plain = await cookies({});
    for (const headers of [{ 'x-forwarded-proto': 'https' }, { 'x-forwarded-proto': 'http' }, { 'x-forwarded-ssl': 'on', 'front-end-https': 'on', 'x-url-scheme': 'https' }])
      assert.equal(await cookies(headers), plain, JSON.stringify(headers));
  });

  for (const [what, headers] of Object.entries(CLIENTS))
    test(`${what} does not choose the address of the client`, async (t) => {
      if (isProxy && /X-Forwarded-For|Forwarded/.test(what)) return t.skip('the tester is a trusted proxy of the installation');
      assert.notEqual(await signedIn(ada, headers), FORGED_ADDRESS);
      assert.ok(!(await addressOf(ada.http)).includes(FORGED_ADDRESS));
      return undefined;
    });

  test('a guesser does not get more guesses by new addresses in headers', async (t) => {
    if (isProxy) return t.skip('the tester is a trusted proxy of the installation');
    const person = await somebodyVerified(target);
    let judged = 0;
    for (let n = 0; n < 8; n++) {
      const address = `198.51.${n}.1`;
      const http = stranger({ headers: { 'x-forwarded-for': address, 'x-real-ip': address, forwarded: `for=${address}`, 'true-client-ip': address, 'cf-connecting-ip': address } });
      if ((await signIn({ ...person, password: 'not-the-password', http })).status === 401) judged += 1;
    }
    assert.equal(judged, 5);
    return undefined;
  });

  test('no header chooses the route, the method or the user', async () => {
    for (const headers of [{ 'x-original-url': '/api/v1/admin/stats' }, { 'x-rewrite-url': '/api/v1/admin/stats' },
      { 'x-forwarded-uri': '/api/v1/admin/stats' }, { 'x-forwarded-path': '/api/v1/admin/stats' }]) {
      const answer = await program().get('/health', { headers });
      assert.deepEqual([answer.status, answer.json?.status ?? answer.json?.ok ?? true], [200, (await program().get('/health')).json?.status ?? true]);
    }
    for (const headers of [{ 'x-user-id': ada.id, 'x-forwarded-user': ada.email, 'x-remote-user': ada.email, 'remote-user': ada.email,
      'x-auth-request-email': ada.email, 'x-mana-user': ada.id },
      { 'x-role': 'admin', 'x-admin': 'true', 'x-internal': '1', 'x-service': 'attack', 'x-forwarded-client-cert': 'Subject="CN=admin"' }])
      for (const path of ['/api/v1/auth/profile', '/api/v1/admin/stats', `/api/v1/internal/users/${ada.id}/memberships`]) {
        assert.equal((await program().get(path, { headers })).status, 401, path);
      }
    assert.equal((await program().get('/api/v1/admin/stats', { bearer: ada.token, headers: { 'x-role': 'admin' } })).status, 403);
  });
});
