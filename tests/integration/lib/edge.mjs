// One more edge beside that of a stack: the same program, user and environment, on a port of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

export const PROGRAM = fileURLToPath(new URL('../../../build/mana-auth-edge', import.meta.url));

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** On environment.PORT, or a free port → {port, child, ended: a promise of [code, signal]} */
export async function spawnEdge(stack, environment = {}) {
  const port = Number(environment.PORT ?? (await freePort()));
  const { uid, gid } = statSync(`/proc/${stack.pids.edge}`);
  const env = { ...stack.environment, ...environment, PORT: String(port) };
  const child = spawn(PROGRAM, ['run'], { env, uid, gid, stdio: 'ignore' });
  return { port, child, ended: once(child, 'exit') };
}

/** Whether a path answers 200, now. */
export function answers(port, path = '/health') {
  return new Promise((resolve) => {
    let all = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`));
    socket.on('data', (chunk) => (all += chunk));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(all.startsWith('HTTP/1.1 200')));
  });
}
