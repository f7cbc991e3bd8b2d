// A call that waits for a lock, or takes long, delays its own user and nobody else. What is asserted is the order in which
// answers come, never how long they take.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { signIn, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

describe('lanes of the database client', () => {
  let stack;
  let ada;
  let bob;
  before(async () => {
    stack = await startStack({ WORKERS: '1', TRUSTED_PROXIES: '127.0.0.0/8' }, UNLIMITED);
    ada = await somebodySignedIn(stack);
    bob = await somebodySignedIn(stack);
  });
  after(() => stack?.stop());

  const locksWaiting = () =>
    stack.sql(`SELECT 1 FROM pg_stat_activity WHERE usename = 'auth_edge' AND wait_event_type = 'Lock'`).length;

  const sessions = [];
  after(() => sessions.forEach((session) => session.close()));

  /** Holds the row of a user, as a transaction that takes its time would. */
  const hold = async (person) => {
    const session = stack.session();
    sessions.push(session);
    await session.run(`BEGIN; SELECT FROM auth.users WHERE id = '${person.id}' FOR UPDATE`);
    return () => session.run('ROLLBACK');
  };

  /** Sends requests at once; `done` holds the answers so far. */
  const start = (count, request) => {
    const done = [];
    const all = Array.from({ length: count }, (_, n) => request(n).then((answer) => done.push(answer)));
    return { done, all: Promise.all(all) };
  };

  const rename = (person) => (n) => person.http.post('/api/auth/update-user', { name: `N${n}` });

  for (const count of [16, 64])
    test(`${count} requests of a user whose row is locked let everybody else pass`, async () => {
      const release = await hold(ada);
      const blocked = start(count, rename(ada));
      await until('a request to wait for the lock', () => locksWaiting() > 0);
      const others = start(24, async (n) => {
        if (n % 3 === 0) return bob.http.post('/api/auth/update-user', { name: 'Bob' });
        if (n % 3 === 1) return bob.http.get('/api/auth/get-session');
        return new Client(stack.url).post('/api/auth/request-password-reset', { email: `nobody${n}@example.com` });
      });
      await others.all;
      assert.deepEqual(others.done.filter(({ status }) => status !== 200).map(({ status, text }) => [status, text]), []);
      assert.deepEqual(blocked.done.filter(({ status }) => status !== 503), [], 'no answer to who is blocked, or a refusal');
      assert.ok(blocked.done.length < count, 'the lock was still held');
      await release();
      await blocked.all;
      const statuses = new Set(blocked.done.map(({ status }) => status));
      assert.deepEqual([...statuses].filter((status) => ![200, 503].includes(status)), []);
      if (count === 16) assert.deepEqual([...statuses], [200], 'each was served in the end');
    });

  test('a user whose row is locked goes on reading', async () => {
    const release = await hold(ada);
    const blocked = start(4, rename(ada));
    await until('a request to wait for the lock', () => locksWaiting() > 0);
    assert.equal((await ada.http.get('/api/auth/get-session')).json.user.id, ada.id);
    assert.equal(blocked.done.length, 0);
    await release();
    await blocked.all;
    assert.deepEqual(blocked.done.map(({ status }) => status), [200, 200, 200, 200]);
  });

  test('requests without a session for a locked account let other accounts sign in', async () => {
    const locked = await somebodyVerified(stack);
    const release = await hold(locked);
    const from = (ip) => new Client(stack.url, { headers: { 'x-forwarded-for': ip } });
    const blocked = start(12, (n) => signIn({ ...locked, http: from(`10.0.${n}.1`) }));
    await until('a sign-in to wait for the lock', () => locksWaiting() > 0);
    const other = await signIn({ ...bob, http: from('10.1.0.1') });
    assert.equal(other.status, 200);
    assert.deepEqual(blocked.done.filter(({ status }) => status === 200), []);
    await release();
    await blocked.all;
    assert.deepEqual(new Set(blocked.done.map(({ status }) => status)), new Set([200]));
  });

  test('one user has at most so many requests waiting: the rest is refused with Retry-After, for that user only', async () => {
    const release = await hold(ada);
    const blocked = start(120, rename(ada));
    await until('a refusal', () => blocked.done.length > 0);
    assert.deepEqual(blocked.done.filter(({ status, headers }) => status !== 503 || !/^[1-9]/.test(headers['retry-after'])), []);
    assert.equal((await bob.http.post('/api/auth/update-user', { name: 'Bob' })).status, 200);
    await release();
    await blocked.all;
    assert.ok(blocked.done.some(({ status }) => status === 200));
  });

  test('a slow call of one user leaves room for one of another', async () => {
    const lock = stack.session();
    sessions.push(lock);
    await lock.run(`BEGIN; SELECT FROM auth.users WHERE id = '${ada.id}' FOR UPDATE`);
    const blocked = start(8, () => ada.http.delete('/api/v1/me/data', { bearer: ada.token }));
    await until('a request to wait for the lock', () => locksWaiting() > 0);
    assert.equal((await bob.http.get('/api/v1/me/data', { bearer: bob.token })).status, 200);
    assert.equal((await bob.http.get('/api/v1/me/data/export', { bearer: bob.token })).status, 200);
    assert.deepEqual(blocked.done.filter(({ status }) => status === 200), []);
    await lock.run('ROLLBACK');
    await blocked.all;
  });
});
