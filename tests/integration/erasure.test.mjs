// Erasing a user: out at once, everywhere in the end, and never said to be done where it is not.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { signIn, signUp, somebody, somebodySignedIn, token } from './lib/people.mjs';
import { startService } from './lib/service.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { startSync, SYNC } from './lib/sync.mjs';
import { until } from './lib/wait.mjs';

const DATA = '/api/v1/me/data';
const KEY = 'services-key-0123456789';

describe('erasure', () => {
  let stack, sync, credits, subscriptions, answers;
  before(async () => {
    credits = await startService((request) => answers(request));
    subscriptions = await startService((request) => answers(request));
    answers = () => ({});
    stack = await startStack({
      MANA_CREDITS_URL: credits.url, MANA_SUBSCRIPTIONS_URL: `${subscriptions.url}/`, MANA_SERVICE_KEY: KEY, ...SYNC,
    }, UNLIMITED);
    sync = startSync(stack);
  });
  beforeEach(() => {
    answers = ({ method }) => (method === 'DELETE' ? { body: { deletedCount: 2 } } : {});
    credits.requests.length = subscriptions.requests.length = 0;
  });
  after(async () => {
    await stack?.stop();
    await Promise.all([credits, subscriptions].map((service) => service?.stop()));
  });

  /** Signed in, told of to mana-credits, with so many records. */
  async function somebodyWithData(records = 3) {
    const person = await somebodySignedIn(stack);
    sync.add(person.id, 'todo', records);
    await until('mana-credits knows them', () => stack.sql(
      `SELECT 1 FROM auth.outbound_calls WHERE user_id = :'id' AND state = 'pending'`, { id: person.id }).length === 0);
    return person;
  }

  const erase = (person, json = { password: person.password }) =>
    person.http.request('DELETE', DATA, { json, bearer: person.token });
  const status = (id) => new Client(stack.url).get(`${DATA}/erasure/${id}`);
  const hurry = () => stack.psql(`UPDATE auth.erasure_sources SET next_attempt_at = now() WHERE state = 'pending'`);
  const states = ({ erasure }) => Object.fromEntries(erasure.sources.map(({ source, state }) => [source, state]));
  const completed = (id) => until('the erasure is complete', async () => {
    hurry();
    const { json } = await status(id);
    return json.complete && json;
  });
  const rowsOf = (person) => stack.sql('SELECT id FROM auth.users WHERE id = :\'id\'', { id: person.id }).length;

  test('when everybody is there: all of it in one answer, 200, source by source', async () => {
    const person = await somebodyWithData();
    await signIn(person);
    const { status: code, json, headers, setCookies } = await erase(person);
    assert.equal(code, 200, JSON.stringify(json));
    assert.deepEqual(Object.keys(json), ['success', 'deletedFromProjects', 'deletedFromAuth', 'totalDeleted', 'complete', 'erasure']);
    assert.deepEqual(json.deletedFromProjects, [{ projectId: 'sync', projectName: 'Sync-Daten', success: true, deletedCount: 3 }]);
    assert.deepEqual(json.deletedFromAuth, { sessions: 3, accounts: 1, credits: 2, user: true });
    assert.deepEqual([json.success, json.complete, json.totalDeleted], [true, true, 3 + 2 + 2 + 3 + 1 + 1]);
    assert.deepEqual(states(json), { sync: 'done', credits: 'done', subscriptions: 'done', auth: 'done' });
    assert.equal(headers.location, `${DATA}/erasure/${json.erasure.id}`);
    assert.ok(setCookies.some(({ name, attributes }) => name.endsWith('session_token') && attributes['max-age'] === '0'));
    assert.deepEqual([sync.count(person.id), rowsOf(person)], [0, 0]);
    const [asked] = credits.requests.filter(({ method }) => method === 'DELETE');
    assert.equal(asked.path, `/api/v1/internal/credits/balance/${person.id}`);
    assert.equal(asked.headers['x-service-key'], KEY);
    assert.equal(asked.headers['idempotency-key'], json.erasure.id);
    assert.equal(subscriptions.requests[0].path, `/api/v1/internal/subscriptions/${person.id}`);
    await stack.mail.latest(person.email, { contains: 'gelöscht' });
    assert.deepEqual((await status(json.erasure.id)).json, json);
    const [stub] = stack.sql(`SELECT user_id, farewell, pseudonym FROM auth.erasures WHERE id = :'id'`, { id: json.erasure.id });
    assert.deepEqual([stub.user_id, stub.farewell], [null, null]);
    assert.ok(stack.sql(`SELECT 1 FROM auth.security_events WHERE user_id = :'p'`, { p: stub.pseudonym }).length > 0);
  });

  test('a source that is away is pending with the reason, the others are done; nobody gets in meanwhile; then it is caught up', async () => {
    const person = await somebodyWithData(5);
    const { json: key } = await person.http.post('/api/v1/api-keys', { name: 'Dictaphone' }, { bearer: person.token });
    const validate = () => new Client(stack.url, { headers: { 'x-service-key': KEY } }).post('/api/v1/api-keys/validate', { apiKey: key.key });
    assert.equal((await validate()).json.valid, true);
    sync.away();
    const { status: code, json } = await erase(person);
    assert.equal(code, 202);
    assert.deepEqual(states(json), { sync: 'pending', credits: 'done', subscriptions: 'done', auth: 'pending' });
    assert.deepEqual(json.deletedFromProjects,
      [{ projectId: 'sync', projectName: 'Sync-Daten', success: false, deletedCount: 0, error: 'Sync-Datenbank nicht erreichbar' }]);
    assert.deepEqual([json.complete, json.deletedFromAuth.user, json.erasure.sources[0].error], [false, false, 'unreachable']);
    assert.ok(Date.parse(json.erasure.sources[0].nextAttemptAt) > Date.parse(json.erasure.requestedAt));

    assert.equal((await person.http.get(DATA, { bearer: person.token })).status, 401);
    assert.equal((await signIn(person)).status, 401);
    assert.equal((await erase(person)).status, 401);
    assert.equal((await person.http.get('/api/auth/get-session')).json, null);
    assert.equal((await validate()).json.valid, false);
    const [row] = stack.sql(`SELECT email, name, image FROM auth.users WHERE id = :'id'`, { id: person.id });
    assert.match(row.email, /^erased-[a-z0-9]{24}@erased\.invalid$/);
    assert.deepEqual([row.name, row.image], ['', null]);
    assert.deepEqual(await stack.mail.find(person.email, { contains: 'gelöscht', waitSeconds: 0 }), []);

    sync.back();
    const done = await completed(json.erasure.id);
    assert.equal(done.deletedFromProjects[0].deletedCount, 5);
    assert.deepEqual([sync.count(person.id), rowsOf(person)], [0, 0]);
    assert.equal((await stack.mail.find(person.email, { contains: 'gelöscht' })).length, 1);
  });

  test('the address is free again at once, also for who erases slowly', async () => {
    const person = await somebodyWithData();
    sync.away();
    const { json } = await erase(person);
    const again = { ...somebody(stack), email: person.email };
    const signedUp = await signUp(again);
    assert.equal(signedUp.status, 200);
    sync.back();
    await completed(json.erasure.id);
    const [user] = stack.sql('SELECT id FROM auth.users WHERE email = :\'email\'', { email: person.email });
    assert.equal(user.id, signedUp.json.user.id, 'the new account is another one, and stays');
  });

  for (const [what, answer, error] of [
    ['cuts the line', { status: 0 }, /./],
    ['breaks', { status: 500 }, /^answered 500$/],
    ['has no such route', { status: 404, body: '404 Not Found' }, /^answered 404$/],
    ['knows another key', { status: 401, body: {} }, /^answered 401$/],
  ]) {
    test(`mana-credits ${what}: pending, asked again, done when it answers`, async () => {
      const person = await somebodyWithData();
      answers = ({ path }) => (path.includes('/credits/') ? answer : {});
      const { status: code, json } = await erase(person);
      assert.equal(code, 202);
      assert.deepEqual(states(json), { sync: 'done', credits: 'pending', subscriptions: 'done', auth: 'pending' });
      assert.match(json.erasure.sources[1].error, error);
      assert.deepEqual([json.deletedFromAuth.credits, json.deletedFromAuth.user], [0, false]);
      answers = () => ({ body: { deletedCount: 7 } });
      assert.equal((await completed(json.erasure.id)).deletedFromAuth.credits, 7);
      assert.equal(rowsOf(person), 0);
    });
  }

  test('who is not there any more has been forgotten: 404 in the service\'s own words', async () => {
    const person = await somebodyWithData();
    answers = () => ({ status: 404, body: { error: 'no such balance' } });
    const { status: code, json } = await erase(person);
    assert.equal(code, 200);
    assert.equal(json.deletedFromAuth.credits, 0);
  });

  test('what was promised to mana-credits is not sent behind the erasure', async () => {
    answers = ({ path }) => (path.endsWith('/init') ? { status: 503 } : {});
    const person = await somebodySignedIn(stack);
    const { status: code } = await erase(person);
    assert.ok([200, 202].includes(code));
    assert.deepEqual(stack.sql(`SELECT 1 FROM auth.outbound_calls WHERE user_id = :'id'`, { id: person.id }), []);
  });

  test('our own rows do not wait for a service for longer than a day; the erasure does', async () => {
    const person = await somebodyWithData();
    sync.away();
    const { json } = await erase(person);
    stack.psql(`UPDATE auth.erasures SET requested_at = now() - interval '25 hours' WHERE id = :'id'`, { id: json.erasure.id });
    const later = await until('our own rows to go', async () => {
      hurry();
      const answer = await status(json.erasure.id);
      return answer.json.deletedFromAuth.user && answer.json;
    });
    assert.deepEqual([later.complete, states(later).sync, rowsOf(person)], [false, 'pending', 0]);
    sync.back();
    await completed(json.erasure.id);
    assert.equal(sync.count(person.id), 0);
  });

  test('what a device still sends to the sync service behind the erasure goes as well, once its JWT has expired', async () => {
    const person = await somebodyWithData();
    assert.equal((await erase(person)).json.complete, true);
    sync.add(person.id, 'todo', 2);
    const [echo] = stack.sql(`SELECT due_at > now() + interval '15 minutes' AS late FROM auth.erasure_echoes WHERE user_id = :'id'`, { id: person.id });
    assert.equal(echo.late, true);
    stack.psql(`UPDATE auth.erasure_echoes SET due_at = now() WHERE user_id = :'id'`, { id: person.id });
    await until('the late records to go', () => sync.count(person.id) === 0);
    await until('nothing to be left to do', () => stack.sql(
      `SELECT 1 FROM auth.erasure_echoes WHERE user_id = :'id'`, { id: person.id }).length === 0);
  });

  test('re-authentication: the password, a fresh session, or the token of a mail; nothing happens otherwise', async () => {
    const person = await somebodyWithData();
    const wrong = await erase(person, { password: 'not-the-password' });
    assert.equal(wrong.status, 401);
    stack.psql(`UPDATE auth.sessions SET proved_at = proved_at - interval '11 minutes' WHERE user_id = :'id'`, { id: person.id });
    const stale = await person.http.delete(DATA, { bearer: person.token });
    assert.deepEqual([stale.status, stale.json.code, stale.json.methods], [403, 'STEP_UP_REQUIRED', ['password', 'mail']]);
    assert.equal((await erase(person, { token: 'made-up' })).status, 400);
    assert.deepEqual([sync.count(person.id), rowsOf(person)], [3, 1]);
    const mailed = await erase(person, { callbackURL: '/bye' });
    assert.equal(mailed.status, 200);
    assert.equal(mailed.json.message, 'Verification email sent');
    assert.deepEqual([sync.count(person.id), rowsOf(person)], [3, 1]);
    const link = new URL(await stack.mail.link(person.email, 'delete-user', { contains: 'delete-user' }));
    assert.equal((await erase(person, { token: link.searchParams.get('token') })).status, 200);
    assert.equal(sync.count(person.id), 0);

    const fresh = await somebodyWithData();
    assert.equal((await fresh.http.delete(DATA, { bearer: fresh.token })).status, 200);
    for (const bearer of [undefined, 'junk']) {
      assert.equal((await new Client(stack.url).delete(DATA, { bearer })).status, 401);
    }
  });

  test('the other ways to delete an account are the same job', async () => {
    const v1 = await somebodyWithData();
    const deleted = await v1.http.request('DELETE', '/api/v1/auth/account', { json: { password: v1.password } });
    assert.equal(deleted.status, 200);
    assert.deepEqual([deleted.json.success, deleted.json.complete], [true, true]);
    assert.equal(sync.count(v1.id), 0);

    const native = await somebodyWithData();
    const answer = await native.http.post('/api/auth/delete-user', { password: native.password });
    assert.deepEqual(answer.json, { success: true, message: 'User deleted' });
    await until('the edge to do the rest', () => rowsOf(native) === 0);
    assert.equal(sync.count(native.id), 0);
    assert.equal(credits.requests.filter(({ method, path }) => method === 'DELETE' && path.endsWith(native.id)).length, 1);
  });

  test('an organization that nobody could inherit blocks, and is named; one that somebody can does not', async () => {
    const owner = await somebodyWithData();
    const { json: org } = await owner.http.post('/api/auth/organization/create', { name: 'Engines', slug: 'engines' });
    const other = await somebodySignedIn(stack);
    stack.psql(`INSERT INTO auth.members (organization_id, user_id, role) VALUES (:'org', :'user', 'member')`, { org: org.id, user: other.id });
    const blocked = await erase(owner);
    assert.match(blocked.json.message, /only owner of Engines/);
    assert.deepEqual([sync.count(owner.id), rowsOf(owner)], [3, 1]);
    stack.psql(`UPDATE auth.members SET role = 'admin' WHERE user_id = :'user'`, { user: other.id });
    assert.equal((await erase(owner)).status, 200);
    const [member] = stack.sql(`SELECT role FROM auth.members WHERE organization_id = :'org'`, { org: org.id });
    assert.equal(member.role, 'owner');
  });

  test('an admin sees a user and erases one, and both are in the admin\'s trail; nobody else does', async () => {
    const [admin, person, other] = [await somebodyWithData(), await somebodyWithData(), await somebodyWithData()];
    stack.psql(`UPDATE auth.users SET role = 'admin' WHERE id = :'id'`, { id: admin.id });
    const path = (id) => `/api/v1/admin/users/${id}/data`;
    assert.equal((await admin.http.get(path(person.id), { bearer: admin.token })).status, 403, 'this JWT is from before');
    admin.token = await token(admin);
    const seen = await admin.http.get(path(person.id), { bearer: admin.token });
    assert.deepEqual([seen.status, seen.json.user.email, seen.json.totals.totalEntities], [200, person.email, 3]);
    assert.equal(credits.requests.at(-1).path, `/api/v1/internal/credits/balance/${person.id}`);
    assert.equal((await other.http.get(path(person.id), { bearer: other.token })).status, 403);
    assert.equal((await other.http.delete(path(person.id), { bearer: other.token })).status, 403);
    assert.deepEqual((await admin.http.get(path('nobody'), { bearer: admin.token })).json, { error: 'Not found', message: 'User not found' });
    assert.equal((await admin.http.delete(path('nobody'), { bearer: admin.token })).status, 404);
    assert.equal((await admin.http.delete(path(admin.id), { bearer: admin.token })).status, 403);

    const erased = await admin.http.delete(path(person.id), { bearer: admin.token });
    assert.deepEqual([erased.status, erased.json.complete, erased.json.deletedFromProjects[0].deletedCount], [200, true, 3]);
    assert.deepEqual([sync.count(person.id), rowsOf(person), rowsOf(other)], [0, 0, 1]);
    assert.equal((await admin.http.get(path(person.id), { bearer: admin.token })).status, 404);
    assert.equal((await admin.http.get('/api/auth/get-session')).json.user.id, admin.id, 'the admin stays signed in');
    const acts = stack.sql(`SELECT event_type, metadata ->> 'userId' AS who FROM auth.security_events
      WHERE user_id = :'id' AND event_type LIKE 'ADMIN%' ORDER BY created_at`, { id: admin.id });
    assert.deepEqual(acts, [{ event_type: 'ADMIN_USER_DATA_VIEWED', who: person.id }, { event_type: 'ADMIN_USER_ERASED', who: person.id }]);

    stack.psql(`UPDATE auth.sessions SET proved_at = proved_at - interval '11 minutes' WHERE user_id = :'id'`, { id: admin.id });
    assert.equal((await admin.http.delete(path(other.id), { bearer: admin.token })).json.code, 'STEP_UP_REQUIRED');
    stack.psql(`UPDATE auth.users SET role = 'user' WHERE id = :'id'`, { id: admin.id });
    assert.equal((await admin.http.get(path(other.id), { bearer: admin.token })).status, 403, 'the database decides, not the JWT');
  });

  test('an id that is none opens nothing, and the overview is for admins', async () => {
    const { status: code, json } = await status('nobody-has-this-id-nobody-has-thi');
    assert.equal(code, 404);
    assert.equal(json.error, 'Erasure not found');
    const person = await somebodyWithData();
    sync.away();
    const { json: erased } = await erase(person);
    const rows = JSON.parse(stack.psql(`SET ROLE auth_admin;
      SELECT json_agg(o) FROM auth.erasure_overview o WHERE o.completed_at IS NULL AND o.source = 'sync'`));
    assert.deepEqual(rows.map(({ id, user_id, state, last_error }) => [id, user_id, state, last_error]),
      [[erased.erasure.id, person.id, 'pending', 'unreachable']]);
    assert.equal(stack.psql(`SET ROLE auth_admin; SELECT auth.erasure_retry(:'id')`, { id: erased.erasure.id }), '2');
    sync.back(); // only now: an edge may ask again by itself, and leave less to retry
    await completed(erased.erasure.id);
  });
});
