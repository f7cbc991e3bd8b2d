// What mana-credits is told about new users: each call once it can be taken, in order, and nothing about nobody.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { childrenOf } from './lib/processes.mjs';
import { signUp, somebody } from './lib/people.mjs';
import { cert, key } from './lib/self_signed.mjs';
import { startService } from './lib/service.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const KEY = 'credits-key-0123456789';
const INIT = '/api/v1/internal/credits/init';
const REDEEM = '/api/v1/internal/gifts/redeem-pending';

describe('calls to mana-credits', () => {
  let stack, credits, answers;
  before(async () => {
    credits = await startService((request) => answers(request));
    stack = await startStack({ MANA_CREDITS_URL: `${credits.url.replace('127.0.0.1', 'localhost')}/`, MANA_SERVICE_KEY: `auth:${KEY},old:other-key` }, UNLIMITED);
  });
  beforeEach(() => {
    answers = () => ({});
    credits.requests.length = 0;
  });
  after(async () => {
    await stack?.stop();
    await credits?.stop();
  });

  async function newUser() {
    const person = somebody(stack);
    const answer = await signUp(person);
    assert.equal(answer.status, 200, answer.text);
    return { ...person, id: answer.json.user.id };
  }

  const callsOf = (person) => stack.sql(
    `SELECT path, state, attempts, last_error, body IS NULL AS wiped FROM auth.outbound_calls
      WHERE user_id = :'id' ORDER BY path`, { id: person.id });

  const settled = (person) => until('the calls are over', () => {
    const calls = callsOf(person);
    return calls.length === 2 && calls.every(({ state }) => state !== 'pending') && calls;
  });

  /** Pauses between tries are over. */
  const hurry = () => stack.psql(`UPDATE auth.outbound_calls SET next_attempt_at = now() WHERE state = 'pending'`);

  test('a new user gets an account there, then the gifts that wait for the address', async () => {
    const person = await newUser();
    const calls = await settled(person);
    assert.deepEqual(calls, [INIT, REDEEM].map((path) => ({ path, state: 'sent', attempts: 1, last_error: null, wiped: true })));
    assert.deepEqual(
      credits.requests.map(({ method, path, json }) => ({ method, path, json })),
      [
        { method: 'POST', path: INIT, json: { userId: person.id } },
        { method: 'POST', path: REDEEM, json: { userId: person.id, email: person.email } },
      ],
    );
    for (const { headers } of credits.requests) {
      assert.equal(headers['x-service-key'], KEY);
      assert.equal(headers['content-type'], 'application/json');
      assert.match(headers['idempotency-key'], /^[A-Za-z0-9]{32}$/);
    }
    assert.notEqual(...credits.requests.map(({ headers }) => headers['idempotency-key']));
  });

  test('nothing is said about a user who is none', async () => {
    const person = await newUser();
    await settled(person);
    const again = await signUp({ ...person, name: 'Somebody else' });
    assert.equal(again.status, 200);
    assert.notEqual(again.json.user.id, person.id);
    const other = await newUser(); // promised later: when these are through, so would the phantom's have been
    await settled(other);
    const told = credits.requests.map(({ json }) => json.userId);
    assert.deepEqual(told, [person.id, person.id, other.id, other.id]);
  });

  test('a service that is away, refuses us or breaks is asked again, under the same key', async () => {
    const troubles = [{ status: 0 }, { status: 503 }, { status: 401 }];
    answers = ({ path }) => (path === INIT && troubles.shift()) || {};
    const person = await newUser();
    const calls = await until('the calls are over', () => {
      hurry();
      const all = callsOf(person);
      return all.every(({ state }) => state === 'sent') && all;
    });
    assert.deepEqual(calls.map(({ attempts }) => attempts), [4, 1]);
    assert.deepEqual(credits.requests.map(({ path }) => path), [INIT, INIT, INIT, INIT, REDEEM]);
    assert.equal(new Set(credits.requests.slice(0, 4).map(({ headers }) => headers['idempotency-key'])).size, 1);
  });

  test('what the service can never take is put aside with the reason, and holds nothing up', async () => {
    answers = ({ path }) => (path === INIT ? { status: 422 } : {});
    const person = await newUser();
    const [init, redeem] = await settled(person);
    assert.deepEqual([init.state, init.attempts, init.last_error], ['dead', 1, 'answered 422']);
    assert.equal(redeem.state, 'sent');
    const said = stack.log().filter(({ part, level }) => part === 'outbound' && level === 'error');
    assert.deepEqual(said.map(({ what, detail }) => [what, detail]), [[INIT, 'answered 422']]);
    assert.ok(!JSON.stringify(stack.log()).includes(KEY));
  });

  test('an answer beyond all bounds is none', async () => {
    answers = ({ path }) => (path === INIT ? { body: 'x'.repeat(100_000) } : {});
    const person = await newUser();
    await until('the first try failed', () => callsOf(person)[0].last_error === 'the answer is too long');
    answers = () => ({});
    await until('the next one went through', () => {
      hurry();
      return callsOf(person).every(({ state }) => state === 'sent');
    });
  });

  test('a redirect is no acceptance, and is not followed', async () => {
    let redirects = 1;
    answers = ({ path }) => (path === INIT && redirects-- > 0 ? { status: 302 } : {});
    const person = await newUser();
    await until('the calls are over', () => {
      hurry();
      return callsOf(person).every(({ state }) => state === 'sent');
    });
    assert.equal(callsOf(person)[0].attempts, 2);
  });

  test('a sign-up does not wait for a slow service', async () => {
    let release;
    const held = new Promise((resolve) => { release = resolve; });
    answers = () => held;
    const person = await newUser();
    await until('the service is asked', () => credits.requests.length === 1);
    const next = await newUser();
    assert.ok(next.id);
    release({});
    await settled(person);
    await settled(next);
  });

  test('a worker that dies with a call in its hands leaves it to another', async () => {
    let asked = 0;
    answers = () => (++asked === 1 ? new Promise(() => {}) : {});
    const person = await newUser();
    await until('the service is asked', () => asked === 1);
    for (const { pid } of childrenOf(stack.pids.edge)) process.kill(pid, 'SIGKILL');
    stack.psql(`UPDATE auth.outbound_calls SET leased_until = now() WHERE state = 'pending' AND leased_until IS NOT NULL`);
    const calls = await settled(person);
    assert.deepEqual(calls.map(({ state, attempts }) => [state, attempts]), [['sent', 2], ['sent', 1]]);
  });

  test('the calls of a deleted user go with them', async () => {
    answers = () => ({ status: 503 });
    const person = await newUser();
    stack.psql(`DELETE FROM auth.users WHERE id = :'id'`, { id: person.id });
    assert.deepEqual(callsOf(person), []);
  });
});

