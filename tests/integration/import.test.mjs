// A database of the service before us is taken over: its people go on with their passwords, cookies, vaults and keys.

import assert from 'node:assert/strict';
import { createCipheriv, createHmac, randomBytes, scryptSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';

import { answers, spawnEdge } from './lib/edge.mjs';
import { Client } from './lib/http.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const SECRET = 'the-secret-of-the-service-before-us-0123456789';
const PASSWORD = 'violet-kayak-ünder-9-moons';
const TOKEN = 'a'.repeat(32);
const MASTER_KEY = randomBytes(32);
const API_KEY = `sk_live_${randomBytes(32).toString('hex')}`;

/** As Better Auth stores it: salt and key in hex, the salt's hex being the salt. */
function scrypt(password) {
  const salt = randomBytes(16).toString('hex');
  const key = scryptSync(password.normalize('NFKC'), salt, 64, { N: 16384, r: 16, p: 1, maxmem: 128 * 2 ** 20 });
  return `${salt}:${key.toString('hex')}`;
}

/** Wrap of version 1: no associated data; base64 of ciphertext and tag. */
function wrap(kek) {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', kek, iv);
  return [Buffer.concat([cipher.update(MASTER_KEY), cipher.final(), cipher.getAuthTag()]), iv].map((b) => b.toString('base64'));
}

// the tables as that service made them, columns that nobody used left out
const TABLES = `
CREATE SCHEMA auth;
CREATE TYPE public.access_tier AS ENUM ('guest', 'public', 'beta', 'alpha', 'founder');
CREATE TYPE public.user_role AS ENUM ('user', 'admin', 'service');
CREATE TABLE auth.users (id text PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE, email_verified boolean NOT NULL DEFAULT false,
  image text, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
  role public.user_role NOT NULL DEFAULT 'user', access_tier public.access_tier NOT NULL DEFAULT 'public',
  two_factor_enabled boolean DEFAULT false, deleted_at timestamptz);
CREATE TABLE auth.sessions (id text PRIMARY KEY, expires_at timestamptz NOT NULL, token text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(), ip_address text, user_agent text,
  user_id text NOT NULL REFERENCES auth.users ON DELETE CASCADE, last_activity_at timestamptz DEFAULT now(), remember_me boolean DEFAULT false);
CREATE TABLE auth.accounts (id text PRIMARY KEY, account_id text NOT NULL, provider_id text NOT NULL,
  user_id text NOT NULL REFERENCES auth.users ON DELETE CASCADE, scope text, password text,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE auth.user_settings (user_id text PRIMARY KEY, global_settings jsonb NOT NULL, app_overrides jsonb NOT NULL DEFAULT '{}',
  device_settings jsonb NOT NULL DEFAULT '{}', created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
CREATE TABLE auth.api_keys (id text PRIMARY KEY, user_id text NOT NULL, name text NOT NULL, key_prefix text NOT NULL, key_hash text NOT NULL,
  scopes jsonb NOT NULL DEFAULT '["stt", "tts"]', rate_limit_requests integer NOT NULL DEFAULT 60, rate_limit_window integer NOT NULL DEFAULT 60,
  created_at timestamptz NOT NULL DEFAULT now(), last_used_at timestamptz, revoked_at timestamptz);
CREATE TABLE auth.organizations (id text PRIMARY KEY, name text NOT NULL, slug text UNIQUE, logo text, metadata jsonb,
  created_at timestamptz DEFAULT now(), updated_at timestamptz);
CREATE TABLE auth.members (id text PRIMARY KEY, organization_id text NOT NULL, user_id text NOT NULL, role text NOT NULL,
  created_at timestamptz DEFAULT now());
CREATE TABLE auth.encryption_vaults (user_id text PRIMARY KEY, wrapped_mk text, wrap_iv text, format_version smallint NOT NULL DEFAULT 1,
  kek_id text NOT NULL DEFAULT 'env-v1', recovery_wrapped_mk text, recovery_iv text, recovery_format_version smallint NOT NULL DEFAULT 1,
  recovery_set_at timestamptz, zero_knowledge boolean NOT NULL DEFAULT false, created_at timestamptz NOT NULL DEFAULT now(), rotated_at timestamptz);
CREATE TABLE auth.encryption_vault_audit (id text PRIMARY KEY, user_id text NOT NULL, action text NOT NULL, ip_address text, user_agent text,
  context text, status integer NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE auth.security_events (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id text, event_type text NOT NULL, ip_address text,
  user_agent text, metadata jsonb, created_at timestamptz NOT NULL DEFAULT now());
`;

const ROWS = `
INSERT INTO auth.users (id, name, email, email_verified, role, access_tier) VALUES
  ('ada', 'Ada', 'ada@example.com', true, 'admin', 'founder'), ('bob', 'Bob', 'bob@example.com', false, 'user', 'public');
INSERT INTO auth.accounts (id, account_id, provider_id, user_id, password) VALUES ('a1', 'ada', 'credential', 'ada', :'password');
INSERT INTO auth.sessions (id, expires_at, token, user_id, user_agent) VALUES
  ('s1', now() + interval '3 days', :'token', 'ada', 'Old Browser'), ('s2', now() - interval '1 day', 'over', 'ada', NULL);
INSERT INTO auth.user_settings VALUES ('ada', '{"theme": {"mode": "dark"}}');
INSERT INTO auth.api_keys (id, user_id, name, key_prefix, key_hash) VALUES ('k1', 'ada', 'Speech', left(:'api', 16), encode(sha256(:'api'::bytea), 'hex'));
INSERT INTO auth.organizations (id, name, slug) VALUES ('o1', 'Engines', 'engines');
INSERT INTO auth.members (id, organization_id, user_id, role) VALUES ('m1', 'o1', 'ada', 'owner'), ('m2', 'o1', 'ada', 'owner'), ('m3', 'o1', 'gone', 'member');
INSERT INTO auth.encryption_vaults (user_id, wrapped_mk, wrap_iv) VALUES ('ada', :'wrapped', :'iv');
INSERT INTO auth.encryption_vault_audit VALUES ('v1', 'ada', 'init', '192.0.2.1', 'Old Browser', NULL, 200, now() - interval '14 months'),
  ('v2', 'ada', 'fetch', NULL, NULL, NULL, 200, now());
INSERT INTO auth.security_events (user_id, event_type) VALUES ('ada', 'LOGIN_SUCCESS');
`;

describe('the service before us', () => {
  let stack, edge, url, ada;
  before(async () => {
    stack = await startStack({ BETTER_AUTH_SECRET: SECRET }, UNLIMITED);
    stack.psql('CREATE DATABASE taken_over');
    const line = readFileSync(stack.psql('SHOW mana_auth.kek_file').trim(), 'utf8').split('\n').find((l) => l && !l.startsWith('#'));
    const [kekId, kek] = [line.slice(0, line.indexOf(':')), Buffer.from(line.slice(line.indexOf(':') + 1).trim(), 'base64')];
    assert.equal(kekId, 'env-v1');
    const [wrapped, iv] = wrap(kek);
    psql(TABLES + ROWS, { password: scrypt(PASSWORD), token: TOKEN, api: API_KEY, wrapped, iv });
  });
  after(async () => {
    edge?.child.kill('SIGTERM');
    await edge?.ended;
    await stack?.stop();
  });

  function psql(sql, variables = {}) {
    const set = Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
    const done = spawnSync('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', ...set, '-f', '-', '-h', stack.socket, '-U', 'postgres', 'taken_over'],
      { input: sql, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(done.stderr);
    return done.stdout.trim();
  }

  test('a second factor that cannot be taken along stops the import', () => {
    psql("UPDATE auth.users SET two_factor_enabled = true WHERE id = 'bob'; ALTER SCHEMA auth RENAME TO auth_before; CREATE EXTENSION mana_auth CASCADE");
    assert.throws(() => psql("SELECT auth.import_from('auth_before')"), /auth_owner, as whom the import runs, may not read schema auth_before/);
    psql('GRANT USAGE ON SCHEMA auth_before TO auth_owner; GRANT SELECT ON ALL TABLES IN SCHEMA auth_before TO auth_owner');
    assert.throws(() => psql("SELECT auth.import_from('auth_before')"), /1 users have a second factor/);
    assert.throws(() => psql("SELECT auth.import_from('nowhere')"), /there is no table nowhere.users/);
    psql("UPDATE auth_before.users SET two_factor_enabled = false WHERE id = 'bob'");
  });

  test('every table says what came and what did not', () => {
    const report = psql("SELECT what || ' ' || source_rows || ' ' || imported || COALESCE(' ' || why_fewer, '') FROM auth.import_from('auth_before')");
    assert.deepEqual(report.split('\n'), [
      'users 2 2', 'accounts 1 1', 'sessions 2 1 those that are over stay behind', 'passkeys 0 0', 'user_settings 1 1', 'api_keys 1 1',
      'organizations 1 1', 'members 3 1 of users that are gone, or twice in one organization', 'invitations 0 0', 'encryption_vaults 1 1',
      'encryption_vault_audit 2 2', 'security_events 1 1',
    ]);
    assert.equal(psql('SELECT count(*) FROM auth.vault_audit_verify()'), '0');
    assert.equal(psql('SELECT count(*) FROM auth.vault_check()'), '0');
  });

  test('it is done once', () => {
    assert.throws(() => psql("SELECT auth.import_from('auth_before')"), /there are users here already/);
  });

  test('an edge serves it', async () => {
    const database = stack.environment.DATABASE_URL.replace('mana_platform', 'taken_over');
    edge = await spawnEdge(stack, { DATABASE_URL: database, BASE_URL: '' });
    while (!(await answers(edge.port, '/health/ready'))) assert.equal(edge.child.exitCode, null);
    url = `http://localhost:${edge.port}`;
  });

  test('an old cookie is a live session', async () => {
    const signature = createHmac('sha256', SECRET).update(TOKEN).digest('base64');
    const client = new Client(url);
    client.cookies.set('mana.session_token', encodeURIComponent(`${TOKEN}.${signature}`));
    const { json } = await client.get('/api/auth/get-session');
    assert.deepEqual([json.session.id, json.session.userAgent, json.user.id, json.user.accessTier], ['s1', 'Old Browser', 'ada', 'founder']);
  });

  test('an old password signs in, and is kept in the new form then', async () => {
    ada = new Client(url);
    const wrong = await ada.post('/api/auth/sign-in/email', { email: 'ada@example.com', password: `${PASSWORD}!` });
    assert.equal(wrong.status, 401);
    const right = await ada.post('/api/auth/sign-in/email', { email: 'Ada@Example.com', password: PASSWORD });
    assert.equal(right.status, 200, right.text);
    assert.match(psql("SELECT password FROM auth.accounts WHERE user_id = 'ada'"), /^\$argon2id-hmac-sha256\$/);
  });

  test('an old vault opens, and is wrapped anew', async () => {
    const bearer = (await ada.get('/api/auth/token')).json.token;
    const { json } = await ada.get('/api/v1/me/encryption-vault/key', { bearer });
    assert.equal(json.masterKey, MASTER_KEY.toString('base64'));
    assert.equal(psql("SELECT format_version FROM auth.encryption_vaults WHERE user_id = 'ada'"), '2');
    const settings = await ada.get('/api/v1/settings', { bearer });
    assert.deepEqual(settings.json.globalSettings, { theme: { mode: 'dark' } });
  });

  test('an old API key is valid, and the organization has its owner', async () => {
    const { json } = await new Client(url, { origin: null }).post('/api/v1/api-keys/validate', { apiKey: API_KEY });
    assert.deepEqual([json.valid, json.userId, json.scopes], [true, 'ada', ['stt', 'tts']]);
    assert.deepEqual((await ada.get('/api/auth/organization/list')).json.map(({ slug }) => slug), ['engines']);
  });
});
