// HTTP/1.1 as clients and proxies speak it, and as an attacker does (RFC 9110, RFC 9112): one case a line, over raw sockets. A
// request that was smuggled would be answered; so each case counts the answers. Each is sent a second time byte by byte.

import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { childrenOf } from './lib/processes.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const CRLF = '\r\n';
const HEAD_SECONDS = 2;
const BODY_SECONDS = 1;
const DEADLINE_MS = 10_000;
const DRIPPED_BYTES_MAX = 1500; // a longer one would take a second

const JSON_TYPE = 'Content-Type: application/json';
const OK = '/api/auth/ok';

const head = (method, target, headers = []) => [`${method} ${target} HTTP/1.1`, 'Host: x', ...headers, '', ''].join(CRLF);
const get = (target, ...headers) => head('GET', target, headers);
const post = (target, body, ...headers) => head('POST', target, [...headers, `Content-Length: ${Buffer.byteLength(body)}`]) + body;
const chunks = (...lines) => head('POST', '/api/auth/sign-out', [JSON_TYPE, 'Transfer-Encoding: chunked']) + lines.join(CRLF);
const lines = (count) => Array.from({ length: count }, (_, n) => `X-${n}: v`);

// [what, bytes, statuses]: all are answered, and the connection stays.
const SERVED = [
  ['a GET', get('/health'), [200]],
  ['two requests in one packet', get('/health') + get(OK), [200, 200]],
  ['forty requests in one packet', get(OK).repeat(40), Array(40).fill(200)],
  ['a POST and the next request in one packet', post('/api/auth/sign-out', '{}', JSON_TYPE) + get('/health'), [200, 200]],
  ['a POST that announces no body', head('POST', '/api/auth/sign-out') + get('/health'), [200, 200]],
  ['a POST of nothing, of the type JSON', post('/api/auth/sign-out', '', JSON_TYPE) + get('/health'), [200, 200]],
  ['an empty line before a request', CRLF + get('/health'), [200]],
  ['an empty line behind a body', `${post('/api/auth/sign-out', '{}', JSON_TYPE)}${CRLF}${get('/health')}`, [200, 200]],
  ['a DELETE with a body that looks like a request', head('DELETE', '/health', [`Content-Length: ${get(OK).length}`]) + get(OK) + get('/health'), [405, 200]],
  ['a GET that announces an empty body', get('/health', 'Content-Length: 0') + get('/health'), [200, 200]],
  ['a header that begins like Host', `GET /health HTTP/1.1${CRLF}Hostile: evil${CRLF}Host: x${CRLF}${CRLF}`, [200]],
  ['29 header lines, as a browser behind a proxy sends', get('/health', ...lines(28)), [200]],
  ['100 header lines', get('/health', ...lines(99)), [200]],
  ['a head of 32 kB', get('/health', `X-A: ${'a'.repeat(32_000)}`), [200]],
  ['cookies of 16 kB', get('/api/auth/get-session', `Cookie: ${'c=d; '.repeat(3200)}x=y`), [200]],
  ['a target of 8000 octets', get(`/health?${'a'.repeat(7992)}`), [200]],
  ['a target of 16 kB', get(`/health?${'a'.repeat(16_376)}`), [200]],
  ['a field without a value', get('/health', 'Referer:', 'X-Requested-With: '), [200]],
  ['a tab in a value', get('/health', 'X-A: a\tb'), [200]],
  ['blanks around a value', get('/health', 'X-A: \t a \t'), [200]],
  ['UTF-8 in a cookie of another application', get('/api/auth/get-session', 'Cookie: name=M\u00c3\u00bcller'), [200]],
  ['Latin-1 in User-Agent', get('/health', 'User-Agent: M\u00fcller/1.0'), [200]],
  ['UTF-8 in Referer', get('/health', 'Referer: http://localhost/\u00c3\u00bc'), [200]],
  ['bytes that are no UTF-8 in Content-Type', post('/api/auth/sign-in/email', '{}', 'Content-Type: \u00ff\u00fe'), [415]],
  ['bytes that are no UTF-8 in Authorization', get('/api/v1/settings', 'Authorization: Bearer \u00ff'), [401]],
  ['a target in absolute form', get('http://auth.example/health'), [200]],
  ['a target in absolute form of nothing', get('http://auth.example/nothing'), [404]],
  ['a target in absolute form with https and a port', get('HTTPS://auth.example:443/health?x'), [200]],
  ['OPTIONS *', head('OPTIONS', '*'), [204]],
  ['OPTIONS of the whole server in absolute form', head('OPTIONS', 'http://auth.example'), [204]],
  ['a chunked body', chunks('2', '{}', '0', '', '') + get('/health'), [200, 200]],
  ['a chunked body of many chunks', chunks('1', '{', '0000001', '}', '000', '', '') + get('/health'), [200, 200]],
  ['a chunked body without content', chunks('0', '', ''), [200]],
  ['chunk extensions', chunks('2;a=b;c="d e"', '{}', '0;x', '', '') + get('/health'), [200, 200]],
  ['a blank before a chunk extension', chunks('2 ;a', '{}', '0', '', ''), [200]],
  ['trailers', chunks('2', '{}', '0', 'X-Sum: 1', 'Content-Length: 9', '', '') + get('/health'), [200, 200]],
  ['Transfer-Encoding in capitals', head('POST', '/api/auth/sign-out', [JSON_TYPE, 'TRANSFER-ENCODING: CHUNKED']) + `0${CRLF}${CRLF}`, [200]],
  ...['a', 'A.example', 'a_b.example', 'a.example.', 'a-b:3001', 'a:', '127.0.0.1:80', '[::1]', '[2001:db8::1]:443'].map((host) => [
    `Host: ${host}`, `GET /health HTTP/1.1${CRLF}Host: ${host}${CRLF}${CRLF}`, [200]]),
];

