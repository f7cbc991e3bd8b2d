// The peer for sessions and passwords: Better Auth, with a database of its own in the same PostgreSQL.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { freePort } from '../../integration/lib/edge.mjs';
import { untilItAnswers } from '../lib/server.mjs';

const PERSON = { name: 'Ada Lovelace', email: 'ada@example.com', password: 'violet-kayak-under-9-moons' };

export async function startBetterAuth(stack, { workers }) {
  const port = await freePort();
  stack.psql('CREATE DATABASE better_auth');
  const child = spawn(process.execPath, [fileURLToPath(new URL('../peers/better_auth.mjs', import.meta.url))], {
    env: {
      ...process.env,
      NODE_ENV: 'production',
      PORT: String(port),
      PROCESSES: String(workers),
      DATABASE_URL: `postgresql://postgres@/better_auth?host=${encodeURIComponent(stack.socket)}`,
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  await untilItAnswers(`${url}/api/auth/ok`, child);
  const post = (path, body) =>
    fetch(url + path, {
      method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', origin: url },
    });
  await post('/api/auth/sign-up/email', PERSON);
  const answer = await post('/api/auth/sign-in/email', PERSON);
  if (answer.status !== 200) throw new Error(`Better Auth: ${answer.status} ${await answer.text()}`);
  const cookie = answer.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
  return {
    name: 'Better Auth',
    url,
    pids: [child.pid, stack.pids.postgres],
    own: [child.pid],
    cookie: { cookie },
    person: PERSON,
    async stop() {
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('exit', resolve));
    },
  };
}
