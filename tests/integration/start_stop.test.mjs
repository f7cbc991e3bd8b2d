// An edge that is told to stop while it still starts stops, whatever it is doing: else whoever manages it waits for its
// own time-out and kills it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { answers, spawnEdge } from './lib/edge.mjs';
import { startStack } from './lib/stack.mjs';

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

async function stops(edge, signal = 'SIGTERM') {
  const patience = setTimeout(() => edge.child.kill('SIGKILL'), PATIENCE_MS);
  edge.child.kill(signal);
  const [, killedBy] = await edge.ended;
  clearTimeout(patience);
  assert.notEqual(killedBy, 'SIGKILL', 'it did not stop');
}