// [what, bytes, statuses]: answered, and the connection is closed because the client wants that.
const CLOSED = [
  ['Connection: close', get('/health', 'Connection: close'), [200]],
  ['Connection: close in a list', get('/health', 'Connection: TE, Close'), [200]],
  ['a request behind Connection: close', get('/health', 'Connection: close') + get('/health'), [200]],
  ['HTTP/1.0', `GET /health HTTP/1.0${CRLF}Host: x${CRLF}${CRLF}`, [200]],
  ['HTTP/1.0 without Host, as health checks send', `GET /health HTTP/1.0${CRLF}${CRLF}`, [200]],
  ['HTTP/1.0 with an Expect that it does not have', `POST /api/auth/sign-out HTTP/1.0${CRLF}Expect: 100-continue${CRLF}${CRLF}`, [200]],
];

// [what, bytes, status]: refused, and the connection ends, for what follows cannot be understood.
const REFUSED = [
  ['a GET with a body', `GET /health HTTP/1.1${CRLF}Host: x${CRLF}Content-Length: 4${CRLF}${CRLF}abcd`, 400],
  ['a HEAD with a body', `HEAD /health HTTP/1.1${CRLF}Host: x${CRLF}Content-Length: 4${CRLF}${CRLF}abcd`, 400],
  ['an OPTIONS with a body', `OPTIONS /health HTTP/1.1${CRLF}Host: x${CRLF}Content-Length: 4${CRLF}${CRLF}abcd`, 400],
  ['Transfer-Encoding beside Content-Length',
    head('POST', '/api/auth/sign-out', ['Content-Length: 5', 'Transfer-Encoding: chunked']) + `0${CRLF}${CRLF}`, 400],
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
  ['a NUL in the head', head('GET', '/health', ['X-A: a\0b']), 400],
  ['a NUL in the target', `GET /health\0/x HTTP/1.1${CRLF}Host: x${CRLF}${CRLF}`, 400],
  ['a bare LF', `GET /health HTTP/1.1\nHost: x\n\n`, 400],
  ['a bare LF between two headers', head('GET', '/health', ['X-A: a\nX-B: b']), 400],
  ['a bare CR', head('GET', '/health', ['X-A: a\rX-B: b']), 400],
  ['a folded header', head('GET', '/health', ['X-A: a', ' b']), 400],
  ['a blank before the colon', head('GET', '/health', ['X-A : a']), 400],
  ['a header without a colon', head('GET', '/health', ['nonsense']), 400],
  ['101 header lines', get('/health', ...lines(100)), 431],
  ['a head of 33 kB', get('/health', `X-A: ${'a'.repeat(33_000)}`), 431],
  ['a head of 100 kB', head('GET', '/health', [`X-A: ${'a'.repeat(100_000)}`]), 431],
  ['a target of 17 kB', get(`/${'a'.repeat(17_000)}`), 414],
  ['an asterisk as target of GET', get('*'), 400],
  ['an absolute target without a host', get('http:///health'), 400],
  ['an absolute target with a user', get('http://user@auth.example/health'), 400],
  ['an absolute target of another scheme', get('ftp://auth.example/health'), 400],
  ['the target of a proxy', head('CONNECT', 'auth.example:443'), 501],
  ['five empty lines', CRLF.repeat(5) + get('/health'), 400],
  ['a control character in a value', get('/health', 'X-A: a\u0001b'), 400],
  ['DEL in a value', get('/health', 'X-A: a\u007fb'), 400],
  ['a byte above ASCII in a name', get('/health', 'X-\u00fc: a'), 400],
  ['two Transfer-Encodings', head('POST', '/api/auth/sign-out', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']) + `0${CRLF}${CRLF}`, 400],
  ['a Transfer-Encoding with a tab', head('POST', '/api/auth/sign-out', ['Transfer-Encoding: chunked\t']) + `0${CRLF}${CRLF}`, 400],
  ['a Transfer-Encoding in HTTP/1.0', `POST /api/auth/sign-out HTTP/1.0${CRLF}Transfer-Encoding: chunked${CRLF}${CRLF}0${CRLF}${CRLF}`, 400],
  ['a chunked body of GET', get('/health', 'Transfer-Encoding: chunked') + `0${CRLF}${CRLF}`, 400],
  ['a chunk size that is no number', chunks('x', ''), 400],
  ['a chunk size with 0x', chunks('0x2', '{}', '0', '', ''), 400],
  ['a chunk size with a sign', chunks('+2', '{}', '0', '', ''), 400],
  ['a chunk size beyond 32 bits', chunks('100000002', '{}', '0', '', ''), 413],
  ['a chunk size of nine digits', chunks('000000002', '{}', '0', '', ''), 400],
  ['a chunk longer than the longest body', chunks('10001', ''), 413],
  ['chunks longer than the longest body together', chunks('ffff', 'a'.repeat(65535), '2', ''), 413],
  ['a chunk that ends in LF', chunks('2', '{}\n0', '', ''), 400],
  ['a chunk size that ends in LF', chunks('2\n{}', '0', '', ''), 400],
  ['a chunk longer than it says', chunks('2', '{} ', '0', '', ''), 400],
  ['a bare LF in a chunk extension', chunks('2;\n{}', '0', '', ''), 400],
  ['chunk extensions without end', chunks(`2;${'a'.repeat(20_000)}`), 400],
  ['trailers without end', chunks('0', ...lines(2000)), 400],
  ['a folded trailer', chunks('0', 'X: a', ' b', '', ''), 400],
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

let stack; // of the suite that runs

describe('HTTP', () => {
  before(async () => {
    stack = await startStack({ WORKERS: '1', BODY_MAX_BYTES: '65536' }, UNLIMITED);
  });
  after(() => stack?.stop());

  const drips = (bytes) => bytes.length <= DRIPPED_BYTES_MAX;
  const statusesOf = ({ answers }) => answers.map(({ status }) => status);

  describe('requests that are served', { concurrency: 16 }, () => {
    for (const [what, bytes, expected] of SERVED)
      test(`${what}: ${[...new Set(expected)].join(', ')}`, async () => {
        assert.deepEqual(statusesOf(await exchange([bytes], { answers: expected.length })), expected);
        if (drips(bytes)) assert.deepEqual(statusesOf(await exchange([...bytes], { answers: expected.length })), expected, 'byte by byte');
      });

    for (const [what, bytes, expected] of CLOSED)
      test(`${what}: ${expected}, and the connection is closed`, async () => {
        for (const packets of [[bytes], [...bytes]]) {
          const result = await exchange(packets, { untilClosed: true });
          assert.deepEqual(statusesOf(result), expected);
          assert.equal(result.answers.at(-1).headers.connection, 'close');
        }
      });

  });

  describe('requests that are refused', { concurrency: 16 }, () => {
    for (const [what, bytes, status] of REFUSED)
      test(`${what}: ${status}, and the connection ends`, async () => {
        const worker = childrenOf(stack.pids.edge)[0].pid;
        for (const packets of drips(bytes) ? [[bytes], [...bytes]] : [[bytes]]) {
          const { answers, closed } = await exchange(packets, { untilClosed: true });
          assert.deepEqual(answers.map((answer) => answer.status), [status]);
          assert.ok(closed);
          await isWholeAnswer(answers[0], bytes);
        }
        assert.deepEqual(await statuses(get('/health')), [200]);
        assert.equal(childrenOf(stack.pids.edge)[0].pid, worker, 'the same worker');
      });

  });

  /** A refusal has what every answer has: an id, a body that says why, the security headers, a line of the log. */
  const isWholeAnswer = async ({ status, headers, body }, bytes) => {
    const id = headers['x-request-id'];
    assert.match(id, /^\w{32}$/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers.connection, 'close');
    assert.match(headers.date, /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/);
    if (bytes.startsWith('HEAD')) assert.equal(body, '');
    else assert.match(body, new RegExp(`^${status} [A-Z][A-Za-z ]+: .+`));
    const line = await until('the line of the log', () => stack.log().find(({ request }) => request === id));
    assert.equal(line.status, status);
    assert.equal(line.route, 'none');
    assert.equal(line.ip, '127.0.0.1');
    assert.ok(line.what.length > 0);
  };

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

  test('an answer to HEAD has the length and no body', async () => {
    const { answers, rest } = await exchange([head('HEAD', '/health')], { answers: 1 });
    assert.equal(answers[0].status, 200);
    assert.ok(Number(answers[0].headers['content-length']) > 0);
    assert.equal(rest, '');
  });

  test('an Expect beside a body that is there already needs no 100', async () => {
    const { answers } = await exchange([post('/api/auth/sign-out', '{}', JSON_TYPE, 'Expect: 100-continue')], { answers: 1 });
    assert.deepEqual(answers.map(({ status }) => status), [200]);
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
    const signIn = (n) => post('/api/auth/sign-in/email', JSON.stringify({ email: `gone${n}@example.com`, password: 'four random words here' }), JSON_TYPE);
    await Promise.all(Array.from({ length: 40 }, async (_, n) => {
      const socket = await connected();
      await new Promise((sent) => socket.write(signIn(n), sent));
      socket.destroy();
    }));
    await until('room in the queue of hashes', async () => {
      const { answers } = await exchange([signIn('')], { answers: 1 });
      return answers[0].status === 401;
    });
    assert.equal(childrenOf(stack.pids.edge)[0].pid, worker.pid, 'the same worker');
  });

  test('a chunked body is what the handler reads', async () => {
    const body = JSON.stringify({ email: 'chunks@example.com', password: 'four random words here' });
    const pieces = body.match(/.{1,7}/g).map((piece) => `${piece.length.toString(16)}${CRLF}${piece}${CRLF}`).join('');
    const { answers } = await exchange([head('POST', '/api/auth/sign-in/email', [JSON_TYPE, 'Transfer-Encoding: chunked']) + pieces + `0${CRLF}${CRLF}`],
      { answers: 1 });
    assert.equal(answers[0].status, 401);
    assert.equal(JSON.parse(answers[0].body).code, 'INVALID_EMAIL_OR_PASSWORD');
  });

  test('a client that has shut its side is answered', async () => {
    const socket = await connected({ allowHalfOpen: true });
    const reader = new Reader(socket);
    socket.end(post('/api/auth/sign-in/email', JSON.stringify({ email: 'half@example.com', password: 'four random words here' }), JSON_TYPE));
    await until('the end of the connection', () => reader.closed || reader.ended);
    assert.deepEqual(reader.answers().map(({ status }) => status), [401]);
    socket.destroy();
  });

  describe('fields', () => {
    let ada;
    let session;
    before(async () => {
      ada = await somebodySignedIn(stack);
      session = `mana.session_token=${ada.http.cookies.get('mana.session_token')}`;
    });

    const sessionOf = async (...headers) => {
      const { answers } = await exchange([get('/api/auth/get-session', ...headers)], { answers: 1 });
      assert.equal(answers[0].status, 200);
      return JSON.parse(answers[0].body)?.user.id;
    };

    test('several Cookie lines are one', async () => {
      assert.equal(await sessionOf('Cookie: a=b', `Cookie: ${session}`, 'Cookie: c=d'), ada.id);
      assert.equal(await sessionOf(`Cookie: ${session}`, 'Cookie: c=d'), ada.id);
    });

    test('of several cookies of one name the one that we have signed counts', async () => {
      const [name, value] = session.split('=', 2);
      const forged = [`${name}=x`, `${name}=`, `${name}=%ff`, `${name}=${value.slice(0, -8)}AAAA%3D`, name];
      assert.equal(await sessionOf(`Cookie: ${[...forged, session].join('; ')}`), ada.id, 'behind others');
      assert.equal(await sessionOf(`Cookie: ${[session, ...forged].join('; ')}`), ada.id, 'before others');
      assert.equal(await sessionOf(...forged.map((cookie) => `Cookie: ${cookie}`), `Cookie: ${session}`), ada.id, 'in lines of their own');
      assert.equal(await sessionOf(`Cookie: ${forged.join('; ')}`), undefined);
    });

    test('a cookie of 16 kB and one in UTF-8 do not hide the session', async () => {
      assert.equal(await sessionOf(`Cookie: name=M\u00c3\u00bcller; big=${'x'.repeat(16_000)}; ${session}`), ada.id);
    });

    test('schemes of Authorization have no case, and any number of blanks behind them', async () => {
      for (const scheme of ['Bearer', 'bearer', 'BEARER', 'Bearer  '])
        assert.deepEqual(await statuses(get('/api/v1/settings', `Authorization: ${scheme} ${ada.token}`)), [200], scheme);
      for (const scheme of ['', 'Basic', 'Bearerx', 'Bearer,'])
        assert.deepEqual(await statuses(get('/api/v1/settings', `Authorization: ${scheme} ${ada.token}`)), [401], scheme);
    });

    test('bytes of User-Agent that are no ASCII are masked before they are stored', async () => {
      const body = JSON.stringify({ email: ada.email, password: ada.password });
      for (const agent of ['M\u00c3\u00bcller/1.0', 'M\u00fcller/1.0', '\u00ff\u00fe\u0080', 'a\tb', '\u00e2\u0080\u00ae'])
        assert.deepEqual(await statuses(post('/api/auth/sign-in/email', body, JSON_TYPE, `User-Agent: ${agent}`)), [200], agent);
      const stored = stack.sql(`SELECT DISTINCT user_agent FROM auth.sessions WHERE user_id = '${ada.id}' AND user_agent LIKE '%?%'`);
      assert.deepEqual(stored.map(({ user_agent: agent }) => agent).sort(), ['???', 'M??ller/1.0', 'M?ller/1.0', 'a?b']);
    });

    test('an authorization request of 8000 octets leads to a page that opens, and one that no page can carry is refused', async () => {
      stack.psql(`SELECT auth.oidc_client_register('App', '{https://rp.example/cb}', client_id => 'long', skip_consent => true)`);
      const browser = new Client(stack.url, { origin: null, headers: { accept: 'text/html' } });
      const base = '/api/auth/oauth2/authorize?client_id=long&response_type=code&redirect_uri=https%3A%2F%2Frp.example%2Fcb&scope=openid&state=';
      for (const character of ['%C3%A4', 'x']) {
        const of = (octets) => `${base}${character.repeat((octets - base.length) / character.length)}`;
        for (const octets of [2000, 4000, 6000, 8000]) {
          const asked = await browser.get(of(octets));
          assert.equal(asked.status, 302, `${octets} octets of ${character}`);
          assert.match((await browser.get(asked.headers.location)).text, /name="oauth_query"/, `${octets} octets of ${character}`);
        }
        for (const octets of [10_000, 12_000]) assert.equal((await browser.get(of(octets))).status, 400, `${octets} octets of ${character}`);
      }
    });

    test('an export that is sent in pieces is followed by the next answer', async () => {
      const request = get('/api/v1/me/data/export', `Authorization: Bearer ${ada.token}`) + get('/health');
      const { bytes } = await exchange([request], { until: (text) => text.includes('mana-auth"') && text.split('HTTP/1.1 200').length === 3 });
      const [, first] = bytes.split('HTTP/1.1 200 OK');
      const body = first.slice(first.indexOf(CRLF + CRLF) + 4);
      const whole = /transfer-encoding: chunked/.test(first) ? dechunked(body) : body;
      assert.equal(JSON.parse(whole).user?.id ?? ada.id, ada.id);
    });

    test('to HTTP/1.0 an export ends with the connection', async () => {
      const { bytes, closed } = await exchange([`GET /api/v1/me/data/export HTTP/1.0${CRLF}Authorization: Bearer ${ada.token}${CRLF}${CRLF}`],
        { untilClosed: true });
      assert.ok(closed);
      assert.doesNotMatch(bytes, /transfer-encoding/);
      JSON.parse(bytes.slice(bytes.indexOf(CRLF + CRLF) + 4));
    });
  });
});

describe('time-outs', () => {
  before(async () => {
    const environment = { WORKERS: '1', HEADER_TIMEOUT_SECONDS: String(HEAD_SECONDS), BODY_TIMEOUT_SECONDS: String(BODY_SECONDS) };
    stack = await startStack(environment, UNLIMITED);
  });
  after(() => stack?.stop());

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
    assert.deepEqual(answers, []);
  });

  test('an answer says how long an idle connection is kept', async () => {
    const { answers } = await exchange([get('/health')], { answers: 1 });
    assert.equal(answers[0].headers.connection, 'keep-alive');
    assert.equal(answers[0].headers['keep-alive'], `timeout=${HEAD_SECONDS - 1}`);
  });

  test('an idle connection is closed without an answer that nobody has asked for', async () => {
    const { answers, closed } = await exchange([get('/health')], { untilClosed: true });
    assert.ok(closed);
    assert.deepEqual(answers.map(({ status }) => status), [200]);
  });
});

async function connected(options = {}) {
  const { hostname, port } = new URL(stack.url);
  const socket = net.connect({ host: hostname === 'localhost' ? '127.0.0.1' : hostname, port: Number(port), ...options });
  socket.setNoDelay(true);
  socket.on('error', () => {}); // a reset is an end, too
  await new Promise((ready, failed) => socket.once('connect', ready).once('error', failed));
  return socket;
}

/** Sends packets (one after the answer to the one before, with `stepwise`) and collects what comes back. */
async function exchange(packets, { answers: count, untilClosed, stepwise, until: isEnough } = {}) {
  const socket = await connected();
  const reader = new Reader(socket);
  let sent = 0;
  for (const packet of packets) {
    if (reader.closed) break;
    await new Promise((done) => socket.write(Buffer.from(packet, 'latin1'), done));
    sent += 1;
    if (stepwise && sent < packets.length && expectsAnswer(packet))
      await until(`answer ${sent}`, () => reader.answers().length >= sent || reader.closed, DEADLINE_MS);
  }
  if (isEnough) await until('enough', () => isEnough(reader.bytes) || reader.closed, DEADLINE_MS);
  else if (untilClosed) await until('the end of the connection', () => reader.closed, DEADLINE_MS);
  else await until(`${count} answers`, () => reader.answers().length >= count || reader.closed, DEADLINE_MS);
  socket.destroy();
  return { answers: reader.answers(), closed: reader.closed, rest: reader.rest, bytes: reader.bytes };
}

async function statuses(request) {
  return (await exchange([request], { answers: 1 })).answers.map(({ status }) => status);
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

/** The data of a chunked body, and nothing of what is behind it. */
function dechunked(text) {
  const size = Number.parseInt(text, 16);
  const from = text.indexOf(CRLF) + 2;
  return size === 0 ? '' : text.slice(from, from + size) + dechunked(text.slice(from + size + 2));
}

/** Reads a stream of HTTP answers. */
class Reader {
  constructor(socket) {
    this.bytes = '';
    this.closed = false;
    socket.on('data', (chunk) => { this.bytes += chunk.toString('latin1'); });
    socket.on('end', () => { this.ended = true; });
    socket.on('close', () => { this.closed = true; });
  }

  answers() {
    const found = [];
    let rest = this.bytes;
    for (;;) {
      const end = rest.indexOf(`${CRLF}${CRLF}`);
      if (end < 0) break;
      const [statusLine, ...fields] = rest.slice(0, end).split(CRLF);
      const headers = Object.fromEntries(fields.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
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
