// A new key-encryption key takes over while users keep their vaults and their sessions.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { PASSWORD, signIn, somebody, somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { stepPasses, totp } from './lib/totp.mjs';
import { commitmentOf, recoverySecret, vaultOf, wrap } from './lib/vault.mjs';
import { until } from './lib/wait.mjs';

const VAULT = '/api/v1/me/encryption-vault';

let stack;
before(async () => {
  stack = await startStack({}, UNLIMITED);
});
after(() => stack?.stop());

/** Puts these lines into the key ring's file, and waits until the server has read them. */
async function ring(lines, activeId) {
  writeFileSync(stack.psql('SHOW mana_auth.kek_file').trim(), lines);
  stack.psql('SELECT pg_reload_conf()');
  await until('the new ring', () => stack.psql('SELECT auth.kek_active_id()') === activeId);
}
const ringNow = () => readFileSync(stack.psql('SHOW mana_auth.kek_file').trim(), 'utf8');
const newKey = (id) => `${id}:${randomBytes(32).toString('base64')}\n`;

test('the next fetch moves a wrap to the new key; the master key and the session stay', async () => {
  const ada = await somebodySignedIn(stack);
  const init = await ada.http.post(`${VAULT}/init`, {}, { bearer: ada.token });
  assert.equal(init.status, 200, init.text);
  const kekOf = () => stack.sql('SELECT kek_id FROM auth.encryption_vaults WHERE user_id = :\'id\'', { id: ada.id })[0].kek_id;
  const before = kekOf();

  await ring(newKey('rotated') + ringNow(), 'rotated');

  const key = await ada.http.get(`${VAULT}/key`, { bearer: ada.token });
  assert.equal(key.status, 200, key.text);
  assert.equal(key.json.masterKey, init.json.masterKey);
  assert.notEqual(before, 'rotated');
  assert.equal(kekOf(), 'rotated');
  const session = await ada.http.get('/api/auth/get-session');
  assert.equal(session.json.user.id, ada.id);
});

test('after auth.vault_rewrap() the old key can go: signing keys, mails, second factors and cookies open without it', async () => {
  const bob = await somebodySignedIn(stack);
  const { json } = await bob.http.post('/api/auth/two-factor/enable', { password: PASSWORD });
  await bob.http.post('/api/auth/two-factor/verify-totp', { code: totp(json.totpURI) });
  await stack.command('mail-stop');
  const waits = somebody(stack);
  await waits.http.post('/api/auth/sign-in/magic-link', { email: waits.email });
  await bob.http.post(`${VAULT}/init`, {}, { bearer: bob.token });

  const old = stack.psql('SELECT auth.kek_active_id()');
  const next = newKey('next');
  await ring(next + ringNow(), 'next');
  const retire = () => stack.psql(`SELECT auth.vault_retire_kek('${old}')`);
  assert.throws(retire, /is needed by 2 vaults and [1-9]\d* other values/);
  stack.psql('CALL auth.vault_rewrap(1)');
  assert.deepEqual(stack.sql('SELECT DISTINCT kek_id FROM auth.sealed_counts()'), [{ kek_id: 'next' }]);
  retire();
  await ring(next, 'next');

  await stack.command('mail-start');
  assert.ok(await stack.mail.link(waits.email, '/magic-link/verify'));
  await stack.command('edge-stop');
  await stack.command('edge-start');
  assert.equal((await bob.http.get('/api/auth/get-session')).json.user.id, bob.id);
  assert.equal((await bob.http.get(`${VAULT}/key`, { bearer: bob.token })).status, 200);
  stepPasses(stack, bob.email);
  assert.equal((await signIn(bob)).json.twoFactorRedirect, true);
  assert.equal((await bob.http.post('/api/auth/two-factor/verify-totp', { code: totp(json.totpURI) })).status, 200);
});

test('in a storm of calls auth.vault_rewrap() loses no key, refuses no call for itself, and leaves no wrap under the old one', async () => {
  const people = await Promise.all(['Cid', 'Dan', 'Eve', 'Fay'].map((name) => somebodySignedIn(stack, name)));
  const vaults = people.map(vaultOf);
  const given = await Promise.all(vaults.map(async (vault) => new Set([(await vault.init()).json.masterKey])));
  const answers = [];
  for (const id of ['storm1', 'storm2', 'storm3']) {
    await ring(newKey(id) + ringNow(), id);
    const calls = vaults.flatMap((vault, n) => {
      const key = [...given[n]].at(-1);
      const kept = async (call) => {
        const answer = await call();
        answers.push(answer);
        if (answer.json?.masterKey) given[n].add(answer.json.masterKey);
      };
      const recover = async () => vault.setRecovery({ ...await wrap(key, recoverySecret()), commitment: await commitmentOf(key, people[n].id) });
      return [vault.key, vault.rotate, vault.key, recover, vault.key, vault.clearRecovery, vault.rotate, vault.key].map((call) => kept(() => call({})));
    });
    const storm = Promise.all(calls);
    for (let n = 0; n < 3; n++) stack.psql('CALL auth.vault_rewrap(1)');
    await storm;
    stack.psql('CALL auth.vault_rewrap(1)');
    const left = stack.sql(`SELECT kek_id FROM auth.encryption_vaults UNION SELECT kek_id FROM auth.vault_replaced_wraps WHERE kek_id IS NOT NULL`);
    assert.deepEqual(left, [{ kek_id: id }]);
    for (const [n, vault] of vaults.entries()) assert.ok(given[n].has((await vault.key()).json.masterKey), `${people[n].name} after ${id}`);
  }
  // a rotation replaces the key of a recovery wrap that another call stores at the same time
  assert.deepEqual([...new Set(answers.map(({ status }) => status))].filter((status) => ![200, 409].includes(status)), []);
  assert.deepEqual(stack.sql('SELECT * FROM auth.vault_check()'), []);
});
