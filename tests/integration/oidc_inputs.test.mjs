// What relying parties send, by the letter of the specifications: parameters that are empty, unknown or repeated, lists of prompts,
// times with fractions, the ways to authenticate, and where they live.

import assert from 'node:assert/strict';
import { createHmac, hkdfSync } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';

import { Client } from './lib/http.mjs';
import { basic, CALLBACK, code, exchange, pkce, register, request } from './lib/oidc.mjs';
import { PASSWORD, somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const SECRET = 'q0Zl3v5c1YtWmR8uKx2bNf7hJd9sGpEaTiUoLwQyXzA=';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

let stack, ada, stranger;
before(async () => {
  stack = await startStack({ BETTER_AUTH_SECRET: SECRET }, UNLIMITED);
  ada = await somebodySignedIn(stack, 'Ada Lovelace');
  stranger = new Client(stack.url, { origin: null });
  register(stack, { name: `'Ours'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'ours'`, secret: `'ours-secret'`, skip_consent: 'true' });
  register(stack, { name: `'Theirs'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'theirs'`, secret: `'theirs-secret'` });
});
after(() => stack?.stop());

const OURS = basic('ours', 'ours-secret');
const ours = (more) => request({ client_id: 'ours', ...more });
const theirs = (more) => request({ client_id: 'theirs', ...more });
const answerOf = ({ headers: { location } }) => Object.fromEntries(new URL(location).searchParams);
const redeem = (given, form = {}, headers = OURS) => exchange(stranger, { code: given, ...form }, headers);
const oauthQuery = (html) => /name="oauth_query"[^>]* value="([^"]*)"/.exec(html)[1].replaceAll('&amp;', '&');

describe('parameters of a request', () => {
  test('that are empty are omitted (RFC 6749, section 3.1)', async () => {
    const empty = { prompt: '', max_age: '', nonce: '', resource: '', request: '', request_uri: '', code_challenge: '', code_challenge_method: '', response_mode: '',
      login_hint: '', ui_locales: '', id_token_hint: '' };
    const given = await code(ada, { client_id: 'ours', ...empty });
    const { status, json } = await redeem(given, { code_verifier: '', resource: '', client_id: '', client_secret: '', client_assertion: '', client_assertion_type: '' });
    assert.equal(status, 200, JSON.stringify(json));
    assert.equal(decodeJwt(json.id_token).nonce, undefined);
  });

  test('whose absence is an error are absent when they are empty', async () => {
    for (const [name, error] of [['response_type', 'invalid_request'], ['client_id', 'invalid_client'], ['redirect_uri', 'invalid_redirect']])
      assert.equal(answerOf(await ada.http.get(ours({ [name]: '' }))).error, error, name);
    assert.deepEqual(Object.keys(answerOf(await ada.http.get(ours({ state: '' })))), ['code', 'iss'], 'no state comes back');
    for (const [form, error] of [[{ code: '' }, 'invalid_request'], [{ grant_type: '' }, 'invalid_request'], [{ grant_type: 'refresh_token', refresh_token: '' }, 'invalid_request']])
      assert.equal((await redeem('x', form)).json.error, error, JSON.stringify(form));
  });

  test('that are empty are omitted by every endpoint', async () => {
    const { json: tokens } = await redeem(await code(ada, { client_id: 'ours', scope: 'openid offline_access' }));
    const refreshed = await exchange(stranger, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, redirect_uri: '', scope: '', resource: '' }, OURS);
    assert.deepEqual([refreshed.status, refreshed.json.scope], [200, 'openid offline_access'], refreshed.text);
    const introspected = await stranger.request('POST', '/api/auth/oauth2/introspect', {
      form: { token: refreshed.json.access_token, token_type_hint: '', client_id: '' }, headers: OURS });
    assert.equal(introspected.json.active, true, introspected.text);
    const userinfo = await stranger.request('POST', '/api/auth/oauth2/userinfo', { form: { access_token: '' }, bearer: refreshed.json.access_token });
    assert.equal(userinfo.json.sub, ada.id, userinfo.text);
    const bob = await somebodySignedIn(stack);
    const ended = await bob.http.get('/api/auth/oauth2/end-session?id_token_hint=&client_id=&post_logout_redirect_uri=&state=');
    assert.match(ended.headers.location, /^\/sign-out/, ended.text);
  });

  test('that nobody knows are ignored', async () => {
    const unknown = { 'x-y': 'z', claims: '{"userinfo":{}}', registration: '{}', ext_q: ' ', access_type: 'offline', realm: 'a b' };
    const given = await code(ada, { client_id: 'ours', ...unknown });
    assert.equal((await redeem(given, { audience: 'x', client_version: '1', 'x[]': '' })).status, 200);
  });

  test('that are repeated are refused, also when one of them is empty or they are unknown (section 3.2)', async () => {
    for (const more of ['state=a&state=', 'state=&state=', 'x=1&x=2', 'prompt=login&prompt=login'])
      assert.equal(answerOf(await ada.http.get(`${ours({ state: undefined })}&${more}`)).error, 'invalid_request', more);
    for (const more of ['grant_type=&grant_type=authorization_code', 'code=x&code=', 'x=&x=']) {
      const answer = await stranger.request('POST', '/api/auth/oauth2/token', { body: `${more}&redirect_uri=x`, headers: { ...FORM, ...OURS } });
      assert.deepEqual([answer.status, answer.json.error], [400, 'invalid_request'], more);
    }
  });
});
