// Every routine of auth_api, called as auth_edge with hostile values of its argument types: none crashes the server, raises an
// internal error or a bug's SQLSTATE, or answers with another user's secrets. API_FUZZ_SECONDS (30) and API_FUZZ_SEED repeat and
// lengthen it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const SECONDS = Number(process.env.API_FUZZ_SECONDS ?? 30);
const SEED = Number(process.env.API_FUZZ_SEED ?? Date.now() % 2 ** 31);
const BATCH = 100;
const MEMORY_MAX_KB = 512 * 1024;

// What may be raised: bad data (22), broken constraints (23), ours (MA), a procedure inside a transaction (25001), limits of the
// program (54). Everything else is a bug: XX internal, 42 wrong SQL, P0 unhandled in PL/pgSQL, 57 cancelled after a minute.
const ALLOWED = /^(22...|23...|MA...|25001|54...)$/;

let stack, routines, people, random;
before(async () => {
  stack = await startStack({}, UNLIMITED);
});
after(() => stack?.stop());

const pick = (list) => list[Math.floor(random() * list.length)];
const literal = (text) => `'${text.replaceAll("'", "''").replaceAll('\0', '')}'`;
function generator(seed) { // mulberry32
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const WORDS = ['', ' ', 'x', 'null', '0', '-1', '1e308', 'Ünïcödé', '\u202e\u200b\ufeff', '%', '_', "'", '"', '\\', '$1', '../../x', '{}', '[]', '*',
  'a@b', '@', 'a@b@c', '\n\r\t\u0001\u0002\u0003', 'A'.repeat(65), 'k'.repeat(300),
  'https://x/', 'javascript:alert(1)', 'openid profile email', 'owner', 'admin', 'credential', 'better-auth', 'de', 'eyJhbGciOiJub25lIn0.e30.'];
const words = () => (random() < 0.005 ? pick(['m'.repeat(70000), '\u{1f4a9}'.repeat(5000)]) : pick([...WORDS, people.eve.id, people.ada.id, people.eve.email, people.ada.email, people.eve.session, people.ada.session]));

function json(keys, depth = 0) {
  const kind = random();
  if (depth === 0 && kind < 0.7) {
    return Object.fromEntries(keys.filter(() => random() < 0.7).map((key) => [key, json(keys, 1)]));
  }
  if (kind < 0.45) return words().replaceAll('\0', '');
  if (kind < 0.6) return pick([null, true, false, 0, -1, 1.5, 2 ** 53, -(2 ** 63), 1e300]);
  if (depth > 3) return null;
  if (kind < 0.8) return Array.from({ length: (random() < 0.02 ? 300 : pick([0, 1, 3])) }, () => (random() < 0.9 ? words() : json(keys, depth + 2)));
  return Object.fromEntries(Array.from({ length: pick([0, 1, 4]) }, () => [pick([...keys, 'x', '', '__proto__']), json(keys, depth + 1)]));
}
const deep = () => pick(['[', '{"a":']).repeat(5000) + '1' + pick([']', '}']).repeat(5000);
function jsonLiteral(keys) {
  const kind = random();
  if (kind < 0.02) return literal(deep());
  if (kind < 0.04) return literal(`${'['.repeat(4000)}${']'.repeat(4000)}`);
  return `E'${JSON.stringify(json(keys)).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
const bytes = () => pick([`'\\x'`, `'\\x00'`, `decode('${'ff'.repeat(32)}', 'hex')`, `decode(repeat('ab', 100000), 'hex')`,
  `'\\x${createHash('sha256').update(people.eve.session).digest('hex')}'`, `'\\x${createHash('sha256').update(words()).digest('hex')}'`]);
const caller = () => `ROW(${[
  pick([people.eve.digest, people.eve.digest, 'NULL', bytes()]),
  pick([`sha256(gen_random_uuid()::text::bytea)`, `sha256(gen_random_uuid()::text::bytea)`, 'NULL', people.eve.digest, bytes()]),
  pick(['NULL', literal(people.eve.id), literal(people.ada.id), literal(words())]),
  pick(['NULL', literal(people.eve.session), literal(people.ada.session), literal(words())]),
  pick([`'192.0.2.1'`, `'::'`, `'255.255.255.255/0'`, `'fe80::1/10'`, 'NULL']), literal(words()), literal(words()), pick(['NULL', `'auth'`, literal(words())]),
].join(', ')})::auth.caller`;

const VALUES = {
  'auth.caller': () => (random() < 0.9 ? caller() : 'NULL'),
  text: () => literal(words()),
  name: () => literal(words()),
  bytea: bytes,
  inet: () => pick([`'0.0.0.0'`, `'::/0'`, `'192.0.2.1/1'`, `'::ffff:1.2.3.4'`]),
  smallint: () => pick(['0', '-1', '32767', '-32768']),
  integer: () => pick(['0', '1', '-1', '2147483647', '-2147483648', '1000000']),
  bigint: () => pick(['0', '1', '-1', '9223372036854775807', '-9223372036854775808']),
  boolean: () => pick(['true', 'false']),
  'timestamp with time zone': () => pick([`'infinity'`, `'-infinity'`, `'epoch'`, `'294276-12-31'`, `'4714-11-24 BC'`, 'now()']),
  interval: () => pick([`'0'`, `'-1 year'`, `'178000000 years'`, `'1 microsecond'`]),
  uuid: () => pick([`'00000000-0000-0000-0000-000000000000'`, 'gen_random_uuid()']),
};

function value(type, keys) {
  if (random() < 0.08) return `NULL::${type}`;
  if (type.endsWith('[]')) {
    return pick([`'{}'::${type}`, `ARRAY[NULL]::${type}`, `ARRAY[${Array.from({ length: pick([1, 50]) }, () => value(type.slice(0, -2), keys)).join(', ')}]::${type}`]);
  }
  if (type === 'json' || type === 'jsonb') return `${jsonLiteral(keys)}::${type}`;
  const known = VALUES[type];
  return known ? `${known()}::${type}` : `NULL::${type}`;
}

function statement(routine) {
  const args = routine.args.map(({ type, out }) => (out ? `NULL::${type}` : value(type, routine.keys)));
  if (routine.procedure) return `CALL auth_api.${routine.name}(${args.join(', ')});`;
  const call = `SELECT r FROM auth_api.${routine.name}(${args.join(', ')}) r;`;
  return random() < 0.95 ? `BEGIN; ${call} ROLLBACK;` : call; // what is destroyed comes back, most of the time
}

/** Runs statements in one connection of auth_edge; what was raised, what was answered, and the memory of the backend. */
function run(statements) {
  const script = ['\\set VERBOSITY sqlstate', "SET statement_timeout = '60s';", 'SELECT pg_backend_pid() AS pid \\gset',
    ...statements.map((text, n) => `\\warn STATEMENT ${n}\n${text}`), '\\warn STATEMENT end', '\\setenv BACKEND :pid',
    '\\! grep VmHWM /proc/$BACKEND/status'];
  const done = spawnSync('psql', ['-qAtX', '-f', '-', stack.environment.DATABASE_URL], { input: script.join('\n'), encoding: 'utf8', maxBuffer: 2 ** 30 });
  const raised = [];
  let at = -1;
  for (const line of done.stderr.split('\n')) {
    const [, n] = /^STATEMENT (\d+|end)$/.exec(line) ?? [];
    if (n !== undefined) at = n;
    const [, state] = /(?:ERROR|FATAL|PANIC): {2}(\w{5})/.exec(line) ?? [];
    if (state) raised.push({ state, text: statements[at] });
  }
  return { status: done.status, ended: at === 'end', last: statements[at], raised, answers: done.stdout, memory: Number(/VmHWM:\s+(\d+)/.exec(done.stdout)?.[1] ?? 0) };
}

describe('auth_api', () => {
  let secrets;
  before(async () => {
    const [ada, eve] = [await somebodySignedIn(stack, 'Ada'), await somebodySignedIn(stack, 'Eve')];
    const key = await ada.http.request('POST', '/api/v1/me/encryption-vault/init', { bearer: ada.token, json: {} });
    people = { ada, eve };
    for (const person of [ada, eve]) {
      const [row] = stack.sql(`SELECT s.id, encode(s.token_digest, 'hex') AS digest FROM auth.sessions s WHERE s.user_id = :'id' ORDER BY s.created_at DESC LIMIT 1`, { id: person.id });
      person.session = row.id;
      person.digest = `'\\x${row.digest}'::bytea`;
    }
    stack.psql(`UPDATE auth.accounts SET access_token = 'canary-access', refresh_token = 'canary-refresh', id_token = 'canary-id' WHERE user_id = '${ada.id}'`);
    secrets = ['canary-access', 'canary-refresh', 'canary-id', stack.sql(`SELECT encode(token_digest, 'hex') AS d FROM auth.sessions WHERE user_id = :'id'`, { id: ada.id })[0].d];
    assert.equal(key.status, 200, key.text);
    secrets.push(key.json.masterKey);
    routines = stack.sql(`
      SELECT p.proname AS name, p.prokind = 'p' AS procedure, p.prosrc AS source,
             COALESCE((SELECT json_agg(json_build_object('type', format_type(t, NULL), 'out', m = 'o') ORDER BY n)
                FROM ROWS FROM (unnest(COALESCE(p.proallargtypes, p.proargtypes::oid[])), unnest(p.proargmodes::text[])) WITH ORDINALITY AS a (t, m, n)
               WHERE m IS NULL OR m IN ('i', 'b', 'v') OR m = 'o' AND p.prokind = 'p'), '[]') AS args
        FROM pg_proc p WHERE p.pronamespace = 'auth_api'::regnamespace AND has_function_privilege('auth_edge', p.oid, 'EXECUTE') ORDER BY p.proname, p.oid`);
    for (const routine of routines) {
      const keys = [...routine.source.matchAll(/->>?\s*'([A-Za-z_]+)'/g)].map((m) => m[1]);
      routine.keys = [...new Set([...keys, 'id', 'userId', 'email', 'token', 'organizationId', 'role', 'limit', 'after'])];
    }
  });

  test('no routine crashes, raises an internal error or discloses a secret, whatever auth_edge calls it with', () => {
    console.log(`API_FUZZ_SEED=${SEED} API_FUZZ_SECONDS=${SECONDS}, ${routines.length} routines`);
    random = generator(SEED);
    const until = Date.now() + SECONDS * 1000;
    const seen = new Map();
    let calls = 0, next = 0;
    while (Date.now() < until || next < routines.length) { // every routine at least once
      const batch = Array.from({ length: BATCH }, () => routines[next++ % routines.length]);
      const outcome = run(batch.map(statement));
      assert.ok(outcome.ended && outcome.status === 0, `the connection ended (${outcome.status}) in: ${outcome.last?.slice(0, 2000)}`);
      for (const { state, text } of outcome.raised) if (!ALLOWED.test(state)) seen.set(`${state} ${/auth_api\.(\w+)/.exec(text)?.[1]}`, text.slice(0, 3000));
      for (const secret of secrets) assert.ok(!outcome.answers.includes(secret), `an answer holds ${secret}`);
      assert.ok(outcome.memory > 0 && outcome.memory < MEMORY_MAX_KB, `a backend of ${outcome.memory} kB`);
      calls += BATCH;
    }
    console.log(`${calls} calls`);
    assert.deepEqual(Object.fromEntries(seen), {});
  });

  test('the server logs no crash', () => {
    const log = readFileSync(join(stack.directory, 'log', 'postgres.log'), 'utf8');
    assert.doesNotMatch(log, /PANIC|terminated by signal|TRAP:/);
  });
});
