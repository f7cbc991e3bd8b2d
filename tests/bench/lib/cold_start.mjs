// From exec to the first answer: starts an edge like the one that runs and asks until it answers.

import { answers, spawnEdge } from '../../integration/lib/edge.mjs';
import { median } from './stats.mjs';

const PATIENCE_MS = 5000;

export async function coldStartMs(stack, times) {
  const values = [];
  for (let i = 0; i < times; i++) values.push(await firstAnswerMs(stack));
  return median(values);
}

async function firstAnswerMs(stack) {
  const begun = performance.now();
  const edge = await spawnEdge(stack);
  while (!(await answers(edge.port))) {
    if (edge.child.exitCode !== null || performance.now() - begun > PATIENCE_MS) throw new Error('the edge does not answer');
  }
  const took = performance.now() - begun;
  edge.child.kill('SIGTERM');
  await edge.ended;
  return took;
}
