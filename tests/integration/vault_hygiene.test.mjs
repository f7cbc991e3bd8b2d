// Master keys are where they must be and nowhere else: not in a log that is turned up to the maximum, in no statistics, no temporary file and
// no core of a server process for longer than until its next call. And a server process that dies in the middle of a call has either
// written the row or not given the key.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { commitmentOf, recoverySecret, unwrap, vaultOf, wrap } from './lib/vault.mjs';
import { until } from './lib/wait.mjs';

const LOUD = {
  shared_preload_libraries: 'pg_stat_statements,auto_explain,mana_auth',
  log_statement: 'all', log_min_duration_statement: 0, log_duration: 'on', log_min_messages: 'debug5', log_error_verbosity: 'verbose',
  log_parameter_max_length: -1, log_parameter_max_length_on_error: -1, log_min_error_statement: 'debug5',
  debug_print_parse: 'on', debug_print_rewritten: 'on', debug_print_plan: 'on', log_parser_stats: 'on', log_executor_stats: 'on',
  'auto_explain.log_min_duration': 0, 'auto_explain.log_verbose': 'on', 'auto_explain.log_nested_statements': 'on',
  'auto_explain.log_analyze': 'on', 'auto_explain.log_level': 'log',
  'pg_stat_statements.track': 'all', 'pg_stat_statements.track_utility': 'on', 'pg_stat_statements.save': 'on',
  log_temp_files: 0, work_mem: '64kB',
};

/** A key as somebody might come upon it. */
const formsOf = (masterKey) => {
  const raw = Buffer.from(masterKey, 'base64');
  return { raw, base64: Buffer.from(masterKey.slice(0, 43)), hex: Buffer.from(raw.toString('hex')), HEX: Buffer.from(raw.toString('hex').toUpperCase()) };
};

function foundIn(content, keys) {
  return keys.flatMap((key, index) => Object.entries(formsOf(key)).filter(([, form]) => content.includes(form)).map(([name]) => `key ${index} ${name}`));
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    (entry.isDirectory() ? filesBelow(join(folder, entry.name)) : entry.isFile() ? [join(folder, entry.name)] : []));
}

