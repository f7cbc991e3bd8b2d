// A user's data to take along: complete, readable, and never in anybody's memory as a whole.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, somebodySignedIn, token } from './lib/people.mjs';
import { childrenOf } from './lib/processes.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { startSync, SYNC } from './lib/sync.mjs';
import { stepPasses, totp } from './lib/totp.mjs';
import { until } from './lib/wait.mjs';

const EXPORT = '/api/v1/me/data/export';
const MEGABYTE = 1 << 20;

describe('export', () => {
  let stack, sync;
  before(async () => {
    stack = await startStack({ ...SYNC, WORKERS: '1' }, UNLIMITED);
    sync = startSync(stack);
  });
  after(() => stack?.stop());

  const fetchExport = (person) => person.http.get(EXPORT, { bearer: person.token });

  test('everything there is about a user, printed for people, in the order of version 2.0 and then the rest', async () => {
    const person = await somebodySignedIn(stack, 'Ada "Countess" Lovelace');
    await person.http.post('/api/auth/organization/create', { name: 'Engines', slug: 'engines' });
    await person.http.post('/api/v1/me/encryption-vault/init', {}, { bearer: person.token });
    await person.http.get('/api/v1/me/encryption-vault/key', { bearer: person.token });
    const { json: key } = await person.http.post('/api/v1/api-keys', { name: 'Dictaphone' }, { bearer: person.token });
    await person.http.request('PATCH', '/api/v1/settings/global', { json: { locale: 'en' }, bearer: person.token });
    sync.add(person.id, 'todo', 2);
    sync.add('somebody-else', 'todo', 2);
    const { status, headers, text, json } = await fetchExport(person);
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'application/json');
    assert.match(headers['content-disposition'], /^attachment; filename="meine-daten-\d{4}-\d\d-\d\d\.json"$/);
    assert.match(headers['access-control-expose-headers'], /(^|,)Content-Disposition(,|$)/);
    assert.equal(headers['transfer-encoding'], 'chunked');
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(text, `${JSON.stringify(json, null, 2)}\n`);
    assert.deepEqual(Object.keys(json), [
      'exportedAt', 'exportVersion', 'data', 'details', 'profile', 'settings', 'secondFactor', 'trustedDevices', 'knownDevices', 'accounts',
      'organizations', 'invitations', 'consents',
      'authorizations', 'loginAttempts', 'pendingLinks', 'emailChanges', 'vault', 'vaultAudit', 'mails', 'syncRecords',
      'syncRecordsComplete', 'syncRecordsReason']);
    assert.equal(json.exportVersion, '2.0');
    assert.equal(json.data.user.name, person.name);
    assert.deepEqual(Object.keys(json.details), ['sessions', 'passkeys', 'apiKeys', 'securityEvents']);
    assert.equal(json.details.sessions.length, 2);
    assert.equal(json.details.sessions[0].userAgent, null);
    const events = json.details.securityEvents.map(({ eventType }) => eventType);
    assert.ok(events.includes('REGISTER') && events.includes('LOGIN_SUCCESS') && events.includes('ORG_CREATED'));
    assert.ok(json.details.securityEvents[0].createdAt >= json.details.securityEvents.at(-1).createdAt);
    assert.deepEqual(json.organizations.map(({ slug, role }) => [slug, role]), [['engines', 'owner']]);
    assert.deepEqual([json.vault.zeroKnowledge, json.vault.keyGeneration], [false, 1]);
    assert.deepEqual(json.vaultAudit.map(({ action, status: answered }) => [action, answered]), [['fetch', 200], ['init', 201]]);
    assert.deepEqual(json.mails.map(({ kind, recipient }) => [kind, recipient]), [['verify_email', person.email]]);
    assert.deepEqual(json.syncRecords.map(({ app_id, user_id, data }) => [app_id, user_id, data.n]).sort(),
      [['todo', person.id, 1], ['todo', person.id, 2]]);
    assert.deepEqual([json.syncRecordsComplete, json.syncRecordsReason], [true, null]);
    assert.deepEqual(json.details.apiKeys.map(({ name, keyPrefix, scopes }) => [name, keyPrefix, scopes]),
      [['Dictaphone', key.keyPrefix, ['stt', 'tts']]]);
    assert.ok(key.key && !text.includes(key.key));
    assert.equal(json.settings.globalSettings.locale, 'en');
    assert.doesNotMatch(text, /argon2|wrapped_?mk|token_?digest|"password"/i);
  });

  test('a second factor, the browsers that are trusted, and a link that waits; none of what they are proven with', async () => {
    const person = await somebodySignedIn(stack);
    const setup = (await person.http.post('/api/auth/two-factor/enable', { password: PASSWORD })).json;
    await person.http.post('/api/auth/two-factor/verify-totp', { code: totp(setup.totpURI) });
    stepPasses(stack, person.email);
    await person.http.post('/api/auth/sign-out', {});
    await signIn(person);
    await person.http.post('/api/auth/two-factor/verify-totp', { code: totp(setup.totpURI), trustDevice: true });
    await person.http.post('/api/auth/sign-in/magic-link', { email: person.email });
    person.token = await token(person);
    const { json, text } = await fetchExport(person);
    assert.equal(json.secondFactor.backupCodesLeft, 10);
    assert.ok(json.secondFactor.appConfirmedAt);
    assert.equal(json.trustedDevices.length, 1);
    assert.ok(json.knownDevices.length > 0);
    assert.deepEqual(json.pendingLinks.map(({ kind }) => kind), ['magic-link']);
    for (const secret of [...setup.backupCodes, new URL(setup.totpURI).searchParams.get('secret')]) assert.ok(!text.includes(secret));
  });

  test('more than a page of each long list, and each row once', async () => {
    const person = await somebodySignedIn(stack);
    stack.psql(
      `INSERT INTO auth.security_events (user_id, event_type, metadata, created_at)
       SELECT :'id', 'STORY', jsonb_build_object('n', n), now() - interval '1 hour' FROM generate_series(1, 1200) n`,
      { id: person.id },
    );
    sync.add(person.id, 'todo', 1500);
    sync.add(person.id, 'calendar', 1500);
    const { text, json } = await fetchExport(person);
    const numbers = json.details.securityEvents.filter(({ eventType }) => eventType === 'STORY').map(({ metadata }) => metadata.n);
    assert.equal(new Set(numbers).size, 1200);
    assert.equal(numbers.length, 1200);
    assert.equal(json.syncRecords.length, 3000);
    assert.equal(new Set(json.syncRecords.map(({ id }) => id)).size, 3000);
    assert.equal(text, `${JSON.stringify(json, null, 2)}\n`);
  });

  test('40 MB in a worker that hardly grows, also for a client that reads slowly; others are served meanwhile', async () => {
    const person = await somebodySignedIn(stack);
    sync.add(person.id, 'todo', 40, { bytes: MEGABYTE });
    await fetchExport(person); // memory that is kept
    const worker = childrenOf(stack.pids.edge)[0].pid;
    const before = residentBytes(worker);
    const { answer, chunks } = await begun(stack, person, 0);
    let most = 0, length = 0, served = 0;
    for await (const chunk of chunks) {
      length += chunk.length;
      if (length > (served + 1) * 4 * MEGABYTE) {
        served += 1;
        most = Math.max(most, residentBytes(worker));
        assert.equal((await new Client(stack.url).get('/health')).status, 200); // reading stops meanwhile
      }
    }
    assert.ok(answer.complete);
    assert.ok(length > 40 * MEGABYTE, `${length} bytes`);
    assert.ok(served >= 9);
    assert.ok(most - before < 12 * MEGABYTE, `the worker grew by ${(most - before) / MEGABYTE} MB`);
    assert.equal(childrenOf(stack.pids.edge)[0].pid, worker);
  });

  test('a client that leaves in the middle costs nobody anything', async () => {
    const person = await somebodySignedIn(stack);
    sync.add(person.id, 'todo', 10, { bytes: MEGABYTE });
    const worker = childrenOf(stack.pids.edge)[0].pid;
    for (let i = 0; i < 5; i += 1) {
      const { socket } = await raw(stack, `GET ${EXPORT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${person.token}\r\n\r\n`, 100_000);
      socket.destroy();
    }
    assert.equal((await fetchExport(person)).json.syncRecords.length, 10);
    assert.equal(childrenOf(stack.pids.edge)[0].pid, worker);
  });

  test('the connection is as good as before, and HTTP/1.0 and HEAD get their due', async () => {
    const person = await somebodySignedIn(stack);
    const bearer = `Host: x\r\nAuthorization: Bearer ${person.token}\r\n`;
    const { socket, text } = await raw(stack, `GET ${EXPORT} HTTP/1.1\r\n${bearer}\r\n`, '\r\n0\r\n\r\n');
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
    const second = await raw(stack, `GET /health HTTP/1.1\r\nHost: x\r\n\r\n`, '}', socket);
    assert.match(second.text, /^HTTP\/1\.1 200 OK\r\n/);
    socket.destroy();

    const old = await raw(stack, `GET ${EXPORT} HTTP/1.0\r\n${bearer}\r\n`);
    assert.doesNotMatch(old.text, /transfer-encoding/i);
    assert.equal(JSON.parse(old.text.slice(old.text.indexOf('\r\n\r\n'))).data.user.id, person.id);

    const closing = await raw(stack, `GET ${EXPORT} HTTP/1.1\r\n${bearer}Connection: close\r\n\r\n`);
    assert.match(closing.text, /\r\n0\r\n\r\n$/);

    const head = await raw(stack, `HEAD ${EXPORT} HTTP/1.1\r\n${bearer}Connection: close\r\n\r\n`);
    assert.match(head.text, /^HTTP\/1\.1 200 OK\r\n[^]*content-disposition: attachment[^]*\r\n\r\n$/i);
  });

  test('a sync database that goes away in the middle leaves a whole document that says so', async () => {
    const person = await somebodySignedIn(stack);
    sync.add(person.id, 'todo', 20, { bytes: MEGABYTE });
    const begin = await begun(stack, person, 2 * MEGABYTE);
    sync.away();
    const json = JSON.parse(await rest(begin));
    sync.back();
    assert.ok(json.syncRecords.length > 0 && json.syncRecords.length < 20, `${json.syncRecords.length} records`);
    assert.deepEqual([json.syncRecordsComplete, json.syncRecordsReason], [false, 'unreachable']);
  });

  test('a session that ends in the middle cuts the body: half of it is not taken for the whole', async () => {
    const person = await somebodySignedIn(stack);
    sync.add(person.id, 'todo', 20, { bytes: MEGABYTE });
    const begin = await begun(stack, person, 2 * MEGABYTE);
    stack.psql(`DELETE FROM auth.sessions WHERE user_id = :'id'`, { id: person.id });
    await assert.rejects(rest(begin), { code: 'ECONNRESET' });
    assert.equal(begin.answer.complete, false);
  });

  test('without a session there is none', async () => {
    const person = await somebodySignedIn(stack);
    await person.http.post('/api/auth/sign-out', {});
    const { status, headers, json } = await fetchExport(person);
    assert.equal(status, 401);
    assert.equal(headers['content-disposition'], undefined);
    assert.equal(json.message, 'Invalid or expired token');
  });
});

