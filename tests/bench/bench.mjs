// `make bench`: us, the limits of this machine, and peers, in rounds that alternate, so that a noisy neighbour meets
// all of them. Prints Markdown: medians, spreads, ratios and the targets that we have set ourselves.
//
//   SECONDS=3 ROUNDS=5   how long a round of one case is, and how many there are
//   PEERS=all            or none: without Better Auth, node-oidc-provider and Glewlwyd
//   CASES=refresh,key    only the rows whose name holds one of these words
//
// The last line counts rows: passed are those in which no request failed. No speed fails it.

import { cpus } from 'node:os';

import { coldStartMs } from './lib/cold_start.mjs';
import { privateMib, pssMib } from './lib/cpu.mjs';
import { pgbench, run, wrk } from './lib/load.mjs';
import { basic, get, postForm, postJson, refreshing, signingUp } from './lib/requests.mjs';
import { summary } from './lib/stats.mjs';
import { printCase, printHead, printMachine, printMeasures } from './lib/table.mjs';
import { startBetterAuth } from './systems/better_auth.mjs';
import { startConstant } from './systems/constant.mjs';
import { startGlewlwyd } from './systems/glewlwyd.mjs';
import { startMana, VAULT } from './systems/mana.mjs';
import { startOidcProvider } from './systems/oidc_provider.mjs';

const SECONDS = Number(process.env.SECONDS_EACH ?? 3);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const WITH_PEERS = (process.env.PEERS ?? 'all') !== 'none';
const WORDS = (process.env.CASES ?? '').split(',');
const WORKERS = 2;
const CLIENTS = 64;
const PIPELINES = 4; // of all workers together: DB_PIPELINES is 2
const HASH = { memoryKib: 19456, passes: 2 }; // the defaults of HASH_MEMORY_KIB and HASH_PASSES
const CORES = cpus().length;
const CRYPTO = new URL('../../build/bench/crypto', import.meta.url).pathname;

const us = await startMana({ workers: WORKERS, hash: HASH });
const constant = await startConstant({ workers: WORKERS });
const betterAuth = WITH_PEERS && (await startBetterAuth(us.stack, { workers: WORKERS }));
const oidcProvider = WITH_PEERS && (await startOidcProvider({ clients: CLIENTS }));
const glewlwyd = WITH_PEERS && (await startGlewlwyd(us.stack, { clients: CLIENTS }));
const providers = [oidcProvider, glewlwyd].filter(Boolean);

us.stack.psql('CREATE TABLE public.floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz, what text)');
const sessionId = us.stack.psql('SELECT id FROM auth.sessions LIMIT 1');
const LIMITS = {
  select: () => pgbench(us.stack, `SELECT * FROM auth.sessions WHERE id = '${sessionId}';`, { seconds: SECONDS, clients: PIPELINES }),
  insert: () => pgbench(us.stack, "INSERT INTO public.floor (at, what) VALUES (now(), 'fetch');", { seconds: SECONDS, clients: 32 }),
  constant: () => wrk(constant, get('/'), { seconds: SECONDS, clients: CLIENTS }),
  sign: () => computing('sign'),
  hash: () => computing('hash', HASH.memoryKib, HASH.passes),
};
const http = (system, request, clients = CLIENTS) => () => wrk(system, request, { seconds: SECONDS, clients });
const ofPeers = (make) => Object.fromEntries(providers.map((peer) => [peer.name, http(peer, make(peer))]));
const ofBetterAuth = (request) => (betterAuth ? { [betterAuth.name]: http(betterAuth, request(betterAuth)) } : {});
const clientCredentials = (s, more) => postForm(s.paths.token, { grant_type: 'client_credentials', scope: 'jobs.read', ...more }, basic(s.client));
const forResource = (s) => clientCredentials(s, { resource: 'https://api.example/' });
const introspection = (s, client) => postForm(s.paths.introspection, { token: s.access }, client ?? basic(s.client));
const userinfo = (s) => get(s.paths.userinfo, { authorization: `Bearer ${s.access}` });

