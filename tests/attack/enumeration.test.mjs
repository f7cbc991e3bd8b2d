// Nobody learns from us who has an account: at every door known and unknown addresses get the same status, headers and body, and cost
// the same work.
//
// Work is compared by what it leaves no room for: a burst of requests fills the queue of password hashes, and most of them are told so
// (503), for an unknown address as for a known one. ATTACK_LONG=1 compares time as well, pairwise, one after the other, so that a busy
// machine slows both. A difference counts when nearly all pairs show it and it is more than a quarter of the whole: what a missing hash
// or a missing mail would make.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { each, member, PASSWORD, stranger, target, without } from './lib/target.mjs';

const PAIRS = target.isLong ? 24 : 4;
const NEARLY_ALL = 21; // by chance: once in seven thousand
const DIFFERENCE = 0.25;
const BURST_MIN = 160;
const BURST_MAX = 640;
const MOST = 0.5; // of a burst: more than four fifths find no room where each request is hashed, less than a third where none is

describe('an address that has an account', { skip: without.mail }, () => {
  const addresses = (name) => Array.from({ length: PAIRS }, (_, n) => `${name}${n}-${process.pid}@example.com`); // names of one length
  const [known, unknown] = [addresses('known'), addresses('other')];
  let ada;

  const signUpWith = (email) => ({ json: { email, password: PASSWORD, name: 'Ada' } });
  const ask = (path, body) => stranger().request('POST', path, body);
  before(async () => {
    for (const email of known) assert.equal((await ask('/api/auth/sign-up/email', signUpWith(email))).status, 200);
    // every other one has proved the address
    for (const email of known.filter((_, n) => n % 2)) assert.equal((await stranger().get(await target.mail.link(email, '/verify-email'))).status, 302);
    ada = await member('Ada');
  });

  /** What an answer shows, with what is different each time taken out. */
  const shown = ({ status, headers, setCookies, text }, email) => {
    const { date, 'x-request-id': id, 'content-length': length, 'set-cookie': cookies, ...others } = headers;
    const same = (value) => value.replaceAll(email, '<address>').replaceAll(encodeURIComponent(email), '<address>')
      .replace(/\b[A-Za-z0-9]{32}\b/g, '<id>').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>');
    return { status, headers: others, cookies: setCookies.map(({ name, attributes }) => ({ name, attributes })), body: same(text) };
  };

  async function timed(path, body) {
    const since = process.hrtime.bigint();
    const answer = await ask(path, body);
    return { answer, ms: Number(process.hrtime.bigint() - since) / 1e6 };
  }

  const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
  const wrong = (email) => ({ email, password: 'not-the-password' });

  for (const [what, path, body, others] of [
    ['signing in', '/api/auth/sign-in/email', (email) => ({ json: wrong(email) })],
    ['signing in by a form', '/api/auth/sign-in/email', (email) => ({ form: wrong(email) })],
    ['signing in from an app', '/api/v1/auth/login', (email) => ({ json: wrong(email) })],
    ['signing in on the page', '/login', (email) => ({ form: { ...wrong(email), callbackURL: '/' } })],
    ['signing up', '/api/auth/sign-up/email', signUpWith, addresses('newup')],
    ['registering from an app', '/api/v1/auth/register', signUpWith, addresses('newby')],
    ['signing up on the page', '/sign-up', (email) => ({ form: signUpWith(email).json }), addresses('newto')],
    ['signing up with a password that is refused', '/api/auth/sign-up/email', (email) => ({ json: { ...signUpWith(email).json, password: 'password' } }), addresses('newhm')],
    ['asking for a new password', '/api/auth/request-password-reset', (email) => ({ json: { email } })],
    ['asking for one from an app', '/api/v1/auth/forgot-password', (email) => ({ json: { email } })],
    ['asking for one on the page', '/forgot-password', (email) => ({ form: { email } })],
    ['asking for a verification mail', '/api/auth/send-verification-email', (email) => ({ json: { email } })],
    ['asking for one from an app', '/api/v1/auth/resend-verification', (email) => ({ json: { email } })],
    ['asking for a link to sign in', '/api/auth/sign-in/magic-link', (email) => ({ json: { email } })],
    ['asking for one by the older path', '/api/auth/magic-link/send-magic-link', (email) => ({ json: { email } })],
    ['asking for one on the page', '/login-link', (email) => ({ form: { email, callbackURL: '/' } })],
  ]) {
    test(`cannot be told from one that has none by ${what} (${path})`, async (t) => {
      const took = { known: [], unknown: [] };
      for (let n = 0; n < PAIRS; n++) {
        const pair = [['known', known[n]], ['unknown', (others ?? unknown)[n]]];
        if (n % 2) pair.reverse();
        const answers = {};
        for (const [kind, email] of pair) {
          const { answer, ms } = await timed(path, body(email));
          answers[kind] = shown(answer, email);
          took[kind].push(ms);
        }
        assert.deepEqual(answers.known, answers.unknown);
      }
      const longer = took.known.filter((ms, n) => ms > took.unknown[n]).length;
      const [a, b] = [median(took.known), median(took.unknown)];
      t.diagnostic(`known ${a.toFixed(2)} ms, unknown ${b.toFixed(2)} ms; known longer ${longer} of ${PAIRS}`);
      if (!target.isLong) return;
      const telling = longer >= NEARLY_ALL || longer <= PAIRS - NEARLY_ALL;
      assert.ok(
        !(telling && Math.abs(a - b) > DIFFERENCE * Math.max(a, b)),
        `known ${a.toFixed(2)} ms, unknown ${b.toFixed(2)} ms; the known one took longer ${longer} times of ${PAIRS}`,
      );
    });
  }

  test('cannot be told from one that has none by a user who wants it as a new address', async () => {
    const change = (newEmail) => ada.http.post('/api/auth/change-email', { newEmail });
    for (let n = 0; n < PAIRS; n++)
      assert.deepEqual(shown(await change(known[n]), known[n]), shown(await change(unknown[n]), unknown[n]));
  });

  test('cannot be told from one that has none by its owner of an organization who invites it', async () => {
    const { json } = await ada.http.post('/api/auth/organization/create', { name: 'E', slug: `enumeration-${process.pid}` });
    const invite = (email) => ada.http.post('/api/auth/organization/invite-member', { organizationId: json.id, email, role: 'member' });
    for (let n = 0; n < PAIRS; n++) assert.deepEqual(shown(await invite(known[n]), known[n]), shown(await invite(unknown[n]), unknown[n]));
  });

  // a list of its own for each door, for an address is locked after five wrong passwords
  let lists = 0;
  const fresh = () => {
    const list = lists++;
    return (n) => `burst${list}-${n}-${process.pid}@example.com`;
  };
  for (const [what, path, ordinary, bodyOf] of [
    ['signing in', '/api/auth/sign-in/email', 401, () => { const name = fresh(); return (n) => ({ json: wrong(name(n)) }); }],
    ['signing in from an app', '/api/v1/auth/login', 401, () => { const name = fresh(); return (n) => ({ json: wrong(name(n)) }); }],
    ['signing in on the page', '/login', 401, () => { const name = fresh(); return (n) => ({ form: wrong(name(n)) }); }],
    ['signing up with a known address', '/api/auth/sign-up/email', 200, () => (n) => signUpWith(known[n % known.length])],
  ])
    test(`costs a hash at ${what} as any other address does (${path})`, { skip: without.fewHashes }, async () => {
      assert.equal((await ask(path, bodyOf()(0))).status, ordinary, 'by itself it is answered as ever');
      let share = 0;
      for (let burst = BURST_MIN; share < MOST && burst <= BURST_MAX; burst *= 2) {
        const body = bodyOf();
        const answers = await Promise.all(Array.from({ length: burst }, (_, n) => ask(path, body(n))));
        share = answers.filter(({ status }) => status === 503).length / burst;
        for (const { status, headers } of answers) if (status === 503) assert.ok(Number(headers['retry-after']) > 0, 'a refusal says when to come again');
        assert.deepEqual(answers.filter(({ status }) => status !== 503 && status !== ordinary).map(({ status }) => status), []);
      }
      assert.ok(share >= MOST, `${Math.round(share * 100)} % of the largest burst found no room: nothing was hashed`);
    });

  test('an address with a pending mail, a lock or a used link is told nothing either', async () => {
    const [locked, nobody] = [known[0], `nobody-${process.pid}@example.com`];
    await each(Array.from({ length: 6 }), async () => { await ask('/api/auth/sign-in/email', { json: wrong(locked) }); }, 1);
    await each(Array.from({ length: 6 }), async () => { await ask('/api/auth/sign-in/email', { json: wrong(nobody) }); }, 1);
    const seen = async (email) => {
      const { headers, ...rest } = shown(await ask('/api/auth/sign-in/email', { json: { email, password: PASSWORD } }), email);
      const { 'retry-after': retryAfter, ...others } = headers;
      return { ...rest, headers: others, body: rest.body.replace(/\d{3,4}/g, '<seconds>') };
    };
    assert.deepEqual(await seen(locked), await seen(nobody));
    assert.equal((await seen(locked)).status, 429);
  });
});
