// The recorded exchanges of Better Auth's core (flows 01 to 12, origins, limits), replayed against us.
//
// What may differ stands in `deviations`, each with its reason; a deviation that does not happen fails as well.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startStack, UNLIMITED } from './lib/stack.mjs';
import { member as recordedMember, signIn as recordedSignIn } from './traces/member.mjs';
import { Replay } from './traces/replay.mjs';

const CLEARED = ['session_token', 'session_data', 'dont_remember'].map(
  (name) => `mana.${name}; deleted; Max-Age=0; Path=/; HttpOnly; SameSite=Lax`,
);
const JSON_HEADERS = { 'content-type': 'application/json' };

let stack;
let base;
before(async () => {
  stack = await startStack({ CORS_ORIGINS: 'https://mana.how', PASSWORD_GUESSABLE: 'allow', TRUSTED_PROXIES: '127.0.0.0/8', MAIL_LINK_GET: 'act' }, UNLIMITED);
  base = stack.url;
});
after(() => stack?.stop());

const post = (path, body, headers = {}) => fetch(`${base}/api/auth${path}`, {
  method: 'POST', headers: { origin: base, ...JSON_HEADERS, ...headers }, body: JSON.stringify(body),
});

const member = (replay, name, options) => recordedMember(stack, replay, name, options);
const signIn = (replay, name, headers) => recordedSignIn(stack, replay, name, { headers });

const tokenOf = (link) => new URL(link).searchParams.get('token');

describe('01 sign-up', () => {
  test('as recorded', async () => {
    const replay = new Replay('01', base);
    for (const step of replay.steps) await replay.play(step);
    replay.finish();
  });
});

describe('02 verify-email', () => {
  test('as recorded', async () => {
    const replay = new Replay('02', base);
    const link = async (name) => {
      await post('/sign-up/email', { email: replay.email(name), password: 'password1234', name });
      return tokenOf(await stack.mail.link(replay.email(name), '/verify-email'));
    };
    const [a, nocb] = [await link('a'), await link('nocb')];
    await link('extra');
    for (const step of replay.steps) await replay.play(step, { fill: [step.includes('without') ? nocb : a] });
    replay.finish();
  });
});

describe('03 sign-in', () => {
  test('as recorded', async () => {
    const replay = new Replay('03', base);
    await member(replay, 'a', { displayName: 'Alice' });
    await post('/sign-up/email', { email: replay.email('tier'), password: 'password1234', name: 'T' });
    for (const step of replay.steps) await replay.play(step);
    replay.finish();
  });
});

describe('04 get-session', () => {
  test('as recorded', async () => {
    const replay = new Replay('04', base, {
      expired: { why: 'a dead session mints no token', 'set-auth-jwt': false },
    });
    const jar = await member(replay, 'sess');
    const digest = `decode('${Buffer.from(jar.token).toString('hex')}', 'hex')`;
    const age = (change) => stack.psql(`UPDATE auth.sessions SET ${change} WHERE token_digest = sha256(${digest})`);
    const cookie = (value) => ({ headers: { cookie: `mana.session_token=${value}` } });
    await replay.play('no cookie');
    for (const step of ['valid', 'POST get-session', 'disableCookieCache', 'disableRefresh']) {
      await replay.play(step, { jar });
    }
    await replay.play('unsigned token (raw session token as cookie)', cookie(jar.token));
    const signed = jar.get('mana.session_token');
    const forged = signed.replace(/\.(.)/, (_, c) => `.${c === 'A' ? 'B' : 'A'}`);
    await replay.play('tampered signature', cookie(forged));
    await replay.play('Authorization: Bearer (no bearer plugin)', { headers: { authorization: `Bearer ${jar.token}` } });
    age(`expires_at = now() + interval '5 days', updated_at = now() - interval '2 days'`);
    await replay.play('older than updateAge (1 day) -> refresh: new expiry + Set-Cookie', { jar });
    age(`created_at = now() - interval '9 days', expires_at = now() - interval '1 second'`);
    await replay.play('expired', { jar });
    assert.deepEqual(stack.sql(`SELECT 1 FROM auth.sessions WHERE token_digest = sha256(${digest})`), []);
    replay.finish();
  });
});

