// What a page of users costs among 60,000: the rows that its plan reads, which do not grow with the table. Never the time; that is
// what tests/bench/admin_search prints, among a million.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { somebodySignedIn, token } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const USERS = 60_000;

describe('finding users among many', () => {
  let stack;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
    stack.psql(readFileSync(new URL('../bench/admin_search.sql', import.meta.url), 'utf8'), { users: USERS });
  });
  after(() => stack?.stop());

  /** The nodes of a plan that read the table or an index of it, and how many rows each has looked at. */
  const reads = (query) => {
    const found = [];
    const walk = (node) => {
      if (node['Node Type'].includes('Scan')) {
        const dropped = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
        found.push({ kind: node['Node Type'], index: node['Index Name'], rows: (node['Actual Rows'] + dropped) * node['Actual Loops'] });
      }
      (node.Plans ?? []).forEach(walk);
    };
    walk(JSON.parse(stack.psql(`EXPLAIN (ANALYZE, FORMAT JSON) ${query}`))[0].Plan);
    return found;
  };
  const page = ({ search, tier, after_id: id, skip = 0 }) => stack.psql(
    `SELECT auth.user_search_query(NULLIF(:'search', ''), NULLIF(:'tier', '')::auth.access_tier,
       (SELECT created_at FROM auth.users WHERE id = :'id'), NULLIF(:'id', ''), :skip, 20)`,
    { search: search ?? '', tier: tier ?? '', id: id ?? '', skip });
  const most = (nodes) => Math.max(...nodes.map(({ rows }) => rows));
  const of = (nodes) => [...new Set(nodes.map(({ index }) => index).filter(Boolean))];

  test('a page walks the index of the newest users, to where it ends and no further', () => {
    for (const skip of [0, 19_980]) {
      const nodes = reads(page({ skip }));
      assert.deepEqual(nodes, [{ kind: 'Index Only Scan', index: 'users_created_at_idx', rows: skip + 20 }]);
    }
  });

  test('behind a user that is named it walks no further than the page, however deep', () => {
    const nodes = reads(page({ after_id: (10).toString(16).padStart(32, '0') }));
    assert.deepEqual(of(nodes), ['users_created_at_idx']);
    assert.ok(most(nodes) <= 20, JSON.stringify(nodes));
  });

  test('of a tier, the index of the tier', () => {
    for (const skip of [0, 9_980]) {
      const nodes = reads(page({ tier: 'beta', skip }));
      assert.deepEqual(nodes, [{ kind: 'Index Only Scan', index: 'users_access_tier_idx', rows: skip + 20 }]);
    }
  });

  test('a rare word is found by its trigrams: no more rows are read than it names', () => {
    for (const [search, found] of [['xylophon', 5], ['XYLOPH', 5], ['nobody-is-called-that', 0]]) {
      const nodes = reads(page({ search }));
      assert.ok(of(nodes).includes('users_search_idx'), JSON.stringify(nodes));
      assert.ok(most(nodes) <= found + 5, JSON.stringify(nodes));
    }
  });

  test('a frequent word is met along the newest users', () => {
    const nodes = reads(page({ search: 'example' }));
    assert.deepEqual(of(nodes), ['users_created_at_idx']);
    assert.ok(most(nodes) <= 40, JSON.stringify(nodes));
  });

  test('two letters begin a name or an address, by trigrams too', () => {
    const nodes = reads(page({ search: 'xy' }));
    assert.ok(of(nodes).length > 0 && !nodes.some(({ kind }) => kind === 'Seq Scan'), JSON.stringify(nodes));
    assert.ok(most(nodes) < USERS / 20, JSON.stringify(nodes));
  });

  test('over HTTP, page 1,000 and what is behind it', async () => {
    const admin = await somebodySignedIn(stack, 'Root');
    stack.psql(`SELECT auth.grant_admin(:'email')`, { email: admin.email });
    const bearer = await token(admin);
    const list = async (query) => (await admin.http.get(`/api/v1/admin/users?${query}`, { bearer })).json;
    const far = await list('page=1000');
    assert.deepEqual([far.users.length, far.totalIsExact], [20, false]);
    assert.ok(far.total >= 20_000 && far.next === far.users[19].id);
    const behind = await list(`after=${far.next}`);
    assert.deepEqual(behind.users, (await list('page=1001')).users);
    assert.equal((await list('search=xylophon')).total, 5);
  });

  test('the number of users is counted up to a thousand and estimated beyond', () => {
    const total = (search) => stack.sql(`SELECT t.total, t.is_exact FROM auth.user_search_total(NULLIF(:'search', ''), NULL) t`, { search })[0];
    assert.deepEqual(total('xylophon'), { total: 5, is_exact: true });
    assert.deepEqual(total('meyer'), { total: USERS / 100, is_exact: true });
    const { total: all, is_exact: exact } = total('');
    assert.equal(exact, false);
    assert.ok(Math.abs(all - USERS) < USERS / 10, `${all}`);
  });
});
