// Thousands of random calls on one vault, by eight clients at once, some of them tabs of one session: each answer and each state must be
// explained by some serial order, and nobody may ever be left without a way to their key.
// VAULT_MODEL_SEED replays the choices of a run (not its timing), VAULT_MODEL_LIVES makes it longer.

import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { after, before, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { signIn, somebodySignedIn, token } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { commitmentOf, recoverySecret, unwrap, vaultOf, wrap } from './lib/vault.mjs';
import { EMPTY, explain, step } from './lib/vault_model.mjs';

const CLIENTS = [0, 0, 0, 1, 1, 2, 3, 4]; // which session each of the eight is a tab of
const LIVES = Number(process.env.VAULT_MODEL_LIVES ?? 30); // of a vault, from its first key
const ROUNDS = 8; // of a life; between two of them nothing is under way
const CALLS = 2; // at most, of a client in a round
const seed = Number(process.env.VAULT_MODEL_SEED ?? randomInt(2 ** 31));

const WEIGHTS = { status: 1, init: 2, key: 5, rotate: 2, setRecovery: 9, clearRecovery: 1, enable: 6, disable: 3 };

let stack, owner, sessions;
before(async () => {
  stack = await startStack({}, UNLIMITED);
  owner = await somebodySignedIn(stack);
  sessions = [owner];
  while (sessions.length <= Math.max(...CLIENTS)) {
    const device = { ...owner, http: new Client(stack.url) };
    assert.equal((await signIn(device)).status, 200);
    device.token = await token(device);
    sessions.push(device);
  }
});
after(() => stack?.stop());

test(`the model explains what happens (VAULT_MODEL_SEED=${seed})`, async (t) => {
  const random = mulberry32(seed);
  const counts = {};
  let calls = 0;
  let restored = 0;
  for (let life = 0; life < LIVES; life += 1) {
    stack.psql(`DELETE FROM auth.encryption_vaults; UPDATE auth.sessions SET vault_generation = NULL, proved_at = CASE WHEN proof IS NOT NULL THEN now() END`);
    const wraps = new Map(); // recoveryWrappedMk → what is in it
    const clients = CLIENTS.map((session) => ({ session, vault: vaultOf(sessions[session]), keys: [] }));
    let states = [EMPTY];
    const numbered = new Map(); // generation → the keys that had this number
    for (let round = 0; round < ROUNDS; round += 1) {
      const plans = clients.map(() => Array.from({ length: 1 + Math.floor(random() * CALLS) }, () => [pick(random), random()]));
      const done = (await Promise.all(clients.map((client, index) => act(client, plans[index], wraps)))).flat();
      const possible = explain(states, done);
      assert.ok(possible.length > 0, `seed ${seed}, life ${life}, round ${round}: no order explains\n${show(states, done)}`);
      for (const { key, recovery } of possible) {
        assert.ok(recovery === null || recovery.of === key, `seed ${seed}: a wrap of another key is stored\n${show(states, done)}`);
      }
      states = possible;
      for (const { generation, key } of possible) numbered.set(generation, (numbered.get(generation) ?? new Set()).add(key));
      calls += done.length;
      for (const { verb, answer } of done) counts[`${verb} ${answer.status}`] = (counts[`${verb} ${answer.status}`] ?? 0) + 1;
    }
    states = await compareWithVault(states, wraps);
    restored += await restoreEach(states[0], numbered, wraps, new Set(clients.flatMap(({ keys }) => keys)));
  }
  assert.deepEqual(stack.sql('SELECT * FROM auth.vault_check()'), []);
  assert.deepEqual(stack.sql('SELECT * FROM auth.vault_audit_verify()'), []);
  t.diagnostic(`${calls} calls: ${Object.keys(counts).sort().map((what) => `${what}: ${counts[what]}`).join(', ')}`);
  assert.ok(restored > 0, 'no key was restored: the choices are too poor');
  for (const what of ['rotate 200', 'rotate 409', 'setRecovery 200', 'setRecovery 409', 'enable 200', 'enable 400', 'disable 200']) {
    assert.ok(counts[what] > 0, `no ${what} in ${calls} calls: the choices are too poor`);
  }
});

test('every call left its row', () => {
  const [{ rows, wrong }] = stack.sql(`SELECT count(*)::int AS rows, count(*) FILTER (WHERE status >= 500)::int AS wrong
    FROM auth.encryption_vault_audit`);
  assert.equal(rows, audited);
  assert.equal(wrong, 0);
});

test('the model notices what must not be', () => {
  const answer = { status: 200, key: 'K1' };
  const at = (begin, end) => ({ begin, end });
  const init = { verb: 'init', session: 0, answer, ...at(0, 1) };
  const fetched = (key, begin, end) => ({ verb: 'key', session: 1, answer: { status: 200, key }, ...at(begin, end) });
  const rotated = { verb: 'rotate', session: 0, answer: { status: 200, key: 'K2' }, ...at(2, 5) };
  assert.equal(explain([EMPTY], [init, rotated, fetched('K1', 3, 4)]).length, 1); // they overlap: the fetch was first
  assert.equal(explain([EMPTY], [init, rotated, fetched('K2', 3, 4)]).length, 1);
  assert.equal(explain([EMPTY], [init, rotated, fetched('K1', 6, 7)]).length, 0); // the rotation was over
  assert.equal(explain([EMPTY], [init, fetched('K3', 2, 3)]).length, 0);
  const [, state] = step(EMPTY, init);
  const stale = { verb: 'setRecovery', session: 1, wrap: 'W', of: 'K1', answer: { status: 200 }, ...at(6, 7) };
  assert.equal(explain([state], [rotated, stale]).length, 0);
});

let audited = 0;

/** One client's calls of a round, one after the other. What they depend on is what this client knows when it makes them. */
async function act(client, plan, wraps) {
  const done = [];
  for (const [verb, chance] of plan) {
    const call = { verb, session: client.session, ...(await content(client, verb, chance, wraps)) };
    const { body, ...known } = call;
    const begin = performance.now();
    const answer = await send(client.vault, verb, body);
    const end = performance.now();
    if (verb !== 'status') audited += 1;
    const told = toldBy(verb, answer);
    if (told.key) client.keys.push(told.key);
    if (told.blob) client.keys.push(await unwrap(answer.json, wraps.get(told.blob).secret));
    done.push({ ...known, answer: told, begin, end });
  }
  return done;
}

/** A client wraps or hands back the key that it was given last; sometimes an older one, sometimes one that never was. */
async function content({ keys }, verb, chance, wraps) {
  if (verb === 'enable') return { body: { enable: true } };
  if (!['setRecovery', 'disable'].includes(verb)) return {};
  const known = keys.length === 0 || chance < 0.1 ? randomBytes(32).toString('base64') : keys.at(chance < 0.2 ? 0 : -1);
  if (verb === 'disable') return { masterKey: known, body: { enable: false, masterKey: known } };
  // A client that sends neither commitment nor generation wraps what it was given, as the apps do; one without a key shows what it has.
  const shows = keys.length === 0 || chance < 0.1 || chance > 0.4 ? known : undefined;
  const secret = recoverySecret();
  const body = await wrap(known, secret);
  wraps.set(body.recoveryWrappedMk, { secret, of: known });
  if (shows) body.commitment = await commitmentOf(shows, owner.id);
  return { wrap: body.recoveryWrappedMk, of: known, ...(shows ? { shows } : {}), body };
}

function send(vault, verb, body) {
  if (verb === 'enable' || verb === 'disable') return vault.zeroKnowledge(body);
  return vault[verb](body);
}

function toldBy(verb, { status, json, text }) {
  assert.ok(status < 500, `${verb}: ${status} ${text}`);
  if (status !== 200) return { status, code: json.code };
  if (verb === 'status') return { status, seen: [json.vaultExists, json.hasRecoveryWrap, json.zeroKnowledge].join() };
  if (json.requiresRecoveryCode) return { status, blob: json.recoveryWrappedMk };
  return json.masterKey ? { status, key: json.masterKey } : { status };
}

/** At rest the vault is in one of the states that are possible, and its owner can get at the key. */
async function compareWithVault(states, wraps) {
  const answer = await vaultOf(owner).key();
  audited += 1;
  const told = toldBy('key', answer);
  const fits = explain(states, [{ verb: 'key', session: 0, answer: told, begin: 0, end: 1 }]);
  assert.ok(fits.length > 0, `seed ${seed}: at rest the vault gives ${JSON.stringify(told)}, which none of the states does`);
  if (told.blob) assert.equal(await unwrap(answer.json, wraps.get(told.blob).secret), fits[0].key);
  return fits;
}

/** Each replaced key comes back under its own number, with a recovery wrap of this key or none. In zero-knowledge none is kept. */
async function restoreEach({ zeroKnowledge }, numbered, wraps, given) {
  const vault = vaultOf(owner);
  const keys = (await vault.restorable()).json.wraps.filter(({ kind }) => kind === 'key');
  if (zeroKnowledge) assert.deepEqual(keys, []);
  for (const { id, keyGeneration, hasRecoveryWrap } of keys) {
    const answer = await vault.restore({ id });
    assert.equal(answer.status, 200, answer.text);
    const { masterKey } = (await vault.key()).json;
    audited += 2;
    assert.ok(given.has(masterKey), `seed ${seed}: a key came back that nobody was given`);
    assert.ok(numbered.get(keyGeneration)?.has(masterKey) ?? true, `seed ${seed}: key ${keyGeneration} came back as another one`);
    const [stored] = stack.sql(`SELECT recovery_wrapped_mk AS "recoveryWrappedMk", recovery_iv AS "recoveryIv", generation FROM auth.encryption_vaults`);
    assert.deepEqual([stored.generation, stored.recoveryWrappedMk !== null], [keyGeneration, hasRecoveryWrap]);
    if (hasRecoveryWrap) assert.equal(await unwrap(stored, wraps.get(stored.recoveryWrappedMk).secret), masterKey);
  }
  return keys.length;
}

function pick(random) {
  let at = random() * Object.values(WEIGHTS).reduce((sum, weight) => sum + weight);
  return Object.keys(WEIGHTS).find((verb) => (at -= WEIGHTS[verb]) < 0);
}

function show(states, calls) {
  return JSON.stringify({ states, calls: [...calls].sort((a, b) => a.begin - b.begin) }, null, 1);
}

/** A small generator of numbers from 0 to 1 (Tommy Ettinger's mulberry32). */
function mulberry32(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