const cases = [
  {
    name: 'GET /get-session',
    ours: http(us, get('/api/auth/get-session', us.cookie)),
    limits: { 'SELECT by primary key, 4 backends': LIMITS.select },
    peers: ofBetterAuth((s) => get('/api/auth/get-session', s.cookie)),
    targets: { limit: 0.6, 'Better Auth': 40 },
  },
  {
    name: 'GET /token',
    ours: http(us, get('/api/auth/token', us.cookie)),
    limits: { 'SELECT, 4 backends': LIMITS.select, 'Ed25519 signatures, all cores': LIMITS.sign },
    together: (select, sign) => 1 / (1 / select + 1 / sign),
    peers: ofBetterAuth((s) => get('/api/auth/token', s.cookie)),
    targets: { limit: 0.6, 'Better Auth': 30 },
  },
  {
    name: 'OIDC introspection', ours: http(us, introspection(us, us.authorization.synapse)), peers: ofPeers((s) => introspection(s)),
    targets: { 'node-oidc-provider': 2.5, Glewlwyd: 15 },
  },
  {
    name: 'OIDC userinfo', ours: http(us, userinfo(us)), peers: ofPeers(userinfo),
    targets: { 'node-oidc-provider': 2.5, Glewlwyd: 15 },
  },
  {
    name: 'OIDC refresh, rotated and durable',
    ours: async () => wrk(us, refreshing(us.paths.token, await us.freshTokens(64), us.authorization.synapse), { seconds: SECONDS, clients: 32 }),
    limits: { 'INSERT and COMMIT, 32 backends': LIMITS.insert },
    peers: Object.fromEntries(providers.filter((s) => s === oidcProvider).map((s) => [s.name,
      http(s, postForm(s.paths.token, { grant_type: 'refresh_token', refresh_token: s.refresh[0] }, basic(s.client)), 32)])),
    targets: { limit: 0.6, 'node-oidc-provider': 6 },
    note: 'node-oidc-provider does not rotate here',
  },
  {
    name: 'OIDC client_credentials, EdDSA', ours: http(us, forResource(us)), peers: ofPeers(forResource),
    targets: { 'node-oidc-provider': 2.5, Glewlwyd: 15 }, note: 'a JWT for a resource',
  },
  // last of these: the store in memory of node-oidc-provider holds a thousand tokens, and would forget those of the others
  {
    name: 'OIDC client_credentials, opaque and durable', ours: http(us, clientCredentials(us)),
    peers: ofPeers((s) => clientCredentials(s)), targets: {}, note: 'node-oidc-provider keeps it in memory; Glewlwyd gives a JWT',
  },
  {
    name: 'GET /jwks', ours: http(us, get(us.paths.jwks)), limits: { 'Kore, a constant': LIMITS.constant },
    peers: glewlwyd ? { Glewlwyd: http(glewlwyd, get(glewlwyd.paths.jwks)) } : {}, targets: { limit: 0.8, Glewlwyd: 2 },
  },
  {
    name: 'GET discovery', ours: http(us, get(us.paths.discovery)), limits: { 'Kore, a constant': LIMITS.constant },
    peers: glewlwyd ? { Glewlwyd: http(glewlwyd, get(glewlwyd.paths.discovery)) } : {}, targets: { limit: 0.8, Glewlwyd: 2 },
  },
  {
    name: 'POST /sign-in/email', ours: http(us, postJson('/api/auth/sign-in/email', us.person), 16),
    limits: { 'argon2id, all cores': LIMITS.hash },
    peers: betterAuth ? { [betterAuth.name]: http(betterAuth, postJson('/api/auth/sign-in/email', betterAuth.person, { origin: betterAuth.url }), 16) } : {},
    targets: { limit: 0.95 },
  },
  {
    name: 'POST /sign-up/email', ours: http(us, signingUp('/api/auth/sign-up/email', us.person.password), 16),
    limits: { 'argon2id, all cores': LIMITS.hash }, peers: {}, targets: {},
  },
  {
    name: 'GET /encryption-vault/key', ours: http(us, get(`${VAULT}/key`, us.bearer), 32),
    limits: { 'INSERT and COMMIT, 32 backends': LIMITS.insert }, peers: {}, targets: { limit: 0.7 },
  },
  {
    name: 'the same in the database alone', ours: () => pgbench(us.stack, keyCall(), { seconds: SECONDS, clients: 32 }),
    limits: { 'INSERT and COMMIT, 32 backends': LIMITS.insert }, peers: {}, targets: { limit: 0.7 },
  },
].filter(({ name }) => WORDS.some((word) => name.includes(word)));

