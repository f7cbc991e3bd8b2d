// A POST that has nothing to say needs neither a body nor a type of one (RFC 9110, section 8.3: Content-Type describes the content
// that is there). Who signs out by such a request is signed out.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

let stack;
before(async () => {
  stack = await startStack({}, UNLIMITED);
});
after(() => stack?.stop());

const NOTHING = {
  'no body and no type': {},
  'a length of 0': { headers: { 'content-length': '0' } },
  'an empty body of JSON': { headers: { 'content-type': 'application/json', 'content-length': '0' } },
  'an empty form': { headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '0' } },
  'an empty text': { headers: { 'content-type': 'text/plain;charset=UTF-8', 'content-length': '0' } },
};

for (const [way, sent] of Object.entries(NOTHING)) {
  test(`signing out with ${way} ends the session`, async () => {
    const { http } = await somebodySignedIn(stack);
    const cookies = new Map(http.cookies);
    const answer = await http.request('POST', '/api/auth/sign-out', sent);
    assert.deepEqual([answer.status, answer.json], [200, { success: true }], answer.text);
    http.cookies = cookies;
    assert.equal((await http.get('/api/auth/get-session')).json, null);
  });

  test(`every route that needs no field takes ${way}`, async () => {
    const { http, token } = await somebodySignedIn(stack);
    for (const [path, status, more] of [
      ['/api/auth/get-session', 405], ['/api/auth/update-user', 400], ['/api/auth/update-session', 400], ['/api/auth/revoke-other-sessions', 200],
      ['/api/auth/two-factor/send-otp', 400], ['/api/v1/auth/session-to-token', 200], ['/api/v1/auth/refresh', 200], ['/api/v1/auth/profile', 400],
      ['/api/v1/auth/passkeys/authenticate/options', 200], ['/api/auth/oauth2/userinfo', 401], ['/api/auth/oauth2/token', 400],
      ['/api/v1/me/onboarding/complete', 200, { bearer: token }],
    ]) {
      const answer = await http.request('POST', path, { ...sent, ...more });
      assert.equal(answer.status, status, `${path}: ${answer.text}`);
    }
  });
}

test('a route that needs a field says so', async () => {
  const { http } = await somebodySignedIn(stack);
  for (const path of ['/api/auth/sign-in/email', '/api/auth/change-password', '/api/auth/two-factor/verify-totp', '/api/v1/auth/login']) {
    const bare = await http.request('POST', path);
    assert.deepEqual([bare.status, bare.json.code], [415, 'UNSUPPORTED_MEDIA_TYPE'], path);
    assert.equal((await http.request('POST', path, NOTHING['an empty body of JSON'])).status, 400, path);
  }
});

test('a body that is there still needs its type', async () => {
  const { http } = await somebodySignedIn(stack);
  for (const headers of [{}, { 'content-type': 'text/plain' }, { 'content-type': 'application/xml' }])
    assert.equal((await http.request('POST', '/api/auth/sign-out', { body: '{}', headers })).status, 415, JSON.stringify(headers));
  assert.equal((await http.request('POST', '/api/auth/sign-out', { body: '{', headers: { 'content-type': 'application/json' } })).status, 400);
  assert.ok((await http.get('/api/auth/get-session')).json.session);
});

test('another site cannot sign anybody out by an empty form', async () => {
  const { http } = await somebodySignedIn(stack);
  const elsewhere = new Client(stack.url, { origin: 'https://evil.example' });
  elsewhere.cookies = http.cookies;
  for (const sent of Object.values(NOTHING)) assert.equal((await elsewhere.request('POST', '/api/auth/sign-out', sent)).status, 403);
  assert.ok((await http.get('/api/auth/get-session')).json.session);
});
