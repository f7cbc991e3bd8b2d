// ALTER EXTENSION mana_auth UPDATE: an updated database is the same as a new one, and its rows survive.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { startStack } from './lib/stack.mjs';

const CATALOG = readFileSync(new URL('lib/catalog.sql', import.meta.url), 'utf8');
const FILLED = readFileSync(new URL('lib/filled_1.0.sql', import.meta.url), 'utf8');

let stack;
before(async () => {
  stack = await startStack();
});
after(() => stack?.stop());

function psql(database, text) {
  const place = ['-h', stack.socket, '-U', 'postgres', database];
  const done = spawnSync('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', ...place, '-f', '-'], {
    input: text, encoding: 'utf8', maxBuffer: 2 ** 28,
  });
  if (done.status !== 0) throw new Error(done.stderr);
  return done.stdout.trim();
}

function databaseWithVersion(name, version) {
  psql('postgres', `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'`);
  psql(name, `CREATE EXTENSION mana_auth VERSION '${version}' CASCADE`);
}

const rows = (database, text) => JSON.parse(psql(database, `SELECT coalesce(json_agg(r), '[]') FROM (${text}) r`));
const catalogOf = (database) => Object.fromEntries(rows(database, CATALOG).map((r) => [r.object, r.definition]));
const TABLES = `SELECT c.oid::regclass::text AS name FROM pg_class c
  WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`;
const countsOf = (database) => {
  const counted = rows(database, TABLES).map(({ name }) => `SELECT '${name}' AS name, count(*) AS count FROM ${name}`);
  return Object.fromEntries(rows(database, counted.join(' UNION ALL ')).map(({ name, count }) => [name, count]));
};

describe('update from 1.0', () => {
  before(() => {
    databaseWithVersion('fresh', '1.1');
    databaseWithVersion('updated', '1.0');
    psql('updated', `ALTER EXTENSION mana_auth UPDATE`);
    databaseWithVersion('filled', '1.0');
    psql('filled', FILLED);
    filledBefore = countsOf('filled');
    psql('filled', `ALTER EXTENSION mana_auth UPDATE`);
  });
  let filledBefore;

  test('an updated database has the same objects as a new one', () => {
    const fresh = catalogOf('fresh'), updated = catalogOf('updated');
    const names = [...new Set([...Object.keys(fresh), ...Object.keys(updated)])].sort();
    const differences = names.filter((name) => fresh[name] !== updated[name])
      .map((name) => ({ object: name, fresh: fresh[name], updated: updated[name] }));
    assert.deepEqual(differences, []);
  });

  test('an updated database has the same built-in rows as a new one', () => {
    assert.deepEqual(countsOf('updated'), countsOf('fresh'));
  });

  test('every row of a filled database survives the update', () => {
    const now = countsOf('filled');
    for (const [table, count] of Object.entries(filledBefore)) {
      if (table in now) assert.ok(now[table] >= count, `${table}: ${count} before, ${now[table]} after`);
    }
    assert.deepEqual(rows('filled', `SELECT email, name FROM auth.users ORDER BY email`),
      [{ email: 'ada@example.com', name: 'Ada' }, { email: 'grace@example.com', name: 'Grace' }]);
  });

  test('every constraint of a filled database is valid', () => {
    assert.deepEqual(rows('filled', `SELECT conname FROM pg_constraint WHERE NOT convalidated`), []);
  });
});
