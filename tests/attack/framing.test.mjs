// Request smuggling: bytes that two readers could take apart differently. Whatever the server makes of a message, its body is never
// executed as a request, and an ambiguous message ends the connection (RFC 9112, sections 6.3 and 11.2). tests/integration/http.test.mjs
// has the exact status of each refusal; here only what must hold of any server.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { exchange, HOST, request } from './lib/wire.mjs';

const CRLF = '\r\n';
// What would be executed: the answer to it is unmistakable.
const SMUGGLED = `GET /.well-known/openid-configuration HTTP/1.1${CRLF}Host: ${HOST}${CRLF}${CRLF}`;
const isSmuggled = ({ body }) => body.includes('authorization_endpoint');
const JSON_TYPE = 'Content-Type: application/json';

/** A POST with the header lines given, no length but theirs, and bytes behind it. */
const post = (headers, after) => [`POST /api/auth/sign-out HTTP/1.1`, `Host: ${HOST}`, JSON_TYPE, ...headers, '', after].join(CRLF);
const length = SMUGGLED.length;
const chunked = (size, data = SMUGGLED) => `${size}${CRLF}${data}${CRLF}0${CRLF}${CRLF}`;
const hex = length.toString(16);

// Each message is ambiguous: one of its readings has SMUGGLED as a request of its own.
const AMBIGUOUS = {
  'Content-Length before Transfer-Encoding': post(['Content-Length: 5', 'Transfer-Encoding: chunked'], `0${CRLF}${CRLF}${SMUGGLED}`),
  'Transfer-Encoding before Content-Length': post(['Transfer-Encoding: chunked', `Content-Length: ${length + 5}`], `0${CRLF}${CRLF}${SMUGGLED}`),
  'two lengths, the first shorter': post(['Content-Length: 0', `Content-Length: ${length}`], SMUGGLED),
  'two lengths, the second shorter': post([`Content-Length: ${length}`, 'Content-Length: 0'], SMUGGLED),
  'a list of two lengths': post([`Content-Length: 0, ${length}`], SMUGGLED),
  ...Object.fromEntries(['+0', '-0', '0x0', '0 0', '0.0', '', '0;', '00000000000000000000000000000000000000000x', '\u000b0', '٠']
    .map((value) => [`Content-Length: ${JSON.stringify(value)}`, post([`Content-Length: ${value}`], SMUGGLED)])),
  'a blank before the colon of Content-Length': post([`Content-Length : ${length}`], SMUGGLED),
  'a folded Content-Length': post([`Content-Length:${CRLF} ${length}`], SMUGGLED),
  'a header that begins like Content-Length': post([`Content-Length\u000b: ${length}`, 'Content-Length: 0'], SMUGGLED),
  'Transfer-Encoding: identity': post(['Transfer-Encoding: identity', 'Content-Length: 0'], SMUGGLED),
  ...Object.fromEntries(['chunked, identity', 'identity, chunked', 'gzip, chunked', 'chunked, chunked', 'xchunked', 'chunkedx', '"chunked"', '\u000bchunked',
    'chunked;q=1', 'chunked\u00a0', ',chunked'].map((value) => [`Transfer-Encoding: ${JSON.stringify(value)} beside a length`,
    post([`Transfer-Encoding: ${value}`, 'Content-Length: 5'], `0${CRLF}${CRLF}${SMUGGLED}`)])),
  'two Transfer-Encodings': post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], `0${CRLF}${CRLF}${SMUGGLED}`),
  'a blank before the colon of Transfer-Encoding': post(['Transfer-Encoding : chunked', 'Content-Length: 5'], `0${CRLF}${CRLF}${SMUGGLED}`),
  'a folded Transfer-Encoding': post([`Transfer-Encoding:${CRLF} chunked`, 'Content-Length: 5'], `0${CRLF}${CRLF}${SMUGGLED}`),
  'Transfer-Encoding behind a bare LF': post(['X: y\nTransfer-Encoding: chunked', 'Content-Length: 5'], `0${CRLF}${CRLF}${SMUGGLED}`),
  'Transfer-Encoding behind a bare CR': post(['X: y\rTransfer-Encoding: chunked', 'Content-Length: 5'], `0${CRLF}${CRLF}${SMUGGLED}`),
  'Transfer-Encoding in HTTP/1.0': post(['Transfer-Encoding: chunked', 'Content-Length: 5'], `0${CRLF}${CRLF}${SMUGGLED}`).replace('HTTP/1.1', 'HTTP/1.0'),
  ...Object.fromEntries([`+${hex}`, `0x${hex}`, ` ${hex}`, `${hex} x`, `-1`, `fffffffffffffff${hex}`, `10000000000000000${hex}`, '', 'g', `${hex};a="${CRLF}`]
    .map((size) => [`a chunk of the size ${JSON.stringify(size)}`, post(['Transfer-Encoding: chunked'], chunked(size))])),
  'a chunk that ends in a bare LF': post(['Transfer-Encoding: chunked'], `0\n\n${SMUGGLED}`),
  'a chunk size that ends in a bare LF': post(['Transfer-Encoding: chunked'], `${hex}\n${SMUGGLED}\n0\n\n`),
  'a chunk that is longer than its size': post(['Transfer-Encoding: chunked'], `1${CRLF}${SMUGGLED}${CRLF}0${CRLF}${CRLF}`),
  'a request line of two requests': `GET /health HTTP/1.1 GET /.well-known/openid-configuration HTTP/1.1${CRLF}Host: ${HOST}${CRLF}${CRLF}`,
  'a line break in the target': `GET /health HTTP/1.1\nHost: ${HOST}\n\n${SMUGGLED}`,
  'no Host, and a body that has one': `POST /health HTTP/1.1${CRLF}Content-Length: 0${CRLF}${CRLF}${SMUGGLED}`,
  'two Hosts': `POST /health HTTP/1.1${CRLF}Host: ${HOST}${CRLF}Host: evil.example${CRLF}Content-Length: 0${CRLF}${CRLF}${SMUGGLED}`,
  'a NUL in a header': `GET /health HTTP/1.1${CRLF}Host: ${HOST}${CRLF}X: a\0b${CRLF}${CRLF}${SMUGGLED}`,
  'a header name that is no token': `GET /health HTTP/1.1${CRLF}Host: ${HOST}${CRLF}X(y): z${CRLF}${CRLF}${SMUGGLED}`,
  'a header line without a name': `GET /health HTTP/1.1${CRLF}Host: ${HOST}${CRLF}: z${CRLF}${CRLF}${SMUGGLED}`,
};

