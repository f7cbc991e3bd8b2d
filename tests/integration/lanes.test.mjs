// A call that waits for a lock, or takes long, delays its own user and nobody else. What is asserted is the order in which
// answers come, never how long they take.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const WRITE_PIPELINES = 2; // DB_WRITE_PIPELINES
const DELAY_MS = 50; // LANE_DELAY_MS of edge/db/lane.h
const QUERY_TIMEOUT_MS = 8000; // DB_QUERY_TIMEOUT_MS

describe('lanes of the database client', () => {
  let stack;
  let ada;
  let bob;
  let kept; // backends of the connections that calls share: nobody has waited for a turn yet
  before(async () => {
    stack = await startStack({ WORKERS: '1', TRUSTED_PROXIES: '127.0.0.0/8' }, UNLIMITED);
    ada = await somebodySignedIn(stack);
    bob = await somebodySignedIn(stack);
    const backends = () => stack.sql(`SELECT pid FROM pg_stat_activity WHERE usename = 'auth_edge'`);
    await until('all connections that are kept', () => backends().length >= 5);
    kept = backends().map(({ pid }) => pid);
    stack.psql(`CREATE TABLE public.limits (name text, statement_ms integer, lock_ms integer);
      CREATE FUNCTION public.note_limits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN
        INSERT INTO public.limits SELECT NEW.name, max(setting::integer) FILTER (WHERE name = 'statement_timeout'),
          max(setting::integer) FILTER (WHERE name = 'lock_timeout') FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout');
        RETURN NULL;
      END $$;
      CREATE TRIGGER note_limits AFTER UPDATE OF name ON auth.users FOR EACH ROW EXECUTE FUNCTION public.note_limits()`);
    assert.equal((await bob.http.post('/api/auth/update-user', { name: 'Bob' })).status, 200);
  });
  after(() => stack?.stop());

  const locksWaiting = () =>
    stack.sql(`SELECT 1 FROM pg_stat_activity WHERE usename = 'auth_edge' AND wait_event_type = 'Lock'`).length;

  const sessions = [];
  afterEach(() => Promise.all(sessions.splice(0).map((session) => session.close())));

  /** Holds the rows of a user, as a transaction that takes its time would. */
  const hold = async (person) => {
    const session = stack.session();
    sessions.push(session);
    await session.run(`BEGIN; SELECT FROM auth.users WHERE id = '${person.id}' FOR UPDATE;
      SELECT FROM auth.sessions WHERE user_id = '${person.id}' FOR UPDATE`);
    return () => session.run('ROLLBACK');
  };

  /** Sends requests at once; `done` holds the answers so far. */
  const start = (count, request) => {
    const done = [];
    const all = Array.from({ length: count }, (_, n) => request(n).then((answer) => done.push(answer)));
    return { done, all: Promise.all(all) };
  };

  const rename = (person) => (n) => person.http.post('/api/auth/update-user', { name: `N${n}` });

  /** How often a call on a shared connection has been undone because it got no lock. */
  const undone = () => stack.postgresLog()
    .filter((line) => line.includes('canceling statement due to lock timeout') && kept.some((pid) => line.includes(`[${pid}]`))).length;

  const byAddress = (path, more) => (person) => (n) => new Client(stack.url).post(path, {
    email: [...person.email].map((letter, i) => (i % 8 === n % 8 ? letter.toUpperCase() : letter)).join(''), ...more,
  });
  const callsOfOne = {
    'of a session': rename,
    'with one refresh token': (person) => () => new Client(stack.url).post('/api/v1/auth/refresh', { refreshToken: person.refreshToken }),
    'that reset the password of one address, spelled in several ways': byAddress('/api/auth/request-password-reset'),
    'for a verification mail to one address': byAddress('/api/v1/auth/resend-verification'),
    'for a sign-in link to one address': byAddress('/api/auth/sign-in/magic-link'),
    'that sign in with one address': byAddress('/api/auth/sign-in/email', { password: PASSWORD }),
  };
  for (const [what, calls] of Object.entries(callsOfOne))
    test(`8 calls ${what} wait for a lock for 50 ms on a connection, all together`, async () => {
      const person = await somebodySignedIn(stack);
      if (what.includes('refresh')) {
        const login = await new Client(stack.url).post('/api/v1/auth/login', { email: person.email, password: PASSWORD });
        person.refreshToken = login.json.refreshToken;
      }
      if (what.includes('verification')) stack.psql(`UPDATE auth.users SET email_verified = false WHERE id = '${person.id}'`);
      const before = undone();
      const release = await hold(person);
      const blocked = start(8, calls(person));
      await until('a request to wait for the lock', () => locksWaiting() > 0);
      assert.equal((await bob.http.post('/api/auth/update-user', { name: 'Bob' })).status, 200);
      await release();
      await blocked.all;
      assert.deepEqual(new Set(blocked.done.map(({ status }) => status)), new Set([200]), JSON.stringify(blocked.done.map(({ text }) => text)));
      const count = undone() - before;
      const [{ lock_ms: lockMs }] = stack.sql(`SELECT lock_ms FROM public.limits WHERE name = 'Bob'`);
      assert.ok(count >= 1 && count * lockMs <= DELAY_MS * WRITE_PIPELINES, `undone ${count} times after ${lockMs} ms`);
    });

  test('a third user passes while two wait for locks, and each is served when its lock is free', async () => {
    const people = [];
    for (let i = 0; i < 5; i += 1) people.push(await somebodySignedIn(stack));
    const releases = [];
    for (const person of people) releases.push(await hold(person));
    const blocked = [];
    for (const person of people) {
      blocked.push(start(4, rename(person)));
      await until('a request to wait for the lock', () => locksWaiting() > 0);
    }
    for (const i of [4, 2, 0, 3, 1]) { // more than there are patient connections, in no order
      await releases[i]();
      await blocked[i].all;
      assert.deepEqual(blocked[i].done.map(({ status }) => status), [200, 200, 200, 200]);
      assert.deepEqual(blocked.filter(({ done }) => done.length > 0 && done.length < 4), []);
    }
  });

  test('a call that is sent again keeps the deadline that it had', async () => {
    const person = await somebodySignedIn(stack);
    stack.psql('DELETE FROM public.limits');
    const before = undone();
    const release = await hold(person);
    const blocked = start(1, rename(person));
    await until('the call to be undone', () => undone() > before);
    await release();
    await blocked.all;
    assert.deepEqual(blocked.done.map(({ status }) => status), [200]);
    const [{ statement_ms: left }] = stack.sql(`SELECT statement_ms FROM public.limits WHERE name = 'N0'`);
    assert.ok(left > 0 && left < QUERY_TIMEOUT_MS, String(left));
  });

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
