// Storms on a vault, and keys that belong to somebody else: whatever happens at once, nobody is left without a way to their key, no answer
// gives two keys of one generation, and nothing opens it but the token that is meant for it. tests/integration/vault_model explains each
// answer by a serial order; this storm asks only for what its user would notice.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { signIn } from '../integration/lib/people.mjs';
import { commitmentOf, recoverySecret, unwrap, vaultOf, wrap } from '../integration/lib/vault.mjs';
import { copyOf, each, member, program, stranger, target, vaultToken, without } from './lib/target.mjs';

const AT_ONCE = 16;
const ROUNDS = 4;

describe('vaults', { skip: without.mail }, () => {
  const unlocked = async (name) => {
    const person = await member(name);
    person.token = await vaultToken(person);
    return person;
  };
  const storm = (make) => Promise.all(Array.from({ length: AT_ONCE }, (_, n) => make(n)));
  const keysOf = (answers) => [...new Set(answers.filter(({ status }) => status === 200).map(({ json }) => json.masterKey))];
  const noneFailed = (answers) => assert.deepEqual(answers.filter(({ status }) => status >= 500).map(({ status, text }) => `${status} ${text}`), []);

  test('sixteen first calls at once make one key', async () => {
    const ada = await unlocked('Ada');
    const vault = vaultOf(ada);
    const answers = await storm((n) => (n % 4 ? vault.init({}) : vault.key()));
    noneFailed(answers);
    const keys = keysOf(answers);
    assert.equal(keys.length, 1);
    assert.equal((await vault.key()).json.masterKey, keys[0]);
    assert.equal((await vault.init({})).json.masterKey, keys[0], 'a later init makes no other');
  });

  test('of rotations at once each gives a key of its own, and the last one is the key', async () => {
    const ada = await unlocked('Ada');
    const vault = vaultOf(ada);
    const first = (await vault.init({})).json.masterKey;
    const answers = await storm(() => vault.rotate({}));
    noneFailed(answers);
    const granted = answers.filter(({ status }) => status === 200);
    const keys = keysOf(answers);
    assert.equal(keys.length, granted.length);
    assert.ok(!keys.includes(first) && keys.includes((await vault.key()).json.masterKey));
  });

  test('a storm of everything leaves a way to the key', async () => {
    const ada = await unlocked('Ada');
    const vault = vaultOf(ada);
    const known = new Set([(await vault.init({})).json.masterKey]);
    const secret = recoverySecret();
    for (let round = 0; round < ROUNDS; round++) {
      const masterKey = [...known].at(-1);
      const commitment = await commitmentOf(masterKey, ada.id);
      const wrapped = await wrap(masterKey, secret);
      const { wraps } = (await vault.restorable()).json;
      const acts = [() => vault.rotate({}), () => vault.rotate({ commitment }), () => vault.setRecovery({ ...wrapped, commitment }),
        () => vault.setRecovery(wrapped), () => vault.clearRecovery(),
        () => vault.zeroKnowledge({ enable: true }), () => vault.zeroKnowledge({ enable: false, masterKey }), () => vault.key(), () => vault.restore({ id: wraps[0]?.id ?? 'x' })];
      const answers = await storm((n) => acts[(n * 7 + round) % acts.length]());
      noneFailed(answers);
      answers.forEach(({ status, json }) => status === 200 && json.masterKey && known.add(json.masterKey));
      const now = (await vault.key()).json;
      const key = now.masterKey ?? await unwrap(now, secret);
      assert.ok(known.has(key), `round ${round}: a key that nobody was given`);
      known.delete(key);
      known.add(key); // the present one is the last
      if (!now.masterKey) assert.equal((await vault.zeroKnowledge({ enable: false, masterKey: key })).status, 200);
    }
  });

  test('each wrap that was replaced is restored once, however many ask at once', async () => {
    const ada = await unlocked('Ada');
    const vault = vaultOf(ada);
    const first = (await vault.init({})).json.masterKey;
    await vault.rotate({});
    const { wraps: [{ id }] } = (await vault.restorable()).json;
    const answers = await storm(() => vault.restore({ id }));
    noneFailed(answers);
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.equal((await vault.key()).json.masterKey, first);
  });

  describe('of another user', () => {
    let ada, eve, masterKey;
    before(async () => {
      [ada, eve] = [await unlocked('Ada'), await unlocked('Eve')];
      masterKey = (await vaultOf(ada).init({})).json.masterKey;
      await vaultOf(eve).init({});
    });

    test('are opened neither by an id in the request nor by a commitment nor by a wrap', async () => {
      const vault = vaultOf(eve);
      const claims = { userId: ada.id, user_id: ada.id, id: ada.id, sub: ada.id, email: ada.email };
      await each([() => vault.init(claims), () => vault.rotate(claims), () => vault.setRecovery({ ...claims,
        recoveryWrappedMk: Buffer.alloc(48).toString('base64'), recoveryIv: Buffer.alloc(12).toString('base64') }),
        () => vault.zeroKnowledge({ ...claims, enable: true })], async (act) => assert.ok(!(await act()).text.includes(masterKey)));
      for (const query of [`?userId=${ada.id}`, `?user_id=${ada.id}`, `/${ada.id}`]) {
        const answer = await program().get(`/api/v1/me/encryption-vault/key${query}`, { bearer: eve.token, headers: { 'x-user-id': ada.id } });
        assert.ok(!answer.text.includes(masterKey), query);
      }
      await vaultOf(ada).rotate({});
      const { wraps: [{ id }] } = (await vaultOf(ada).restorable()).json;
      assert.equal((await vault.restore({ id })).status, 404, 'a wrap of another user');
      const fresh = await unlocked('Fresh');
      await vaultOf(fresh).init({});
      assert.notEqual((await vaultOf(fresh).zeroKnowledge({ enable: true, commitment: await commitmentOf(masterKey, ada.id) })).status, 200);
    });

    test('a cookie alone opens no vault', async () => {
      for (const [method, path] of [['GET', 'key'], ['GET', 'status'], ['POST', 'init'], ['POST', 'rotate'], ['GET', 'restore']])
        assert.equal((await copyOf(ada.http).request(method, `/api/v1/me/encryption-vault/${path}`, method === 'GET' ? {} : { json: {} })).status, 401, path);
    });

    test('a token is dead with its session, also in the middle of a storm', async () => {
      const other = { ...ada, http: stranger() };
      await signIn(other);
      other.token = await vaultToken(other);
      const vault = vaultOf(other);
      const answers = await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => (n === AT_ONCE / 2 ? other.http.post('/api/auth/sign-out', {}) : vault.key())));
      noneFailed(answers);
      assert.equal((await vault.key()).status, 401);
      assert.equal((await vaultOf(ada).key()).status, 200, 'the other session');
    });
  });

  test('a token that other services see opens no vault, and one for the vault nothing else', { skip: without.vaultAudience }, async () => {
    const ada = await member('Ada');
    const ordinary = vaultOf(ada);
    for (const [name, call] of Object.entries(ordinary)) assert.equal((await call({})).status, 401, name);
    const forVault = await vaultToken(ada);
    for (const path of ['/api/v1/auth/profile', '/api/v1/settings', '/api/v1/me/data', '/api/v1/auth/sessions', '/api/v1/api-keys'])
      assert.equal((await program().get(path, { bearer: forVault })).status, 401, path);
    for (const audience of [`${target.vaultAudience} `, target.vaultAudience.toUpperCase(), `${target.vaultAudience},mana`, '*'])
      assert.equal((await ada.http.get(`/api/auth/token?audience=${encodeURIComponent(audience)}`)).status, 400, audience);
    assert.equal((await program().get(`/api/auth/token?audience=${target.vaultAudience}`, { bearer: ada.token })).status, 401, 'a token buys no other');
  });
});
