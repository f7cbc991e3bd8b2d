// The outbox: whatever the mail server does, each mail arrives once, or twice under one Message-ID where nobody could
// know, or ends as a dead letter with the reason; and no request waits for any of it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { signUp, somebody, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const PATIENT = { waitSeconds: 45 };

describe('mail delivery', () => {
  let stack;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
  });
  after(() => stack?.stop());

  for (const mode of ['421', '451']) {
    test(`a mail server that says ${mode} gets the mail again later, once`, async () => {
      await stack.mail.fail(mode, { times: 2 });
      const before = await stack.mail.hits();
      const person = somebody(stack);
      assert.equal((await signUp(person)).status, 200);
      await stack.mail.latest(person.email, PATIENT);
      assert.equal((await stack.mail.hits())[mode], before[mode] + 2);
      assert.equal((await settled(stack, person)).state, 'sent');
      assert.equal((await stack.mail.find(person.email)).length, 1);
    });
  }

  test('a mail server that refuses for good makes a dead letter with its reason', async () => {
    await stack.mail.fail('550', { times: 1 });
    const person = somebody(stack);
    assert.equal((await signUp(person)).status, 200);
    const letter = await settled(stack, person);
    assert.equal(letter.state, 'dead');
    assert.match(letter.last_error, /550/);
    const said = stack.log().filter(({ part, level }) => part === 'outbox' && level === 'error');
    assert.deepEqual(said.map(({ what }) => what), ['verify_email']);
    assert.ok(!JSON.stringify(stack.log()).includes(person.email), 'the log holds no address');
    assert.deepEqual(await stack.mail.find(person.email, { waitSeconds: 0 }), []);
  });

  test('a connection cut after DATA leaves two copies at most, under one Message-ID', async () => {
    await stack.mail.fail('drop', { times: 1 });
    const person = somebody(stack);
    assert.equal((await signUp(person)).status, 200);
    const mails = await stack.mail.find(person.email, { count: 2, ...PATIENT });
    assert.equal(mails.length, 2);
    assert.equal(mails[0].messageId, mails[1].messageId);
    assert.equal((await settled(stack, person)).state, 'sent');
  });

  test('a slow mail server slows no request', async () => {
    await stack.mail.fail('slow', { times: 1, seconds: 3 });
    const person = somebody(stack);
    const since = Date.now();
    assert.equal((await signUp(person)).status, 200);
    const next = await signUp(somebody(stack));
    assert.equal(next.status, 200);
    assert.ok(Date.now() - since < 3000, 'sign-ups waited for the mail server');
    await stack.mail.latest(person.email, PATIENT);
  });

  test('mails that piled up while the mail server was away all arrive, once each', async () => {
    await stack.command('mail-stop');
    const people = Array.from({ length: 10 }, () => somebody(stack));
    for (const person of people) assert.equal((await signUp(person)).status, 200);
    await stack.command('mail-start');
    for (const person of people) {
      await stack.mail.latest(person.email, PATIENT);
      assert.equal((await settled(stack, person)).state, 'sent');
    }
    for (const person of people) assert.equal((await stack.mail.find(person.email)).length, 1);
  });

  test('a name cannot write headers or HTML into a mail', async () => {
    const refused = somebody(stack, 'Eve\r\nBcc: eve@example.com');
    assert.equal((await signUp(refused)).status, 400);

    // A name that did not come through the API, from an import for instance, is a value of a template all the same.
    const person = await somebodyVerified(stack);
    stack.psql(`UPDATE auth.users SET name = E'<img src=x onerror=alert(1)>\\r\\nBcc: eve@example.com' WHERE id = :'id'`, person);
    const asked = await person.http.post('/api/auth/request-password-reset', { email: person.email });
    assert.equal(asked.status, 200);
    const mail = await stack.mail.latest(person.email, { ...PATIENT, contains: 'reset-password' });
    assert.deepEqual(mail.envelopeTo, [person.email]);
    assert.ok(!mail.headers.some(([name]) => name.toLowerCase() === 'bcc'));
    assert.ok(!mail.html.includes('<img src=x'));
  });
});

/** The person's only mail in the outbox, once it is either sent or given up. */
function settled(stack, { email }) {
  return until(
    `the mail to ${email} to be sent or given up`,
    () => {
      const mails = stack.sql(`SELECT state, last_error FROM auth.outbox WHERE recipient = :'email'`, { email });
      assert.equal(mails.length, 1);
      return mails[0].state !== 'pending' && mails[0];
    },
    45_000,
  );
}
