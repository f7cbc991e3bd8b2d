// What Kore 4.1 would do with bytes that a client should not send, and what the guard makes of it: one test a trap, over raw
// sockets. A request that was smuggled would be answered; so each test counts the answers.

import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { childrenOf } from './lib/processes.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const CRLF = '\r\n';
const HEAD_SECONDS = 2;
const BODY_SECONDS = 1;
const DEADLINE_MS = 10_000;

describe('framing', () => {
  let stack;
  before(async () => {
    const environment = {
      WORKERS: '1',
      HEADER_TIMEOUT_SECONDS: String(HEAD_SECONDS),
      BODY_TIMEOUT_SECONDS: String(BODY_SECONDS),
      BODY_MAX_BYTES: '65536',
    };
    stack = await startStack(environment, UNLIMITED);
  });
  after(() => stack?.stop());

  /** Every test ends with this: the worker is the same and answers. */
  const stillServes = async () => assert.deepEqual(await statuses(get('/health')), [200]);

  const refused = [
    ['two requests in one packet', get('/health') + get('/health'), 400],
    ['a POST and the next request in one packet', post('/api/auth/sign-out', '{}') + get('/health'), 400],
    ['a GET with a body', `GET /health HTTP/1.1${CRLF}Host: x${CRLF}Content-Length: 4${CRLF}${CRLF}abcd`, 400],
    ['a HEAD with a body', `HEAD /health HTTP/1.1${CRLF}Host: x${CRLF}Content-Length: 4${CRLF}${CRLF}abcd`, 400],
    ['an OPTIONS with a body', `OPTIONS /health HTTP/1.1${CRLF}Host: x${CRLF}Content-Length: 4${CRLF}${CRLF}abcd`, 400],
    ['a chunked body', head('POST', '/api/auth/sign-out', ['Transfer-Encoding: chunked']) + `0${CRLF}${CRLF}`, 501],
    ['Transfer-Encoding beside Content-Length',
      head('POST', '/api/auth/sign-out', ['Content-Length: 5', 'Transfer-Encoding: chunked']) + `0${CRLF}${CRLF}`, 501],
    ['a Transfer-Encoding that nobody knows', head('POST', '/api/auth/sign-out', ['Transfer-Encoding: xchunked']), 501],
    ['two Content-Lengths', head('POST', '/api/auth/sign-out', ['Content-Length: 2', 'Content-Length: 3']) + '{}', 400],
    ['two equal Content-Lengths', head('POST', '/api/auth/sign-out', ['Content-Length: 2', 'Content-Length: 2']) + '{}', 400],
    ...['+2', '-2', '0x2', '2,2', '2 2', '2.0', 'two'].map((length) => [
      `Content-Length: ${length}`, head('POST', '/api/auth/sign-out', [`Content-Length: ${length}`]) + '{}', 400]),
    ['a Content-Length beyond 64 bits', head('POST', '/api/auth/sign-out', ['Content-Length: 18446744073709551618']), 413],
    ['a body over the limit, before it is sent', head('POST', '/api/auth/sign-out', ['Content-Length: 65537']), 413],
    ['no Host', `GET /health HTTP/1.1${CRLF}Accept: */*${CRLF}${CRLF}`, 400],
    ['an empty Host', `GET /health HTTP/1.1${CRLF}Host: ${CRLF}${CRLF}`, 400],
    ...['a b', 'a,b', 'a, b', 'user@a', 'a/b', 'a?b', 'a:b', 'a:80:80', 'a:123456', ':80', '[', '[]', '[::1', '[::1]x', '[g::1]', 'a%', 'a"', '<a>',
      'a\\b'].map((host) => [`Host: ${host}`, `GET /health HTTP/1.1${CRLF}Host: ${host}${CRLF}${CRLF}`, 400]),
    ['two Hosts', head('GET', '/health', ['Host: y']), 400],
    ['a header that begins like Host', `GET /health HTTP/1.1${CRLF}Hostile: evil${CRLF}Host: x${CRLF}${CRLF}`, 400],
    ['a NUL in the head', head('GET', '/health', ['X-A: a\0b']), 400],
    ['a NUL in the target', `GET /health\0/x HTTP/1.1${CRLF}Host: x${CRLF}${CRLF}`, 400],
    ['a bare LF', `GET /health HTTP/1.1\nHost: x\n\n`, 400],
    ['a bare LF between two headers', head('GET', '/health', ['X-A: a\nX-B: b']), 400],
    ['a bare CR', head('GET', '/health', ['X-A: a\rX-B: b']), 400],
    ['a folded header', head('GET', '/health', ['X-A: a', ' b']), 400],
    ['a blank before the colon', head('GET', '/health', ['X-A : a']), 400],
    ['a header without a colon', head('GET', '/health', ['nonsense']), 400],
    ['30 headers', head('GET', '/health', Array.from({ length: 30 }, (_, n) => `X-${n}: v`)), 431],
    ['a head of 9000 bytes', head('GET', '/health', [`X-A: ${'a'.repeat(9000)}`]), 431],
    ['a head of 100 kB', head('GET', '/health', [`X-A: ${'a'.repeat(100_000)}`]), 431],
    ['a target of 3000 bytes', get(`/${'a'.repeat(3000)}`), 414],
    ['a target in absolute form', get('http://evil.example/health'), 400],
    ['an asterisk as target', head('OPTIONS', '*'), 400],
    ['a fragment in the target', get('/health#x'), 400],
    ['raw UTF-8 in the target', get('/h\u00e4lth'), 400],
    ['a blank in the target', get('/he alth'), 400],
    ['HTTP/2.0', `GET /health HTTP/2.0${CRLF}Host: x${CRLF}${CRLF}`, 505],
    ['HTTP/0.9', `GET /health${CRLF}Host: x${CRLF}${CRLF}`, 400],
    ['the preface of HTTP/2', `PRI * HTTP/2.0${CRLF}${CRLF}SM${CRLF}${CRLF}`, 400],
    ['TRACE', head('TRACE', '/health'), 501],
    ['CONNECT', head('CONNECT', '/health'), 501],
    ['a method in small letters', head('get', '/health'), 501],
    ['an Expect that nobody knows', head('POST', '/api/auth/sign-out', ['Content-Length: 2', 'Expect: tea']), 417],
    ['a NUL as the first byte, as when TLS is spoken to a plain port', '\x16\x03\x01\x00', 400],
  ];

  for (const [what, bytes, status] of refused)
    test(`${what}: ${status}, and the connection ends`, async () => {
      const { answers, closed } = await exchange([bytes], { untilClosed: true });
      assert.deepEqual(answers.map((answer) => answer.status), [status]);
      assert.ok(closed);
      await stillServes();
    });

  test('a Host may be a name, with an underscore or a dot at its end, or an address, with a port', async () => {
    for (const host of ['a', 'A.example', 'a_b.example', 'a.example.', 'a-b:3001', 'a:', '127.0.0.1:80', '[::1]', '[2001:db8::1]:443'])
      assert.deepEqual(await statuses(`GET /health HTTP/1.1${CRLF}Host: ${host}${CRLF}${CRLF}`), [200], host);
  });

  test('a body of GET in a second packet is not executed as a request', async () => {
    const smuggled = get('/api/auth/ok');
    const first = `GET /health HTTP/1.1${CRLF}Host: x${CRLF}Content-Length: ${smuggled.length}${CRLF}${CRLF}`;
    const { answers } = await exchange([first, smuggled], { untilClosed: true });
    assert.deepEqual(answers.map(({ status }) => status), [400]);
  });

  test('a body of DELETE is read as its body', async () => {
    const smuggled = get('/api/auth/ok');
    const first = head('DELETE', '/health', [`Content-Length: ${smuggled.length}`]);
    const socket = await connected();
    const reader = new Reader(socket);
    socket.write(first);
    socket.write(smuggled);
    await until('the answer to the DELETE', () => reader.answers().length === 1);
    socket.write(get('/health'));
    await until('an answer to the next request', () => reader.answers().length === 2);
    assert.deepEqual(reader.answers().map(({ status }) => status), [405, 200]);
    socket.destroy();
  });

  test('a POST that announces no body has none', async () => {
    const { answers } = await exchange([head('POST', '/api/auth/sign-out'), get('/health')], { answers: 2, stepwise: true });
    assert.deepEqual(answers.map(({ status }) => status), [415, 200]);
  });

  test('requests one after the other keep the connection', async () => {
    const { answers } = await exchange([get('/health'), post('/api/auth/sign-out', '{}', JSON_TYPE), get('/health')],
      { answers: 3, stepwise: true });
    assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
  });

  test('a request that comes while another is served waits for its turn', async () => {
    const blocker = stack.session();
    await blocker.run('BEGIN; LOCK TABLE auth.users IN ACCESS EXCLUSIVE MODE');
    const body = JSON.stringify({ email: 'turn@example.com', password: 'four random words here', name: 'T' });
    const socket = await connected();
    const reader = new Reader(socket);
    socket.write(head('POST', '/api/auth/sign-up/email', [JSON_TYPE, `Content-Length: ${body.length}`]));
    socket.write(body);
    await until('the sign-up to wait in the database', () => waitingForLocks(stack) === 1);
    socket.write(get('/health'));
    assert.deepEqual(await statuses(get('/health')), [200], 'others are served meanwhile');
    assert.equal(reader.answers().length, 0, 'the second answer does not overtake the first');
    await blocker.run('ROLLBACK');
    await blocker.close();
    await until('both answers', () => reader.answers().length === 2);
    assert.deepEqual(reader.answers().map(({ status }) => status), [200, 200]);
    assert.match(reader.answers()[0].body, /turn@example\.com/);
    assert.match(reader.answers()[1].body, /mana-auth/);
    socket.destroy();
  });

  test('Expect: 100-continue is answered before the body is sent', async () => {
    const body = '{}';
    const first = head('POST', '/api/auth/sign-out', [JSON_TYPE, `Content-Length: ${body.length}`, 'Expect: 100-continue']);
    const { answers } = await exchange([first, body], { answers: 2, stepwise: true });
    assert.deepEqual(answers.map(({ status }) => status), [100, 200]);
  });

  test('a head that comes byte by byte is understood', async () => {
    const socket = await connected();
    const reader = new Reader(socket);
    for (const byte of get('/health')) await new Promise((sent) => socket.write(byte, sent));
    await until('an answer', () => reader.answers().length === 1);
    assert.equal(reader.answers()[0].status, 200);
    socket.destroy();
  });

  test('a head that is never finished: 408 after its time, however steadily it drips', async () => {
    const socket = await connected();
    const reader = new Reader(socket);
    const started = Date.now();
    socket.write(`GET /health HTTP/1.1${CRLF}Host: x${CRLF}X-A: `);
    const drip = setInterval(() => socket.write('a'), 100);
    await until('the end of the connection', () => reader.closed);
    clearInterval(drip);
    assert.deepEqual(reader.answers().map(({ status }) => status), [408]);
    assert.ok(Date.now() - started < (HEAD_SECONDS + 3) * 1000);
  });

  test('a body that is never finished: 408 after its time', async () => {
    const first = head('POST', '/api/auth/sign-out', [JSON_TYPE, 'Content-Length: 10']);
    const { answers } = await exchange([`${first}{`], { untilClosed: true });
    assert.deepEqual(answers.map(({ status }) => status), [408]);
  });

  test('a connection that says nothing is closed, with nobody else about', async () => {
    const { answers, closed } = await exchange([], { untilClosed: true });
    assert.ok(closed);
    assert.ok(answers.length <= 1);
  });

  test('an answer to HEAD has the length and no body', async () => {
    const { answers, rest } = await exchange([head('HEAD', '/health')], { answers: 1 });
    assert.equal(answers[0].status, 200);
    assert.ok(Number(answers[0].headers['content-length']) > 0);
    assert.equal(rest, '');
  });

  test('HTTP/1.0 is answered and closed', async () => {
    const { answers, closed } = await exchange([`GET /health HTTP/1.0${CRLF}Host: x${CRLF}${CRLF}`], { untilClosed: true });
    assert.deepEqual(answers.map(({ status }) => status), [200]);
    assert.ok(closed);
  });

  test('no path is decoded, doubled or dotted into another', async () => {
    for (const path of ['/%68ealth', '//health', '/./health', '/x/../health', '/health/', '/health%00', '/health;x'])
      assert.deepEqual(await statuses(get(path)), [404], path);
  });

  test('a value of a cookie with = and / is not cut', async () => {
    const { answers } = await exchange([head('GET', '/api/auth/get-session', ['Cookie: mana.session_token=a.b==; x=y=z'])],
      { answers: 1 });
    assert.equal(answers[0].status, 200);
    assert.equal(answers[0].body, 'null');
  });

  test('clients who leave in the middle of hashing leave nothing behind', async () => {
    const [worker] = childrenOf(stack.pids.edge);
    const body = JSON.stringify({ email: 'gone@example.com', password: 'four random words here' });
    const request = post('/api/auth/sign-in/email', body, JSON_TYPE);
    await Promise.all(Array.from({ length: 40 }, async () => {
      const socket = await connected();
      await new Promise((sent) => socket.write(request, sent));
      socket.destroy();
    }));
    await until('room in the queue of hashes', async () => {
      const { answers } = await exchange([request], { answers: 1 });
      return answers[0].status === 401;
    });
    assert.equal(childrenOf(stack.pids.edge)[0].pid, worker.pid, 'the same worker');
  });

  async function connected() {
    const { hostname, port } = new URL(stack.url);
    const socket = net.connect({ host: hostname === 'localhost' ? '127.0.0.1' : hostname, port: Number(port) });
    socket.on('error', () => {}); // a reset is an end, too
    await new Promise((ready, failed) => socket.once('connect', ready).once('error', failed));
    return socket;
  }

  /** Sends packets (one after the answer to the one before, with `stepwise`) and collects what comes back. */
  async function exchange(packets, { answers: count, untilClosed, stepwise } = {}) {
    const socket = await connected();
    const reader = new Reader(socket);
    let sent = 0;
    for (const packet of packets) {
      await new Promise((done) => socket.write(packet, done));
      sent += 1;
      if (stepwise && sent < packets.length && expectsAnswer(packet))
        await until(`answer ${sent}`, () => reader.answers().length >= sent || reader.closed, DEADLINE_MS);
    }
    if (untilClosed) await until('the end of the connection', () => reader.closed, DEADLINE_MS);
    else await until(`${count} answers`, () => reader.answers().length >= count || reader.closed, DEADLINE_MS);
    socket.destroy();
    return { answers: reader.answers(), closed: reader.closed, rest: reader.rest };
  }

  async function statuses(request) {
    return (await exchange([request], { answers: 1 })).answers.map(({ status }) => status);
  }
});

