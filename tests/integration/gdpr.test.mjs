// What there is about a user, for the user: seen and taken along, whatever of the other services is away.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { signIn, somebodySignedIn, token } from './lib/people.mjs';
import { startService } from './lib/service.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { startSync, SYNC } from './lib/sync.mjs';

const KEY = 'credits-key-0123456789';

describe('data of a user', () => {
  let stack, sync, credits, answers;
  before(async () => {
    credits = await startService((request) => answers(request));
    answers = () => ({});
    stack = await startStack({ MANA_CREDITS_URL: credits.url, MANA_SERVICE_KEY: KEY, ...SYNC }, UNLIMITED);
  });
  beforeEach(() => {
    answers = ({ method }) => (method === 'GET' ? { body: { balance: 12.5, totalEarned: 20, totalSpent: 7.5 } } : {});
  });
  after(async () => {
    await stack?.stop();
    await credits?.stop();
  });

  const data = (person) => person.http.get('/api/v1/me/data', { bearer: person.token });

  test('before the sync database is there, every app says so and the rest is told', async () => {
    const person = await somebodySignedIn(stack);
    const { status, json } = await data(person);
    assert.equal(status, 200);
    assert.equal(json.projects.length, 23);
    for (const project of json.projects) {
      assert.equal(project.available, false);
      assert.equal(project.error, 'Sync-Datenbank nicht erreichbar');
      assert.equal(project.reason, 'unreachable');
      assert.deepEqual([project.entities, project.totalCount], [[], 0]);
    }
    assert.equal(json.user.email, person.email);
    assert.equal(json.credits.balance, 12.5);
    sync = startSync(stack);
  });

  test('three sources in one answer', async () => {
    const person = await somebodySignedIn(stack, 'Ada "the first" Lovelace');
    await signIn(person);
    sync.add(person.id, 'todo', 3, { table: 'boardViews' });
    sync.add(person.id, 'gardening', 2);
    sync.add('somebody-else', 'todo', 5);
    const { json } = await data(person);
    assert.deepEqual(Object.keys(json), ['user', 'auth', 'credits', 'projects', 'totals']);
    assert.deepEqual(Object.keys(json.user), ['id', 'email', 'name', 'role', 'createdAt', 'emailVerified']);
    assert.deepEqual([json.user.id, json.user.name, json.user.role], [person.id, person.name, 'user']);
    assert.deepEqual(Object.keys(json.auth), ['sessionsCount', 'accountsCount', 'has2FA', 'lastLoginAt']);
    assert.deepEqual([json.auth.sessionsCount, json.auth.accountsCount, json.auth.has2FA], [3, 1, false]);
    assert.match(json.auth.lastLoginAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(json.credits,
      { balance: 12.5, totalEarned: 20, totalSpent: 7.5, transactionsCount: 0, available: true });
    assert.deepEqual(json.totals, { totalEntities: 5, projectsWithData: 2 });
    const [todo] = json.projects;
    assert.deepEqual([todo.projectId, todo.projectName, todo.icon, todo.available, todo.totalCount],
      ['todo', 'Todo', '✅', true, 3]);
    assert.deepEqual(todo.entities, [{ entity: 'boardViews', count: 3, label: 'Board Views' }]);
    assert.ok(Date.parse(todo.lastActivityAt) > Date.now() - 60_000);
    assert.deepEqual([json.projects.length, json.projects[23].projectId, json.projects[23].icon], [24, 'gardening', '📁']);
    assert.ok(!('lastActivityAt' in json.projects[1]));
    const asked = credits.requests.find((one) => one.path === `/api/v1/internal/credits/balance/${person.id}`);
    assert.ok(asked, 'mana-credits was asked for the balance');
    assert.equal(asked.headers['x-service-key'], KEY);
  });

  for (const [what, answer, reason] of [
    ['cuts the line', { status: 0 }, 'unreachable'],
    ['breaks', { status: 500 }, 'refused'],
    ['answers what is no JSON', { body: '<html>' }, 'failed'],
    ['answers what is no object', { body: '[1]' }, 'failed'],
    ['answers without end', { body: 'x'.repeat(100_000) }, 'unreachable'],
  ]) {
    test(`mana-credits ${what}: the numbers are missing, with the reason`, async () => {
      const person = await somebodySignedIn(stack);
      answers = ({ method }) => (method === 'GET' ? answer : {});
      const { status, json } = await data(person);
      assert.equal(status, 200);
      assert.deepEqual(json.credits,
        { balance: 0, totalEarned: 0, totalSpent: 0, transactionsCount: 0, available: false, reason });
      assert.equal(json.projects[0].available, true);
    });
  }

  test('a sync database that hangs costs its time-out, one that is away nothing; neither is taken for empty', async () => {
    const person = await somebodySignedIn(stack);
    sync.add(person.id, 'todo', 1);
    const blocker = stack.session();
    await blocker.run('\\connect mana_sync\nBEGIN; LOCK TABLE sync_changes');
    const hung = await data(person);
    assert.equal(hung.status, 200);
    assert.deepEqual([hung.json.projects[0].available, hung.json.projects[0].reason], [false, 'timed_out']);
    await blocker.run('ROLLBACK');
    await blocker.close();
    sync.away();
    const away = await data(person);
    assert.deepEqual([away.json.projects[0].available, away.json.projects[0].reason], [false, 'unreachable']);
    sync.back();
    assert.equal((await data(person)).json.projects[0].totalCount, 1);
  });

  test('only the user themselves, and only in a session that lives', async () => {
    const person = await somebodySignedIn(stack);
    const before = credits.requests.length;
    for (const bearer of [undefined, 'junk']) {
      const refused = await person.http.get('/api/v1/me/data', { bearer });
      assert.equal(refused.status, 401);
    }
    const bearer = await token(person);
    await person.http.post('/api/auth/sign-out', {});
    const dead = await person.http.get('/api/v1/me/data', { bearer });
    assert.equal(dead.status, 401);
    assert.deepEqual([dead.json.error, dead.json.message], ['Invalid or expired token', 'Invalid or expired token']);
    assert.equal(credits.requests.length, before, 'nobody else is asked for who is not known');
  });
});
