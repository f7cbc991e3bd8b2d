// Mails hold links that reset passwords. Where an operator separates the sender of mails, a compromised edge cannot read one.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { signUp, somebody } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

describe('a separate sender of mails', () => {
  let stack, sender, person;
  before(async () => {
    stack = await startStack({ MAIL_SENDER: 'off' }, UNLIMITED);
    stack.psql(`REVOKE auth_mailer FROM auth_edge; CREATE ROLE sender LOGIN PASSWORD 'sender' IN ROLE auth_mailer;`);
    person = somebody(stack);
    assert.equal((await signUp(person)).status, 200);
  });
  after(async () => {
    await sender?.stop();
    await stack?.stop();
  });

  const pending = () => stack.sql(`SELECT count(*)::int AS n FROM auth.outbox WHERE state = 'pending'`)[0].n;
  const asEdge = (text) => {
    const password = readFileSync(join(stack.directory, 'secrets', 'auth_edge'), 'utf8').trim();
    return spawnSync('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', '-h', stack.socket, '-U', 'auth_edge', 'mana_platform', '-c', text],
      { encoding: 'utf8', env: { ...process.env, PGPASSWORD: password } });
  };

  test('an edge with MAIL_SENDER=off serves requests and leaves mails in the outbox', async () => {
    assert.equal((await person.http.get('/api/auth/get-session')).status, 200);
    assert.equal(pending(), 1);
    assert.equal(stack.sql(`SELECT attempts FROM auth.outbox`)[0].attempts, 0);
  });

  test('the role of the edge cannot claim, settle or read a mail', () => {
    for (const call of [`auth_api.outbox_claim('thief', 10, 60)`, `auth_api.outbox_done('x', 'thief')`,
      `auth_api.outbox_failed('x', 'thief', 'none', 'refused')`]) {
      const done = asEdge(`SELECT * FROM ${call}`);
      assert.notEqual(done.status, 0, done.stdout);
      assert.match(done.stderr, /permission denied for function outbox_/);
    }
    assert.match(asEdge('SELECT args FROM auth.outbox').stderr, /permission denied for table outbox/);
    assert.equal(pending(), 1);
  });

  test('an edge with MAIL_SENDER=only sends the mail by the role auth_mailer and serves no request', async () => {
    sender = await startStack({
      MAIL_SENDER: 'only', BASE_URL: stack.url, SMTP_HOST: '127.0.0.1', SMTP_PORT: stack.smtpPort,
      DATABASE_URL: `postgresql://sender:sender@/mana_platform?host=${stack.socket}`,
    });
    await stack.mail.latest(person.email);
    const client = new Client(sender.url);
    assert.equal((await client.get('/api/auth/get-session')).status, 503);
    assert.equal((await client.get('/health')).status, 200);
  });

  test('the role auth_mailer can do nothing but send mails', () => {
    const routines = stack.sql(`SELECT p.proname AS name FROM pg_proc p
      WHERE p.pronamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace) AND has_function_privilege('sender', p.oid, 'EXECUTE') ORDER BY 1`);
    assert.deepEqual(routines.map(({ name }) => name), ['outbox_claim', 'outbox_done', 'outbox_failed']);
    assert.deepEqual(stack.sql(`SELECT c.relname FROM pg_class c WHERE c.relnamespace IN ('auth'::regnamespace, 'auth_api'::regnamespace)
      AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege('sender', c.oid, 'SELECT, INSERT, UPDATE, DELETE')`), []);
  });
});
