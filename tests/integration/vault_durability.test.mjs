// No key without a durable audit row: whatever the role of the edge sets, a crash loses no row of a key that was handed out, and a key
// stays inside while a synchronous standby does not confirm the row.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { somebodySignedIn, token } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { vaultOf } from './lib/vault.mjs';
import { until } from './lib/wait.mjs';

const OUT = Array(5).fill('NULL').join(',');
const MASTER_KEY = /"masterKey":"[A-Za-z0-9+/]{43}="/;

/** A psql of the edge's role. */
function edgeSql(stack, statements, environment = {}) {
  const password = readFileSync(join(stack.directory, 'secrets', 'auth_edge'), 'utf8').trim();
  const commands = statements.flatMap((statement) => ['-c', statement]);
  return spawnSync('psql', ['-qAtX', '-h', stack.socket, '-U', 'auth_edge', ...commands, 'mana_platform'], {
    encoding: 'utf8', env: { ...process.env, PGPASSWORD: password, ...environment },
  });
}

const rowsOf = (stack, requests) => new Set(stack.sql(`SELECT request_id FROM auth.encryption_vault_audit WHERE status = 200`)
  .map((row) => row.request_id).filter((id) => requests.includes(id)));

describe('a crash', () => {
  let stack, ada, session;
  before(async () => {
    // The WAL writer would save rows that were committed without a flush.
    stack = await startStack({}, { settings: { ...UNLIMITED.settings, wal_writer_delay: '10s', wal_writer_flush_after: '1GB' } });
    ada = await somebodySignedIn(stack);
    assert.equal((await vaultOf(ada).init()).status, 200);
    [session] = stack.sql(`SELECT s.id || '.' || auth.session_proof(s.id, s.user_id) AS id, s.user_id FROM auth.sessions s WHERE s.user_id = :'id' ORDER BY created_at DESC LIMIT 1`, { id: ada.id });
  });
  after(() => stack?.stop());

  const crash = async () => {
    await stack.command('postgres-stop', { mode: 'immediate' });
    await stack.command('postgres-start');
  };
  const call = (request) => `CALL auth_api.vault_key(auth_api.caller(NULL, NULL, '${session.user_id}', '${session.id}', '127.0.0.1', 'test', `
    + `'${request}', 'none'), NULL, ${OUT})`;

  for (const value of ['off', 'local', 'remote_write']) {
    test(`loses no row of a key when the edge's role has synchronous_commit = ${value}`, async () => {
      stack.psql(`ALTER ROLE auth_edge SET synchronous_commit = ${value}`);
      await stack.command('edge-stop');
      await stack.command('edge-start');
      await until('the edge to sign', async () => (await vaultOf({ ...ada, token: await token(ada).catch(() => '') }).status()).status === 200);
      ada.token = await token(ada);
      const given = [];
      for (let n = 0; n < 20; n += 1) {
        const answer = await vaultOf(ada).key();
        assert.equal(answer.status, 200, answer.text);
        given.push(answer.headers['x-request-id']);
      }
      await crash();
      assert.equal(rowsOf(stack, given).size, given.length);
      stack.psql('ALTER ROLE auth_edge RESET synchronous_commit');
    });
  }

  const ways = {
    'SET': [['SET synchronous_commit = off'], {}],
    'PGOPTIONS': [[], { PGOPTIONS: '-c synchronous_commit=off' }],
    'set_config': [["SELECT set_config('synchronous_commit', 'off', false)"], {}],
    'a deferrable transaction': [['SET synchronous_commit = off', 'SET default_transaction_deferrable = on'], {}],
  };
  for (const [way, [statements, environment]] of Object.entries(ways)) {
    test(`loses no row of a key when the caller lowers synchronous_commit with ${way}`, async () => {
      const request = `lowered with ${way}`;
      const done = edgeSql(stack, [...statements, call(request)], environment);
      assert.match(done.stdout, MASTER_KEY, done.stderr);
      await crash();
      assert.equal(rowsOf(stack, [request]).size, 1);
    });
  }
});

describe('while the synchronous standby is away', () => {
  let stack, ada;
  before(async () => {
    stack = await startStack({ DB_QUERY_TIMEOUT_MS: '1500' }, UNLIMITED);
    ada = await somebodySignedIn(stack);
    assert.equal((await vaultOf(ada).init()).status, 200);
    stack.psql(`ALTER ROLE postgres SET synchronous_commit = local`); // what this test changes waits for nobody
    standbys('nobody');
  });
  after(() => stack?.stop());

  const standbys = (names) => stack.psql(`SET synchronous_commit = local; ALTER SYSTEM SET synchronous_standby_names = '${names}';
    SELECT pg_reload_conf()`);
  const waiting = () => stack.sql(`SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE 'CALL auth_api.vault%'`);

  test('a call whose wait is cancelled by the statement timeout gives no key and answers 503', async () => {
    await until('the server to ask for the standby', () => stack.psql('SHOW synchronous_standby_names') === 'nobody');
    for (const name of ['key', 'init', 'rotate']) {
      const answer = await vaultOf(ada)[name]();
      assert.equal(answer.status, 503, answer.text);
      assert.doesNotMatch(answer.text, MASTER_KEY);
    }
  });

  test('a call whose wait is cancelled by a DBA gives no key', async () => {
    const answering = vaultOf(ada).key();
    await until('the call to wait for the standby', () => waiting().length > 0);
    stack.psql(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE 'CALL auth_api.vault%'`);
    const answer = await answering;
    assert.equal(answer.status, 503, answer.text);
    assert.doesNotMatch(answer.text, MASTER_KEY);
  });

  for (const value of ['off', 'local', 'remote_write']) {
    test(`synchronous_commit = ${value} of the caller gives no key either`, () => {
      const [session] = stack.sql(`SELECT s.id || '.' || auth.session_proof(s.id, s.user_id) AS id, s.user_id FROM auth.sessions s WHERE s.user_id = :'id' ORDER BY created_at DESC LIMIT 1`, { id: ada.id });
      const done = edgeSql(stack, [`SET synchronous_commit = ${value}`, 'SET statement_timeout = 500',
        `CALL auth_api.vault_key(auth_api.caller(NULL, NULL, '${session.user_id}', '${session.id}', '127.0.0.1', 'test', 'r', 'none'), NULL, ${OUT})`]);
      assert.notEqual(done.status, 0);
      assert.doesNotMatch(done.stdout, MASTER_KEY);
      assert.match(done.stderr, /audit row is not replicated/);
    });
  }

  test('what was changed meanwhile is there, and the key is given again once nobody has to confirm', async () => {
    standbys('');
    await until('the server to ask for no standby', () => stack.psql('SHOW synchronous_standby_names') === '');
    await until('a key', async () => (await vaultOf(ada).key()).status === 200);
    assert.deepEqual(stack.sql('SELECT * FROM auth.vault_audit_verify()'), []);
  });
});
