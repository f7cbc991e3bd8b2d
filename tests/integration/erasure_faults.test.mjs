// Erasures while everything dies: workers, whole edges, the database, the sync database and mana-credits, at random. In the end
// every one is complete, and at no time does one say so that is not. ERASURES sets how many (200 in `make faults`); the order of
// events follows from ERASURE_SEED, which a failure prints.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { somebodySignedIn } from './lib/people.mjs';
import { childrenOf } from './lib/processes.mjs';
import { startService } from './lib/service.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { startSync, SYNC } from './lib/sync.mjs';
import { until } from './lib/wait.mjs';

const ERASURES = Number(process.env.ERASURES ?? 40);
const SEED = Number(process.env.ERASURE_SEED ?? randomInt(2 ** 31));
const CLIENTS = 4;
const ERASURES_PER_FAULT = 3;
const LEASE_SECONDS = 20; // edge/jobs/erasure.c
const QUICK_HASHES = { HASH_MEMORY_KIB: '8192', HASH_PASSES: '1' };

describe(`faults in ${ERASURES} erasures, seed ${SEED}`, () => {
  const random = generator(SEED);
  const balances = new Map(); // what mana-credits holds
  let stack, sync, credits, mood = () => 'well';

  before(async () => {
    credits = await startService(forget);
    stack = await startStack({ MANA_CREDITS_URL: credits.url, ...SYNC, ...QUICK_HASHES }, UNLIMITED);
    sync = startSync(stack);
  });
  after(async () => {
    await stack?.stop();
    await credits?.stop();
  });

  /** mana-credits, as well as it is: it may die before it has done what it was asked, or before it could say so. */
  function forget({ method, path }) {
    const how = mood();
    if (how === 'dead') return { status: 0 };
    if (how === 'broken') return { status: 500 };
    if (method !== 'DELETE') return {};
    const had = balances.delete(path.split('/').at(-1));
    return how === 'mute' ? { status: 0 } : { body: { deletedCount: had ? 1 : 0 } };
  }

  async function somebodyWithData() {
    const person = await somebodySignedIn(stack);
    person.records = 1 + random(4);
    sync.add(person.id, 'todo', person.records);
    balances.set(person.id, 100);
    return person;
  }

  /** Asks until somebody answers. 401: they had begun when the answer was lost. */
  async function erase(person) {
    for (;;) {
      try {
        const answer = await person.http.request('DELETE', '/api/v1/me/data', { json: { password: person.password }, bearer: person.token });
        if ([200, 202, 401].includes(answer.status)) return answer;
        assert.equal(answer.status, 503, answer.text);
      } catch (error) {
        if (!['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code)) throw error;
      }
      await until('an edge', ready, 60_000);
    }
  }

  const ready = () => fetch(`${stack.url}/health/ready`).then(({ ok }) => ok, () => false);

  const faults = {
    worker: async () => {
      const workers = childrenOf(stack.pids.edge);
      process.kill(workers[random(workers.length)].pid, 'SIGKILL');
    },
    edge: async () => {
      await stack.command('edge-kill');
      await stack.command('edge-start');
    },
    database: async () => {
      await stack.command('postgres-stop', { mode: 'immediate' });
      await stack.command('postgres-start');
      await until('an edge', ready, 60_000);
    },
    syncAway: async () => sync.away(),
    syncBack: async () => sync.back(),
    credits: async () => {
      const moods = ['well', 'dead', 'broken', 'mute'];
      mood = () => moods[random(moods.length)];
    },
    creditsWell: async () => { mood = () => 'well'; },
  };
  const order = [
    'worker', 'worker', 'worker', 'syncAway', 'syncBack', 'syncAway', 'syncBack', 'credits', 'credits', 'creditsWell', 'edge', 'database'];

  test('every one is complete in the end, and none says so before', async () => {
    const stayers = [await somebodyWithData(), await somebodyWithData()];
    const leavers = [];
    while (leavers.length < ERASURES) leavers.push(await somebodyWithData());
    await until('mana-credits knows them all', () => stack.sql(
      `SELECT 1 FROM auth.outbound_calls WHERE state = 'pending'`).length === 0, 60_000);

    const waiting = [...leavers];
    const happened = [];
    let answered = 0, broken = null;
    const clients = Array.from({ length: CLIENTS }, async () => {
      for (let person = waiting.pop(); person && !broken; person = waiting.pop()) {
        person.answer = await erase(person);
        answered += 1;
      }
    }).map((client) => client.catch((error) => { broken = error; }));
    while (answered < ERASURES && !broken) {
      const due = Math.min(answered + ERASURES_PER_FAULT, ERASURES);
      await until('more answers', () => answered >= due || broken, 120_000);
      const what = order[random(order.length)];
      await faults[what]();
      happened.push(what);
      assertHonest();
    }
    await Promise.all(clients);
    assert.ifError(broken);
    assert.ok(happened.length >= ERASURES / ERASURES_PER_FAULT / CLIENTS, happened.join(' '));

    await faults.syncBack();
    await faults.creditsWell();
    assertHonest();
    await until('every erasure to be complete', () => {
      stack.psql(`UPDATE auth.erasure_sources SET next_attempt_at = now() WHERE state = 'pending'`);
      return pending() === 0;
    }, LEASE_SECONDS * 1000 + ERASURES * 1000);

    assertHonest();
    assert.equal(stack.sql('SELECT 1 FROM auth.erasures WHERE completed_at IS NOT NULL').length, ERASURES);
    for (const person of leavers) {
      const gone = stack.sql(`SELECT 1 FROM auth.security_events WHERE user_id = :'id' AND event_type = 'ACCOUNT_DELETED'`, { id: person.id });
      assert.equal(gone.length, 1, 'erased once');
      assert.deepEqual([sync.count(person.id), balances.has(person.id)], [0, false]);
    }
    assert.deepEqual(stack.sql('SELECT id FROM auth.users ORDER BY id').map(({ id }) => id), stayers.map(({ id }) => id).sort());
    for (const person of stayers) assert.deepEqual([sync.count(person.id), balances.has(person.id)], [person.records, true]);
    const [told] = stack.sql(`SELECT sum(deleted_count)::integer AS n FROM auth.erasure_sources WHERE source = 'sync'`);
    assert.equal(told.n, leavers.reduce((sum, { records }) => sum + records, 0), 'a lost answer loses no count');
    // a mail that a killed worker had in hand is another's when its lease is over: now, for this test
    stack.psql(`UPDATE auth.outbox SET leased_until = now(), next_attempt_at = now() WHERE state = 'pending'`);
    await until('every mail to be sent', () => stack.sql(
      `SELECT 1 FROM auth.outbox WHERE kind = 'account_deleted' AND state = 'pending'`).length === 0, 60_000);
    for (const { email } of leavers) {
      const mails = await stack.mail.find(email, { contains: 'gelöscht' });
      assert.equal(new Set(mails.map(({ messageId }) => messageId)).size, 1, `mails to ${email}`);
    }
  });

  function pending() {
    return stack.sql('SELECT 1 FROM auth.erasures WHERE completed_at IS NULL').length;
  }

  /** What is said to be done is done; what is not is asked again. */
  function assertHonest() {
    const unasked = stack.sql(`
      SELECT e.id FROM auth.erasures e
       WHERE e.completed_at IS NULL AND NOT EXISTS (
         SELECT FROM auth.erasure_sources s WHERE s.erasure_id = e.id AND s.state = 'pending' AND s.next_attempt_at IS NOT NULL)`);
    assert.deepEqual(unasked, [], 'none is forgotten');
    const rash = stack.sql(`
      SELECT e.id FROM auth.erasures e JOIN auth.erasure_sources s ON s.erasure_id = e.id
       WHERE e.completed_at IS NOT NULL AND s.state <> 'done' AND s.state <> 'absent'`);
    assert.deepEqual(rash, [], 'none is complete before its sources are');
    const asked = stack.sql(`
      SELECT e.user_id, s.source FROM auth.erasures e JOIN auth.erasure_sources s ON s.erasure_id = e.id
       WHERE e.user_id IS NOT NULL AND s.state = 'done'`);
    for (const { user_id: id, source } of asked) {
      if (source === 'credits') assert.ok(!balances.has(id), 'mana-credits has forgotten');
      if (source === 'auth') assert.fail('our own rows went first');
    }
    const half = stack.sql(`
      SELECT u.id FROM auth.users u
       WHERE (u.deleted_at IS NULL) = EXISTS (SELECT FROM auth.erasures e WHERE e.user_id = u.id)`);
    assert.deepEqual(half, [], 'who is shut out is being erased, and the other way round');
  }
});

/** Numbers below a bound, the same for a seed (mulberry32). */
function generator(seed) {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let n = Math.imul(state ^ (state >>> 15), 1 | state);
    n = (n + Math.imul(n ^ (n >>> 7), 61 | n)) ^ n;
    return ((n ^ (n >>> 14)) >>> 0) % bound;
  };
}
