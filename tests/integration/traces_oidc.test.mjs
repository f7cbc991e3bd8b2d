// The recorded exchanges of Better Auth's jwt plugin and OpenID provider (flows 16 and 17), replayed against us.
//
// What may differ stands in `deviations`, each with its reason; a deviation that does not happen fails as well.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { basic, code as newCode, exchange, pkce, register } from './lib/oidc.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { member } from './traces/member.mjs';
import { mask, Replay } from './traces/replay.mjs';

const SECRET = 'synapse-secret-0123456789abcdef';
const THIRD_SECRET = 'third-party-secret-0123456789abcdef';

const CLEARED = ['session_token', 'session_data', 'dont_remember'].map((name) => `mana.${name}; deleted; Max-Age=0; Path=/; HttpOnly; SameSite=Lax`);

let stack, base;
before(async () => {
  stack = await startStack({ PASSWORD_GUESSABLE: 'allow' }, UNLIMITED);
  base = stack.url;
  const common = { redirect_uris: `ARRAY['${base}/cb']`, post_logout_redirect_uris: `ARRAY['${base}/bye']` };
  register(stack, { ...common, name: `'Synapse'`, client_id: `'synapse'`, secret: `'${SECRET}'`, auth_method: `'client_secret_basic'`, skip_consent: 'true' });
  register(stack, { ...common, name: `'Third'`, client_id: `'third-party'`, secret: `'${THIRD_SECRET}'`, auth_method: `'client_secret_post'` });
  register(stack, { ...common, name: `'Other'`, client_id: `'other'`, secret: `'other-secret'` });
  register(stack, { ...common, name: `'SPA'`, client_id: `'spa-public'`, auth_method: `'none'`, skip_consent: 'true' });
  // the edges keep a disabled row for Synapse where the environment has no secret for it
  stack.psql(`DELETE FROM auth.oauth_clients WHERE id = 'matrix-synapse'; UPDATE auth.oauth_clients SET id = 'matrix-synapse' WHERE id = 'synapse'`);
});
after(() => stack?.stop());

describe('16 jwt', () => {
  test('as recorded', async () => {
    const published = (await new Client(base).get('/api/auth/jwks')).json;
    const replay = new Replay('16', base, {
      jwks: { why: 'keys for RS256 and ES256 follow the one for EdDSA, which is as recorded', body: mask(published) },
    });
    const { keys: [first] } = published;
    assert.deepEqual(Object.keys(first), ['alg', 'crv', 'x', 'kty', 'kid']);
    const jar = await member(stack, replay, 'jwt');
    for (const step of replay.steps) await replay.play(step, { jar });
    replay.finish();
  });
});

