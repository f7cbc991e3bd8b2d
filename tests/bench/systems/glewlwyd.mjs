// The peer in C: Debian's Glewlwyd, an OpenID provider on PostgreSQL, with a database of its own in the same server. Its
// tables and its administrator come from its package; a client, a scope and the plugin are made through its API.

import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { run } from '../lib/load.mjs';
import { freePort } from '../../integration/lib/edge.mjs';
import { untilItAnswers } from '../lib/server.mjs';

const TABLES = '/usr/share/doc/glewlwyd/database/init.postgre.sql.gz';
const PACKAGED = '/etc/glewlwyd/glewlwyd.conf';
const CLIENT = { id: 'robot', secret: 'robot-secret-0123456789' };
const ADMIN = { username: 'admin', password: 'password' };

export async function startGlewlwyd(stack, { clients }) {
  const folder = mkdtempSync(join(tmpdir(), 'mana-bench-glewlwyd-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const binary = (await run('sh', ['-c', 'command -v glewlwyd'])).trim();
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, 'glewlwyd.conf'), configuration(port, url, stack.socket));
  stack.psql('CREATE DATABASE glewlwyd');
  // it checks passwords with crypt(), and frees its answer twice where that is missing
  writeFileSync(join(folder, 'init.sql'), Buffer.concat([Buffer.from('CREATE EXTENSION pgcrypto;'), gunzipSync(readFileSync(TABLES))]));
  await run('psql', ['-qAtX', '-h', stack.socket, '-U', 'postgres', '-f', join(folder, 'init.sql'), 'glewlwyd'],
    { stdio: ['ignore', 'pipe', 'ignore'] });
  const child = spawn(binary, ['--config-file', join(folder, 'glewlwyd.conf')], { stdio: ['ignore', 'ignore', 'inherit'] });
  await untilItAnswers(`${url}/config`, child);
  const admin = await administrator(url);
  await admin('POST', '/api/mod/scheme/', {
    module: 'password', name: 'password', display_name: 'p', expiration: 0, max_use: 0, allow_user_register: 0, parameters: {},
  }, [200, 400]);
  await admin('POST', '/api/scope/', { name: 'jobs.read', display_name: 'jobs', password_required: false, scheme: {} });
  await admin('POST', '/api/mod/plugin/', { module: 'oidc', name: 'oidc', display_name: 'oidc', parameters: plugin(url) });
  await admin('POST', '/api/client/?source=database', {
    client_id: CLIENT.id, name: 'Robot', confidential: true, enabled: true, password: CLIENT.secret, client_secret: CLIENT.secret,
    scope: ['jobs.read'], redirect_uri: ['https://client.example/cb'], token_endpoint_auth_method: ['client_secret_basic'],
    authorization_type: ['client_credentials', 'password', 'refresh_token', 'code'],
  });
  const basic = { authorization: `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}` };
  const tokens = [];
  for (let i = 0; i < clients; i++) {
    const form = new URLSearchParams({ grant_type: 'password', scope: 'openid g_profile', ...ADMIN });
    const answer = await fetch(`${url}/api/oidc/token`, { method: 'POST', headers: basic, body: form });
    if (answer.status !== 200) throw new Error(`Glewlwyd: ${answer.status} ${await answer.text()}`);
    tokens.push(await answer.json());
  }
  return {
    name: 'Glewlwyd',
    url,
    pids: [child.pid, stack.pids.postgres],
    own: [child.pid],
    paths: {
      token: '/api/oidc/token', introspection: '/api/oidc/introspect', userinfo: '/api/oidc/userinfo', jwks: '/api/oidc/jwks',
      discovery: '/api/oidc/.well-known/openid-configuration',
    },
    client: CLIENT,
    access: tokens[0].access_token,
    refresh: tokens.map((token) => token.refresh_token),
    async stop() {
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('exit', resolve));
      rmSync(folder, { recursive: true });
    },
  };
}

/** Requests with the administrator's session. */
async function administrator(url) {
  const answer = await fetch(`${url}/api/auth/`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(ADMIN),
  });
  if (answer.status !== 200) throw new Error(`Glewlwyd: ${answer.status} ${await answer.text()}`);
  const cookie = answer.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
  return async (method, path, body, good = [200]) => {
    const headers = { 'content-type': 'application/json', cookie };
    const done = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
    if (!good.includes(done.status)) throw new Error(`Glewlwyd: ${path}: ${done.status} ${await done.text()}`);
  };
}

function plugin(url) {
  const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return {
    iss: url, 'jwks-private': JSON.stringify({ keys: [{ ...key, alg: 'EdDSA', kid: 'bench', use: 'sig' }] }),
    'access-token-duration': 3600, 'refresh-token-duration': 1209600, 'code-duration': 600, 'refresh-token-rolling': true,
    'allow-non-oidc': true, 'auth-type-client-enabled': true, 'auth-type-code-enabled': true, 'auth-type-password-enabled': true,
    'auth-type-refresh-enabled': true, 'auth-type-token-enabled': false, 'auth-type-id-token-enabled': true,
    'refresh-token-one-use': 'always', 'introspection-revocation-allowed': true,
    'introspection-revocation-allow-target-client': true, 'subject-type': 'public', 'jwks-show': true, scope: [],
  };
}

/** Its package's configuration, with our port and database, and without its log. */
function configuration(port, url, socket) {
  const ours = {
    port, external_url: `"${url}"`, log_mode: '"console"', log_level: '"NONE"',
    '@include': undefined, // the package's database
  };
  const lines = readFileSync(PACKAGED, 'utf8').split('\n').filter((line) => !(line.split(/[ =]/)[0] in ours));
  const settings = Object.entries(ours).filter(([, value]) => value !== undefined);
  return `${settings.map(([name, value]) => `${name}=${value}`).join('\n')}
bind_address="127.0.0.1"
database = { type = "postgre"; conninfo = "host=${socket} user=postgres dbname=glewlwyd"; };
${lines.join('\n')}`;
}
