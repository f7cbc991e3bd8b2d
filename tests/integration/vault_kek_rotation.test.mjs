// A new key-encryption key takes over while users keep their vaults and their sessions.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { somebodySignedIn } from './lib/people.mjs';
import { startStack } from './lib/stack.mjs';

const VAULT = '/api/v1/me/encryption-vault';

let stack;
before(async () => {
  stack = await startStack();
});
after(() => stack?.stop());

test('the next fetch moves a wrap to the new key; the master key and the session stay', async () => {
  const ada = await somebodySignedIn(stack);
  const init = await ada.http.post(`${VAULT}/init`, {}, { bearer: ada.token });
  assert.equal(init.status, 200, init.text);
  const kekOf = () => stack.sql('SELECT kek_id FROM auth.encryption_vaults WHERE user_id = :\'id\'', { id: ada.id })[0].kek_id;
  const before = kekOf();

  const file = stack.psql('SHOW mana_auth.kek_file').trim();
  writeFileSync(file, `rotated:${randomBytes(32).toString('base64')}\n${readFileSync(file, 'utf8')}`);
  stack.psql('SELECT pg_reload_conf()');
  await sleep(500);

  const key = await ada.http.get(`${VAULT}/key`, { bearer: ada.token });
  assert.equal(key.status, 200, key.text);
  assert.equal(key.json.masterKey, init.json.masterKey);
  assert.notEqual(before, 'rotated');
  assert.equal(kekOf(), 'rotated');
  const session = await ada.http.get('/api/auth/get-session');
  assert.equal(session.json.user.id, ada.id);
});
