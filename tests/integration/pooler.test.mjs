// The edge behind PgBouncer, by session and by transaction.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';

import { answers, PROGRAM, spawnEdge } from './lib/edge.mjs';
import { Client } from './lib/http.mjs';
import { signIn, somebodySignedIn, token } from './lib/people.mjs';
import { startPooler } from './lib/pooler.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { vaultOf } from './lib/vault.mjs';
import { until } from './lib/wait.mjs';

describe('the edge behind a pooler', () => {
  let stack, ada;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
    ada = await somebodySignedIn(stack);
    await vaultOf(ada).init();
  });
  after(() => stack?.stop());

  /** An edge whose database connections go through the pooler. */
  const behind = (pooler, environment) =>
    spawnEdge(stack, {
      WORKERS: '2', ...environment,
      DATABASE_URL: `postgresql://auth_edge:any@/mana_platform?host=${encodeURIComponent(pooler.folder)}&port=${pooler.port}`,
    });

  async function serves(edge) {
    await until('the edge is ready', () => answers(edge.port, '/health/ready'));
    const visitors = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const user = { ...ada, http: new Client(`http://127.0.0.1:${edge.port}`, { origin: stack.url }) };
        assert.equal((await signIn(user)).status, 200);
        user.token = await token(user);
        for (let i = 0; i < 3; i++) {
          assert.equal((await vaultOf(user).key()).status, 200);
          assert.equal((await user.http.post('/api/auth/update-user', { name: `Ada ${i}` })).status, 200);
          assert.equal((await user.http.get('/api/auth/get-session')).json.user.id, ada.id);
        }
        return user;
      }),
    );
    assert.equal(new Set(visitors.map(({ token }) => token)).size, visitors.length);
  }

  async function stopped(edge) {
    edge.child.kill();
    await edge.ended;
  }

  test('by session', async () => {
    const pooler = await startPooler(stack, { pool_mode: 'session', max_client_conn: 200, default_pool_size: 40 }, 'auth_edge');
    const edge = await behind(pooler, { DB_POOLER: 'session', DB_PIPELINES: '4' });
    try {
      await serves(edge);
    } finally {
      await stopped(edge);
      await pooler.stop();
    }
  });

  test('an edge that does not know of the pooler is not ready', async () => {
    const pooler = await startPooler(stack, { pool_mode: 'session', max_client_conn: 200, default_pool_size: 40 }, 'auth_edge');
    const edge = await behind(pooler);
    try {
      await new Promise((resolve) => setTimeout(resolve, 2000)); // an edge that accepts it is ready long before
      assert.equal(await answers(edge.port, '/health/ready'), false);
    } finally {
      await stopped(edge);
      await pooler.stop();
    }
  });

  test('by transaction, where the edge is not ready until its role has the settings', async () => {
    const pooler = await startPooler(stack, { pool_mode: 'transaction', max_client_conn: 200, default_pool_size: 6 }, 'auth_edge');
    const environment = { DB_POOLER: 'transaction', DB_PIPELINES: '6', DB_WRITE_PIPELINES: '6' };
    try {
      const early = await behind(pooler, { ...environment, WORKERS: '1' });
      try {
        await new Promise((resolve) => setTimeout(resolve, 2000)); // an edge with settings is ready long before
        assert.equal(await answers(early.port, '/health/ready'), false);
      } finally {
        await stopped(early);
      }

      const sql = execFileSync(PROGRAM, ['settings'], { env: { ...stack.environment, ...environment }, encoding: 'utf8' });
      stack.psql(sql, { role: 'auth_edge', database: 'mana_platform' });
      await pooler.reconnect();
      const edge = await behind(pooler, environment);
      try {
        await serves(edge);
      } finally {
        await stopped(edge);
      }
    } finally {
      stack.psql('ALTER ROLE auth_edge IN DATABASE mana_platform RESET ALL');
      await pooler.stop();
    }
  });
});
