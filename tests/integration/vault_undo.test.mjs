// What a stolen access JWT can do to a vault over HTTP, and how its user undoes it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { signIn, somebodySignedIn, token } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { commitmentOf, recoverySecret, unwrap, vaultOf, wrap } from './lib/vault.mjs';

let stack;
before(async () => {
  stack = await startStack({}, UNLIMITED);
});
after(() => stack?.stop());

/** The sessions of a person as they are an hour after the sign-in. */
const anHourLater = (person) => stack.psql(`UPDATE auth.sessions SET proved_at = proved_at - interval '1 hour' WHERE user_id = :'id'`, { id: person.id });
async function signInAgain(person) {
  assert.equal((await signIn(person)).status, 200);
  person.token = await token(person);
}
const ok = (answer) => assert.equal(answer.status, 200, answer.text);
const stepUpRequired = (answer) => {
  assert.equal(answer.status, 403, answer.text);
  assert.equal(answer.json.code, 'STEP_UP_REQUIRED');
};
const newest = async (vault, kind) => (await vault.restorable()).json.wraps.find((w) => w.kind === kind && w.restorable);

describe('a stolen access JWT', () => {
  test('rotates with the commitment of the key that it reads, and the user gets key and recovery wrap back', async () => {
    const ada = await somebodySignedIn(stack);
    const vault = vaultOf(ada);
    const { masterKey } = (await vault.init()).json;
    const secret = recoverySecret();
    ok(await vault.setRecovery(await wrap(masterKey, secret)));
    anHourLater(ada);
    stepUpRequired(await vault.rotate());
    stepUpRequired(await vault.rotate({}));
    stepUpRequired(await vault.clearRecovery());
    stepUpRequired(await vault.setRecovery(await wrap(masterKey, recoverySecret())));
    const stolen = (await vault.key()).json.masterKey;
    const rotated = await vault.rotate({ commitment: await commitmentOf(stolen, ada.id) });
    ok(rotated);
    assert.notEqual(rotated.json.masterKey, masterKey);
    stepUpRequired(await vault.restore({ id: (await newest(vault, 'key')).id }));
    await signInAgain(ada);
    const again = vaultOf(ada);
    const kept = await newest(again, 'key');
    assert.deepEqual(Object.keys(kept), ['id', 'kind', 'keyGeneration', 'hasRecoveryWrap', 'replacedAt', 'expiresAt', 'restorable']);
    assert.equal(Date.parse(kept.expiresAt) - Date.parse(kept.replacedAt), 7 * 24 * 3600 * 1000);
    const back = await again.restore({ id: kept.id });
    assert.equal(back.text, '{"ok":true,"restored":"key","keyGeneration":1}');
    assert.equal((await again.key()).json.masterKey, masterKey);
    ok(await again.zeroKnowledge({ enable: true }));
    assert.equal(await unwrap((await again.key()).json, secret), masterKey);
    assert.deepEqual((await again.restorable()).json.wraps, []);
  });

  test('cannot switch to zero-knowledge with a wrap of its own, whatever it shows', async () => {
    const ada = await somebodySignedIn(stack);
    const vault = vaultOf(ada);
    const { masterKey } = (await vault.init()).json;
    anHourLater(ada);
    ok(await vault.setRecovery({ recoveryWrappedMk: 'A'.repeat(64), recoveryIv: 'A'.repeat(16) }));
    stepUpRequired(await vault.zeroKnowledge({ enable: true }));
    stepUpRequired(await vault.zeroKnowledge({ enable: true, commitment: await commitmentOf(masterKey, ada.id), masterKey }));
    assert.equal((await vault.key()).json.masterKey, masterKey);
  });

  test('cannot replace the only wrap of a zero-knowledge vault; the client that knows the key can, and the old wrap comes back', async () => {
    const ada = await somebodySignedIn(stack);
    const vault = vaultOf(ada);
    const { masterKey } = (await vault.init()).json;
    const [first, second] = [recoverySecret(), recoverySecret()];
    ok(await vault.setRecovery(await wrap(masterKey, first)));
    ok(await vault.zeroKnowledge({ enable: true }));
    anHourLater(ada);
    stepUpRequired(await vault.setRecovery({ recoveryWrappedMk: 'A'.repeat(64), recoveryIv: 'A'.repeat(16) }));
    ok(await vault.setRecovery({ ...(await wrap(masterKey, second)), commitment: await commitmentOf(masterKey, ada.id) }));
    await signInAgain(ada);
    const again = vaultOf(ada);
    ok(await again.restore({ id: (await newest(again, 'recovery')).id }));
    assert.equal(await unwrap((await again.key()).json, first), masterKey);
    ok(await again.restore({ id: (await newest(again, 'recovery')).id }));
    assert.equal(await unwrap((await again.key()).json, second), masterKey);
  });

  test('cannot push out the wrap that the user needs by a storm of rotations', async () => {
    const ada = await somebodySignedIn(stack);
    const vault = vaultOf(ada);
    const { masterKey } = (await vault.init()).json;
    let key = masterKey;
    let refused;
    for (let n = 0; n < 120 && !refused; n += 1) {
      const answer = await vault.rotate({ commitment: await commitmentOf(key, ada.id) });
      if (answer.status === 200) key = answer.json.masterKey;
      else refused = answer;
    }
    assert.equal(refused?.status, 429, refused?.text);
    assert.ok(Number(refused.headers['retry-after']) > 6 * 24 * 3600);
    const first = (await vault.restorable()).json.wraps.find(({ keyGeneration }) => keyGeneration === 1);
    ok(await vault.restore({ id: first.id }));
    assert.equal((await vault.key()).json.masterKey, masterKey);
  });
});

test('sixteen restores of one wrap at once: one succeeds, the others find nothing', async () => {
  const ada = await somebodySignedIn(stack);
  const vault = vaultOf(ada);
  const { masterKey } = (await vault.init()).json;
  ok(await vault.rotate());
  const { id } = await newest(vault, 'key');
  const answers = await Promise.all(Array.from({ length: 16 }, () => vault.restore({ id })));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(15).fill(404)]);
  assert.equal((await vault.key()).json.masterKey, masterKey);
  assert.equal((await vault.restorable()).json.wraps.length, 1);
});
