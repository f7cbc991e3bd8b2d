// The administration of users and the internal routes: who gets in, what is audited, and that nobody slips past. Every row of
// the table of routes below /admin and /internal is asked as everybody.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Client } from './lib/http.mjs';
import { signIn, somebodySignedIn, somebody, signUp, token } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const PROGRAM = fileURLToPath(new URL('../../build/mana-auth-edge', import.meta.url));
const KEYS = { MANA_SERVICE_KEY: 'credits:credits-key-0123456789,sync:sync-key-0123456789' };
const ADMIN = '/api/v1/admin';
const FORBIDDEN = { statusCode: 403, error: 'Forbidden', message: 'Admin access required', code: 'FORBIDDEN' };

const rows = spawnSync(PROGRAM, ['routes'], { encoding: 'utf8' }).stdout.split('\n').slice(2).filter(Boolean)
  .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim().replaceAll('`', '')))
  .map(([method, path]) => ({ method, path }));
const below = (prefix) => rows.filter(({ path }) => path.startsWith(prefix));
const BODIES = { tier: { tier: 'beta' }, role: { role: 'user' } };

describe('administration', () => {
  let stack, admin, user, was;
  before(async () => {
    stack = await startStack(KEYS, UNLIMITED);
    admin = await somebodySignedIn(stack, 'Root');
    user = await somebodySignedIn(stack, 'O_Neil 100%');
    stack.psql(`SELECT auth.grant_admin(:'email')`, { email: admin.email });
    admin.token = await token(admin);
    // somebody who was an admin when the token was made
    was = await somebodySignedIn(stack, 'Was');
    stack.psql(`SELECT auth.grant_admin(:'email')`, { email: was.email });
    was.token = await token(was);
    stack.psql(`SELECT auth.revoke_admin(:'email')`, { email: was.email });
  });
  after(() => stack?.stop());

  const ask = (who, method, path, json) => who.http.request(method, `${ADMIN}${path}`, { json, bearer: who.token });
  const state = () => stack.psql(`SELECT string_agg(u::text, ';' ORDER BY u.id) || (SELECT count(*) FROM auth.sessions)
    || (SELECT count(*) FROM auth.outbox) || (SELECT count(*) FROM auth.erasures) FROM auth.users u`);
  const trail = () => stack.sql(`SELECT event_type AS act, metadata FROM auth.security_events
    WHERE user_id = :'id' AND event_type LIKE 'ADMIN%' ORDER BY created_at, id`, { id: admin.id });

  test('there are routes of both kinds', () => {
    assert.ok(below(ADMIN).length >= 14, `${below(ADMIN).length}`);
    assert.ok(below('/api/v1/internal').length >= 2);
  });

  for (const { method, path } of below(ADMIN)) {
    const of = (id) => path.replace(':id', id).replace(':sessionId', 'x');
    const json = method === 'GET' ? undefined : BODIES[path.split('/').pop()];

    test(`${method} ${path}: a user, a former admin, nobody and a service are refused, and nothing changes`, async () => {
      const then = state();
      for (const [who, bearer, headers, status] of [
        ['a user', user.token, {}, 403], ['a former admin', was.token, {}, 403], ['nobody', undefined, {}, 401],
        ['a service', undefined, { 'x-service-key': 'credits-key-0123456789' }, 401],
      ]) {
        const answer = await new Client(stack.url).request(method, of(admin.id), { json, bearer, headers });
        assert.equal(answer.status, status, `${who}: ${answer.text}`);
        if (status === 403) assert.deepEqual(answer.json, FORBIDDEN);
        else assert.deepEqual([answer.json.statusCode, answer.json.error], [401, 'Unauthorized']);
      }
      const cookie = await user.http.request(method, of(user.id), { json });
      assert.equal(cookie.status, 401, 'a cookie alone opened it');
      assert.equal(state(), then);
    });

    if (path.includes(':id'))
      test(`${method} ${path}: a user that there is not, and what is no id`, async () => {
        for (const id of ['nobody', '%25', "'%20OR%20true--", '*']) {
          const answer = await ask(admin, method, of(id).slice(ADMIN.length), json);
          assert.deepEqual([answer.status, answer.json.error, answer.json.message], [404, 'Not found', 'User not found'], id);
        }
      });
  }

  for (const { method, path } of below('/api/v1/internal'))
    test(`${method} ${path}: every service with its own key, nobody else`, async () => {
      const send = (headers, bearer) => new Client(stack.url, { origin: null }).request(method, path.replace(/:\w+/g, admin.id), { headers, bearer });
      for (const key of ['credits-key-0123456789', 'sync-key-0123456789'])
        assert.equal((await send({ 'x-service-key': key })).status, 200);
      for (const key of ['credits', 'credits:credits-key-0123456789', 'credits-key-012345678', 'credits-key-01234567890',
        'sync-key-0123456789,credits-key-0123456789', 'dev-service-key']) {
        const refused = await send({ 'x-service-key': key });
        assert.deepEqual([refused.status, refused.json.message], [401, 'Invalid or missing service key'], key);
      }
      for (const bearer of [admin.token, user.token, undefined]) assert.equal((await send({}, bearer)).status, 401);
    });

  test('users are found by what stands in the address or the name; wildcards stand for themselves', async () => {
    const names = async (query) => {
      const { status, json, text } = await ask(admin, 'GET', `/users?${new URLSearchParams(query)}`);
      assert.equal(status, 200, text);
      return json.users.map(({ name }) => name).sort();
    };
    assert.deepEqual(await names({}), ['O_Neil 100%', 'Root', 'Was']);
    for (const [search, found] of [
      ['o_neil', 1], ['O_NEIL', 1], ['oxneil', 0], ['00%', 1], ['0%', 0], ['%', null], ['_', null], ['\\', null], ['100\\%', 0], ['%%%%%%%%', null],
      ["'; DROP TABLE auth.users; --", 0], ['$$', null], [user.email, 1], [user.email.slice(2), 1], ['%person%', 0], ['ro', 1],
    ]) {
      if (found !== null) assert.equal((await names({ search })).length, found, search);
      else assert.equal((await ask(admin, 'GET', `/users?${new URLSearchParams({ search })}`)).status, 400, search);
    }
  });

  test('a page has bounds', async () => {
    const first = await ask(admin, 'GET', '/users?limit=2');
    assert.deepEqual(Object.keys(first.json), ['users', 'total', 'page', 'limit', 'totalIsExact', 'next']);
    assert.deepEqual([first.json.total, first.json.page, first.json.limit, first.json.users[0].name], [3, 1, 2, 'Was']);
    assert.deepEqual(Object.keys(first.json.users[0]),
      ['id', 'email', 'name', 'role', 'createdAt', 'lastActiveAt', 'accessTier', 'emailVerified']);
    const second = await ask(admin, 'GET', '/users?limit=2&page=2');
    assert.deepEqual((await ask(admin, 'GET', `/users?limit=2&after=${first.json.next}`)).json.users, second.json.users);
    assert.deepEqual([second.json.users.length, second.json.next], [1, null]);
    assert.deepEqual((await ask(admin, 'GET', '/users?page=500')).json.users, []);
    for (const query of ['page=0', 'page=-1', 'page=x', 'page=1e3', 'page=99999999999999999999', 'limit=0', 'limit=-1', 'limit=101',
      'limit=NaN', 'page=1000000', 'after=nobody', 'tier=gold', `search=${'x'.repeat(101)}`, 'search=%00', 'search=%ff'])
      assert.equal((await ask(admin, 'GET', `/users?${query}`)).status, 400, query);
  });

  test('a tier is set by its name and nothing else is; old clients list a tier', async () => {
    const set = await ask(admin, 'PUT', `/users/${user.id}/tier`, { tier: 'founder', role: 'admin', id: admin.id, email: 'x@example.com' });
    assert.deepEqual(set.json, { success: true, user: { id: user.id, email: user.email, accessTier: 'founder' } });
    assert.deepEqual(stack.sql(`SELECT role, email, access_tier FROM auth.users WHERE id = :'id'`, { id: user.id }),
      [{ role: 'user', email: user.email, access_tier: 'founder' }]);
    assert.deepEqual((await ask(admin, 'GET', `/users/${user.id}/tier`)).json, { id: user.id, email: user.email, accessTier: 'founder' });
    const { json } = await ask(admin, 'GET', '/users?tier=founder');
    assert.deepEqual([json.count, json.users.map(({ id }) => id)], [1, [user.id]]);
    for (const body of [{}, { tier: 'gold' }, { tier: null }, { tier: ['beta'] }, { tier: { $ne: 1 } }, { tier: '' }]) {
      const refused = await ask(admin, 'PUT', `/users/${user.id}/tier`, body);
      assert.deepEqual([refused.status, refused.json],
        [400, { error: 'Invalid tier', message: 'Tier must be one of: guest, public, beta, alpha, founder' }], JSON.stringify(body));
    }
  });

  test('nobody becomes an admin through any other door', async () => {
    for (const [method, path, json] of [
      ['POST', '/api/auth/update-user', { name: 'x', role: 'admin' }], ['POST', '/api/v1/auth/profile', { role: 'admin' }],
      ['PATCH', '/api/v1/me/profile', { name: 'O_Neil 100%', role: 'admin', accessTier: 'founder' }],
    ]) await user.http.request(method, path, { json, bearer: method === 'PATCH' ? user.token : undefined });
    const eve = somebody(stack);
    await eve.http.post('/api/auth/sign-up/email', { name: eve.name, email: eve.email, password: eve.password, role: 'admin' });
    assert.deepEqual(stack.sql(`SELECT name FROM auth.users WHERE role = 'admin'`), [{ name: 'Root' }]);
  });

  test('the last admin stays one', async () => {
    const demoted = await ask(admin, 'PUT', `/users/${admin.id}/role`, { role: 'user' });
    assert.deepEqual([demoted.status, demoted.json.code], [409, 'LAST_ADMIN']);
    assert.equal((await ask(admin, 'DELETE', `/users/${admin.id}/data`)).status, 403);
    for (const [method, path] of [['POST', '/api/auth/delete-user'], ['DELETE', '/api/v1/auth/account'], ['DELETE', '/api/v1/me/data']]) {
      const kept = await admin.http.request(method, path, { json: { password: admin.password }, bearer: path.includes('/me/') ? admin.token : undefined });
      assert.equal(kept.status, 409, `${path}: ${kept.text}`);
    }
    assert.equal((await ask(admin, 'GET', '/stats')).status, 200);
  });

  test('sessions are seen without tokens and ended, one or all', async () => {
    const person = await somebodySignedIn(stack);
    const { json } = await ask(admin, 'GET', `/users/${person.id}/sessions`);
    assert.equal(json.sessions.length, 2);
    assert.ok(!('token' in json.sessions[0]));
    const of = (id) => `/users/${person.id}/sessions${id}`;
    const foreign = stack.psql(`SELECT id FROM auth.sessions WHERE user_id = :'id' LIMIT 1`, { id: user.id });
    assert.equal((await ask(admin, 'DELETE', of(`/${foreign}`))).status, 404);
    assert.deepEqual((await ask(admin, 'DELETE', of(`/${json.sessions[0].id}`))).json, { success: true, revoked: 1 });
    assert.deepEqual((await ask(admin, 'DELETE', of(''))).json, { success: true, revoked: 1 });
    assert.equal((await person.http.get('/api/v1/settings', { bearer: person.token })).status, 401);
    assert.equal((await person.http.get('/api/auth/get-session')).text, 'null');
  });

  test('who is locked out is let in, who has not proven the address gets the mail again', async () => {
    const person = await somebodySignedIn(stack);
    const attempt = (password) => signIn({ ...person, password, http: new Client(stack.url) });
    for (let n = 0; n < 5; n++) assert.equal((await attempt('wrong-wrong')).status, 401);
    assert.equal((await attempt(person.password)).status, 429);
    assert.deepEqual((await ask(admin, 'POST', `/users/${person.id}/unlock`)).json, { success: true, wasLocked: true });
    assert.equal((await attempt(person.password)).status, 200);
    assert.equal((await ask(admin, 'POST', `/users/${person.id}/resend-verification`)).status, 409);

    const fresh = somebody(stack);
    const { id } = (await signUp(fresh)).json.user;
    const old = await stack.mail.link(fresh.email, '/api/auth/verify-email');
    assert.deepEqual((await ask(admin, 'POST', `/users/${id}/resend-verification`)).json, { success: true });
    assert.equal(stack.psql(`SELECT count(*) FROM auth.outbox WHERE recipient = :'email' AND kind = 'verify_email'`, { email: fresh.email }), '2');
    const dead = await fresh.http.get(old);
    assert.match(`${dead.status} ${dead.headers.location ?? dead.text}`, /INVALID_TOKEN|401/);
  });

  test('what happened is shown newest first, page by page', async () => {
    const { json } = await ask(admin, 'GET', `/users/${user.id}/security-events?limit=2`);
    assert.equal(json.events.length, 2);
    assert.deepEqual(Object.keys(json.events[0]), ['id', 'userId', 'eventType', 'ipAddress', 'userAgent', 'metadata', 'createdAt']);
    const next = await ask(admin, 'GET', `/users/${user.id}/security-events?before=${json.events[1].id}`);
    assert.ok(next.json.events.every(({ id }) => !json.events.some((seen) => seen.id === id)));
    const all = await ask(admin, 'GET', '/security-events?type=LOGIN_SUCCESS&limit=200');
    assert.deepEqual([...new Set(all.json.events.map(({ eventType }) => eventType))], ['LOGIN_SUCCESS']);
    for (const query of ['limit=0', 'limit=201', 'before=x', 'before=%25'])
      assert.equal((await ask(admin, 'GET', `/security-events?${query}`)).status, 400, query);
  });

  test('numbers', async () => {
    const { json } = await ask(admin, 'GET', '/stats');
    assert.deepEqual(Object.keys(json), ['totalUsers', 'newUsers7d', 'newUsers30d', 'activeSessions', 'uniqueUsers24h',
      'loginSuccess7d', 'loginFailed7d', 'generatedAt']);
    assert.equal(json.totalUsers, Number(stack.psql('SELECT count(*) FROM auth.users')));
    assert.ok(json.loginSuccess7d > 0 && json.loginFailed7d >= 5);
  });

  test('a role is given and taken, and works with the next token; every act is in the trail with whom it was about', async () => {
    const person = await somebodySignedIn(stack);
    assert.equal((await ask(admin, 'PUT', `/users/${person.id}/role`, { role: 'admin' })).status, 200);
    person.token = await token(person);
    assert.equal((await ask(person, 'GET', '/users')).status, 200);
    assert.equal((await ask(admin, 'PUT', `/users/${person.id}/role`, { role: 'user' })).status, 200);
    assert.deepEqual((await ask(person, 'GET', '/users')).json, FORBIDDEN, 'the token says admin, the database does not');
    assert.equal((await ask(admin, 'PUT', `/users/${person.id}/role`, { role: 'service' })).status, 400);
    const acts = trail();
    assert.deepEqual(acts.slice(-2).map(({ act, metadata }) => [act, metadata]), [
      ['ADMIN_ROLE_CHANGED', { userId: person.id, from: 'user', to: 'admin' }],
      ['ADMIN_ROLE_CHANGED', { userId: person.id, from: 'admin', to: 'user' }],
    ]);
    const listed = acts.filter(({ act }) => act === 'ADMIN_USERS_LISTED');
    assert.ok(listed.length > 5 && listed.every(({ metadata }) => Object.keys(metadata).join() === 'users'), 'what was searched for stays out');
    for (const act of ['ADMIN_TIER_CHANGED', 'ADMIN_SESSIONS_VIEWED', 'ADMIN_SESSIONS_REVOKED', 'ADMIN_UNLOCKED',
      'ADMIN_VERIFICATION_SENT', 'ADMIN_EVENTS_VIEWED',
      'ADMIN_TIER_VIEWED']) assert.ok(acts.some((one) => one.act === act && one.metadata.userId), act);
  });
});
