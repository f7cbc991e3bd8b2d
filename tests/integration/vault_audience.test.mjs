// VAULT_AUDIENCE: an access JWT that other services see does not open the vault; one for the vault is given to the cookie alone and opens
// nothing else.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { startStack } from './lib/stack.mjs';
import { vaultOf } from './lib/vault.mjs';

const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));
const asked = (person, audience, options) => person.http.get(`/api/auth/token?audience=${encodeURIComponent(audience)}`, options);

describe('with VAULT_AUDIENCE', () => {
  let stack, ada, vaultToken;
  before(async () => {
    stack = await startStack({ VAULT_AUDIENCE: 'mana-vault' });
    ada = await somebodySignedIn(stack);
  });
  after(() => stack?.stop());

  test('an access token as other services get it does not open any route of the vault', async () => {
    const calls = vaultOf(ada);
    for (const [name, call] of Object.entries(calls)) {
      const answer = await call({});
      assert.equal(answer.status, 401, `${name}: ${answer.text}`);
    }
    assert.deepEqual(stack.sql('SELECT count(*)::int AS vaults FROM auth.encryption_vaults'), [{ vaults: 0 }]);
  });

  test('the cookie is given a token for the vault, with the same claims but the audience', async () => {
    const answer = await asked(ada, 'mana-vault');
    assert.equal(answer.status, 200, answer.text);
    vaultToken = answer.json.token;
    const { aud, iat, exp, ...claims } = claimsOf(vaultToken);
    const { aud: ordinary, iat: since, exp: until, ...others } = claimsOf(ada.token);
    assert.deepEqual([aud, ordinary], ['mana-vault', 'mana']);
    assert.deepEqual(claims, others);
    assert.equal(exp - iat, until - since);
    const vault = vaultOf({ ...ada, token: vaultToken });
    const { json } = await vault.init();
    assert.equal((await vault.key()).json.masterKey, json.masterKey);
    assert.equal((await vault.restorable()).text, '{"wraps":[]}');
  });

  test('that token opens nothing but the vault', async () => {
    for (const path of ['/api/v1/me/data', '/api/v1/auth/profile', '/api/v1/auth/sessions', '/api/v1/settings']) {
      assert.equal((await ada.http.get(path, { bearer: vaultToken })).status, 401, path);
      assert.notEqual((await ada.http.get(path, { bearer: ada.token })).status, 401, path);
    }
    const validated = await ada.http.post('/api/v1/auth/validate', { token: vaultToken });
    assert.equal(validated.text, '{"valid":false}');
  });

  test('a token does not buy another one, and another audience is refused', async () => {
    const bare = { http: new Client(stack.url) };
    assert.equal((await asked(bare, 'mana-vault', { bearer: ada.token })).status, 401);
    for (const audience of ['mana-vaul', 'mana-vault ', 'MANA-VAULT', 'other']) {
      assert.equal((await asked(ada, audience)).status, 400, audience);
    }
    assert.equal((await ada.http.get('/api/auth/token?audience=mana&audience=mana-vault')).status, 400);
    assert.equal(claimsOf((await asked(ada, 'mana')).json.token).aud, 'mana');
    assert.equal(claimsOf((await ada.http.get('/api/auth/token')).json.token).aud, 'mana');
  });
});

describe('without VAULT_AUDIENCE', () => {
  let stack, ada;
  before(async () => {
    stack = await startStack();
    ada = await somebodySignedIn(stack);
  });
  after(() => stack?.stop());

  test('the ordinary token opens the vault, and the parameter has no meaning', async () => {
    assert.equal((await vaultOf(ada).init()).status, 200);
    assert.equal(claimsOf((await asked(ada, 'mana-vault')).json.token).aud, 'mana');
  });
});