/** An export of which that much has come, and whose rest waits to be read. */
async function begun(stack, person, bytes) {
  const answer = await new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${person.token}` };
    http.get(new URL(EXPORT, stack.url.replace('localhost', '127.0.0.1')), { headers, agent: false }, resolve).on('error', reject);
  });
  const chunks = answer[Symbol.asyncIterator]();
  let text = '';
  while (text.length < bytes) text += (await chunks.next()).value.toString('latin1');
  return { answer, chunks, text };
}

async function rest({ chunks, text }) {
  let whole = text;
  for await (const chunk of chunks) whole += chunk.toString('latin1');
  return whole;
}

/** Sends bytes and reads until some text has come, or that many bytes, or the end. */
async function raw(stack, bytes, enough, socket = net.connect(new URL(stack.url).port, '127.0.0.1')) {
  let text = '', ended = false;
  const take = (chunk) => { text += chunk; };
  socket.on('data', take);
  socket.once('end', () => { ended = true; });
  socket.write(bytes);
  await until('an answer', () => ended || (typeof enough === 'number' ? text.length >= enough : enough && text.includes(enough)));
  socket.off('data', take);
  return { socket, text };
}

function residentBytes(pid) {
  const line = readFileSync(`/proc/${pid}/status`, 'latin1').match(/^VmRSS:\s+(\d+) kB$/m);
  return Number(line[1]) * 1024;
}
