// Denial of service by few clients: while they send slowly, read nothing, announce much, or ask for what is expensive, everybody else is
// answered, and what they get is bounded. Nothing here asserts on time: an answer comes within the patience of the test, or it fails.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { until } from '../integration/lib/wait.mjs';
import { copyOf, each, member, PASSWORD, program, stranger, target, without } from './lib/target.mjs';
import { connected, exchange, HOST, Reader, request } from './lib/wire.mjs';

const CRLF = '\r\n';
const MANY = 300;
const PATIENCE_MS = 20_000;
const MIB = 2 ** 20;

describe('denial of service', { skip: without.mail }, () => {
  let ada;
  before(async () => {
    ada = await member('Ada');
  });

  /** What everybody else does meanwhile. */
  async function othersAreServed() {
    assert.equal((await program().get('/health')).status, 200);
    assert.equal((await copyOf(ada.http).get('/api/auth/get-session')).json.user.id, ada.id);
    assert.equal((await program().get('/api/v1/auth/profile', { bearer: ada.token })).status, 200);
    assert.equal((await program().get('/login', { headers: { accept: 'text/html' } })).status, 200);
  }

  /** Opens connections that each begin with some bytes; all of them must end by themselves. */
  async function hold(count, bytes) {
    const sockets = await Promise.all(Array.from({ length: count }, connected));
    const readers = sockets.map((socket) => new Reader(socket));
    sockets.forEach((socket, n) => socket.write(typeof bytes === 'function' ? bytes(n) : bytes));
    return {
      drip: (byte) => sockets.forEach((socket) => socket.writable && socket.write(byte)),
      statuses: () => readers.flatMap((reader) => reader.answers().map(({ status }) => status)),
      ended: () => until('the connections to be closed', () => readers.every(({ closed }) => closed), PATIENCE_MS),
      destroy: () => sockets.forEach((socket) => socket.destroy()),
    };
  }

  const SLOW = {
    'a head that never ends': `GET /health HTTP/1.1${CRLF}Host: ${HOST}${CRLF}X: `,
    'a body that never comes': request('POST', '/api/auth/sign-in/email', ['Content-Type: application/json', 'Content-Length: 1000']) + '{',
    'nothing at all': '',
  };
  describe('by slow senders', { concurrency: 3 }, () => {
    for (const [what, bytes] of Object.entries(SLOW)) test(`${MANY} connections with ${what} keep nobody waiting, and end`, async () => {
      const held = await hold(MANY, bytes);
      try {
        for (let n = 0; n < 5; n++) {
          await othersAreServed();
          if (bytes) held.drip('a');
        }
        await held.ended();
        assert.ok(held.statuses().every((status) => status === 408), held.statuses().join());
      } finally {
        held.destroy();
      }
      await othersAreServed();
    });
  });

  test('a body that is announced too long is refused before it is sent, on every kind of route', async () => {
    for (const path of ['/api/auth/sign-in/email', '/login', '/api/auth/oauth2/token', '/api/v1/me/encryption-vault/init', '/nothing-here'])
      for (const length of ['1073741824', '99999999999999999999']) {
        const { answers, closed } = await exchange([`POST ${path} HTTP/1.1`, `Host: ${HOST}`, 'Content-Type: application/json', `Content-Length: ${length}`, '', ''].join(CRLF));
        assert.deepEqual(answers.map(({ status }) => status), [413], `${path} ${length}`);
        assert.ok(closed);
      }
  });

  test('more headers, longer headers and longer targets than anybody needs are refused', async () => {
    for (const bytes of [
      request('GET', '/health', Array.from({ length: 3000 }, (_, n) => `X-${n}: v`)), request('GET', '/health', [`X: ${'a'.repeat(300_000)}`]),
      request('GET', `/${'a'.repeat(100_000)}`),
      request('GET', `/health?${'a=b&'.repeat(30_000)}`), request('GET', '/health', [`Cookie: ${'a=b; '.repeat(30_000)}`]),
    ]) {
      const { answers } = await exchange(bytes);
      assert.equal(answers.length, 1);
      assert.ok([400, 413, 414, 431].includes(answers[0].status), `${answers[0].status}`);
    }
  });

  test('inputs that are expensive to a careless reader are answered, and keep nobody waiting', async () => {
    const many = (count, make) => Array.from({ length: count }, (_, n) => make(n)).join('');
    const json = { 'content-type': 'application/json' };
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const attacks = [
      ['POST', '/login', { body: '&'.repeat(120_000), headers: form }],
      ['POST', '/login', { body: many(20_000, (n) => `&f${n}=`), headers: form }],
      ['POST', '/login', { body: `email=${'%41'.repeat(40_000)}`, headers: form }],
      ['POST', '/login', { body: `email=${'+'.repeat(120_000)}&password=x`, headers: form }],
      ['POST', '/api/auth/oauth2/authorize', { body: `client_id=x&state=${'%e2%82%ac'.repeat(10_000)}`, headers: form }],
      ['POST', '/api/auth/oauth2/authorize', { body: `client_id=x&scope=${many(20_000, (n) => `s${n}+`)}`, headers: form }],
      ['POST', '/api/auth/oauth2/token', { form: { grant_type: 'refresh_token', refresh_token: 'x'.repeat(100_000) }, headers: { authorization: `Basic ${'QUFB'.repeat(1000)}` } }],
      ['POST', '/api/auth/sign-in/email', { body: `{"email":"${'a'.repeat(60_000)}@${'b.'.repeat(20_000)}c","password":"x"}`, headers: json }],
      ['POST', '/api/auth/sign-in/email', { body: `{"email":"x@example.com","password":"${'\\u0041'.repeat(18_000)}"}`, headers: json }],
      ['POST', '/api/auth/sign-in/email', { body: `{"email":"x@example.com","password":"x"${many(9_000, (n) => `,"${n}":[]`)}}`, headers: json }],
      ['POST', '/api/auth/sign-up/email', { json: { email: 'y@example.com', password: PASSWORD, name: 'a\u0300'.repeat(20_000) } }],
      ['POST', '/api/v1/auth/validate', { json: { token: `${'a'.repeat(40_000)}.${'b'.repeat(40_000)}.${'c'.repeat(40_000)}` } }],
      ['PATCH', '/api/v1/settings/global', { body: `{"settings":{${many(8_000, (n) => `${n ? ',' : ''}"k${n}":{}`)}}}`, headers: json, bearer: ada.token }],
      ['PATCH', '/api/v1/settings/global', { body: `{"settings":${'{"a":'.repeat(20)}1${'}'.repeat(20)}}`, headers: json, bearer: ada.token }],
      ['POST', '/api/auth/oauth2/consent', { json: { accept: true, oauth_query: 'a=%41&'.repeat(15_000) } }],
      ['GET', '/api/auth/get-session', { headers: { cookie: many(300, (n) => `c${n}=${n}; `) } }],
      ['GET', '/login', { headers: { 'accept-language': many(250, (n) => `x${n};q=0.${n},`) } }],
      ['GET', '/health', { headers: { 'x-forwarded-for': many(250, (n) => `10.0.0.${n % 255},`) } }],
      ['GET', '/api/auth/verify-email?callbackURL=/', { headers: { accept: 'text/html,'.repeat(400) } }],
    ];
    const rounds = Array.from({ length: 6 }, () => attacks).flat();
    const done = each(rounds, async ([method, path, more]) => {
      const answer = await copyOf(ada.http).request(method, path, more);
      assert.ok(answer.status < 500, `${method} ${path}: ${answer.status} ${answer.text.slice(0, 200)}`);
      assert.ok(Buffer.byteLength(answer.text) <= MIB, `${method} ${path}: ${answer.text.length} bytes`);
    }, 12);
    for (let n = 0; n < 5; n++) await othersAreServed();
    await done;
  });

  test('what one user has made many of is listed within 1 MiB', async () => {
    const logo = `data:image/png;base64,${'A'.repeat(16_000)}`;
    await each(Array.from({ length: 80 }), async (_, n) => {
      const made = await ada.http.post('/api/auth/organization/create', { name: 'Large', slug: `large-${process.pid}-${Math.random()}`, logo, metadata: { a: 'x'.repeat(8_000) } });
      assert.ok([200, 403].includes(made.status), `${n}: ${made.text.slice(0, 200)}`);
    });
    for (const path of ['organization/list', 'list-sessions', 'organization/list-user-invitations']) {
      const answer = await ada.http.get(`/api/auth/${path}`);
      assert.equal(answer.status, 200);
      assert.ok(Buffer.byteLength(answer.text) <= MIB, `${path}: ${answer.text.length} bytes`);
    }
  });

  // tests/integration/edge_rules has answers that no kernel buffers, and counts the memory
  test('clients that ask for much and do not read keep nobody waiting', async () => {
    const cookie = [...ada.http.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const sockets = await Promise.all(Array.from({ length: 60 }, connected));
    for (const socket of sockets) {
      socket.pause();
      socket.write(request('GET', '/api/auth/organization/list', [`Cookie: ${cookie}`]));
    }
    for (let n = 0; n < 5; n++) await othersAreServed();
    sockets.forEach((socket) => socket.destroy());
    await othersAreServed();
  });

  test('a burst of sign-ins keeps nobody waiting whose request needs no hash, and those that are refused are told when to come again', async () => {
    const burst = Promise.all(Array.from({ length: 200 }, (_, n) => stranger().post('/api/auth/sign-in/email', { email: `burst${n}-${process.pid}@example.com`, password: 'x' })));
    for (let n = 0; n < 5; n++) await othersAreServed();
    const answers = await burst;
    assert.deepEqual(answers.filter(({ status }) => ![401, 503].includes(status)).map(({ status }) => status), []);
    for (const { status, headers } of answers) if (status === 503) assert.ok(Number(headers['retry-after']) > 0);
    assert.equal((await stranger().post('/api/auth/sign-in/email', { email: ada.email, password: PASSWORD })).status, 200, 'afterwards there is room');
  });

  test('many requests of one user at once are answered or refused, and keep nobody else waiting', async () => {
    const other = await member('Other');
    const storm = Promise.all(Array.from({ length: 150 }, (_, n) => other.http.post('/api/auth/update-user', { name: `Other ${n}` })));
    for (let n = 0; n < 5; n++) await othersAreServed();
    const statuses = (await storm).map(({ status }) => status);
    assert.ok(statuses.every((status) => [200, 429, 503].includes(status)), [...new Set(statuses)].join());
    assert.equal((await other.http.get('/api/auth/get-session')).json.user.id, other.id);
  });
});