describe('a mana-credits that anybody could be', () => {
  test('is told nothing when its certificate is its own word, and no proxy is told either', async () => {
    const [credits, proxy] = [await startService(undefined, { tls: { key, cert } }), await startService()];
    const stack = await startStack({
      MANA_CREDITS_URL: credits.url.replace('127.0.0.1', 'localhost'), https_proxy: proxy.url, all_proxy: proxy.url,
    }, UNLIMITED);
    try {
      assert.equal((await signUp(somebody(stack))).status, 200);
      const tried = () => stack.sql(`SELECT last_error AS reason, state FROM auth.outbound_calls WHERE last_error IS NOT NULL`);
      const [call] = await until('a call was tried', () => tried().length > 0 && tried());
      assert.match(call.reason, /certificate/i);
      assert.equal(call.state, 'pending');
      assert.deepEqual([credits.requests, proxy.requests], [[], []]);
    } finally {
      await stack.stop();
      await credits.stop();
      await proxy.stop();
    }
  });
});

describe('without mana-credits', () => {
  test('a sign-up leaves no call behind, and an installation that gets it later tells it of its users', async () => {
    const stack = await startStack({}, UNLIMITED);
    try {
      for (let n = 0; n < 2; n++) assert.equal((await signUp(somebody(stack))).status, 200);
      const calls = () => Number(stack.psql(`SELECT count(*) FROM auth.outbound_calls`));
      assert.equal(calls(), 0);
      const tell = () => stack.psql(`SET ROLE auth_admin; SELECT auth.credits_tell_since(now() - interval '1 day')`);
      assert.deepEqual([tell(), tell(), calls()], ['2', '0', 4]);
    } finally {
      await stack.stop();
    }
  });
});
