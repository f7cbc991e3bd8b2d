// Through a transaction pooler (pgbouncer) a key still leaves its audit row, whatever the client does around the call.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { somebodySignedIn } from './lib/people.mjs';
import { startPooler } from './lib/pooler.mjs';
import { startStack } from './lib/stack.mjs';

const OUT = Array(5).fill('NULL').join(',');

describe('through a pooler', () => {
  let stack, pooler, session;
  before(async () => {
    stack = await startStack();
    const ada = await somebodySignedIn(stack);
    [session] = stack.sql(`SELECT s.id || '.' || auth.session_proof(s.id, s.user_id) AS reference, s.id, s.user_id FROM auth.sessions s WHERE s.user_id = :'id' ORDER BY created_at DESC LIMIT 1`, {
      id: ada.id,
    });
    pooler = await startPooler(stack, { pool_mode: 'transaction' });
  });
  after(async () => {
    await pooler?.stop();
    await stack?.stop();
  });

  const call = (name) => `CALL auth_api.${name}(auth_api.caller(NULL, NULL, '${session.user_id}', '${session.reference}', '127.0.0.1',
    'test', 'pooler', 'none'), '{}', ${OUT})`;
  const rows = () => stack.sql('SELECT count(*)::int AS n FROM auth.encryption_vault_audit')[0].n;

  test('each call leaves its row', () => {
    const before_ = rows();
    assert.match(pooler.psql(call('vault_init')).stdout, /masterKey/);
    assert.match(pooler.psql(call('vault_key')).stdout, /masterKey/);
    assert.equal(rows(), before_ + 2);
  });

  test('inside a transaction block there is no key', () => {
    const before_ = rows();
    const done = pooler.psql(`BEGIN; ${call('vault_key')}; ROLLBACK;`);
    assert.match(done.stderr, /cannot run inside a transaction block/);
    assert.ok(!done.stdout.includes('masterKey'));
    assert.equal(rows(), before_);
  });

  test('nor in a batch that goes wrong afterwards, a DO block or a function', () => {
    for (const text of [
      `SELECT 1; ${call('vault_key')}; SELECT 1/0;`,
      `DO $$ BEGIN ${call('vault_key')}; END $$;`,
      `CREATE FUNCTION pg_temp.steal() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN ${call('vault_key')}; END $f$; SELECT pg_temp.steal();`,
    ]) {
      const before_ = rows();
      const done = pooler.psql(text, ['-c', text]);
      const got = (done.stdout.match(/masterKey/g) ?? []).length;
      assert.ok(rows() - before_ >= got, `${got} keys and ${rows() - before_} rows by: ${text}`);
    }
  });
});
