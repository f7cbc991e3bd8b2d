// What a refusal of the mail server means: a mail that meets our own wrong configuration waits, and an operator is told; a
// recipient who is refused is final; retries last a day, and no mail is sent whose link has expired. Time is moved by SQL.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { startSmtpServer } from './lib/smtp_server.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const EXTENSIONS = ['SMTPUTF8', '8BITMIME', 'SIZE 1000000'];
const ALERT = 'the mail server refuses our configuration: see last_error of auth.outbox_overview';
const EXPIRED = 'its link or code expired before the mail was sent';

describe('replies of the mail server', () => {
  let server, stack;
  before(async () => {
    server = await startSmtpServer({ extensions: EXTENSIONS });
    stack = await startStack({
      WORKERS: '1', SMTP_HOST: '127.0.0.1', SMTP_PORT: String(server.port), SMTP_TLS: 'off', SMTP_FROM: 'Bücher & Läden <noreply@bücher.example>',
    }, UNLIMITED);
  });
  after(async () => {
    await stack?.stop();
    await server?.stop();
  });
  afterEach(() => {
    server.script = {};
    stack.psql(`DELETE FROM auth.outbox`);
  });

  let mails = 0;
  const promise = (lifetime = null) => stack.psql(
    `SELECT auth.mail_queue('verify_email', 'r${++mails}@example.com', 'en', auth.json_object('name', 'R', 'token', 't', 'callbackURL', '/'),
       NULL, ${lifetime ? `interval '${lifetime}'` : 'NULL'})`);
  const mail = (id) => stack.sql(`SELECT state, needs_operator, attempts, last_error, args IS NULL AS wiped, leased_by IS NULL AS reported FROM auth.outbox WHERE id = :'id'`, { id })[0];
  const tried = (id, attempts = 1) => until('the mail was tried', () => {
    const now = mail(id);
    return (now.state !== 'pending' || (now.attempts >= attempts && now.reported)) && now;
  });
  const alerts = () => stack.log().filter(({ part, event }) => part === 'outbox' && event === ALERT);

  // The others are in tests/unit/smtp_reply_test.c; these show that the phase of the conversation is known.
  const OURS = {
    'a sender that is not logged in': { MAIL: '503 5.5.1 You must authenticate first.' },
    'a greeting that refuses': { GREETING: '554 no service for your address' },
    'no right to relay': { RCPT: '550 5.7.1 relaying denied' },
    'a message that is not authenticated': { MESSAGE: '550 5.7.26 SPF and DKIM failed' },
  };
  for (const [what, script] of Object.entries(OURS))
    test(`${what} keeps the mail and asks for an operator: ${Object.values(script)[0]}`, async () => {
      server.script = script;
      const id = promise();
      const now = await tried(id);
      assert.deepEqual([now.state, now.needs_operator], ['pending', true]);
      assert.ok(now.last_error.includes(Object.values(script)[0]), now.last_error);
    });

  test('a mail that waited for the operator is sent once the server takes it', async () => {
    server.script = OURS['no right to relay'];
    const id = promise();
    await tried(id);
    server.script = {};
    stack.psql(`SET ROLE auth_admin; SELECT auth.outbox_retry()`);
    await until('the mail is sent', () => mail(id).state === 'sent');
    assert.equal(mail(id).needs_operator, false);
  });

  test('an operator is told once, in a line of the log, and sees the rest by SQL as auth_admin', async () => {
    assert.equal(alerts().length, 1, 'of all the refusals above');
    assert.equal(alerts()[0].level, 'error');
    server.script = OURS['no right to relay'];
    const id = promise();
    await tried(id);
    const seen = stack.psql(`SET ROLE auth_admin; SELECT kind, state, needs_operator, attempts, last_error FROM auth.outbox_overview WHERE id = '${id}'`);
    assert.match(seen, /^verify_email\|pending\|t\|1\|.*550 5\.7\.1 relaying denied$/);
    assert.equal(alerts().length, 1);
    assert.ok(!JSON.stringify(stack.log()).includes('@example.com'), 'the log holds no address');
  });

  const FINAL = {
    'no such mailbox': { RCPT: '550 5.1.1 no such mailbox' },
    'a message that is refused': { MESSAGE: '554 5.6.0 rejected' },
  };
  for (const [what, script] of Object.entries(FINAL))
    test(`${what} is final: ${Object.values(script)[0]}`, async () => {
      server.script = script;
      const now = await tried(promise());
      assert.deepEqual([now.state, now.needs_operator, now.attempts], ['dead', false, 1]);
      assert.ok(now.last_error.includes(Object.values(script)[0]), now.last_error);
    });

  test('a temporary refusal is tried for a day, at most an hour apart, and then no more', async () => {
    server.script = { RCPT: '451 4.3.0 later' };
    const id = promise();
    await tried(id);
    const plan = () => stack.sql(`SELECT state, attempts, give_up_at - created_at BETWEEN interval '24 hours' AND interval '24 hours 1 minute' AS a_day,
      EXTRACT(epoch FROM next_attempt_at - now()) AS pause FROM auth.outbox WHERE id = '${id}'`)[0];
    assert.equal(plan().a_day, true);
    stack.psql(`UPDATE auth.outbox SET attempts = 30, next_attempt_at = now() WHERE id = '${id}'`);
    await tried(id, 31);
    assert.equal(plan().state, 'pending');
    assert.ok(plan().pause > 1790 && plan().pause <= 3600, String(plan().pause));
    stack.psql(`UPDATE auth.outbox SET give_up_at = now() + interval '5 minutes', next_attempt_at = now() WHERE id = '${id}'`);
    await tried(id, 32);
    assert.ok(plan().pause <= 300, 'the last try is at the end');
    stack.psql(`UPDATE auth.outbox SET give_up_at = now(), next_attempt_at = now() WHERE id = '${id}'`);
    const now = await until('it is given up', () => mail(id).state === 'dead' && mail(id));
    assert.deepEqual([now.attempts, now.needs_operator], [33, false]);
    assert.match(now.last_error, /451 4\.3\.0 later/);
  });

  test('a mail whose link has expired is ended with a reason, and the server never sees it', async () => {
    server.script = { RCPT: '451 4.3.0 later' };
    const [expired, valid] = [promise('1 hour'), promise('1 hour')];
    await tried(expired);
    await tried(valid);
    server.script = {};
    const talks = server.talks.length;
    stack.psql(`UPDATE auth.outbox SET expires_at = now() WHERE id = '${expired}'`);
    stack.psql(`SELECT auth.outbox_retry()`);
    await until('the other one is sent', () => mail(valid).state === 'sent');
    const now = await until('it is ended', () => mail(expired).state === 'dead' && mail(expired));
    assert.ok(now.last_error.startsWith(`${EXPIRED}; `), now.last_error);
    assert.match(now.last_error, /451 4\.3\.0 later/);
    assert.equal(now.wiped, true);
    assert.equal(server.talks.length, talks + 1);
  });

  test('an ASCII address asks for no SMTPUTF8, and a name in another script is an encoded word', async () => {
    const id = promise();
    await until('the mail is sent', () => mail(id).state === 'sent');
    const { commands, message } = server.talks.at(-1);
    const envelope = commands.filter((line) => /^(MAIL|RCPT)/.test(line));
    assert.match(envelope[0], /^MAIL FROM:<noreply@xn--bcher-kva\.example>/);
    assert.ok(!envelope.join(' ').includes('SMTPUTF8'), envelope.join(' '));
    const head = message.split('\r\n\r\n')[0];
    assert.match(head, /^[\t\r\n -~]*$/, 'headers are ASCII');
    const [, word] = /^From: =\?UTF-8\?B\?([^?]*)\?= <noreply@xn--bcher-kva\.example>\r$/m.exec(head);
    assert.equal(Buffer.from(word, 'base64').toString(), 'Bücher & Läden');
  });
});

describe('a login that the mail server refuses', () => {
  test('keeps the mail and asks for an operator', async () => {
    const server = await startSmtpServer({ extensions: ['AUTH PLAIN LOGIN'] });
    server.script = { AUTH: '535 5.7.8 bad credentials' };
    const stack = await startStack({ SMTP_HOST: '127.0.0.1', SMTP_PORT: String(server.port), SMTP_TLS: 'off', SMTP_USER: 'mana', SMTP_PASS: 'wrong' }, UNLIMITED);
    try {
      stack.psql(`SELECT auth.mail_queue('password_changed', 'r@example.com', 'en', auth.json_object('name', 'R'))`);
      const mail = await until('the mail was tried', () => stack.sql(`SELECT * FROM auth.outbox_overview WHERE last_error IS NOT NULL`)[0]);
      assert.deepEqual([mail.state, mail.needs_operator], ['pending', true]);
      assert.match(mail.last_error, /535 5\.7\.8 bad credentials/);
      assert.ok(!JSON.stringify(stack.log()).includes('wrong'));
    } finally {
      await stack.stop();
      await server.stop();
    }
  });
});
