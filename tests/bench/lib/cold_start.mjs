// From exec to the first answer: starts an edge like the one that runs, on a port of its own, and asks until it answers.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';

import { freePort } from './server.mjs';
import { median } from './stats.mjs';

const ASK = 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
const PATIENCE_MS = 5000;

export async function coldStartMs(stack, times) {
  const values = [];
  for (let i = 0; i < times; i++) values.push(await startOnce(stack));
  return median(values);
}

async function startOnce(stack) {
  const like = `/proc/${stack.pids.edge}`;
  const port = await freePort();
  const lines = readFileSync(`${like}/environ`, 'utf8').split('\0').filter(Boolean);
  const env = { ...Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])), PORT: String(port) };
  const { uid, gid } = statSync(like);
  const program = new URL('../../../build/mana-auth-edge', import.meta.url).pathname;
  const begun = performance.now();
  const child = spawn(program, ['run'], { env, uid, gid, stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() - begun > PATIENCE_MS) throw new Error('the edge does not answer');
  }
  const took = performance.now() - begun;
  child.kill('SIGTERM');
  await ended;
  return took;
}

function answers(port) {
  return new Promise((resolve) => {
    let all = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(ASK));
    socket.on('data', (chunk) => (all += chunk));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(all.startsWith('HTTP/1.1 200')));
  });
}
