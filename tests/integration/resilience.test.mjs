// What a crash may cost: a worker's death costs its own requests, a database restart costs a moment, and nothing that
// was acknowledged is ever lost.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { signUp, somebody, somebodySignedIn } from './lib/people.mjs';
import { childrenOf } from './lib/processes.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const LOAD_CLIENTS = 6;
const LEASE_SECONDS = 45; // until another worker takes over the mail of one that died: edge/mail/outbox.c

describe('crashes', () => {
  let stack;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
  });
  after(() => stack?.stop());

  test('killing workers in a load of sign-ups loses no acknowledged sign-up and no mail', async () => {
    const load = new Load(LOAD_CLIENTS, async () => {
      const person = somebody(stack);
      return { person, answer: await signUp(person) };
    });
    for (let round = 1; round <= 3; round += 1) {
      await load.answered(round * 12);
      const [victim] = workers(stack);
      process.kill(victim.pid, 'SIGKILL');
      await until('a new worker', () => workers(stack).length === 2 && !workers(stack).some((w) => w.pid === victim.pid));
    }
    await load.answered(60);
    const { done, broken } = await load.stop();

    const acknowledged = done.filter(({ answer }) => answer.status === 200).map(({ person }) => person);
    assert.ok(acknowledged.length >= 30, `only ${acknowledged.length} sign-ups came through`);
    assert.deepEqual(done.filter(({ answer }) => ![200, 503].includes(answer.status)), []);
    assert.ok(broken.length <= 3 * LOAD_CLIENTS, `${broken.length} requests were cut: ${broken[0]?.message}`);

    const known = new Set(stack.sql('SELECT email FROM auth.users').map(({ email }) => email));
    assert.deepEqual(acknowledged.filter(({ email }) => !known.has(email)), []);
    await everyMailArrives(stack, acknowledged);
  });

  for (const mode of ['fast', 'immediate']) {
    test(`a database restart (${mode}) under load: 503 with Retry-After meanwhile, healed within 2 seconds`, async () => {
      const person = await somebodySignedIn(stack);
      const load = new Load(LOAD_CLIENTS, async () => ({ answer: await person.http.get('/api/auth/get-session') }));
      await load.answered(20);

      await stack.command('postgres-stop', { mode });
      const away = await until('503 from an edge without a database', async () => {
        const answer = await person.http.get('/api/auth/get-session');
        return answer.status === 503 && answer;
      });
      assert.match(away.headers['retry-after'], /^[1-9]\d*$/);
      const lively = await person.http.get('/health');
      assert.ok([200, 503].includes(lively.status));

      await stack.command('postgres-start');
      const since = Date.now();
      await until('a session again', async () => (await person.http.get('/api/auth/get-session')).status === 200, 2000);
      await load.answered(load.done.length + 20);
      assert.ok(Date.now() - since < 10_000);

      const { done, broken } = await load.stop();
      assert.deepEqual(broken, [], 'the edge answers every request, database or not');
      const others = done.filter(({ answer }) => ![200, 503].includes(answer.status));
      assert.deepEqual(others.map(({ answer }) => [answer.status, answer.text]), []);
      const live = done.filter(({ answer }) => answer.status === 200);
      assert.ok(live.every(({ answer }) => answer.json.user.id === person.id), 'nobody gets another answer');
    });
  }

  test('a sign-up acknowledged just before the database crashes is there afterwards, with its mail', async () => {
    const people = Array.from({ length: 8 }, () => somebody(stack));
    const answers = await Promise.all(people.map((person) => signUp(person)));
    await stack.command('postgres-stop', { mode: 'immediate' });
    await stack.command('postgres-start');
    const acknowledged = people.filter((_, index) => answers[index].status === 200);
    assert.equal(acknowledged.length, people.length);
    const known = new Set(stack.sql('SELECT email FROM auth.users').map(({ email }) => email));
    assert.deepEqual(acknowledged.filter(({ email }) => !known.has(email)), []);
    await everyMailArrives(stack, acknowledged);
  });

  test('killing the whole edge while a mail waits does not lose the mail', async () => {
    await stack.command('mail-stop');
    const person = somebody(stack);
    assert.equal((await signUp(person)).status, 200);
    await stack.command('edge-kill');
    await stack.command('mail-start');
    await stack.command('edge-start');
    await everyMailArrives(stack, [person]);
  });

  test('an edge told to stop finishes what it has begun', async () => {
    const person = somebody(stack);
    const blocker = stack.session();
    await blocker.run('BEGIN; LOCK TABLE auth.users IN ACCESS EXCLUSIVE MODE');
    const signingUp = signUp(person);
    await until('the sign-up to wait in the database', () => waitingForLocks(stack) === 1);
    const stopping = stack.command('edge-stop');
    await until('the edge to take no more connections', async () => {
      const refused = await person.http.get('/health').catch(({ code }) => code);
      return ['ECONNREFUSED', 'ECONNRESET'].includes(refused);
    });
    await blocker.run('ROLLBACK');
    assert.equal((await signingUp).status, 200);
    await stopping;
    await blocker.close();
    await stack.command('edge-start');
    await everyMailArrives(stack, [person]);
  });
});

/** Clients in a loop; keeps every answer, and every request that got none. */
class Load {
  constructor(clients, request) {
    this.done = [];
    this.broken = [];
    this.running = true;
    this.clients = Array.from({ length: clients }, async () => {
      while (this.running) {
        try {
          this.done.push(await request());
        } catch (error) {
          this.broken.push(error);
        }
      }
    });
  }

  answered(count) {
    return until(`${count} answers under load`, () => this.done.length >= count, 60_000);
  }

  async stop() {
    this.running = false;
    await Promise.all(this.clients);
    return this;
  }
}

/** Kore's workers; its parent has no other children. */
function workers(stack) {
  return childrenOf(stack.pids.edge).filter(({ command }) => /\[wrk \d+\]|kore/.test(command));
}

function waitingForLocks(stack) {
  return stack.sql(`SELECT 1 FROM pg_stat_activity WHERE usename = 'auth_edge' AND wait_event_type = 'Lock'`).length;
}

async function everyMailArrives(stack, people) {
  for (const { email } of people) {
    const mails = await stack.mail.find(email, { waitSeconds: LEASE_SECONDS + 30 });
    assert.ok(mails.length >= 1, `the mail to ${email} was lost`);
    assert.equal(new Set(mails.map(({ messageId }) => messageId)).size, 1, 'a mail sent twice has one Message-ID');
  }
}
