// The peer for OAuth that stores nothing: node-oidc-provider.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { freePort } from '../../integration/lib/edge.mjs';

export async function startOidcProvider({ clients }) {
  const port = await freePort();
  const client = { id: 'robot', secret: 'robot-secret-0123456789' };
  const child = spawn(process.execPath, [fileURLToPath(new URL('../peers/oidc_provider.mjs', import.meta.url))], {
    env: {
      ...process.env, NODE_ENV: 'production', PORT: String(port), CLIENT_ID: client.id, CLIENT_SECRET: client.secret,
      REFRESH_TOKENS: String(clients),
    },
    stdio: ['ignore', 'pipe', 'ignore'], // it warns, at length, of plain HTTP and of its store
  });
  const { access, refresh } = await made(child);
  return {
    name: 'node-oidc-provider',
    url: `http://127.0.0.1:${port}`,
    pids: [child.pid],
    own: [child.pid],
    paths: { token: '/token', introspection: '/token/introspection', userinfo: '/me', jwks: '/jwks', discovery: '/.well-known/openid-configuration' },
    client,
    access,
    refresh,
    async stop() {
      child.kill('SIGKILL'); // nothing to lose
      await new Promise((resolve) => child.once('exit', resolve));
    },
  };
}

/** Its one line of JSON, among its notices. */
async function made(child) {
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith('{')) return JSON.parse(line);
  throw new Error('node-oidc-provider ended');
}