describe('17 oidc', () => {
  test('as recorded', async () => {
    const replay = new Replay('17', base, {
      'unknown client #2': {
        why: 'RFC 6749, section 5.2: failed client authentication is invalid_client',
        status: 401, body: { error_description: 'invalid client_id', error: 'invalid_client' },
      },
      'wrong verifier': {
        why: 'RFC 7636, section 4.6: "an error response indicating invalid_grant"',
        status: 400, body: { error_description: 'code verification failed', error: 'invalid_grant' },
      },
      'missing verifier': {
        why: 'RFC 7636, section 4.6, as well',
        status: 400, body: { error_description: 'code_verifier required because PKCE was used in authorization', error: 'invalid_grant' },
      },
      'refresh after revoke': {
        why: 'what was revoked is gone, so that nothing is known of it',
        body: { error_description: 'session not found', error: 'invalid_grant' },
      },
      userinfo: {
        why: 'relying parties want a preferred_username (OpenID Connect Core, section 5.1)',
        body: { sub: '<id32>', name: 'oidc', email: 'oidc-RUN@example.com', email_verified: true, preferred_username: 'oidc-RUN@example.com' },
      },
      'end-session id_token_hint + post_logout_redirect_uri': {
        why: 'a logout that has to be confirmed waits in a form, not in a cookie', cookies: CLEARED,
      },
    });
    const { verifier, challenge } = pkce();
    const synapse = { headers: basic('matrix-synapse', SECRET) };
    const wrong = { headers: basic('matrix-synapse', 'wrong') };
    const session = { jar: await member(stack, replay, 'oidc') };
    const ask = (step, live = {}) => replay.play(step, { fill: [challenge], ...live });
    const queryOf = ({ headers, body }) => (headers.get('location') ?? body.url).split('?')[1];
    const codeOf = ({ headers, body }) => new URL(headers.get('location') ?? body.url).searchParams.get('code');
    const browser = Object.assign(new Client(base), { cookies: session.jar });
    const code = () => newCode({ http: browser }, {
      scope: 'openid profile email offline_access', redirect_uri: `${base}/cb`, code_challenge: challenge, code_challenge_method: 'S256',
    });

    // nobody is signed in
    const waits = await ask('authorize without session -> login page');
    await ask('authorize without session from a browser fetch (Sec-Fetch-Mode: cors) -> JSON');
    await ask('authorize prompt=none without session');
    const continued = await replay.play('sign-in continues the flow (JSON)', {
      body: JSON.stringify({ email: replay.email('oidc'), password: 'password1234', oauth_query: queryOf(waits) }),
    });
    await replay.play('token for the code from the continued flow', { ...synapse, fill: [codeOf(continued), verifier] });

    // what is wrong with a request
    for (const step of [
      'unknown client', 'wrong redirect_uri', 'missing redirect_uri', 'response_type=token', 'missing response_type', 'bad scope', 'method plain',
      'prompt=login', 'max_age=0',
    ]) await ask(step, session);

    // codes
    const plain = await ask('authorize with session, trusted client, no PKCE', session);
    await replay.play('token without PKCE (client_secret_basic)', { ...synapse, fill: [codeOf(plain)] });
    const first = codeOf(await ask('authorize with session + PKCE -> code', session));
    const tokens = await replay.play('token ok', { ...synapse, fill: [first, verifier] });
    await replay.play('code replayed', { ...synapse, fill: [first, verifier] });
    await replay.play('userinfo after the replay (revoked?)', { headers: { authorization: `Bearer ${tokens.body.access_token}` } });
    await replay.play('wrong client secret', { ...wrong, fill: [await code(), verifier] });
    await replay.play('unknown client #2', { headers: basic('ghost', SECRET), fill: [await code(), verifier] });
    await replay.play('wrong verifier', { ...synapse, fill: [await code()] });
    await replay.play('missing verifier', { ...synapse, fill: [await code()] });
    await replay.play('redirect_uri mismatch', { ...synapse, fill: [await code(), verifier] });
    await replay.play('bogus code', { ...synapse, fill: [verifier] });
    await replay.play('missing code', synapse);
    await replay.play('unsupported grant', synapse);

    await replay.play("another client's code", { headers: basic('other', 'other-secret'), fill: [await code(), verifier] });
    await replay.play('JSON body with client_secret_post', { fill: [await code(), verifier] });
    await replay.play('form with client_secret_post', { fill: [await code(), verifier] });

    // tokens
    const granted = async () => {
      const form = { code: await code(), code_verifier: verifier, redirect_uri: `${base}/cb` };
      return (await exchange(new Client(base, { origin: null }), form, basic('matrix-synapse', SECRET))).json;
    };
    const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });
    await replay.play('userinfo', bearer((await granted()).access_token));
    await replay.play('userinfo without token');
    await replay.play('userinfo bad token', bearer('bad'));
    const family = await granted();
    await replay.play('refresh with a wrong secret', { ...wrong, fill: [family.refresh_token] });
    const next = await replay.play('refresh', { ...synapse, fill: [family.refresh_token] });
    await replay.play('refresh, old refresh token reused', { ...synapse, fill: [family.refresh_token] });
    await replay.play('refresh with the new one after the reuse', { ...synapse, fill: [next.body.refresh_token] });
    await replay.play('refresh bogus', synapse);
    const another = await granted();
    await replay.play('refresh: only client_id, no secret', { fill: [another.refresh_token] });
    await replay.play('introspect', { ...synapse, fill: [another.access_token] });
    await replay.play('introspect refresh', { ...synapse, fill: [another.refresh_token] });
    await replay.play('introspect bogus', synapse);
    await replay.play('introspect without client auth');
    await replay.play('revoke', { ...synapse, fill: [another.refresh_token] });
    await replay.play('refresh after revoke', { ...synapse, fill: [another.refresh_token] });

    // consent
    const asked = await ask('third-party client -> consent page', session);
    const consent = (step, accept, oauth_query = queryOf(asked)) =>
      replay.play(step, { ...session, body: JSON.stringify({ accept, oauth_query }) });
    await ask('third-party, prompt=none -> consent_required', session);
    await consent('consent deny', false);
    const accepted = await consent('consent accept', true);
    await replay.play('token for the consented code', { fill: [codeOf(accepted), verifier] });
    await ask('second authorize -> no consent page', session);
    await consent('consent with a bad code/query', true, queryOf(asked).replace('scope=openid+profile+email', 'scope=openid'));
    await replay.play('consent without code/query', session);

    // a client without a secret
    const spa = await ask('public client (no secret), PKCE', session);
    await replay.play('token, public client', { fill: [codeOf(spa), verifier] });
    await replay.play('public client without PKCE', session);

    await replay.play('dynamic registration');
    await replay.play('dynamic registration with a session', session);
    await replay.play('end-session without hint');
    const hint = new URLSearchParams({ id_token_hint: tokens.body.id_token, post_logout_redirect_uri: `${base}/bye`, state: 'zz' });
    await replay.play('end-session id_token_hint + post_logout_redirect_uri', { ...session, path: `/oauth2/end-session?${hint}` });
    await replay.play('session after end-session');

    replay.finish({
      'discovery (auth base)': 'ours answers at both places',
      'discovery (root)': 'ours names what ours can; oidc.test.mjs reads it',
      'oauth-authorization-server metadata': 'ours is RFC 8414 at the root',
      'oauth-authorization-server metadata (root, issuer path)': 'our issuer has no path',
    });
  });
});
