// OAuth clients that an administrator registers over HTTP, and a user's way to their codes and tokens.

import assert from 'node:assert/strict';

import { basic, pkce } from '../../integration/lib/oidc.mjs';
import { program } from './target.mjs';

export const CALLBACK = 'http://127.0.0.1:27090/cb';
export { basic, pkce };

/** A client as the service knows it; `headers` are its credentials at the token endpoint. */
export async function registered(admin, metadata = {}) {
  const answer = await admin.http.post('/api/auth/oauth2/create-client', {
    client_name: 'Attacked', redirect_uris: [CALLBACK], scope: 'openid profile email offline_access', skip_consent: true, ...metadata });
  assert.equal(answer.status, 201, answer.text);
  const { client_id, client_secret } = answer.json;
  return { client_id, client_secret, redirect_uri: CALLBACK, headers: client_secret ? basic(client_id, client_secret) : {} };
}

/** The path of an authorization request; undefined takes a parameter away. */
export function request({ client_id, redirect_uri }, more = {}) {
  const all = { client_id, redirect_uri, response_type: 'code', scope: 'openid profile email', state: 'st4te', nonce: 'n0nce', ...more };
  return `/api/auth/oauth2/authorize?${new URLSearchParams(Object.entries(all).filter(([, value]) => value !== undefined))}`;
}

/** The parameters with which a request comes back to the client. */
export async function answered(person, client, more) {
  const answer = await person.http.get(request(client, more));
  assert.equal(answer.status, 302, answer.text);
  return new URL(answer.headers.location);
}

/** A code for a client. */
export async function authorized(person, client, more) {
  const url = await answered(person, client, more);
  const code = url.searchParams.get('code');
  assert.ok(code, url.href);
  return code;
}

/** POST of the token endpoint. */
export function exchange({ redirect_uri, headers }, form, more = headers) {
  return program().request('POST', '/api/auth/oauth2/token', { form: { grant_type: 'authorization_code', redirect_uri, ...form }, headers: more });
}

export async function tokensOf(client, code, more = {}) {
  const answer = await exchange(client, { code, ...more });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}
