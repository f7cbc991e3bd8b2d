// A dump of the database, restored by one connection and by several: every row of every table is there again, what a DBA said of roles among them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

describe('a dump', () => {
  let stack, place;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
    place = mkdtempSync(join(tmpdir(), 'mana-dump.'));
  });
  after(async () => {
    await stack?.stop();
    rmSync(place, { recursive: true, force: true });
  });

  const run = (program, ...args) => {
    const done = spawnSync(program, ['-h', stack.socket, '-U', 'postgres', ...args], { encoding: 'utf8' });
    assert.equal(done.status, 0, `${program}: ${done.stderr}`);
    return done.stdout.trim();
  };
  const psql = (database, sql) => run('psql', '-qAtX', '-v', 'ON_ERROR_STOP=1', '-c', sql, database);
  /** {table: digest of its rows} */
  const contents = (database) => {
    const tables = psql(database, `SELECT c.oid::regclass FROM pg_class c
       WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`).split('\n');
    return Object.fromEntries(tables.map((table) => [
      table, psql(database, `SELECT count(*) || ' ' || COALESCE(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM ${table} t`),
    ]));
  };

  test('brings everything back, also by several jobs at once', async () => {
    const [ann, bob] = [await somebodySignedIn(stack, 'Ann'), await somebodyVerified(stack, 'Bob')];
    assert.equal((await ann.http.post('/api/auth/organization/create', { name: 'Acme', slug: 'acme' })).status, 200);
    const invited = await ann.http.post('/api/auth/organization/invite-member', { email: bob.email, role: 'admin' });
    assert.equal((await bob.http.post('/api/auth/organization/accept-invitation', { invitationId: invited.json.id })).status, 200);
    stack.psql(`
      INSERT INTO auth.organization_roles VALUES ('treasurer', 150);
      INSERT INTO auth.organization_permissions VALUES
        ('treasurer', 'credits', 'allocate', true), ('admin', 'invitation', 'create', false), ('member', 'invitation', 'create', true);`);
    const mails = await stack.mail.find(bob.email, { count: 2 });
    assert.equal(mails.length, 2);
    await stack.command('edge-stop'); // nothing is written any more

    run('pg_dump', '-Fc', '-f', join(place, 'dump'), 'mana_platform');
    run('createdb', 'restored');
    run('pg_restore', '--exit-on-error', '-d', 'restored', join(place, 'dump'));
    run('pg_dump', '-Fd', '--jobs=2', '-f', join(place, 'folder'), 'mana_platform');
    for (const database of ['parallel_1', 'parallel_2']) {
      run('createdb', database);
      process.env.PGOPTIONS = '-c session_replication_role=replica'; // as README.md says
      run('pg_restore', '--exit-on-error', '--jobs=4', '-d', database, join(place, database === 'parallel_1' ? 'dump' : 'folder'));
      delete process.env.PGOPTIONS;
    }

    const before = contents('mana_platform');
    assert.notEqual(before['auth.members'], '0 ');
    for (const database of ['restored', 'parallel_1', 'parallel_2']) assert.deepEqual(contents(database), before, database);
    const roles = 'SELECT string_agg(p::text, \' \' ORDER BY p::text) FROM auth.organization_role_permissions p';
    assert.equal(psql('restored', roles), psql('mana_platform', roles));
    assert.equal(psql('restored', `SELECT auth.role_may('admin', 'invitation', 'create'), auth.role_may('member', 'invitation', 'create'),
      auth.role_may('treasurer', 'credits', 'allocate')`), 'f|t|t');
  });
});
