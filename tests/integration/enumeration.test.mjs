// Nobody learns from us who has an account: known and unknown addresses get the same status, headers and body, in the same
// time.
//
// Time is compared pairwise, one after the other, so that a busy machine slows both. A difference counts when nearly
// all pairs show it and it is more than a quarter of the whole: what a missing hash or a missing mail would make.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { PASSWORD } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const PAIRS = 24;
const NEARLY_ALL = 21; // by chance: once in seven thousand
const DIFFERENCE = 0.25;

describe('an address that has an account', () => {
  let stack;
  const addresses = (name) => Array.from({ length: PAIRS }, (_, n) => `${name}${n}@example.com`); // names of one length
  const [known, unknown] = [addresses('known'), addresses('other')];

  before(async () => {
    stack = await startStack({}, UNLIMITED);
    for (const email of known) assert.equal((await ask('/api/auth/sign-up/email', signUpWith(email))).status, 200);
    stack.psql(`UPDATE auth.users SET email_verified = true WHERE email LIKE 'known1%'`);
  });
  after(() => stack?.stop());

  const signUpWith = (email) => ({ email, password: PASSWORD, name: 'Ada' });
  const ask = (path, body) => new Client(stack.url).post(path, body);

  /** What an answer shows, with what is different each time taken out. */
  const shown = ({ status, headers, setCookies, text }, email) => {
    const { date, 'x-request-id': id, ...others } = headers;
    const body = text.replaceAll(email, '<address>').replace(/\b[A-Za-z0-9]{32}\b/g, '<id>').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>');
    return { status, headers: others, setCookies, body };
  };

  async function timed(path, body) {
    const since = process.hrtime.bigint();
    const answer = await ask(path, body);
    return { answer, ms: Number(process.hrtime.bigint() - since) / 1e6 };
  }

  const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

  for (const [what, path, body, others] of [
    ['signing in', '/api/auth/sign-in/email', (email) => ({ email, password: 'not-the-password' })],
    ['signing in from an app', '/api/v1/auth/login', (email) => ({ email, password: 'not-the-password' })],
    ['signing up', '/api/auth/sign-up/email', signUpWith, addresses('newup')],
    ['registering from an app', '/api/v1/auth/register', signUpWith, addresses('newby')],
    ['asking for a new password', '/api/auth/request-password-reset', (email) => ({ email })],
    ['asking for one from an app', '/api/v1/auth/forgot-password', (email) => ({ email })],
    ['asking for a verification mail', '/api/auth/send-verification-email', (email) => ({ email })],
    ['asking for one from an app', '/api/v1/auth/resend-verification', (email) => ({ email })],
    ['asking for a link to sign in', '/api/auth/sign-in/magic-link', (email) => ({ email })],
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
      const telling = longer >= NEARLY_ALL || longer <= PAIRS - NEARLY_ALL;
      assert.ok(
        !(telling && Math.abs(a - b) > DIFFERENCE * Math.max(a, b)),
        `known ${a.toFixed(2)} ms, unknown ${b.toFixed(2)} ms; the known one took longer ${longer} times of ${PAIRS}`,
      );
    });
  }
});
