// Tokens for a resource that is named (RFC 8707): JWTs (RFC 9068) as the resource sees them, which verifies by our JWKS with jose.
// The stack's own audience is a resource, too: the worst name that a DBA could have chosen.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { custom, Issuer } from 'openid-client';

import { Client } from './lib/http.mjs';
import { basic, CALLBACK, code, exchange, register, request, SYNAPSE, SYNAPSE_BASIC } from './lib/oidc.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

custom.setHttpOptionsDefaults({ timeout: 20_000 });

const API = 'https://api.example/';
const OURS = 'https://mana.example/';
const ROBOT = basic('robot', 'robot-secret');
const OFFLINE = 'openid profile email offline_access';

describe('tokens for a resource', () => {
  let stack, ada, http, keys;
  before(async () => {
    stack = await startStack({ ...SYNAPSE, JWT_AUDIENCE: OURS }, UNLIMITED);
    ada = await somebodySignedIn(stack);
    http = new Client(stack.url, { origin: null });
    keys = createRemoteJWKSet(new URL('/api/auth/jwks', stack.url));
    register(stack, {
      name: `'Robot'`, redirect_uris: `'{}'`, client_id: `'robot'`, secret: `'robot-secret'`,
      grant_types: `'{client_credentials}'`, scopes: `'{jobs.read,jobs.write}'`,
    });
    stack.sql(`SELECT auth.oidc_resource_register('${API}', 'Jobs', '{robot,matrix-synapse}', access_token_ttl => '10 minutes')`);
    stack.sql(`SELECT auth.oidc_resource_register('${OURS}', 'Ourselves', '{robot,matrix-synapse}')`);
    stack.sql(`SELECT auth.oidc_resource_register('urn:synapse', 'The homeserver', '{matrix-synapse}')`);
    stack.sql(`SELECT auth.oidc_resource_register('urn:rsa', 'Old library', '{robot}', signing_alg => 'RS256')`);
  });
  after(() => stack?.stop());

  const tokens = (form, headers = ROBOT) => http.request('POST', '/api/auth/oauth2/token', { form, headers });
  const introspect = async (token, headers = ROBOT) =>
    (await http.request('POST', '/api/auth/oauth2/introspect', { form: { token }, headers })).json;
  const userinfo = (token) => http.get('/api/auth/oauth2/userinfo', { headers: { authorization: `Bearer ${token}` } });
  const verified = (token, audience = API, algorithms = ['EdDSA']) =>
    jwtVerify(token, keys, { issuer: stack.url, audience, typ: 'at+jwt', algorithms });
  async function ofAda(more = {}, form = {}) {
    const { status, json, text } = await exchange(ada.http, { code: await code(ada, { scope: OFFLINE, ...more }), ...form });
    assert.equal(status, 200, text);
    return json;
  }

  test('openid-client asks for one for itself, and the resource verifies it alone', async () => {
    const issuer = await Issuer.discover(stack.url);
    const client = new issuer.Client({ client_id: 'robot', client_secret: 'robot-secret', token_endpoint_auth_method: 'client_secret_basic' });
    const set = await client.grant({ grant_type: 'client_credentials', scope: 'jobs.read', resource: API });
    const { payload, protectedHeader } = await verified(set.access_token);
    assert.equal(protectedHeader.typ, 'at+jwt');
    const { iat, exp, jti, ...claims } = payload;
    assert.equal(exp - iat, 600);
    assert.equal(set.expires_in, 600);
    assert.match(jti, /^\w{32}$/);
    assert.deepEqual(claims, { iss: stack.url, sub: 'robot', aud: API, client_id: 'robot', azp: 'robot', scope: 'jobs.read' });
    assert.equal((await client.introspect(set.access_token)).active, true);
    assert.equal(stack.sql('SELECT count(*)::int AS n FROM auth.oauth_access_tokens')[0].n, 0);
  });

  test('with the algorithm that the resource can verify', async () => {
    const { json } = await tokens({ grant_type: 'client_credentials', resource: 'urn:rsa' });
    await verified(json.access_token, 'urn:rsa', ['RS256']);
  });

  test('of a user: with the id_token beside it, good at userinfo, and for each refresh', async () => {
    const set = await ofAda({ resource: API });
    const { payload } = await verified(set.access_token);
    assert.deepEqual(payload.aud, [API, `${stack.url}/api/auth/oauth2/userinfo`]);
    assert.equal(payload.sub, ada.id);
    assert.equal(decodeProtectedHeader(set.id_token).typ, 'JWT');
    assert.equal((await jwtVerify(set.id_token, keys, { issuer: stack.url, audience: 'matrix-synapse' })).payload.sub, ada.id);
    assert.equal((await userinfo(set.access_token)).json.email, ada.email);
    const again = await tokens({ grant_type: 'refresh_token', refresh_token: set.refresh_token }, SYNAPSE_BASIC);
    assert.equal((await verified(again.json.access_token)).payload.sub, ada.id);
    const other = await tokens({ grant_type: 'refresh_token', refresh_token: again.json.refresh_token, resource: OURS }, SYNAPSE_BASIC);
    assert.deepEqual([other.status, other.json.error], [400, 'invalid_target']);
    const still = await tokens({ grant_type: 'refresh_token', refresh_token: again.json.refresh_token }, SYNAPSE_BASIC);
    assert.equal(still.status, 200, 'a refusal must not spend the refresh token');
  });

  test('is still meant when the user was asked for consent in between', async () => {
    const waiting = await ada.http.get(request({ resource: API, prompt: 'consent' }));
    const oauth_query = new URL(waiting.headers.location, stack.url).search.slice(1);
    const allowed = await ada.http.post('/api/auth/oauth2/consent', { accept: true, oauth_query });
    const { json } = await exchange(ada.http, { code: new URL(allowed.json.url).searchParams.get('code') });
    assert.ok((await verified(json.access_token)).payload.aud.includes(API));
    const swapped = oauth_query.replace(encodeURIComponent(API), encodeURIComponent(OURS));
    assert.notEqual(swapped, oauth_query);
    assert.equal((await ada.http.post('/api/auth/oauth2/consent', { accept: true, oauth_query: swapped })).status, 400, 'it is signed');
  });

  test('dies for whoever asks when its grant is revoked; by itself it cannot be', async () => {
    const set = await ofAda({}, { resource: API });
    assert.equal((await introspect(set.access_token)).sub, ada.id, 'of the same resource');
    assert.equal((await introspect(set.access_token, SYNAPSE_BASIC)).active, true);
    const alone = await http.request('POST', '/api/auth/oauth2/revoke', { form: { token: set.access_token }, headers: SYNAPSE_BASIC });
    assert.deepEqual([alone.status, alone.json.error], [400, 'unsupported_token_type']);
    const all = await http.request('POST', '/api/auth/oauth2/revoke', { form: { token: set.refresh_token }, headers: SYNAPSE_BASIC });
    assert.equal(all.status, 200);
    assert.deepEqual(await introspect(set.access_token), { active: false });
    assert.equal((await userinfo(set.access_token)).status, 401);
  });

  test('opens nothing that it is not meant for', async () => {
    const vault = (token) => http.get('/api/v1/me/encryption-vault/status', { bearer: token });
    assert.equal((await vault(ada.token)).status, 200);
    const set = await ofAda({ resource: OURS });
    assert.equal((await vault(set.access_token)).status, 401, 'a token of a client is not the user');
    const plain = await ofAda({ resource: OURS, scope: 'profile email' });
    const { payload: claims } = await verified(plain.access_token, OURS);
    assert.deepEqual([claims.aud, claims.iss, claims.sub, typeof claims.sid], [OURS, stack.url, ada.id, 'string'], 'all that a session has');
    assert.equal((await vault(plain.access_token)).status, 401, 'and yet it is a client that was given it');
    const own = (await tokens({ grant_type: 'client_credentials', resource: OURS })).json.access_token;
    assert.equal((await vault(own)).status, 401);
    assert.equal((await userinfo(own)).status, 401);
    assert.equal((await userinfo(set.id_token)).status, 401, 'an id_token is no access token');
    assert.equal((await userinfo(ada.token)).status, 401, 'nor is the JWT of a session');
    assert.deepEqual(await introspect(set.id_token, SYNAPSE_BASIC), { active: false });
    const [header, payload, signature] = own.split('.');
    const forged = Buffer.from(payload, 'base64url').toString().replace('"robot"', '"admin"');
    assert.deepEqual(await introspect([header, Buffer.from(forged).toString('base64url'), signature].join('.')), { active: false });
    const hint = await ada.http.get(`/api/auth/oauth2/end-session?${new URLSearchParams({ id_token_hint: set.access_token })}`);
    assert.match(hint.headers.location ?? '', /^\/sign-out|^$/, 'it does not end the session by itself');
    assert.equal((await ada.http.get('/api/auth/get-session')).json?.user.id, ada.id);
  });

  const REFUSED = [
    ['one that nobody registered', { resource: 'https://nobody.example/' }, 'invalid_target'],
    ['one that is registered for others', { resource: 'urn:synapse' }, 'invalid_target'],
    ['not a URI', { resource: 'mana' }, 'invalid_target'],
    ['two at once', [['resource', API], ['resource', OURS]], 'invalid_request'],
  ];
  for (const [what, more, error] of REFUSED) {
    test(`refuses ${what}`, async () => {
      const form = [['grant_type', 'client_credentials'], ...(Array.isArray(more) ? more : Object.entries(more))];
      const answer = await http.request('POST', '/api/auth/oauth2/token', {
        body: new URLSearchParams(form).toString(), headers: { ...ROBOT, 'content-type': 'application/x-www-form-urlencoded' },
      });
      assert.deepEqual([answer.status, answer.json.error], [400, error]);
    });
  }

  test('tells the client at the redirect URI when the request names one that it may not have', async () => {
    const { headers } = await ada.http.get(request({ resource: 'urn:rsa' }));
    const url = new URL(headers.location);
    assert.equal(url.origin + url.pathname, CALLBACK);
    assert.equal(url.searchParams.get('error'), 'invalid_target');
  });
});