// Each body has a length that is beyond doubt, and looks like a request.
const BODIES = {
  'POST': request('POST', '/api/auth/sign-out', [JSON_TYPE], SMUGGLED),
  'POST to a path that does not exist': request('POST', '/nothing-here', [JSON_TYPE], SMUGGLED),
  'POST that is refused before its body is read': request('POST', '/api/auth/change-password', ['Content-Type: text/plain'], SMUGGLED),
  'GET': request('GET', '/health', [], SMUGGLED),
  'DELETE': request('DELETE', '/health', [], SMUGGLED),
  'OPTIONS': request('OPTIONS', '/health', [], SMUGGLED),
  'a method that nobody knows': request('BREW', '/health', [], SMUGGLED),
  'POST with Connection: Content-Length': request('POST', '/api/auth/sign-out', [JSON_TYPE, 'Connection: Content-Length'], SMUGGLED),
  'POST with Expect': request('POST', '/api/auth/sign-out', [JSON_TYPE, 'Expect: 100-continue'], SMUGGLED),
  'POST with Upgrade': request('POST', '/api/auth/sign-out', [JSON_TYPE, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQ'], SMUGGLED),
  'POST with X-HTTP-Method-Override': request('POST', '/api/auth/sign-out', [JSON_TYPE, 'X-HTTP-Method-Override: GET'], SMUGGLED),
};

const final = (answers) => answers.filter(({ status }) => status !== 100);

describe('request smuggling', { concurrency: 16 }, () => {
  for (const [what, bytes] of Object.entries(AMBIGUOUS))
    test(`${what}: nothing behind it is executed`, async () => {
      const { answers, closed, bytes: received } = await exchange(bytes);
      assert.ok(answers.every((answer) => !isSmuggled(answer)), received);
      assert.equal(final(answers).length, 1, received);
      assert.ok(answers[0].status >= 400 && answers[0].status < 600, received);
      assert.ok(closed, 'the connection stays open');
    });

  for (const [what, bytes] of Object.entries(BODIES))
    for (const [how, pieces] of [['at once', [bytes]], ['in two pieces', [bytes.slice(0, bytes.indexOf(CRLF + CRLF) + 4), SMUGGLED]]])
      test(`a body of ${what}, sent ${how}, is not executed`, async () => {
        const { answers, bytes: received } = await exchange(...pieces);
        assert.ok(answers.every((answer) => !isSmuggled(answer)), received);
        assert.ok(final(answers).length <= 1, received);
      });

  test('the request that would be smuggled is answered when it is sent by itself', async () => {
    const { answers } = await exchange(SMUGGLED);
    assert.deepEqual(answers.map(isSmuggled), [true]);
  });

  test('requests that are sent together are answered in their order, or the connection ends after the first', async () => {
    const { answers, closed } = await exchange(request('GET', '/health') + SMUGGLED + request('GET', '/api/auth/ok'));
    if (answers.length === 3) assert.deepEqual(answers.map(isSmuggled), [false, true, false]);
    else assert.ok(answers.length === 1 && closed && !isSmuggled(answers[0]));
  });

  test('no input makes a line of an answer head', async () => {
    const split = '%0d%0aSet-Cookie:%20smuggled=1%0d%0a%0d%0a';
    for (const path of ['/api/auth/callback/x?error=', '/api/auth/verify-email?token=x&callbackURL=/', '/api/auth/magic-link/verify?token=x&callbackURL=/',
      '/api/auth/reset-password/x?callbackURL=/', '/api/auth/oauth2/authorize?state=', '/api/auth/oauth2/end-session?state=', '/login?error=', '/sign-out?callbackURL=/',
      '/api/auth/error?error=', '/']) {
      const { bytes } = await exchange(request('GET', path + split, ['Accept: application/json', 'Connection: close']));
      assert.doesNotMatch(bytes, /^set-cookie: smuggled/im, path);
    }
    const headers = ['Origin', 'Referer', 'User-Agent', 'X-Request-Id', 'Accept-Language', 'Access-Control-Request-Headers'];
    for (const value of ['%0d%0aSet-Cookie: smuggled=1', '%0aSet-Cookie: smuggled=1', '%e5%98%8d%e5%98%8aSet-Cookie: smuggled=1', '\u00e5\u0098\u008aSet-Cookie: smuggled=1']) {
      const { bytes } = await exchange(request('OPTIONS', '/api/auth/ok', [...headers.map((name) => `${name}: https://x${value}`), 'Connection: close']));
      assert.doesNotMatch(bytes, /^set-cookie: smuggled/im, value);
    }
  });
});
