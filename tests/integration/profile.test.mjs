// What the apps keep about a user with us: the profile that they edit, and whether the tour is over.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

describe('the profile of the apps', () => {
  let stack, ada;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
    ada = await somebodySignedIn(stack);
  });
  after(() => stack?.stop());

  test('the profile, and nothing but the profile', async () => {
    const patch = (json) => ada.http.request('PATCH', '/api/v1/me/profile', { json, bearer: ada.token });
    const { status, json } = await patch({
      name: ' Countess ', feedbackShowRealName: true, role: 'admin', accessTier: 'founder', email: 'x@example.com', emailVerified: false,
    });
    assert.deepEqual([status, json], [200, { name: 'Countess', image: null, feedbackShowRealName: true }]);
    assert.deepEqual(stack.sql(`SELECT name, role, access_tier, email, email_verified FROM auth.users WHERE id = :'id'`, { id: ada.id }),
      [{ name: 'Countess', role: 'user', access_tier: 'public', email: ada.email, email_verified: true }]);
    for (const [body, message] of [
      [{ name: '' }, 'name must be 1–80 characters'], [{ role: 'admin' }, 'no fields to update'], [{ name: 5 }, 'no fields to update'],
    ]) {
      const refused = await patch(body);
      assert.deepEqual([refused.status, refused.json.error], [400, message]);
    }
  });

  test('the tour is over once', async () => {
    const tour = (method, path) => ada.http.request(method, `/api/v1/me/onboarding${path}`, { bearer: ada.token });
    assert.equal((await tour('GET', '')).text, '{"completedAt":null}');
    const first = await tour('POST', '/complete');
    assert.match(first.json.completedAt, /^\d{4}-.*Z$/);
    assert.equal((await tour('POST', '/complete')).text, first.text);
    assert.equal((await tour('PATCH', '/reset')).text, '{"completedAt":null}');
  });

  test('a session that has ended opens neither', async () => {
    const eve = await somebodySignedIn(stack);
    await eve.http.post('/api/auth/sign-out', {});
    for (const [method, path] of [['PATCH', 'profile'], ['GET', 'onboarding'], ['POST', 'onboarding/complete'], ['PATCH', 'onboarding/reset']])
      for (const bearer of [eve.token, undefined]) {
        const answer = await new Client(stack.url).request(method, `/api/v1/me/${path}`, { json: method === 'GET' ? undefined : { name: 'x' }, bearer });
        assert.equal(answer.status, 401, path);
      }
  });
});
