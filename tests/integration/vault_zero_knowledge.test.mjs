// Zero-knowledge and back, with the key that the vault had and no other.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { somebodySignedIn } from './lib/people.mjs';
import { startStack } from './lib/stack.mjs';

const VAULT = '/api/v1/me/encryption-vault';

let stack;
before(async () => {
  stack = await startStack();
});
after(() => stack?.stop());

describe('zero-knowledge', () => {
  test('is left with the vault\'s own key only', () => thereAndBack(() => {}));

  test('and so for a row that came without a commitment', () => thereAndBack((ada) => {
    stack.psql(`UPDATE auth.encryption_vaults SET commitment = NULL WHERE user_id = '${ada.id}'`);
  }));
});

async function thereAndBack(prepare) {
  const ada = await somebodySignedIn(stack);
  const call = async (path, body, status) => {
    const answer = await ada.http.post(`${VAULT}${path}`, body, { bearer: ada.token });
    assert.equal(answer.status, status, `${path}: ${answer.text}`);
    return answer.json;
  };
  const { masterKey } = await call('/init', {}, 200);
  prepare(ada);
  await call('/zero-knowledge', { enable: true }, 400);
  const recoveryWrappedMk = randomBytes(48).toString('base64');
  await call('/recovery-wrap', { recoveryWrappedMk, recoveryIv: randomBytes(12).toString('base64') }, 200);
  await call('/zero-knowledge', { enable: true }, 200);

  const blob = await ada.http.get(`${VAULT}/key`, { bearer: ada.token });
  assert.equal(blob.json.recoveryWrappedMk, recoveryWrappedMk);
  assert.equal(blob.json.masterKey, undefined);
  await call('/zero-knowledge', { enable: false, masterKey: randomBytes(32).toString('base64') }, 400);
  await call('/zero-knowledge', { enable: false, masterKey }, 200);
  const key = await ada.http.get(`${VAULT}/key`, { bearer: ada.token });
  assert.equal(key.json.masterKey, masterKey);
}
