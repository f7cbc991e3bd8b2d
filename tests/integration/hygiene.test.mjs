// A stack leaves nothing behind, however it ends, and does not mind a second one beside it.

import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { after, describe, test } from 'node:test';

import { signUp, somebody } from './lib/people.mjs';
import { childrenOf, processesOf, sharedMemory } from './lib/processes.mjs';
import { startStack } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

describe('a stack', () => {
  const stacks = [];
  const start = async (environment) => {
    const stack = await startStack(environment);
    stacks.push(stack);
    return stack;
  };
  after(() => Promise.all(stacks.map((stack) => stack.stop())));

  test('runs beside another one: each has its own users, mails and ports', async () => {
    const [left, right] = await Promise.all([start(), start()]);
    assert.notEqual(left.url, right.url);
    const person = somebody(left);
    assert.equal((await signUp(person)).status, 200);
    await left.mail.latest(person.email);
    assert.deepEqual(right.sql('SELECT id FROM auth.users'), []);
    assert.deepEqual(await right.mail.all(), []);
  });

  test('listens on no TCP port for its database', async () => {
    const stack = await start();
    assert.equal(stack.psql('SHOW listen_addresses'), '');
  });

  test('lets its edge do nothing but call the API', async () => {
    const stack = await start();
    const [role] = stack.sql(
      `SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = 'auth_edge'`,
    );
    assert.deepEqual(Object.values(role), [false, false, false, false, false]);
    const readable = stack.sql(
      `SELECT relname FROM pg_class WHERE relnamespace = 'auth'::regnamespace AND relkind IN ('r', 'v', 'p')
       AND has_table_privilege('auth_edge', oid, 'SELECT, INSERT, UPDATE, DELETE')`,
    );
    assert.deepEqual(readable, []);
  });

  for (const [how, end] of [
    ['stopped', (stack) => stack.stop()],
    ['interrupted', (stack) => stack.process.kill('SIGINT')],
    ['terminated', (stack) => stack.process.kill('SIGTERM')],
    ['killed', (stack) => stack.process.kill('SIGKILL')],
    ['deserted by the test that started it', (stack) => stack.process.stdin.destroy()],
  ]) {
    test(`leaves no process and no shared memory when ${how}`, async () => {
      const stack = await startStack();
      const creators = new Set(Object.values(stack.pids));
      end(stack);
      await stack.ended;
      await until('its processes to be gone', () => processesOf(stack.directory).length === 0);
      await until('its shared memory to be gone', () => !sharedMemory().some(({ cpid }) => creators.has(cpid)));
    });
  }

  test('notices when a part dies, says so and ends', async () => {
    const stack = await startStack();
    const creators = new Set(Object.values(stack.pids));
    process.kill(stack.pids.postgres, 'SIGKILL');
    const event = await stack.answer();
    assert.deepEqual([event.event, event.name], ['died', 'postgres']);
    assert.equal((await stack.ended).code, 1);
    assert.deepEqual(processesOf(stack.directory), []);
    assert.ok(!sharedMemory().some(({ cpid }) => creators.has(cpid)));
  });

  test('whose Kore parent is killed leaves no worker and no shared memory', async () => {
    const stack = await start();
    const parent = stack.pids.edge;
    const workers = childrenOf(parent).map(({ pid }) => pid);
    assert.ok(workers.length >= 2);
    await stack.command('edge-kill');
    await until('the workers to be gone', () => workers.every((pid) => !existsSync(`/proc/${pid}`)));
    assert.ok(!sharedMemory().some(({ cpid }) => cpid === parent));
    await stack.command('edge-start');
  });

  test('of a killed test is swept away by the next one', async () => {
    const dead = await startStack();
    dead.process.kill('SIGKILL');
    await dead.ended;
    assert.ok(existsSync(dead.directory));
    await start();
    assert.ok(!existsSync(dead.directory));
  });
});

describe('a stack that keeps its data', () => {
  test('starts again from where it was, and refuses to run twice at once', async () => {
    const options = { keep: `kept-${process.pid}` };
    const first = await startStack({}, options);
    const person = somebody(first);
    assert.equal((await signUp(person)).status, 200);
    await assert.rejects(startStack({}, options), /the stack ended.*"code":1/);
    await first.stop();

    const second = await startStack({}, options);
    const [user] = second.sql(`SELECT name FROM auth.users WHERE email = :'email'`, { email: person.email });
    await second.stop();
    rmSync(second.directory, { recursive: true });
    assert.equal(user?.name, person.name);
  });
});
