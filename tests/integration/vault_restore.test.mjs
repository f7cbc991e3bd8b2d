// A dump holds vaults and trail, and no key; restored, with the key ring, it opens and verifies.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';

import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { vaultOf } from './lib/vault.mjs';

const OUT = Array(5).fill('NULL').join(',');

let stack;
before(async () => {
  stack = await startStack({}, UNLIMITED);
});
after(() => stack?.stop());

test('a dump restores to the same vaults and a trail that verifies', async () => {
  const ada = await somebodySignedIn(stack);
  const { masterKey } = (await vaultOf(ada).init()).json;
  assert.equal((await vaultOf(ada).key()).json.masterKey, masterKey);
  stack.psql(`SELECT auth.vault_audit_make_partitions(6); SELECT auth.vault_audit_seal('0')`);
  const rows = () => `SELECT count(*) FROM auth.encryption_vault_audit`;
  const before_ = stack.psql(rows());

  const place = ['-h', stack.socket, '-U', 'postgres'];
  const dump = spawnSync('pg_dump', [...place, 'mana_platform'], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  assert.equal(dump.status, 0, dump.stderr);
  assert.ok(!dump.stdout.includes(masterKey));
  assert.ok(!dump.stdout.includes(Buffer.from(masterKey, 'base64').toString('hex')));

  stack.psql('CREATE DATABASE restored');
  const restored = (input) => {
    const done = spawnSync('psql', ['-qAtX', '-1', '-v', 'ON_ERROR_STOP=1', ...place, 'restored', '-f', '-'], { input, encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout.trim();
  };
  restored(dump.stdout);
  assert.equal(restored(rows()), before_);
  assert.equal(restored('SELECT * FROM auth.vault_audit_verify(); SELECT * FROM auth.vault_check()'), '');
  assert.equal(restored('SELECT auth.vault_audit_make_partitions(6)'), '0');
  const [session] = stack.sql(`SELECT id FROM auth.sessions WHERE user_id = :'id' ORDER BY created_at DESC LIMIT 1`, { id: ada.id });
  const call = spawnSync('psql', ['-qAtX', ...place, 'restored', '-c', `CALL auth_api.vault_key(auth_api.caller(NULL, NULL, '${ada.id}',
    '${session.id}.' || auth.session_proof('${session.id}', '${ada.id}'), '127.0.0.1', 'test', 'restored', NULL), NULL, ${OUT})`], { encoding: 'utf8' });
  assert.ok(call.stdout.includes(masterKey), call.stderr);
});
