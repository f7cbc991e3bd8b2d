// Signals. An edge that is told to stop while it still starts stops, whatever it is doing: else its manager waits for its
// own time-out and kills it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { answers, spawnEdge } from './lib/edge.mjs';
import { childrenOf, processes } from './lib/processes.mjs';
import { startStack } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const PATIENCE_MS = 10_000;

describe('stopping during the start', () => {
  let stack;
  before(async () => {
    stack = await startStack();
  });
  after(() => stack?.stop());

  test('as soon as it answers, with its other workers not there yet', async () => {
    for (let i = 0; i < 5; i++) {
      const edge = await spawnEdge(stack, { WORKERS: '4' });
      while (!(await answers(edge.port))) assert.equal(edge.child.exitCode, null);
      await stops(edge);
    }
  });

  for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`at any moment of the first fifty milliseconds, by ${signal}`, async () => {
      for (let delay = 0; delay <= 50; delay += 5) {
        const edge = await spawnEdge(stack, { WORKERS: '4' });
        await new Promise((resolve) => setTimeout(resolve, delay)); // the moment is what is tested
        await stops(edge, signal);
      }
    });
  }
});

describe('signals', () => {
  let stack;
  before(async () => {
    stack = await startStack();
  });
  after(() => stack?.stop());

  const workersOf = (edge) => childrenOf(edge.child.pid).map(({ pid }) => pid);
  const started = async (environment = {}) => {
    const edge = await spawnEdge(stack, { WORKERS: '2', ...environment });
    await until('the edge to answer with two workers', async () => {
      assert.equal(edge.child.exitCode, null);
      return (await answers(edge.port)) && workersOf(edge).length === 2;
    });
    return edge;
  };

  test('SIGHUP, to the parent or to a worker, changes nothing', async () => {
    const edge = await started();
    const before = workersOf(edge);
    for (const pid of [edge.child.pid, ...before, edge.child.pid]) process.kill(pid, 'SIGHUP');
    for (let i = 0; i < 20; i++) assert.ok(await answers(edge.port));
    assert.deepEqual(workersOf(edge), before);
    await stops(edge);
  });

  test('SIGHUP while workers are made changes nothing', async () => {
    const edge = await spawnEdge(stack, { WORKERS: '4' });
    await until('Kore to have read its configuration', () => workersOf(edge).length > 0);
    for (let i = 0; i < 20; i++) edge.child.kill('SIGHUP');
    await until('the edge to answer', () => answers(edge.port));
    assert.equal(workersOf(edge).length, 4);
    await stops(edge);
  });

  test('when the parent is killed its workers leave, and another edge can take their place', async () => {
    const edge = await started();
    const orphans = workersOf(edge);
    edge.child.kill('SIGKILL');
    await edge.ended;
    await until('the workers to leave', () => !processes().some(({ pid, state }) => orphans.includes(pid) && state !== 'Z'));
    const next = await started({ PORT: String(edge.port) });
    await stops(next);
  });
});

async function stops(edge, signal = 'SIGTERM') {
  const patience = setTimeout(() => edge.child.kill('SIGKILL'), PATIENCE_MS);
  edge.child.kill(signal);
  const [, killedBy] = await edge.ended;
  clearTimeout(patience);
  assert.notEqual(killedBy, 'SIGKILL', 'it did not stop');
}
