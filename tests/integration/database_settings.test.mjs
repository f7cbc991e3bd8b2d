// A DBA may have set anything for the server, the database or the role: the edge sets what it relies on in each session.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { spawnEdge, answers } from './lib/edge.mjs';
import { Client } from './lib/http.mjs';
import { signIn, somebody, somebodySignedIn, token } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { vaultOf } from './lib/vault.mjs';
import { until } from './lib/wait.mjs';

const HOSTILE = {
  'formats of values': {
    bytea_output: 'escape', client_encoding: 'LATIN1', datestyle: 'SQL, DMY', extra_float_digits: '-15', intervalstyle: 'sql_standard',
    timezone: 'Asia/Kathmandu',
  },
  'meanings of statements': {
    array_nulls: 'off', gin_fuzzy_search_limit: '1', search_path: 'hostile', standard_conforming_strings: 'off', transform_null_equals: 'on',
  },
  'transactions': {
    default_transaction_deferrable: 'on', default_transaction_isolation: 'serializable', default_transaction_read_only: 'on',
    row_security: 'off', synchronous_commit: 'off',
  },
  'time-outs': { idle_session_timeout: '100', lock_timeout: '1', statement_timeout: '1' },
};

describe('settings of the database', () => {
  let stack, ada;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
    ada = await somebodySignedIn(stack, 'Ada Müller');
  });
  after(() => stack?.stop());

  /** An edge that starts while the database has these settings; its user signs in and uses one route of each kind. */
  async function serves(settings) {
    stack.psql(Object.entries(settings).map(([name, value]) => `ALTER DATABASE mana_platform SET ${name} = ${name === 'search_path' ? value : `'${value}'`};`).join('\n'));
    const edge = await spawnEdge(stack, { WORKERS: '1' });
    try {
      await until('the edge is ready', () => answers(edge.port, '/health/ready'));
      const http = new Client(`http://127.0.0.1:${edge.port}`, { origin: stack.url });
      const user = { ...ada, http };
      assert.equal((await signIn(user)).status, 200);
      user.token = await token(user);
      const renamed = await Promise.all([1, 2, 3, 4].map((n) => http.post('/api/auth/update-user', { name: `Zoë ${n} \\ Müller` })));
      assert.deepEqual(renamed.map(({ status }) => status), [200, 200, 200, 200]);
      const { json } = await http.get('/api/auth/get-session');
      assert.match(json.user.name, /^Zoë \d \\ Müller$/);
      assert.match(json.session.expiresAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.ok([200, 201].includes((await vaultOf(user).init()).status));
      assert.equal((await vaultOf(user).key()).status, 200);
      const data = await http.get('/api/v1/me/data/export', { bearer: user.token });
      assert.equal(data.status, 200);
      assert.equal(data.json.user?.name ?? json.user.name, json.user.name);
      const another = { ...somebody(stack), http: new Client(http.url, { origin: stack.url }) };
      const { name, email, password } = another;
      assert.equal((await another.http.post('/api/auth/sign-up/email', { name, email, password })).status, 200);
      assert.ok(await stack.mail.link(another.email, '/api/auth/verify-email'));
      assert.equal((await http.post('/api/auth/sign-out', {})).status, 200);
    } finally {
      stack.psql('SET default_transaction_read_only = off; ALTER DATABASE mana_platform RESET ALL');
      edge.child.kill();
      await edge.ended;
    }
    assert.match(stack.sql(`SELECT name FROM auth.users WHERE id = :'id'`, ada)[0].name, /^Zoë \d \\ Müller$/);
  }

  for (const [group, settings] of Object.entries(HOSTILE)) test(`the edge serves whatever the defaults for ${group} are`, () => serves(settings));

  test('the edge serves with all of them', () => serves(Object.assign({}, ...Object.values(HOSTILE))));

  test('a stronger synchronous_commit than on stays', async () => {
    stack.psql(`ALTER DATABASE mana_platform SET synchronous_commit = 'remote_apply'`);
    const edge = await spawnEdge(stack, { WORKERS: '1' });
    try {
      await until('the edge is ready', () => answers(edge.port, '/health/ready'));
      // The setting of another session is not visible; the commits of this edge would wait for a standby without end.
      stack.psql(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'; SELECT pg_reload_conf()`.replace(';', ';\n'));
      const http = new Client(`http://127.0.0.1:${edge.port}`, { origin: stack.url });
      const waiting = signIn({ ...ada, http }).catch(() => null);
      await until('a commit waits for a standby', () => stack.sql(`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'`).length > 0);
      stack.psql(`ALTER SYSTEM RESET synchronous_standby_names;\nSELECT pg_reload_conf()`);
      await waiting;
    } finally {
      stack.psql('ALTER DATABASE mana_platform RESET ALL');
      edge.child.kill();
      await edge.ended;
    }
  });
});
