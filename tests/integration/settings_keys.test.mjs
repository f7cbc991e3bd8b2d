// Settings and API keys over HTTP, as the apps and the services that are handed a key call them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const SETTINGS = '/api/v1/settings';
const KEYS = '/api/v1/api-keys';

describe('settings and API keys', () => {
  let stack, ada, bob, service;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
    ada = await somebodySignedIn(stack);
    bob = await somebodySignedIn(stack);
    service = new Client(stack.url, { origin: null });
  });
  after(() => stack?.stop());

  const send = (person, method, path, json) => person.http.request(method, path, { json, bearer: person.token });

  test('settings have defaults, are merged and shown whole', async () => {
    const first = await send(ada, 'GET', SETTINGS);
    assert.equal(first.status, 200);
    assert.deepEqual(Object.keys(first.json), ['success', 'globalSettings', 'appOverrides', 'deviceSettings']);
    assert.equal(first.json.globalSettings.theme.colorScheme, 'ocean');
    const patched = await send(ada, 'PATCH', `${SETTINGS}/global`, { theme: { mode: 'dark' }, settings: 'a name of its own' });
    assert.deepEqual(patched.json.globalSettings.theme, { mode: 'dark', colorScheme: 'ocean' });
    assert.equal(patched.json.globalSettings.settings, 'a name of its own');
    const app = await send(ada, 'PATCH', `${SETTINGS}/app/todo`, { sort: ['due'] });
    assert.deepEqual(app.json.appOverrides, { todo: { sort: ['due'] } });
    assert.deepEqual((await send(ada, 'DELETE', `${SETTINGS}/app/todo`)).json.appOverrides, {});
    assert.deepEqual((await send(bob, 'GET', SETTINGS)).json.globalSettings.theme.mode, 'system');
  });

  test('devices are remembered with what apps keep there', async () => {
    const { json } = await send(ada, 'PATCH', `${SETTINGS}/device/d-1/todo`, { deviceName: 'Laptop', settings: { zoom: 2 } });
    assert.deepEqual(json.deviceSettings['d-1'].apps, { todo: { zoom: 2 } });
    const { devices } = (await send(ada, 'GET', `${SETTINGS}/devices`)).json;
    assert.deepEqual(devices.map(({ deviceId, deviceName, appCount }) => [deviceId, deviceName, appCount]), [['d-1', 'Laptop', 1]]);
    assert.ok(Math.abs(Date.now() - Date.parse(devices[0].lastSeen)) < 60_000);
    assert.deepEqual((await send(ada, 'DELETE', `${SETTINGS}/device/d-1`)).json.deviceSettings, {});
  });

  test('of forty patches at once none is lost', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `n${i}`);
    await Promise.all(names.map((name) => send(ada, 'PATCH', `${SETTINGS}/app/crowd`, { [name]: true })));
    const { crowd } = (await send(ada, 'GET', SETTINGS)).json.appOverrides;
    assert.deepEqual(Object.keys(crowd).sort(), names.sort());
  });

  for (const [what, body, status] of [
    ['no object', ['x'], 400],
    ['nothing', undefined, 415],
    ['more than a row holds', { x: 'y'.repeat(70_000) }, 413],
    ['deeper than anything sensible', JSON.parse(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`), 400],
  ]) {
    test(`settings that are ${what} are refused, and change nothing`, async () => {
      const before_ = (await send(ada, 'GET', SETTINGS)).text;
      const answer = await send(ada, 'PATCH', `${SETTINGS}/global`, body);
      assert.equal(answer.status, status, answer.text);
      assert.equal(typeof answer.json.error, 'string');
      assert.equal((await send(ada, 'GET', SETTINGS)).text, before_);
    });
  }

  test('a key is shown once, works for a service, and is revoked', async () => {
    const made = await send(ada, 'POST', KEYS, { name: 'Speech', scopes: ['stt'] });
    assert.equal(made.status, 201);
    const { key, id, keyPrefix } = made.json;
    assert.match(key, /^sk_live_[0-9a-f]{64}$/);
    const [listed] = (await send(ada, 'GET', KEYS)).json;
    assert.deepEqual(Object.keys(listed), ['id', 'name', 'keyPrefix', 'scopes', 'createdAt', 'lastUsedAt', 'revokedAt', 'expiresAt']);
    assert.equal(listed.keyPrefix, keyPrefix);

    const validate = (body) => service.post(`${KEYS}/validate`, body);
    assert.deepEqual((await validate({ apiKey: key, scope: 'stt' })).json, {
      valid: true, userId: ada.id, scopes: ['stt'], rateLimit: { requests: 60, window: 60 },
    });
    assert.deepEqual((await validate({ apiKey: key, scope: 'tts' })).json, { valid: false, reason: 'scope_denied' });
    assert.deepEqual((await validate({ apiKey: `${key}0` })).json, { valid: false });
    assert.equal((await validate({})).status, 400);

    assert.equal((await send(bob, 'DELETE', `${KEYS}/${id}`)).status, 404);
    assert.deepEqual((await send(ada, 'DELETE', `${KEYS}/${id}`)).json, { success: true });
    assert.deepEqual((await validate({ apiKey: key })).json, { valid: false });
    assert.ok((await send(ada, 'GET', KEYS)).json[0].revokedAt);
  });

  test('a key may be made for a while, and nothing else of it is chosen by who makes it', async () => {
    const { status, json } = await send(ada, 'POST', KEYS, {
      name: 'Short', expiresIn: 60, userId: bob.id, rateLimitRequests: 1e6, revokedAt: null, id: 'mine',
    });
    assert.deepEqual([status, json.userId, json.rateLimitRequests, json.id === 'mine'], [201, ada.id, 60, false]);
    assert.equal(Date.parse(json.expiresAt) - Date.parse(json.createdAt), 60_000);
    const valid = async () => (await service.post(`${KEYS}/validate`, { apiKey: json.key })).json.valid;
    assert.equal(await valid(), true);
    stack.psql(`UPDATE auth.api_keys SET expires_at = now() - interval '1 second' WHERE id = :'id'`, { id: json.id });
    assert.equal(await valid(), false);
    for (const expiresIn of [0, 59, -60, 1e12, '60'])
      assert.equal((await send(ada, 'POST', KEYS, { name: 'x', expiresIn })).status, 400, `${expiresIn}`);
  });

  test('of many devices those seen last are kept', async () => {
    const eve = await somebodySignedIn(stack);
    for (let n = 0; n < 53; n++) assert.equal((await send(eve, 'PATCH', `${SETTINGS}/device/d${n}/todo`, {})).status, 200);
    const { devices } = (await send(eve, 'GET', `${SETTINGS}/devices`)).json;
    assert.equal(devices.length, 50);
    assert.ok(devices.some(({ deviceId }) => deviceId === 'd52') && !devices.some(({ deviceId }) => deviceId === 'd0'));
  });

  test('who closes the account closes its keys, also while other services still have to forget them', async () => {
    const eve = await somebodySignedIn(stack);
    const { key } = (await send(eve, 'POST', KEYS, { name: 'Speech' })).json;
    const validate = async () => (await service.post(`${KEYS}/validate`, { apiKey: key })).json.valid;
    assert.equal(await validate(), true);
    stack.psql('BEGIN; CREATE EXTENSION IF NOT EXISTS postgres_fdw; CREATE SERVER mana_sync FOREIGN DATA WRAPPER postgres_fdw; COMMIT');
    assert.equal((await eve.http.post('/api/auth/delete-user', { password: eve.password })).status, 200);
    assert.equal(await validate(), false);
    assert.equal(stack.psql(`SELECT count(*) FROM auth.users WHERE id = :'id'`, { id: eve.id }), '1', 'the erasure is over already');
    stack.psql('DROP SERVER mana_sync CASCADE');
  });

  test('a key lies in the database as a digest', async () => {
    const { key } = (await send(ada, 'POST', KEYS, { name: 'Grep' })).json;
    await service.post(`${KEYS}/validate`, { apiKey: key });
    assert.equal(stack.psql("SELECT count(*) FROM auth.api_keys k WHERE position(:'key' IN k::text) > 0", { key }), '0');
  });

  test('nobody else is let in', async () => {
    for (const [method, path] of [['GET', SETTINGS], ['GET', KEYS], ['POST', KEYS], ['PATCH', `${SETTINGS}/global`]]) {
      assert.equal((await service.request(method, path, { json: method === 'GET' ? undefined : {} })).status, 401, path);
    }
  });
});
