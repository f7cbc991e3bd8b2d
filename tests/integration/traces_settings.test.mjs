// The recorded exchanges of Better Auth that hang on a setting (flows 05, 10, 12, 16, 20, 21): the cookie cache, changing
// the address and deleting the account on and off, JWTs, limits, cookies of production.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { member, signIn } from './traces/member.mjs';
import { Replay } from './traces/replay.mjs';

const ATTRIBUTES = 'Path=/; HttpOnly; SameSite=Lax';
const CLEARED = ['session_token', 'session_data', 'dont_remember'].map((name) => `mana.${name}; deleted; Max-Age=0; ${ATTRIBUTES}`);
const SET = [`mana.session_token; set; Max-Age=604800; ${ATTRIBUTES}`];

const NO_CACHE = 'the cache cookie is not set: each request asks the database';
const withoutCache = (more = {}) => ({ why: NO_CACHE, cookies: [], ...more });

describe('with everything on', () => {
  let stack;
  before(async () => {
    stack = await startStack({ PASSWORD_GUESSABLE: 'allow', MAIL_LINK_GET: 'act' }, UNLIMITED);
  });
  after(() => stack?.stop());

  const age = (email, by) => stack.psql(
    `UPDATE auth.sessions s SET created_at = s.created_at - interval '${by}', proved_at = s.proved_at - interval '${by}'
       FROM auth.users u WHERE u.id = s.user_id AND u.email = '${email}'`);

  test('05 cookie cache, which we do without', async () => {
    const session = {
      expiresAt: '<ts>', token: '<id32>', createdAt: '<ts>', updatedAt: '<ts>', ipAddress: '127.0.0.1', userAgent: 'trace/1',
      userId: '<id32>', activeOrganizationId: null, id: '<id32>',
    };
    const user = {
      name: 'cache', email: 'cache-RUN@example.com', emailVerified: true, image: null, createdAt: '<ts>', updatedAt: '<ts>',
      twoFactorEnabled: false, accessTier: 'public', id: '<id32>',
    };
    const replay = new Replay('05', stack.url, {
      'sign-in sets session_data': withoutCache({ cookies: SET }),
      'get-session from cache': { why: `${NO_CACHE}, whose answer has the keys in their usual order`, body: { session, user } },
      'get-session without the cache cookie -> set again': withoutCache(),
      'another device: revoke-other-sessions': withoutCache(),
      'revoked session, cache cookie still fresh': {
        why: 'a session that was revoked is over at once', 'set-auth-jwt': false, cookies: CLEARED, body: null,
      },
      'revoked session: /token with the cache cookie': {
        why: 'a session that was revoked mints nothing', status: 401, body: { message: 'Unauthorized', code: 'UNAUTHORIZED' },
      },
      'revoked session, disableCookieCache=true': { why: 'each cookie is deleted once', cookies: CLEARED },
      'sign-out': { why: 'each cookie is deleted once', cookies: CLEARED },
    });
    await member(stack, replay, 'cache');
    const jar = new Map();
    await replay.play('sign-in sets session_data', { jar });
    await replay.play('get-session from cache', { jar });
    await replay.play('get-session without the cache cookie -> set again', { jar });
    const device = await signIn(stack, replay, 'cache');
    await replay.play('another device: revoke-other-sessions', { jar: device });
    const revoked = new Map(jar);
    await replay.play('revoked session, cache cookie still fresh', { jar: new Map(revoked) });
    await replay.play('revoked session: /token with the cache cookie', { jar: new Map(revoked) });
    await replay.play('revoked session, disableCookieCache=true', { jar: new Map(revoked) });
    await replay.play('sign-out', { jar: device });
    replay.finish();
  });

  test('10 change email', async () => {
    const replay = new Replay('10', stack.url, {
      'enabled: ok -> mail': withoutCache(),
      'same email': withoutCache(),
      'taken email': withoutCache(),
      'verify new email': { why: 'the link of a change of address opens and extends no session', cookies: [] },
      'session after': withoutCache(),
    });
    await member(stack, replay, 'chem');
    const jar = await member(stack, replay, 'chem2');
    for (const step of ['enabled: ok -> mail', 'same email', 'taken email']) await replay.play(step, { jar });
    await replay.play('enabled: ok -> mail', { jar }); // of several wishes the last one counts
    const link = await stack.mail.link(replay.email('chem2-new'), '/verify-email', { count: 2 });
    await replay.play('verify new email', { jar, fill: [new URL(link).searchParams.get('token')] });
    await replay.play('session after', { jar });
    replay.finish({ 'disabled (as in the original)': 'of an instance that has it off: below' });
  });

  test('12 delete user', async () => {
    const replay = new Replay('12', stack.url, {
      'wrong password': withoutCache(),
      ok: { why: 'each cookie is deleted once', cookies: CLEARED },
      'fresh session, no password': { why: 'each cookie is deleted once', cookies: CLEARED },
      'stale session (older than freshAge 1 d), no password': {
        why: 'a proof of identity is at most ten minutes old', cookies: [], status: 403,
        body: { message: 'Confirm that it is you and try again', code: 'STEP_UP_REQUIRED', methods: ['password', 'mail'] },
      },
    });
    const jar = await member(stack, replay, 'del');
    for (const step of ['wrong password', 'ok', 'session after']) await replay.play(step, { jar });
    await replay.play('fresh session, no password', { jar: await member(stack, replay, 'fresh') });
    const stale = await member(stack, replay, 'stale');
    age(replay.email('stale'), '25 hours');
    await replay.play('stale session (older than freshAge 1 d), no password', { jar: stale });
    replay.finish({ 'disabled (as in the original)': 'of an instance that has it off: below' });
  });

  test('16 jwt', async () => {
    const replay = new Replay('16', stack.url);
    const jar = await member(stack, replay, 'jwt');
    await replay.play('token without session');
    for (const step of ['token', 'get-session carries set-auth-jwt']) await replay.play(step, { jar });
    const { keys } = await (await fetch(`${stack.url}/api/auth/jwks`)).json();
    const signer = keys.find(({ alg }) => alg === 'EdDSA');
    assert.deepEqual(Object.keys(signer), ['alg', 'crv', 'x', 'kty', 'kid']);
    replay.finish({ jwks: 'there are more keys, of other kinds; the one that signs looks as recorded' });
  });
});