let failedRows = 0;
try {
  printMachine({ seconds: SECONDS, rounds: ROUNDS, clients: CLIENTS, workers: WORKERS });
  printHead();
  for (const row of cases) {
    const figures = await measured(row);
    printCase(row, figures);
    if (figures.ours.failed > 0) failedRows += 1;
  }
  const memory = await underLoad(); // before the storm: a hash that still runs takes HASH_MEMORY_KIB more
  const storm = WORDS.includes('') || WORDS.includes('storm') ? await beside() : undefined;
  printMeasures([
    ...(storm ? [storm] : []),
    { what: 'memory of the edge, PSS of parent and two workers, under load', value: `${memory.edge.toFixed(1)} MiB`, target: '≤ 30 MiB' },
    { what: 'private memory of our largest backend, under load', value: `${memory.backend.toFixed(1)} MiB`, target: '≤ 8 MiB' },
    { what: 'from exec to the first answer of the edge, median of 20', value: `${(await coldStartMs(us.stack, 20)).toFixed(1)} ms`, target: '≤ 40 ms' },
    ...[betterAuth, oidcProvider, glewlwyd].filter(Boolean).map((s) => ({
      what: `memory of ${s.name}, PSS, after the load`, value: `${pssMib(s.own).toFixed(1)} MiB`, target: '',
    })),
  ]);
} finally {
  for (const system of [glewlwyd, oidcProvider, betterAuth, constant, us].filter(Boolean)) await system.stop();
}
console.log(`\n${cases.length - failedRows} passed, ${failedRows} failed`);
process.exitCode = failedRows > 0 ? 1 : 0;

/** Everything of a row, alternating: {ours, limits: {name}, peers: {name}}, each a summary of the rounds. */
async function measured({ ours, limits = {}, peers }) {
  const things = [['ours', ours], ...Object.entries(limits), ...Object.entries(peers)];
  const rounds = new Map(things.map(([name]) => [name, []]));
  for (let i = 0; i < ROUNDS; i++) for (const [name, round] of things) rounds.get(name).push(await round());
  const summaries = (names) => Object.fromEntries(names.map((name) => [name, summary(rounds.get(name))]));
  return { ours: summary(rounds.get('ours')), limits: summaries(Object.keys(limits)), peers: summaries(Object.keys(peers)) };
}

async function computing(what, ...more) {
  const [rate, cpu] = (await run(CRYPTO, [what, String(SECONDS), String(CORES), ...more.map(String)])).trim().split(' ').map(Number);
  return { rate, cpu, p50: NaN, p99: NaN, failed: 0 };
}

/** How long a session takes to be shown while others sign in. */
async function beside() {
  const session = () => wrk(us, get('/api/auth/get-session', us.cookie), { seconds: SECONDS, clients: 8 });
  const rounds = [];
  for (let i = 0; i < ROUNDS; i++) {
    const alone = await session();
    const storm = wrk(us, postJson('/api/auth/sign-in/email', us.person), { seconds: SECONDS + 1, clients: 32 });
    const within = await session();
    await storm;
    rounds.push({ alone: alone.p99, within: within.p99, ratio: within.p99 / alone.p99 });
  }
  const [middle] = rounds.sort((a, b) => a.ratio - b.ratio).slice(Math.floor(rounds.length / 2));
  return {
    what: 'p99 of get-session (8 clients) beside 32 clients that sign in, against alone',
    value: `${middle.within.toFixed(2)} ms / ${middle.alone.toFixed(2)} ms = ${middle.ratio.toFixed(1)}`, target: '≤ 3',
  };
}

async function underLoad() {
  const load = wrk(us, get('/api/auth/get-session', us.cookie), { seconds: 2, clients: CLIENTS });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const edge = pssMib(us.own);
  const backends = us.stack.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'mana-auth-edge'");
  const backend = Math.max(...backends.map(({ pid }) => privateMib(pid)));
  await load;
  return { edge, backend };
}

function keyCall() {
  const { sub, sid, sid_proof: proof } = JSON.parse(Buffer.from(us.bearer.authorization.split('.')[1], 'base64url').toString());
  const nulls = Array(5).fill('NULL').join(', ');
  return `CALL auth_api.vault_key(auth_api.caller(NULL, NULL, '${sub}', '${sid}.${proof}', '127.0.0.1', NULL, NULL, NULL), NULL, ${nulls});`;
}
