// A standby has the key ring and every wrap, and can write no audit row: so it hands out no key.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { somebodySignedIn } from './lib/people.mjs';
import { startStack } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const VAULT = '/api/v1/me/encryption-vault';
const OUT = Array(5).fill('NULL').join(',');

describe('a standby', () => {
  let stack, ada, key, session;
  before(async () => {
    stack = await startStack();
    ada = await somebodySignedIn(stack);
    const answer = await ada.http.post(`${VAULT}/init`, {}, { bearer: ada.token });
    assert.equal(answer.status, 200, answer.text);
    key = answer.json.masterKey;
    [session] = stack.sql(`SELECT s.id, s.user_id FROM auth.sessions s WHERE s.user_id = :'id' ORDER BY created_at DESC LIMIT 1`, {
      id: ada.id,
    });
    await becomeStandby(stack);
  });
  after(() => stack?.stop());

  test('reads what is there', () => {
    const [state] = stack.sql('SELECT pg_is_in_recovery() AS recovering');
    assert.equal(state.recovering, true);
    const rows = stack.psql(`SELECT (r).body FROM auth_api.vault_status(${caller(session)}, '{}') r`);
    assert.match(rows, /"vaultExists":true/);
  });

  for (const call of ['vault_key', 'vault_init', 'vault_rotate']) {
    test(`gives no key by ${call}, because it can write no row`, () => {
      const done = spawnSync('psql', ['-qAtX', '-h', stack.socket, '-U', 'postgres', 'mana_platform',
        '-c', `CALL auth_api.${call}(${caller(session)}, '{}', ${OUT})`], { encoding: 'utf8' });
      assert.notEqual(done.status, 0);
      assert.match(done.stderr, /read-only transaction|during recovery/);
      assert.ok(!`${done.stdout}${done.stderr}`.includes(key), 'the key came out');
    });
  }
});

const caller = ({ id, user_id: user }) =>
  `auth_api.caller(NULL, NULL, '${user}', '${id}.' || auth.session_proof('${id}', '${user}'), '127.0.0.1', 'test', 'standby', 'none')`;

/** The cluster stopped, told that it is a standby of nobody, and started again: it replays its log and stays read-only. */
async function becomeStandby(stack) {
  await stack.command('edge-stop');
  await stack.command('postgres-stop');
  const data = ['data', 'pgdata', 'postgres'].map((name) => join(stack.directory, name)).find((path) => existsSync(join(path, 'PG_VERSION')));
  assert.ok(data, `no data directory below ${stack.directory}`);
  execFileSync('touch', [join(data, 'standby.signal')]);
  const { uid, gid } = statSync(data);
  execFileSync('chown', [`${uid}:${gid}`, join(data, 'standby.signal')]);
  await stack.command('postgres-start');
  await until('the standby answers', () => {
    try {
      return stack.psql('SELECT pg_is_in_recovery()') === 't';
    } catch {
      return false;
    }
  });
}