/** The image of a process as its core would have it (gdb leaves out what is not to be dumped). */
function coreOf(pid) {
  const folder = mkdtempSync(join(tmpdir(), 'mana-core-'));
  try {
    const done = spawnSync('gcore', ['-o', join(folder, 'core'), String(pid)], { encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
    return readFileSync(join(folder, `core.${pid}`));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('with every log at its loudest', () => {
  let stack;
  const keys = [];
  before(async () => {
    stack = await startStack({}, { settings: { ...UNLIMITED.settings, ...LOUD } });
    stack.psql('CREATE EXTENSION pg_stat_statements');
  });
  after(() => stack?.stop());

  test('every call is made, those that are refused and those that fail too', async () => {
    const ada = await somebodySignedIn(stack);
    const vault = vaultOf(ada);
    const keep = (answer) => {
      assert.equal(answer.status, 200, answer.text);
      keys.push(answer.json.masterKey);
      return answer.json.masterKey;
    };
    const status = async (answer, expected) => assert.equal((await answer).status, expected);
    await status(vault.key(), 404);
    keep(await vault.init());
    keep(await vault.key());
    const masterKey = keep(await vault.rotate());
    const secret = recoverySecret();
    await status(vault.setRecovery(await wrap(masterKey, secret)), 409);
    await status(vault.setRecovery({ ...(await wrap(masterKey, secret)), commitment: await commitmentOf(masterKey, ada.id) }), 200);
    await status(vault.zeroKnowledge({ enable: true }), 200);
    assert.equal(await unwrap((await vault.key()).json, secret), masterKey);
    const other = randomBytes(32).toString('base64');
    keys.push(other);
    await status(vault.zeroKnowledge({ enable: false, masterKey: other }), 400);
    stack.psql(`CREATE FUNCTION public.breaks() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''broken''; END';
      CREATE TRIGGER breaks BEFORE UPDATE ON auth.encryption_vaults FOR EACH ROW EXECUTE FUNCTION public.breaks()`);
    await status(vault.zeroKnowledge({ enable: false, masterKey }), 500);
    stack.psql('DROP TRIGGER breaks ON auth.encryption_vaults');
    await status(vault.zeroKnowledge({ enable: false, masterKey }), 200);
    keep(await vault.key());
    await status(vault.clearRecovery(), 200);
    await status(vault.status(), 200);
    const [failed] = stack.sql(`SELECT action, context FROM auth.encryption_vault_audit WHERE status = 500`);
    assert.deepEqual(failed, { action: 'zk_disable', context: 'failed-P0001' });
  });

  test('the calls are in the logs, the keys are not', () => {
    const logs = filesBelow(join(stack.directory, 'log'));
    const all = Buffer.concat(logs.map((file) => readFileSync(file)));
    for (const what of ['auth_api.vault_zero_knowledge', 'auth_api.vault_key', 'Query Text', 'encryption_vault_audit', 'broken']) {
      assert.ok(all.includes(what), `the logs are not loud enough: no ${what}`);
    }
    for (const file of logs) assert.deepEqual(foundIn(readFileSync(file), keys), [], file);
  });

  test('nor are they in pg_stat_statements, pg_stat_activity or pg_settings', () => {
    const texts = stack.psql(`SELECT query FROM pg_stat_statements UNION ALL SELECT query FROM pg_stat_activity
      UNION ALL SELECT concat(name, setting, boot_val, reset_val) FROM pg_settings`);
    assert.ok(texts.includes('auth_api.vault_key'));
    assert.deepEqual(foundIn(Buffer.from(texts), keys), []);
    const kek = readFileSync(stack.psql('SHOW mana_auth.kek_file'), 'utf8').split('\n')[0].split(':')[1];
    assert.deepEqual(foundIn(Buffer.from(texts), [kek]), []);
  });

  test('nor in a table, a temporary file or the statistics on disk', async () => {
    await stack.command('edge-stop');
    await stack.command('postgres-stop');
    const files = filesBelow(stack.directory).filter((file) => !/\/(secrets|pg_wal|mail)\//.test(file));
    assert.ok(files.length > 500);
    for (const file of files) assert.deepEqual(foundIn(readFileSync(file), keys), [], file);
    const log = filesBelow(stack.directory).filter((file) => file.includes('/pg_wal/'));
    assert.ok(log.length > 0);
    for (const file of log) assert.deepEqual(foundIn(readFileSync(file), keys), [], file);
  });
});

describe('a core of a server process', () => {
  let stack, ada, bob;
  before(async () => {
    stack = await startStack({ WORKERS: '1' }, UNLIMITED);
    [ada, bob] = [await somebodySignedIn(stack), await somebodySignedIn(stack)];
  });
  after(() => stack?.stop());

  const backends = () => stack.sql(`SELECT pid FROM pg_stat_activity WHERE usename = 'auth_edge'`).map(({ pid }) => pid);

  test('holds no key-encryption key, and no master key once the next call of the vault was made', async () => {
    const keys = [];
    const fetched = new Set(); // the processes that handed one out
    const lately = (since) => stack.sql(
      `SELECT pid FROM pg_stat_activity WHERE usename = 'auth_edge' AND query ~ 'vault_' AND query_start >= '${since}'`).map(({ pid }) => pid);
    for (const call of ['init', 'key', 'rotate']) {
      keys.push((await vaultOf(ada)[call]()).json.masterKey);
      for (const pid of lately('-infinity')) fetched.add(pid);
    }
    const givers = [...fetched];
    assert.ok(givers.length > 0);
    const [{ since }] = stack.sql('SELECT clock_timestamp()::text AS since');
    await until('each of them has made a call of the vault since', async () => {
      await Promise.all(Array.from({ length: 40 }, () => vaultOf(bob).init()));
      for (const pid of lately(since)) fetched.delete(pid);
      return fetched.size === 0;
    });
    const kek = readFileSync(stack.psql('SHOW mana_auth.kek_file'), 'utf8').split('\n')[0].split(':')[1];
    const found = Object.fromEntries(backends().map((pid) => {
      const core = coreOf(pid);
      assert.ok(core.includes('auth_api.'), 'this is no core of a server process');
      if (givers.includes(pid)) assert.ok(core.includes('auth_api.vault_'), 'it does not hold what the process did');
      return [pid, { kek: foundIn(core, [kek]), keys: foundIn(core, keys) }];
    }));
    for (const [pid, { kek: keks, keys: masters }] of Object.entries(found)) {
      assert.deepEqual(keks, [], `the key-encryption key in ${pid}`);
      assert.deepEqual(masters, [], `a master key in ${pid}`);
    }
  });
});

describe('server processes that die in the middle of calls', () => {
  let stack;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
  });
  after(() => stack?.stop());

  test('gave no key without its row', async () => {
    const people = await Promise.all(Array.from({ length: 4 }, () => somebodySignedIn(stack)));
    for (const person of people) assert.equal((await vaultOf(person).init()).status, 200);
    const given = [];
    let failed = 0;
    let over = false;
    const hammer = async (person) => {
      for (let n = 0; !over; n += 1) {
        const answer = await (n % 5 === 0 ? vaultOf(person).rotate() : vaultOf(person).key());
        if (answer.status === 200) given.push(answer.headers['x-request-id']);
        else failed += 1;
      }
    };
    const hammering = Promise.all(people.flatMap((person) => [hammer(person), hammer(person)]));
    // A call lasts a millisecond, so the server itself lies in wait for one. Now and then a process is ended and not just cancelled.
    const killer = stack.session();
    await until('calls to be met in all their moments', async () => {
      await killer.run(`DO $$
        DECLARE
          since constant timestamptz := clock_timestamp();
          victim integer;
        BEGIN
          WHILE victim IS NULL AND clock_timestamp() < since + interval '1 second' LOOP
            PERFORM pg_stat_clear_snapshot();
            SELECT a.pid INTO victim FROM pg_stat_activity a WHERE a.usename = 'auth_edge' AND a.state = 'active'
               AND a.query LIKE 'CALL auth_api.vault%' ORDER BY random() LIMIT 1;
          END LOOP;
          PERFORM CASE WHEN random() < 0.1 THEN pg_terminate_backend(victim) ELSE pg_cancel_backend(victim) END;
        END $$`);
      return given.length >= 300 && failed >= 50;
    }, 60_000);
    over = true;
    await Promise.all([hammering, killer.close()]);
    const rows = new Set(stack.sql(`SELECT request_id FROM auth.encryption_vault_audit WHERE status = 200`).map((row) => row.request_id));
    assert.deepEqual(given.filter((id) => !rows.has(id)), []);
    assert.deepEqual(stack.sql('SELECT * FROM auth.vault_audit_verify()'), []);
    assert.deepEqual(stack.sql('SELECT * FROM auth.vault_check()'), []);
  });
});