describe('with changing the address and deleting the account off', () => {
  let stack;
  before(async () => {
    stack = await startStack({ PASSWORD_GUESSABLE: 'allow', CHANGE_EMAIL: 'off', DELETE_USER: 'off' }, UNLIMITED);
  });
  after(() => stack?.stop());

  for (const [flow, name] of [['10', 'chem'], ['12', 'del']]) {
    test(`${flow}, as in the original`, async () => {
      const replay = new Replay(flow, stack.url);
      await replay.play('disabled (as in the original)', { jar: await member(stack, replay, name) });
    });
  }
});

describe('20 rate limit', () => {
  let stack;
  before(async () => {
    stack = await startStack({ RATE_LIMIT: 'on', TRUSTED_PROXIES: '127.0.0.0/8' });
  });
  after(() => stack?.stop());

  test('as recorded', async () => {
    const replay = new Replay('20', stack.url);
    for (const step of replay.steps) {
      const answer = await replay.play(step);
      if (answer.status === 429) assert.equal(answer.headers.get('retry-after'), answer.headers.get('x-retry-after'));
    }
    replay.finish();
  });

  test('what has no limit of its own is answered a hundred times in ten seconds, each endpoint for itself', async () => {
    const client = new Client(stack.url, { headers: { 'x-forwarded-for': '198.51.100.20' } });
    const since = Date.now();
    const statuses = [];
    for (let n = 0; n < 101; n++) statuses.push((await client.get('/api/auth/get-session')).status);
    assert.ok(Date.now() - since < 10_000, 'too slow to tell');
    assert.deepEqual([statuses.indexOf(429), statuses[0]], [100, 200]);
    assert.equal((await client.get('/api/auth/token')).status, 401);
    assert.equal((await client.get('/api/auth/ok')).status, 200);
  });
});

describe('21 cookies of production', () => {
  const origin = 'https://auth.mana.how';
  let stack;
  before(async () => {
    stack = await startStack({
      NODE_ENV: 'production', BASE_URL: origin, COOKIE_DOMAIN: '.mana.how', MANA_SERVICE_KEY: 'a-service-key-0123456789',
      PASSWORD_GUESSABLE: 'allow', RATE_LIMIT: 'off',
    }, UNLIMITED);
  });
  after(() => stack?.stop());

  test('as recorded', async () => {
    const replay = new Replay('21', stack.url);
    await member(stack, replay, 'prodck', { origin });
    const jar = new Map();
    for (const step of replay.steps) await replay.play(step, { jar });
    replay.finish();
  });
});
