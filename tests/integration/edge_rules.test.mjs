// Rules that hold for every route: bytes that are no text are refused and never an internal error, of two credentials the
// token decides, clients that do not read are cut, and in production no origin is trusted by default.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { answers, PROGRAM, spawnEdge } from './lib/edge.mjs';
import { Client } from './lib/http.mjs';
import { signIn, somebodySignedIn, token } from './lib/people.mjs';
import { childrenOf } from './lib/processes.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const STALLED = 30;
const UNREAD_SECONDS = 2;

const routes = spawnSync(PROGRAM, ['routes'], { encoding: 'utf8' }).stdout
  .split('\n').slice(2).filter(Boolean)
  .map((line) => line.split('|').slice(1, 3).map((cell) => cell.trim().replaceAll('`', '')));

describe('rules of the edge', () => {
  let stack;
  let ada;
  before(async () => {
    stack = await startStack({ UNREAD_SECONDS: String(UNREAD_SECONDS), UNREAD_MAX_BYTES: String(16 * 1024 * 1024) }, UNLIMITED);
    ada = await somebodySignedIn(stack);
  });
  after(() => stack?.stop());

  test('bytes that are no UTF-8, and NUL, are never an internal error on any route', async () => {
    const bad = ['%80', '%ff', '%c0%af', '%ed%a0%80', '%00', '%f4%90%80%80'];
    const raw = [0x80, 0xff, 0xc0, 0x00];
    const wrong = [];
    let n = 0;
    for (const [method, route] of routes) {
      n += 1;
      const text = bad[n % bad.length];
      const path = route.replace(/:\w+/g, 'x');
      const names = ['token', 'email', 'id', 'client_id', 'state', 'callbackURL', 'scope', 'query', 'slug', 'search'];
      const query = names.map((name) => `${name}=a${text}b`).join('&');
      const basic = `Basic ${Buffer.from([0x61, raw[n % 4], 0x3a, 0x62]).toString('base64')}`;
      const escaped = `Basic ${Buffer.from(`a${text}:b${text}`).toString('base64')}`;
      const attempts = [
        [`${path}?${query}`, {}],
        [route.replace(/:\w+/g, `a${text}`), {}],
        [path, { headers: { authorization: basic } }],
        [path, { headers: { authorization: escaped, cookie: `mana.session_token=a${text}; x=${text}` } }],
      ];
      if (method !== 'GET') {
        attempts.push([path, { body: query, headers: { 'content-type': 'application/x-www-form-urlencoded' } }]);
        attempts.push([path, { body: Buffer.concat([Buffer.from('{"email":"a'), Buffer.from([raw[n % 4]]), Buffer.from('@b.de","token":"x"}')]),
          headers: { 'content-type': 'application/json' } }]);
        attempts.push([path, { body: '{"email":"a\\u0000@b.de","token":"\\ud800","name":"\\u0000"}', headers: { 'content-type': 'application/json' } }]);
      }
      for (const [target, more] of attempts) {
        const client = new Client(stack.url);
        const answer = await client.request(method, target, more);
        if (answer.status >= 500) wrong.push([method, target, more, answer.status]);
      }
    }
    assert.deepEqual(wrong, []);
  });

  test('a query that is no UTF-8 is refused with 400, and a client with such credentials with 401', async () => {
    const http = new Client(stack.url);
    assert.equal((await http.get('/accept-invitation?id=%ff')).status, 400);
    assert.equal((await http.get('/api/auth/oauth2/authorize?client_id=%80')).status, 400);
    const form = { grant_type: 'client_credentials' };
    const headers = { authorization: `Basic ${Buffer.from('%ff:secret').toString('base64')}` };
    assert.equal((await http.request('POST', '/api/auth/oauth2/token', { form, headers })).status, 401);
  });

  test('of a token and a cookie the token decides: a token whose session has ended is not valid beside a live cookie', async () => {
    const old = { ...ada, http: new Client(stack.url) };
    await signIn(old);
    const ended = await token(old);
    await old.http.post('/api/auth/sign-out', {});
    const validate = (http, json) => http.post('/api/v1/auth/validate', json);
    assert.equal((await validate(ada.http, { token: ada.token })).json.valid, true);
    assert.deepEqual((await validate(ada.http, { token: ended })).json, { valid: false });
    const listed = await ada.http.get('/api/v1/auth/sessions', { bearer: ended });
    assert.equal(listed.status, 401);
  });

  test('clients that do not read their answers are cut, and cost a bounded amount of memory', async () => {
    stack.psql(`INSERT INTO auth.security_events (user_id, event_type, user_agent)
      SELECT '${ada.id}', 'login_success', repeat('x', 400) FROM generate_series(1, 40000)`);
    const { hostname, port } = new URL(stack.url);
    const resident = () => childrenOf(stack.pids.edge)
      .reduce((sum, { pid }) => sum + Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]), 0);
    const cut = () => stack.log().filter(({ event }) => event === 'a client did not read its answer').length;
    const before = resident();
    let most = 0;
    const sockets = Array.from({ length: STALLED }, () => {
      const socket = net.connect({ host: hostname === 'localhost' ? '127.0.0.1' : hostname, port: Number(port) });
      socket.on('error', () => {});
      socket.pause();
      socket.write(`GET /api/v1/me/data/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ada.token}\r\n\r\n`);
      return socket;
    });
    await until('every client to be cut', () => {
      most = Math.max(most, resident());
      return cut() >= STALLED;
    }, 120_000);
    assert.ok(most - before < 128 * 1024, `the workers took ${most - before} kB more`);
    sockets.forEach((socket) => socket.destroy());
    assert.equal((await ada.http.get('/api/auth/get-session')).json.user.id, ada.id);
  });

  test('every answer forbids scripts of others, frames, sniffing and referrers to other sites, whatever its status', async () => {
    const statuses = new Set();
    for (const [method, route] of routes) {
      const answer = await new Client(stack.url).request(method, route.replace(/:\w+/g, 'x'), { redirect: 'manual' });
      const { 'content-security-policy': policy, 'content-type': type = '', ...headers } = answer.headers;
      const directives = policy?.split('; ') ?? [];
      statuses.add(answer.status);
      assert.ok(directives.includes("default-src 'none'"), `${method} ${route}`);
      assert.ok(directives.includes("base-uri 'none'") && directives.includes("frame-ancestors 'none'"), `${method} ${route}`);
      assert.equal(headers['referrer-policy'], type.startsWith('text/html') ? 'same-origin' : 'no-referrer', `${method} ${route}`);
      assert.equal(headers['x-content-type-options'], 'nosniff', `${method} ${route}`);
    }
    for (const status of [200, 302, 400, 401, 415]) assert.ok(statuses.has(status), `some route answers ${status}`);
  });

  test('a body is of the type that its answer says', async () => {
    const seen = new Set();
    for (const [method, route] of routes) {
      const answer = await new Client(stack.url).request(method, route.replace(/:\w+/g, 'x'), { redirect: 'manual' });
      const type = answer.headers['content-type'];
      if (answer.text.length === 0) continue;
      if (type === 'application/json') JSON.parse(answer.text);
      else if (type === 'text/html; charset=utf-8') assert.match(answer.text, /^<!doctype html>/);
      else if (type === 'text/javascript; charset=utf-8') assert.ok(!answer.text.startsWith('<'), `${method} ${route}`);
      else assert.equal(type, 'text/plain;charset=UTF-8', `${method} ${route}`);
      seen.add(type.split(';')[0]);
    }
    for (const type of ['application/json', 'text/html', 'text/javascript']) assert.ok(seen.has(type), `some route answers ${type}`);
  });

  test('what a request says adds no line to the log', async () => {
    const forged = '"}\n{"level":"info","event":"forged"}';
    const encoded = encodeURIComponent(forged);
    const before = stack.log().length;
    for (const path of [`/${encoded}`, `/api/auth/reset-password/${encoded}`, `/api/auth/verify-email?token=${encoded}`])
      await new Client(stack.url).request('GET', path, { headers: { 'x-forwarded-for': '192.0.2.1, "}{"event":"forged"}', 'user-agent': '"}{"event":"forged"}' } });
    await new Client(stack.url).request('POST', '/api/auth/sign-in/email', { body: JSON.stringify({ email: `${forged}@b.de`, password: forged }),
      headers: { 'content-type': 'application/json' } });
    await until('the log', () => stack.log().length >= before + 4);
    const lines = readFileSync(`${stack.directory}/log/edge.log`, 'utf8').split('\n').filter((line) => line.startsWith('{'));
    for (const line of lines) JSON.parse(line);
    assert.ok(!lines.join('\n').includes('forged'));
  });

  test('the log says which user was refused', async () => {
    const jwt = await token(ada);
    const refused = await new Client(stack.url).request('GET', '/api/v1/admin/users', { headers: { authorization: `Bearer ${jwt}` } });
    assert.equal(refused.status, 403);
    const line = await until('the log', () => stack.log().find(({ route, status }) => route === '/api/v1/admin/users' && status === 403));
    assert.equal(line.user, ada.id);
    assert.ok(!JSON.stringify(stack.log()).includes(jwt));
  });

  test('in production no origin but BASE_URL is trusted by default, and HTTPS is demanded of browsers', async () => {
    const production = {
      NODE_ENV: 'production', BASE_URL: 'https://auth.example', BETTER_AUTH_SECRET: 'x7Fq2LmP9sVb4Rt8Wk3Zc6Yd1Hg5Jn0AaBbCc',
      MANA_SERVICE_KEY: 'q8Wn3Er7Ty2Ui6Op1As5Df9Gh4Jk0LzXc',
    };
    const edge = await spawnEdge(stack, production);
    try {
      await until('the edge', () => answers(edge.port, '/health/ready'), 30_000);
      const http = new Client(`http://127.0.0.1:${edge.port}`, { origin: 'http://localhost:5173' });
      const shown = await http.get('/api/auth/get-session');
      assert.equal(shown.headers['access-control-allow-origin'], undefined);
      assert.equal(shown.headers['strict-transport-security'], 'max-age=31536000');
      const refused = await http.post('/api/auth/sign-in/email', { email: ada.email, password: ada.password });
      assert.deepEqual([refused.status, refused.json.code], [403, 'INVALID_ORIGIN']);
    } finally {
      edge.child.kill('SIGTERM');
      await edge.ended;
    }
    assert.equal((await ada.http.get('/health')).headers['strict-transport-security'], undefined, 'not over plain HTTP');
  });
});
