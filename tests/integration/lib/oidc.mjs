// Relying parties for tests: clients as a DBA registers them, and a user's way to a code without a browser.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';

export const CALLBACK = 'http://127.0.0.1:27090/cb';

/** Environment of a stack with Synapse as its client. */
export const SYNAPSE = {
  SYNAPSE_OIDC_CLIENT_SECRET: 'synapse-secret-0123456789abcdef',
  SYNAPSE_OIDC_REDIRECT_URIS: CALLBACK,
};

/** auth.oidc_client_register with named arguments as SQL text; answers {id, client_secret}. */
export function register(stack, args) {
  const text = Object.entries(args).map(([name, value]) => `${name} => ${value}`).join(', ');
  return stack.sql(`SELECT * FROM auth.oidc_client_register(${text})`)[0];
}

export function pkce() {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** The query of an authorization request; undefined takes a parameter away. */
export function request(more = {}) {
  const all = {
    client_id: 'matrix-synapse', response_type: 'code', redirect_uri: CALLBACK, scope: 'openid profile email',
    state: 'st4te', nonce: 'n0nce', ...more,
  };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return `/api/auth/oauth2/authorize?${new URLSearchParams(given)}`;
}

/** A code for somebody who is signed in. */
export async function code(person, more = {}) {
  const answer = await person.http.get(request(more));
  assert.equal(answer.status, 302, answer.text);
  const url = new URL(answer.headers.location);
  assert.ok(url.searchParams.get('code'), answer.headers.location);
  return url.searchParams.get('code');
}

export function basic(id, secret) {
  const part = (text) => encodeURIComponent(text).replaceAll('%20', '+');
  return { authorization: `Basic ${Buffer.from(`${part(id)}:${part(secret)}`).toString('base64')}` };
}

export const SYNAPSE_BASIC = basic('matrix-synapse', SYNAPSE.SYNAPSE_OIDC_CLIENT_SECRET);

/** POST /oauth2/token of Synapse; `form` and `headers` override. */
export function exchange(http, form, headers = SYNAPSE_BASIC) {
  return http.request('POST', '/api/auth/oauth2/token', {
    form: { grant_type: 'authorization_code', redirect_uri: CALLBACK, ...form },
    headers,
  });
}
