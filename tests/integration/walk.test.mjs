// One new user's way from sign-up to an unlocked vault, on a real database, real workers and a real SMTP conversation.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';

import { Client } from './lib/http.mjs';
import { signIn, signUp, somebody, token } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const VAULT = '/api/v1/me/encryption-vault';
const ID = /^[A-Za-z0-9]{32}$/;

describe('the walk', () => {
  let stack, ada, sessionId;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
    ada = somebody(stack);
  });
  after(() => stack?.stop());

  test('signing up answers with the user and without a token', async () => {
    const answer = await signUp(ada);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.deepEqual(answer.setCookies, []);
    const { createdAt, updatedAt, id, ...user } = answer.json.user;
    assert.match(id, ID);
    assert.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(updatedAt, createdAt);
    assert.equal(answer.json.token, null);
    assert.deepEqual(user, {
      name: ada.name,
      email: ada.email,
      emailVerified: false,
      image: null,
      twoFactorEnabled: false,
      accessTier: 'public',
    });
    assert.deepEqual(Object.keys(answer.json.user), [
      'name', 'email', 'emailVerified', 'image', 'createdAt', 'updatedAt', 'twoFactorEnabled', 'accessTier', 'id',
    ]);
    ada.id = id;
  });

  test('nobody signs in with an unverified address', async () => {
    const answer = await signIn(ada);
    assert.equal(answer.status, 403, answer.text);
    assert.equal(answer.json.code, 'EMAIL_NOT_VERIFIED');
    assert.deepEqual(answer.setCookies, []);
  });

  test('the verification mail arrives over SMTP, in text and HTML', async () => {
    const mail = await stack.mail.latest(ada.email, { contains: '/api/auth/verify-email' });
    assert.ok(mail.subject.length > 0);
    assert.match(mail.text, /\/api\/auth\/verify-email\?token=/);
    assert.match(mail.html, /\/api\/auth\/verify-email\?token=/);
    assert.match(mail.messageId, /^<[^<>\s]+@[^<>\s]+>$/);
  });

  test('its link verifies the address, once', async () => {
    const link = await stack.mail.link(ada.email, '/api/auth/verify-email');
    const answer = await new Client(stack.url).get(link);
    assert.ok([200, 302].includes(answer.status), `${answer.status} ${answer.text}`);
    const [user] = stack.sql(`SELECT email_verified FROM auth.users WHERE id = :'id'`, { id: ada.id });
    assert.equal(user.email_verified, true);

    const again = await new Client(stack.url).get(link);
    assert.deepEqual(again.setCookies, [], 'a used link signs nobody in');
  });

  test('signing in sets the signed session cookie', async () => {
    const answer = await signIn(ada);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.json), ['redirect', 'token', 'user']);
    const cookie = answer.setCookies.find(({ name }) => name === 'mana.session_token');
    assert.ok(cookie, JSON.stringify(answer.setCookies));
    assert.equal(cookie.attributes['max-age'], '604800');
    assert.equal(cookie.attributes.path, '/');
    assert.equal(cookie.attributes.httponly, true);
    assert.equal(cookie.attributes.samesite, 'Lax');
    const [presented, signature] = decodeURIComponent(cookie.value).split('.');
    assert.equal(presented, answer.json.token);
    assert.match(presented, ID);
    assert.equal(Buffer.from(signature, 'base64').length, 32);
  });

  test('a wrong password and an unknown address are refused alike', async () => {
    const wrong = await signIn({ ...ada, http: new Client(stack.url), password: 'not-the-password' });
    const unknown = await signIn({ ...ada, http: new Client(stack.url), email: 'nobody-at-all@example.com' });
    assert.equal(wrong.status, 401);
    assert.equal(wrong.json.code, 'INVALID_EMAIL_OR_PASSWORD');
    assert.deepEqual([unknown.status, unknown.text], [wrong.status, wrong.text]);
  });

  test('the cookie opens the session', async () => {
    const answer = await ada.http.get('/api/auth/get-session');
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.user.id, ada.id);
    assert.equal(answer.json.user.emailVerified, true);
    assert.equal(answer.json.session.userId, ada.id);
    sessionId = answer.json.session.id;
  });

  test('a cookie with another signature opens nothing', async () => {
    const thief = new Client(stack.url);
    const value = decodeURIComponent(ada.http.cookies.get('mana.session_token'));
    const forged = value.replace(/\.(.)/, (_, first) => `.${first === 'A' ? 'B' : 'A'}`);
    thief.cookies.set('mana.session_token', encodeURIComponent(forged));
    const answer = await thief.get('/api/auth/get-session');
    assert.deepEqual([answer.status, answer.text], [200, 'null']);
  });

  test('the JWT is EdDSA and verifies against the published keys', async () => {
    ada.token = await token(ada);
    const header = decodeProtectedHeader(ada.token);
    assert.equal(header.alg, 'EdDSA');
    assert.ok(header.kid);
    const keys = createRemoteJWKSet(new URL('/api/auth/jwks', stack.url.replace('localhost', '127.0.0.1')));
    const { payload } = await jwtVerify(ada.token, keys, { issuer: stack.url, audience: 'mana' });
    const { iat, exp, sid_proof: proof, ...claims } = payload;
    assert.equal(exp - iat, 900);
    assert.match(proof, /^[\w-]{22}$/);
    assert.deepEqual(claims, {
      sub: ada.id, email: ada.email, role: 'user', sid: sessionId, tier: 'public', iss: stack.url, aud: 'mana',
    });
  });

  test('the published keys hold nothing private', async () => {
    const answer = await new Client(stack.url).get('/api/auth/jwks');
    assert.equal(answer.status, 200);
    assert.ok(answer.json.keys.length >= 1);
    for (const key of answer.json.keys) assert.equal(key.d, undefined);
  });

  test('the vault has no key before it is made', async () => {
    const answer = await ada.http.get(`${VAULT}/key`, { bearer: ada.token });
    assert.equal(answer.status, 404);
    assert.deepEqual(answer.json, { error: 'vault not initialised', code: 'VAULT_NOT_INITIALISED' });
  });

  test('init and key give the same 32-byte master key, not to be cached', async () => {
    const made = await ada.http.post(`${VAULT}/init`, undefined, { bearer: ada.token });
    assert.equal(made.status, 200, made.text);
    assert.deepEqual(Object.keys(made.json), ['masterKey', 'formatVersion', 'kekId']);
    assert.equal(Buffer.from(made.json.masterKey, 'base64').length, 32);
    assert.deepEqual([made.json.formatVersion, made.json.kekId], [1, 'env-v1']);

    const fetched = await ada.http.get(`${VAULT}/key`, { bearer: ada.token });
    assert.equal(fetched.status, 200, fetched.text);
    assert.deepEqual(fetched.json, made.json);
    assert.match(fetched.headers['cache-control'], /no-store/);
    ada.masterKey = made.json.masterKey;
  });

  test('the master key is stored nowhere in clear', () => {
    const [row] = stack.sql(`SELECT v::text AS vault FROM auth.encryption_vaults v WHERE user_id = :'id'`, { id: ada.id });
    assert.ok(!row.vault.includes(ada.masterKey));
    assert.ok(!row.vault.includes(Buffer.from(ada.masterKey, 'base64').toString('hex')));
  });

  test('every access left its audit row, the failed one too', () => {
    const rows = stack.sql(
      `SELECT action, context, status FROM auth.encryption_vault_audit WHERE user_id = :'id' ORDER BY created_at`,
      { id: ada.id },
    );
    assert.deepEqual(rows, [
      { action: 'failed_fetch', context: 'not-initialised', status: 404 },
      { action: 'init', context: 'created', status: 201 },
      { action: 'fetch', context: null, status: 200 },
    ]);
  });

  test('without a token, or with a broken one, the vault stays shut', async () => {
    const stranger = new Client(stack.url);
    assert.equal((await stranger.get(`${VAULT}/key`)).status, 401);
    const broken = ada.token.replace(/\.[^.]{10}/, '.AAAAAAAAAA');
    assert.equal((await stranger.get(`${VAULT}/key`, { bearer: broken })).status, 401);
  });

  test('signing out kills the session, and the unexpired JWT opens the vault no more', async () => {
    const answer = await ada.http.post('/api/auth/sign-out', {});
    assert.deepEqual([answer.status, answer.json], [200, { success: true }]);
    assert.equal(ada.http.cookies.has('mana.session_token'), false);

    const key = await ada.http.get(`${VAULT}/key`, { bearer: ada.token });
    assert.equal(key.status, 401, key.text);
    assert.equal(key.json.masterKey, undefined);
  });

  test('the database holds no session token, only digests', () => {
    const columns = stack.sql(
      `SELECT column_name FROM information_schema.columns WHERE table_schema = 'auth' AND table_name = 'sessions'`,
    ).map((row) => row.column_name);
    assert.ok(columns.includes('token_digest'));
    assert.ok(!columns.includes('token'));
  });
});
