// The vault over HTTP, as the apps use it, and what its seven routes answer to the letter.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { signIn, somebodySignedIn, token } from './lib/people.mjs';
import { Client } from './lib/http.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { codeOf, commitmentOf, recoverySecret, secretOf, unwrap, vaultOf, wrap } from './lib/vault.mjs';

let stack;
before(async () => {
  stack = await startStack({}, UNLIMITED);
});
after(() => stack?.stop());

/** The same person in another browser. */
async function anotherDevice(person) {
  const other = { ...person, http: new Client(stack.url) };
  assert.equal((await signIn(other)).status, 200);
  other.token = await token(other);
  return other;
}

const keyOf = (answer) => {
  assert.equal(answer.status, 200, answer.text);
  return answer.json.masterKey;
};
const ok = (answer, body = '{"ok":true}') => {
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.text, body);
};
const trail = (person) => stack.sql(
  `SELECT action, context, status FROM auth.encryption_vault_audit WHERE user_id = :'id' ORDER BY created_at`, { id: person.id });

describe('the client\'s own cryptography', () => {
  const secret = Buffer.from([...Array(32).keys()]);
  const masterKey = Buffer.alloc(32, 0x42).toString('base64');

  test('makes the wrap that the apps make', async () => {
    assert.match(codeOf(secret), /^0001-0203-.*-1E1F$/);
    assert.deepEqual(secretOf(codeOf(secret)), secret);
    const iv = Buffer.from([...Array(12).keys()]);
    assert.deepEqual(await wrap(masterKey, secret, iv), {
      recoveryWrappedMk: '1Ovd+0pzSq2FPwXMgmLpOT0CL41KXiDMfq/kpE5pgTkXQzOakBaeOJEpvyzq95Io',
      recoveryIv: 'AAECAwQFBgcICQoL',
    });
    assert.equal(await unwrap(await wrap(masterKey, secret), secret), masterKey);
  });
});

test('a life: unlocked, a code written down, zero-knowledge, another device, a new code, and back', async () => {
  const ada = await somebodySignedIn(stack);
  const vault = vaultOf(ada);

  // unlock: no vault yet, so it is made, with no body at all
  const none = await vault.key();
  assert.deepEqual([none.status, none.text], [404, '{"error":"vault not initialised","code":"VAULT_NOT_INITIALISED"}']);
  const masterKey = keyOf(await vault.init());
  assert.equal(Buffer.from(masterKey, 'base64').length, 32);
  assert.equal(keyOf(await vault.key()), masterKey);

  // set up recovery: the key once more, a wrap, then zero-knowledge
  const code = codeOf(recoverySecret());
  ok(await vault.setRecovery(await wrap(keyOf(await vault.key()), secretOf(code))));
  ok(await vault.zeroKnowledge({ enable: true }), '{"ok":true,"zeroKnowledge":true}');

  // another device: nothing but the blob, which the code opens
  const elsewhere = vaultOf(await anotherDevice(ada));
  const blob = (await elsewhere.key()).json;
  assert.deepEqual(Object.keys(blob), ['requiresRecoveryCode', 'recoveryWrappedMk', 'recoveryIv', 'formatVersion']);
  assert.equal(await unwrap(blob, secretOf(code)), masterKey);
  await assert.rejects(unwrap(blob, recoverySecret()));

  // a new code: the key that was opened is wrapped again
  const newCode = codeOf(recoverySecret());
  ok(await elsewhere.setRecovery(await wrap(masterKey, secretOf(newCode))));
  const replaced = (await vault.key()).json;
  await assert.rejects(unwrap(replaced, secretOf(code)));
  assert.equal(await unwrap(replaced, secretOf(newCode)), masterKey);

  // back: with this key and no other
  const other = randomBytes(32).toString('base64');
  assert.equal((await elsewhere.zeroKnowledge({ enable: false, masterKey: other })).status, 400);
  ok(await elsewhere.zeroKnowledge({ enable: false, masterKey }), '{"ok":true,"zeroKnowledge":false}');
  assert.equal(keyOf(await vault.key()), masterKey);
  ok(await vault.clearRecovery());

  // another key; who shows that they hold it may wrap it, in the same session
  const rotated = keyOf(await vault.rotate({}));
  assert.notEqual(rotated, masterKey);
  const lost = { ...(await wrap(masterKey, secretOf(code))), commitment: await commitmentOf(masterKey, ada.id) };
  assert.equal((await vault.setRecovery(lost)).json.code, 'KEY_GENERATION_CONFLICT');
  ok(await vault.setRecovery({ ...(await wrap(rotated, secretOf(code))), commitment: await commitmentOf(rotated, ada.id) }));

  assert.deepEqual(trail(ada).map(({ action, context, status }) => [action, context, status].filter((x) => x !== null).join('/')), [
    'failed_fetch/not-initialised/404', 'init/created/201', 'fetch/200', 'fetch/200', 'recovery_set/200', 'zk_enable/200',
    'fetch/zk-recovery-blob/200', 'recovery_set/200', 'fetch/zk-recovery-blob/200', 'zk_disable/other-key/400', 'zk_disable/200',
    'fetch/200', 'recovery_clear/200', 'rotate/200', 'recovery_set/old-generation/409', 'recovery_set/200',
  ]);
});