describe('06 sessions', () => {
  test('as recorded', async () => {
    const replay = new Replay('06', base);
    const jar = await member(replay, 'multi');
    const other = await signIn(replay, 'multi');
    await signIn(replay, 'multi', { 'x-forwarded-for': '203.0.113.7', 'user-agent': 'UA-2' });
    const third = await member(replay, 'multi2');
    const listed = await replay.play('list-sessions', { jar });
    assert.equal(listed.body.filter((session) => session.token === jar.token).length, 1);
    assert.ok(!listed.text.includes(other.token), 'no usable token of another session');
    await replay.play('list-sessions without a session');
    await replay.play('revoke-session (other)', { jar, fill: [other.token] });
    await replay.play('revoked one', { jar: other });
    await replay.play('revoke-session unknown token', { jar });
    await replay.play('revoke-session missing token', { jar });
    await replay.play(`revoke another user's session`, { jar, fill: [third.token] });
    await replay.play('still valid?', { jar: third });
    const again = await signIn(replay, 'multi');
    await replay.play('revoke-other-sessions', { jar });
    await replay.play('other is gone', { jar: again });
    await replay.play('revoke-sessions (all)', { jar });
    await replay.play('own is gone too', { jar });
    replay.finish();
  });
});

describe('07 sign-out', () => {
  test('as recorded', async () => {
    const replay = new Replay('07', base, {
      'sign-out with an empty body and no content-type': {
        why: 'nothing is sent, so nothing needs a type (later versions of Better Auth take it, too)', status: 200, cookies: CLEARED,
        body: { success: true },
      },
    });
    await replay.play('sign-out', { jar: await member(replay, 'out') });
    await replay.play('sign-out again without a session');
    await replay.play('sign-out with an empty body and no content-type', { jar: await signIn(replay, 'out') });
    replay.finish();
  });
});

describe('08 forgotten password', () => {
  test('as recorded', async () => {
    const replay = new Replay('08', base, {
      'old session after reset (revokeSessionsOnPasswordReset off)': {
        why: 'a reset ends the other sessions', 'set-auth-jwt': false, cookies: CLEARED, body: null,
      },
    });
    const jar = await member(replay, 'reset');
    for (const step of ['unknown user', 'ok', 'untrusted redirectTo',
      'legacy /forget-password (the original calls auth.api.forgetPassword)']) await replay.play(step);
    const link = await stack.mail.link(replay.email('reset'), '/reset-password/', { contains: '/reset-password/' });
    const token = new URL(link).pathname.split('/').at(-1);
    for (const step of ['GET link -> redirect with token', 'GET link with a bad token', 'GET link, untrusted callbackURL',
      'short', 'bad token', 'no token']) await replay.play(step, { fill: [token] });
    await replay.play('ok #2', { fill: [token] });
    await replay.play('token reused', { fill: [token] });
    await replay.play('old session after reset (revokeSessionsOnPasswordReset off)', { jar });
    await replay.play('sign-in with the old password');
    await replay.play('sign-in with the new one');
    replay.finish();
  });
});

describe('09 change and verify password', () => {
  test('as recorded', async () => {
    const replay = new Replay('09', base);
    const jar = await member(replay, 'chpw');
    for (const step of replay.steps) await replay.play(step, step === 'no session' ? {} : { jar });
    replay.finish();
  });
});

describe('11 update user, accounts', () => {
  test('as recorded', async () => {
    const replay = new Replay('11', base);
    const jar = await member(replay, 'upd');
    for (const step of replay.steps) await replay.play(step, step === 'no session' ? {} : { jar });
    replay.finish();
  });
});

describe('18 origins', () => {
  test('as recorded', async () => {
    const replay = new Replay('18', base);
    const jar = await member(replay, 'csrf');
    for (const step of replay.steps) {
      const live = { jar };
      if (step === 'unrelated cookie + evil Origin') live.headers = { cookie: 'foo=bar' };
      await replay.play(step, live);
    }
    replay.finish();
  });
});
