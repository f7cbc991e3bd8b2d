// The table of routes, walked from outside: `mana-auth-edge routes` prints it, and every row that is not for anybody
// refuses who shows nothing, shows rubbish, or shows a token that somebody else has signed.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { SignJWT, generateKeyPair } from 'jose';

import { Client } from './lib/http.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const PROGRAM = fileURLToPath(new URL('../../build/mana-auth-edge', import.meta.url));

const rows = spawnSync(PROGRAM, ['routes'], { encoding: 'utf8' }).stdout
  .split('\n')
  .slice(2)
  .filter(Boolean)
  .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim().replaceAll('`', '')))
  .map(([method, path, access, limit]) => ({ method, path, access, limit }));

describe('the table of routes', () => {
  let stack;
  let http;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
    http = new Client(stack.url);
  });
  after(() => stack?.stop());

  test('has rows, each once, each with somebody who may call', () => {
    assert.ok(rows.length > 10);
    const keys = rows.map(({ method, path }) => `${method} ${path}`);
    assert.deepEqual(keys, [...new Set(keys)]);
    assert.deepEqual(rows.filter(({ access }) => !access), []);
  });

  test('only reading without a database is without a limit', () => {
    const unlimited = rows.filter(({ limit, access }) => limit === 'none' && access === 'anybody');
    assert.deepEqual(unlimited.filter(({ method }) => method !== 'GET'), []);
  });

  for (const row of rows.filter(({ access }) => access !== 'anybody'))
    test(`${row.method} ${row.path} (${row.access}) refuses strangers`, async () => {
      const path = row.path.replace(/:\w+/g, 'x');
      const send = (more) => http.request(row.method, path, { ...(row.method === 'GET' ? {} : { json: {} }), ...more });
      const { privateKey } = await generateKeyPair('EdDSA');
      const forged = await new SignJWT({ sub: 'x', sid: 'x', role: 'admin' })
        .setProtectedHeader({ alg: 'EdDSA', kid: 'x' })
        .setIssuer(stack.url)
        .setAudience('mana')
        .setExpirationTime('1h')
        .sign(privateKey);
      const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${forged.split('.')[1]}.`;
      for (const attempt of [
        {},
        { headers: { cookie: 'mana.session_token=x' } },
        { headers: { cookie: `mana.session_token=${'a'.repeat(32)}.${'A'.repeat(43)}%3D` } },
        { bearer: 'x' },
        { bearer: forged },
        { bearer: unsigned },
        { headers: { 'x-service-key': 'x' } },
      ]) {
        const answer = await send(attempt);
        assert.equal(answer.status, 401, `${JSON.stringify(attempt)}: ${answer.text}`);
      }
    });
});