const JSON_TYPE = 'Content-Type: application/json';

function head(method, target, headers = []) {
  return [`${method} ${target} HTTP/1.1`, 'Host: x', ...headers, '', ''].join(CRLF);
}

function get(target) {
  return head('GET', target);
}

function post(target, body, ...headers) {
  return head('POST', target, [...headers, `Content-Length: ${Buffer.byteLength(body)}`]) + body;
}

/** A head that announces a body is answered after the body, unless it waits for a 100. */
function expectsAnswer(packet) {
  const text = String(packet);
  const announced = Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0);
  return /100-continue/.test(text) || text.length - text.indexOf(`${CRLF}${CRLF}`) - 4 >= announced;
}

function waitingForLocks(stack) {
  return stack.sql(`SELECT 1 FROM pg_stat_activity WHERE usename = 'auth_edge' AND wait_event_type = 'Lock'`).length;
}

/** Reads a stream of HTTP answers. */
class Reader {
  constructor(socket) {
    this.bytes = '';
    this.closed = false;
    socket.on('data', (chunk) => { this.bytes += chunk.toString('latin1'); });
    socket.on('close', () => { this.closed = true; });
  }

  answers() {
    const found = [];
    let rest = this.bytes;
    for (;;) {
      const end = rest.indexOf(`${CRLF}${CRLF}`);
      if (end < 0) break;
      const [statusLine, ...lines] = rest.slice(0, end).split(CRLF);
      const headers = Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2)).map(([name, value]) => [name.toLowerCase(), value]));
      const status = Number(statusLine.split(' ')[1]);
      const length = status === 100 ? 0 : Number(headers['content-length'] ?? 0);
      const body = rest.slice(end + 4, end + 4 + length);
      found.push({ status, headers, body });
      rest = rest.slice(end + 4 + body.length);
    }
    this.rest = rest;
    return found;
  }
}
