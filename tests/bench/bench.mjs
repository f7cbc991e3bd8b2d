// The cases of `make bench`: each is a request that wrk repeats; what it needs is made through the API beforehand.

import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PASSWORD, somebodySignedIn } from '../integration/lib/people.mjs';
import { startStack, UNLIMITED } from '../integration/lib/stack.mjs';

const [seconds, clients] = process.argv.slice(2).map(Number);
const VAULT = '/api/v1/me/encryption-vault';

const stack = await startStack({}, { settings: { ...UNLIMITED.settings, fsync: 'on' } }); // a commit costs what it costs
const folder = mkdtempSync(join(tmpdir(), 'mana-bench-'));
try {
  const ada = await somebodySignedIn(stack);
  await ada.http.post(`${VAULT}/init`, {}, { bearer: ada.token });
  const cookie = { cookie: [...ada.http.cookies].map((pair) => pair.join('=')).join('; ') };
  const bearer = { authorization: `Bearer ${ada.token}` };
  const signIn = { email: ada.email, password: PASSWORD };

  console.log('| request | req/s | p50 | p99 | other than 2xx |\n|---|---:|---:|---:|---:|');
  await measure('GET /health', { path: '/health' });
  await measure('GET /api/auth/jwks', { path: '/api/auth/jwks' });
  await measure('GET /api/auth/get-session', { path: '/api/auth/get-session', headers: cookie });
  await measure('GET /api/auth/token', { path: '/api/auth/token', headers: cookie });
  await measure('GET encryption-vault/key', { path: `${VAULT}/key`, headers: bearer });
  await measure('POST /api/auth/sign-in/email', { path: '/api/auth/sign-in/email', json: signIn });

  // In the database alone: a key is disclosed after its audit row is committed, so a commit of one row is the floor.
  stack.psql('CREATE TABLE public.floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz, what text)');
  const { sub, sid } = JSON.parse(Buffer.from(ada.token.split('.')[1], 'base64url').toString());
  const floor = await transactions('floor', "INSERT INTO public.floor (at, what) VALUES (now(), 'fetch');");
  const key = await transactions('key', `CALL auth_api.vault_key(auth_api.caller(NULL, NULL, '${sub}', '${sid}', \
'127.0.0.1', NULL, NULL, NULL), NULL, ${Array(8).fill('NULL').join(', ')});`);
  console.log('\n| in the database | transactions/s | of the floor |\n|---|---:|---:|');
  console.log(`| INSERT of one row | ${Math.round(floor)} | 100 % |`);
  console.log(`| auth_api.vault_key | ${Math.round(key)} | ${Math.round((100 * key) / floor)} % |`);
} finally {
  rmSync(folder, { recursive: true });
  await stack.stop();
}

async function measure(name, { path, headers = {}, json }) {
  const script = join(folder, 'case.lua');
  writeFileSync(script, lua(json === undefined ? headers : { ...headers, 'content-type': 'application/json' }, json));
  const url = stack.url.replace('localhost', '127.0.0.1') + path;
  const out = await run('wrk', ['-t1', `-c${clients}`, `-d${seconds}s`, '-s', script, url]);
  const [rate, p50, p99, others] = out.match(/^RESULT (.*)$/m)[1].split(' ').map(Number);
  console.log(`| ${name} | ${Math.round(rate)} | ${p50.toFixed(2)} ms | ${p99.toFixed(2)} ms | ${others} |`);
}

/** pgbench's transactions a second, over the stack's socket, with prepared statements as the edge's are. */
async function transactions(name, sql) {
  const script = join(folder, `${name}.sql`);
  writeFileSync(script, `${sql.replace(/\\\n/g, '')}\n`);
  chmodSync(folder, 0o755);
  const bin = (await run('pg_config', ['--bindir'])).trim();
  const options = ['-n', '-M', 'prepared', `-c${clients}`, '-j1', `-T${seconds}`, '-f', script];
  const out = await run(join(bin, 'pgbench'), ['-h', stack.socket, '-U', 'postgres', ...options, 'mana_platform']);
  return Number(out.match(/^tps = ([\d.]+)/m)[1]);
}

function lua(headers, json) {
  const lines = Object.entries(headers).map(([name, value]) => `wrk.headers[ ${quote(name)} ] = ${quote(value)}`);
  if (json !== undefined) lines.push('wrk.method = "POST"', `wrk.body = ${quote(JSON.stringify(json))}`);
  return `${lines.join('\n')}
function done(summary, latency)
  io.write(string.format("RESULT %f %f %f %d\\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.errors.status + summary.errors.timeout))
end
`;
}

function quote(text) {
  return `[==[${text}]==]`;
}

function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.once('exit', (code) => (code === 0 ? resolve(out) : reject(new Error(`${program}: ${code}\n${out}`))));
  });
}
