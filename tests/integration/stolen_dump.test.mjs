// What a thief of a dump can do. Without the key-encryption key: nothing that anybody was given is in it, in any spelling, and nothing
// that is in it opens a door. With the key: standard vaults open, as SECURITY.md says; zero-knowledge vaults do not.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createDecipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { basic, code, exchange, register, SYNAPSE } from './lib/oidc.mjs';
import { PASSWORD, signIn, signUp, somebody, somebodySignedIn, token } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { totp } from './lib/totp.mjs';
import { recoverySecret, vaultOf, wrap } from './lib/vault.mjs';
import { until } from './lib/wait.mjs';

const IV_BYTES = 12;
const TAG_BYTES = 16;
const WRAP_BYTES = 32 + TAG_BYTES;

describe('a stolen dump', () => {
  let stack, ada, zoe, secrets, dump, masterKeys;
  before(async () => {
    stack = await startStack(SYNAPSE, UNLIMITED);
    ada = await somebodySignedIn(stack, 'Ada');
    zoe = await somebodySignedIn(stack, 'Zoe');
    secrets = await everythingThatIsGiven();
    masterKeys = { ada: await standardVault(), zoe: await zeroKnowledgeVault() };
    Object.assign(secrets, { 'master key': masterKeys.ada, 'master key that is wrapped by its user': masterKeys.zoe.masterKey, 'recovery code': masterKeys.zoe.secret });
    const done = spawnSync('pg_dump', ['-h', stack.socket, '-U', 'postgres', 'mana_platform'], { encoding: 'utf8', maxBuffer: 2 ** 28 });
    assert.equal(done.status, 0, done.stderr);
    dump = done.stdout;
    assert.ok(dump.includes(ada.email), 'addresses are readable');
  });
  after(() => stack?.stop());

  const mailed = async (person, part) => new URL(await stack.mail.link(person.email, part, { contains: part }));
  const cookieOf = (http, name) => decodeURIComponent([...http.cookies].find(([key]) => key.endsWith(name))[1]).split('.')[0];

  /** One secret of each kind that a person, an app or a client is given. Links are those of mails that wait, or were sent. */
  async function everythingThatIsGiven() {
    const found = { password: PASSWORD, 'secret of a configured client': SYNAPSE.SYNAPSE_OIDC_CLIENT_SECRET };
    found['session token'] = cookieOf(ada.http, 'session_token');
    found['known device'] = cookieOf(ada.http, 'device');
    found['refresh token of an app'] = (await new Client(stack.url).post('/api/v1/auth/login', { email: ada.email, password: PASSWORD })).json.refreshToken;
    const client = register(stack, { name: `'Wiki'`, client_id: `'wiki'`, redirect_uris: `ARRAY['${SYNAPSE.SYNAPSE_OIDC_REDIRECT_URIS}']`, skip_consent: 'true' });
    found['secret of a client'] = client.client_secret;
    const oidc = (await exchange(new Client(stack.url, { origin: null }), { code: await code(ada, { client_id: 'wiki', scope: 'openid offline_access' }) },
      basic('wiki', client.client_secret))).json;
    Object.assign(found, { 'OAuth access token': oidc.access_token, 'OAuth refresh token': oidc.refresh_token, 'OAuth code': await code(ada) });
    found['API key'] = (await ada.http.post('/api/v1/api-keys', { name: 'key' }, { bearer: ada.token })).json.key;
    await new Client(stack.url).post('/api/auth/request-password-reset', { email: ada.email, redirectTo: '/reset-password' });
    found['reset token'] = (await mailed(ada, '/reset-password/')).pathname.split('/').at(-1);
    await new Client(stack.url).post('/api/auth/sign-in/magic-link', { email: ada.email, callbackURL: '/' });
    found['magic link'] = (await mailed(ada, '/magic-link/verify')).searchParams.get('token');
    await ada.http.post('/api/v1/auth/step-up/mail', { purpose: 'passkey' });
    found['step-up token'] = await until('the mail with a token', async () =>
      (await stack.mail.find(ada.email, { waitSeconds: 0 })).map(({ text }) => /^([A-Za-z0-9]{32})$/m.exec(text)?.[1]).find(Boolean));
    await ada.http.post('/api/auth/change-email', { newEmail: `new-${ada.email}` });
    found['change of address'] = (await mailed({ email: `new-${ada.email}` }, '/verify-email')).searchParams.get('token');
    const pending = somebody(stack);
    pending.http.headers['sec-fetch-mode'] = 'cors';
    await signUp(pending);
    found['verification link'] = (await mailed(pending, '/verify-email')).searchParams.get('token');
    found['browser of a sign-up'] = cookieOf(pending.http, 'sign_up');
    const passkey = new Client(stack.url);
    found['challenge of a passkey'] = (await passkey.get('/api/auth/passkey/generate-authenticate-options')).json.challenge;
    found['browser of a passkey'] = cookieOf(passkey, 'better-auth-passkey');
    const { json: factor } = await zoe.http.post('/api/auth/two-factor/enable', { password: PASSWORD });
    assert.equal((await zoe.http.post('/api/auth/two-factor/verify-totp', { code: totp(factor.totpURI) })).status, 200);
    factor.backupCodes.forEach((backup, n) => { found[`backup code ${n}`] = backup; });
    found['secret of an authenticator app'] = new URL(factor.totpURI).searchParams.get('secret');
    const other = { ...zoe, http: new Client(stack.url) };
    await signIn(other);
    found['sign-in that waits'] = cookieOf(other.http, 'two_factor');
    await other.http.post('/api/auth/two-factor/verify-backup-code', { code: factor.backupCodes[9], trustDevice: true });
    found['trusted browser'] = cookieOf(other.http, 'trust_device');
    zoe.token = await token(zoe);
    found['access token'] = ada.token;
    for (const [n, { private_key: key }] of stack.sql('SELECT private_key::text FROM auth_api.signing_keys()').entries()) found[`signing key ${n}`] = key;
    found['secret of cookies'] = stack.psql(`SELECT encode(auth_api.edge_secret(), 'hex')`);
    for (const [kind, secret] of Object.entries(found)) assert.ok(typeof secret === 'string' && secret.length >= 8, `${kind}: ${secret}`);
    return found;
  }

  async function standardVault() {
    return (await vaultOf(ada).init()).json.masterKey;
  }

  async function zeroKnowledgeVault() {
    const vault = vaultOf(zoe);
    const { masterKey } = (await vault.init()).json;
    const secret = recoverySecret();
    assert.equal((await vault.setRecovery(await wrap(masterKey, secret))).status, 200);
    assert.equal((await vault.zeroKnowledge({ enable: true })).status, 200);
    return { masterKey, secret: secret.toString('hex') };
  }

  /** Ways to write a secret: as it is, its bytes if it is encoded, and each of them in base64 and hexadecimal. */
  function spellings(secret) {
    const bytes = [Buffer.from(secret)];
    if (/^(\\x)?([0-9a-f]{2})+$/i.test(secret)) bytes.push(Buffer.from(secret.replace('\\x', ''), 'hex'));
    if (/^[A-Za-z0-9+/_-]+=*$/.test(secret)) bytes.push(Buffer.from(secret, 'base64'));
    const texts = bytes.filter(({ length }) => length >= 6)
      .flatMap((each) => [each.toString('base64').replace(/=+$/, ''), each.toString('base64url'), each.toString('hex'), each.toString('hex').toUpperCase()]);
    return [secret, secret.replaceAll('-', ''), ...texts];
  }

  test('holds nothing that anybody was given, in any spelling', () => {
    const found = Object.entries(secrets).flatMap(([kind, secret]) => spellings(secret).filter((text) => dump.includes(text)).map((text) => `${kind}: ${text}`));
    assert.deepEqual(found, []);
  });

  test('holds nothing that opens a door', async () => {
    const inserted = dump.split('\n').filter((line) => line.includes('\t'));
    const words = new Set(inserted.flatMap((line) => line.split('\t')).flatMap((cell) => cell.split(/[\s"',:{}[\]()\\]+/)).map((word) => word.replace(/^x(?=[0-9a-f]{32,}$)/, ''))
      .filter((word) => /^[A-Za-z0-9+/=_.$-]{16,512}$/.test(word)));
    for (const word of [...words]) if (/^([0-9a-f]{2}){16,64}$/.test(word)) words.add(Buffer.from(word, 'hex').toString('base64url')); // a digest, as a token is written
    assert.ok(words.size > 50, `${words.size} words`);
    const http = new Client(stack.url, { origin: null });
    const wiki = (secret) => basic('wiki', secret);
    const doors = {
      'a session': (word) => http.get('/api/auth/get-session', { headers: { cookie: `mana.session_token=${encodeURIComponent(word)}` } }).then(({ json }) => json !== null),
      'an access token': (bearer) => http.get('/api/v1/auth/profile', { bearer }).then(({ status }) => status === 200),
      'an OAuth access token': (bearer) => http.get('/api/auth/oauth2/userinfo', { bearer }).then(({ status }) => status === 200),
      'a refresh token': (refreshToken) => http.post('/api/v1/auth/refresh', { refreshToken }).then(({ status }) => status === 200),
      'an API key': (apiKey) => http.post('/api/v1/api-keys/validate', { apiKey }).then(({ json }) => json?.valid === true),
      'a reset token': (word) => http.post('/api/auth/reset-password', { token: word, newPassword: `${PASSWORD}-stolen` }).then(({ status }) => status === 200),
      'a verification link': (word) => http.get(`/api/auth/verify-email?${new URLSearchParams({ token: word })}`).then(({ status }) => status === 200),
      'a magic link': (word) => http.get(`/api/auth/magic-link/verify?${new URLSearchParams({ token: word })}`).then(({ status }) => status === 200),
      'a client secret': (word) => http.request('POST', '/api/auth/oauth2/introspect', { form: { token: 'x' }, headers: wiki(word) }).then(({ status }) => status === 200),
    };
    const opened = [];
    const waiting = [...words];
    await Promise.all(Array.from({ length: 8 }, async () => {
      for (let word = waiting.pop(); word; word = waiting.pop())
        for (const [door, opens] of Object.entries(doors)) if (await opens(word)) opened.push(`${word} is ${door}`);
    }));
    assert.deepEqual(opened, []);
    assert.equal((await doors['an API key'](secrets['API key'])), true, 'the doors open to what was given');
    assert.equal((await doors['a client secret'](secrets['secret of a client'])), true);
  });

  /** The master key in a wrap of auth.encryption_vaults (extension/wrap.c); undefined when it does not open. */
  function unwrapped({ wrapped_mk: wrapped, wrap_iv: iv, kek_id: kekId, user_id: userId }, kek, additional) {
    const sealed = Buffer.from(wrapped, 'base64');
    const open = createDecipheriv('aes-256-gcm', kek, Buffer.from(iv, 'base64'));
    open.setAAD(additional ?? Buffer.from(`auth.encryption_vaults\0${2}\0${kekId}\0${userId}`)).setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([open.update(sealed.subarray(0, -TAG_BYTES)), open.final()]).toString('base64');
    } catch {
      return undefined;
    }
  }

  test('and the key-encryption key together open a standard vault, and no zero-knowledge vault', () => {
    const [, line] = /^(env-v1:.*)$/m.exec(readFileSync(join(stack.directory, 'secrets', 'kek'), 'utf8'));
    const kek = Buffer.from(line.split(':')[1], 'base64');
    const vaults = stack.sql('SELECT * FROM auth.encryption_vaults');
    const [standard, closed] = [ada, zoe].map(({ id }) => vaults.find((vault) => vault.user_id === id));
    assert.ok(dump.includes(standard.wrapped_mk));
    assert.equal(unwrapped(standard, kek), masterKeys.ada);
    assert.deepEqual([closed.zero_knowledge, closed.wrapped_mk, closed.wrap_iv], [true, null, null]);
    assert.deepEqual(stack.sql(`SELECT 1 FROM auth.vault_replaced_wraps WHERE user_id = :'id'`, zoe), []);
    // whatever in the dump could be a wrap, under the key and every binding that a vault of hers had
    const candidates = [...dump.matchAll(/[A-Za-z0-9+/]{64,}={0,2}/g)].map(([text]) => Buffer.from(text, 'base64'))
      .concat([...dump.matchAll(/\\\\x([0-9a-f]{120,})/g)].map(([, hex]) => Buffer.from(hex, 'hex')));
    assert.ok(candidates.length > 3, `${candidates.length} candidates`);
    const bindings = [undefined, Buffer.alloc(0), Buffer.from(zoe.id)];
    const ivs = new Set([closed.recovery_iv, ...candidates.map((bytes) => bytes.subarray(0, IV_BYTES).toString('base64'))]);
    for (const bytes of candidates)
      for (const wrap_iv of ivs)
        for (const binding of bindings)
          for (const from of [0, IV_BYTES]) {
            const wrapped = bytes.subarray(from, from + WRAP_BYTES).toString('base64');
            if (bytes.length >= from + WRAP_BYTES)
              assert.equal(unwrapped({ wrapped_mk: wrapped, wrap_iv, kek_id: 'env-v1', user_id: zoe.id }, kek, binding), undefined);
          }
  });
});