test('two tabs of one session: the one that did not see the rotation cannot store a wrap of the old key', async () => {
  const ada = await somebodySignedIn(stack);
  const vault = vaultOf(ada);
  const stale = keyOf(await vault.init({}));
  keyOf(await vault.rotate({}));
  const refused = await vault.setRecovery(await wrap(stale, recoverySecret()));
  assert.deepEqual([refused.status, refused.text],
    [409, '{"error":"recovery wrap belongs to an older master key","code":"KEY_GENERATION_CONFLICT"}']);
  // even after the other tab has fetched the new one
  const fresh = keyOf(await vault.key());
  assert.equal((await vault.setRecovery(await wrap(stale, recoverySecret()))).status, 409);
  // who signs in again has seen the new one only
  const again = vaultOf(await anotherDevice(ada));
  assert.equal(keyOf(await again.key()), fresh);
  ok(await again.setRecovery(await wrap(fresh, recoverySecret())));
});

describe('on the wire', () => {
  let ada, vault;
  before(async () => {
    ada = await somebodySignedIn(stack);
    vault = vaultOf(ada);
  });
  const send = (method, path, options) =>
    ada.http.request(method, `/api/v1/me/encryption-vault${path}`, { bearer: ada.token, ...options });

  test('a key is one that nobody keeps', async () => {
    for (const answer of [await vault.init(), await vault.key(), await vault.rotate()]) {
      assert.match(answer.text, /^\{"masterKey":"[A-Za-z0-9+/]{43}=","formatVersion":1,"kekId":"[^"]+"\}$/);
      assert.equal(answer.headers['cache-control'], 'no-store');
      assert.equal(answer.headers.pragma, 'no-cache');
      assert.match(answer.headers['content-type'], /^application\/json/);
    }
  });

  test('status tells what there is', async () => {
    const answer = await vault.status();
    assert.equal(answer.text, '{"vaultExists":true,"hasRecoveryWrap":false,"zeroKnowledge":false,"recoverySetAt":null}');
  });

  test('init and rotate do not look at a body', async () => {
    for (const body of ['', 'no JSON', '[1]', '{"masterKey":"mine"}']) {
      assert.equal((await send('POST', '/init', { body, headers: { 'content-type': 'application/json' } })).status, 200, body);
      assert.equal((await send('POST', '/rotate', { body, headers: { 'content-type': 'application/json' } })).status, 200, body);
    }
  });

  const wrapRefusal = '{"error":"recoveryWrappedMk and recoveryIv are required (base64 strings)","code":"BAD_REQUEST"}';
  const enableRefusal = '{"error":"`enable: boolean` is required","code":"BAD_REQUEST"}';
  const keyRefusal = '{"error":"`masterKey: base64` is required when disabling zero-knowledge","code":"BAD_REQUEST"}';
  const lengthRefusal = '{"error":"masterKey must decode to 32 bytes","code":"BAD_REQUEST"}';
  const good = { recoveryWrappedMk: 'A'.repeat(64), recoveryIv: 'A'.repeat(16) };
  const cases = [
    ['/recovery-wrap', '', wrapRefusal],
    ['/recovery-wrap', 'no JSON', wrapRefusal],
    ['/recovery-wrap', '[]', wrapRefusal],
    ['/recovery-wrap', '{}', wrapRefusal],
    ['/recovery-wrap', { ...good, recoveryIv: undefined }, wrapRefusal],
    ['/recovery-wrap', { ...good, recoveryIv: 12 }, wrapRefusal],
    ['/recovery-wrap', { ...good, recoveryIv: 'A'.repeat(15) }, wrapRefusal],
    ['/recovery-wrap', { ...good, recoveryWrappedMk: 'not base64 at all!' }, wrapRefusal],
    ['/recovery-wrap', { ...good, recoveryWrappedMk: 'A'.repeat(100_000) }, wrapRefusal],
    ['/zero-knowledge', '', enableRefusal],
    ['/zero-knowledge', 'no JSON', enableRefusal],
    ['/zero-knowledge', { enable: 'true' }, enableRefusal],
    ['/zero-knowledge', { enable: 1 }, enableRefusal],
    ['/zero-knowledge', { enable: false }, keyRefusal],
    ['/zero-knowledge', { enable: false, masterKey: '' }, keyRefusal],
    ['/zero-knowledge', { enable: false, masterKey: '%%%' }, lengthRefusal],
    ['/zero-knowledge', { enable: false, masterKey: randomBytes(31).toString('base64') }, lengthRefusal],
    ['/zero-knowledge', { enable: true }, '{"error":"set a recovery wrap before enabling zero-knowledge","code":"RECOVERY_WRAP_MISSING"}'],
  ];
  for (const [path, body, text] of cases) {
    const shown = typeof body === 'string' ? body : JSON.stringify(body);
    test(`POST ${path} ${shown.slice(0, 70)} is 400 and recorded`, async () => {
      const rows = trail(ada).length;
      const answer = await send('POST', path, { body: shown, headers: { 'content-type': 'application/json' } });
      assert.deepEqual([answer.status, answer.text], [400, text]);
      const newest = trail(ada).slice(rows);
      assert.deepEqual(newest.map(({ status }) => status), [400]);
    });
  }

  test('in zero-knowledge mode the wrap cannot be cleared nor the key rotated', async () => {
    const bob = await somebodySignedIn(stack);
    const his = vaultOf(bob);
    ok(await his.setRecovery(await wrap(keyOf(await his.init()), recoverySecret())));
    assert.match((await his.status()).text,
      /^\{"vaultExists":true,"hasRecoveryWrap":true,"zeroKnowledge":false,"recoverySetAt":"\d{4}-\d\d-\d\dT[\d:.]{12}Z"\}$/);
    ok(await his.zeroKnowledge({ enable: true }), '{"ok":true,"zeroKnowledge":true}');
    assert.equal((await his.clearRecovery()).text, '{"error":"cannot clear recovery wrap while zero-knowledge is active","code":"ZK_ACTIVE"}');
    assert.equal((await his.rotate()).text, '{"error":"cannot rotate in zero-knowledge mode","code":"ZK_ROTATE_FORBIDDEN"}');
    assert.deepEqual(trail(bob).slice(-2).map(({ status }) => status), [409, 409]);
  });

  test('a session that is over opens nothing, and the attempt stands in the trail', async () => {
    const eve = await somebodySignedIn(stack);
    const hers = vaultOf(eve);
    keyOf(await hers.init());
    await eve.http.post('/api/auth/sign-out', {});
    for (const answer of [await hers.key(), await hers.init(), await hers.rotate(), await hers.status()]) {
      assert.equal(answer.status, 401, answer.text);
    }
    assert.deepEqual(trail(eve).slice(1).map(({ action, context, status }) => `${action}/${context}/${status}`),
      ['failed_fetch/session-over/401', 'init/session-over/401', 'rotate/session-over/401']);
  });

  test('eight parallel first inits all get the same key', async () => {
    const many = vaultOf(await somebodySignedIn(stack));
    const keys = await Promise.all(Array.from({ length: 8 }, () => many.init().then(keyOf)));
    assert.equal(new Set(keys).size, 1);
  });
});
