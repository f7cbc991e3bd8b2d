// Relying parties of others, each as its users configure it, with the validation of id_tokens on: openid-client and Authlib, by each
// algorithm that a client may have.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { decodeProtectedHeader } from 'jose';
import { custom, generators, Issuer } from 'openid-client';

import { Client } from './lib/http.mjs';
import { CALLBACK, register, SYNAPSE } from './lib/oidc.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

custom.setHttpOptionsDefaults({ timeout: 20_000 });

const PARTY = fileURLToPath(new URL('lib/authlib_party.py', import.meta.url));
const ALGORITHMS = ['EdDSA', 'ES256', 'RS256'];
const id = (alg) => `party-${alg.toLowerCase()}`;

describe('relying parties', () => {
  let stack, ada, stranger;
  before(async () => {
    stack = await startStack(SYNAPSE, UNLIMITED);
    ada = await somebodySignedIn(stack, 'Ada Lovelace');
    stranger = new Client(stack.url, { origin: null });
    for (const alg of ALGORITHMS)
      register(stack, {
        name: `'Party'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'${id(alg)}'`, secret: `'party-secret'`,
        skip_consent: 'true', id_token_alg: `'${alg}'`,
      });
  });
  after(() => stack?.stop());

  for (const alg of ALGORITHMS) {
    test(`openid-client with id_tokens by ${alg}`, async () => {
      const issuer = await Issuer.discover(stack.url);
      assert.ok(issuer.id_token_signing_alg_values_supported.includes(alg));
      const client = new issuer.Client({
        client_id: id(alg), client_secret: 'party-secret', redirect_uris: [CALLBACK], response_types: ['code'], id_token_signed_response_alg: alg,
      });
      const state = generators.state(), nonce = generators.nonce();
      const answer = await ada.http.get(client.authorizationUrl({ scope: 'openid email offline_access', state, nonce }));
      const tokens = await client.callback(CALLBACK, client.callbackParams(answer.headers.location), { state, nonce, response_type: 'code' });
      assert.equal(tokens.claims().sub, ada.id);
      assert.equal(decodeProtectedHeader(tokens.id_token).alg, alg);
      const next = await client.refresh(tokens);
      assert.equal(decodeProtectedHeader(next.id_token).alg, alg);

      const other = new issuer.Client({
        ...client.metadata, id_token_signed_response_alg: ALGORITHMS.find((one) => one !== alg),
      });
      await assert.rejects(other.refresh(next), /unexpected JWT alg/, 'the algorithm is the client\'s, and no other');
    });

    test(`an id_token by ${alg} is a hint at logout`, async () => {
      const carl = await somebodySignedIn(stack);
      const issuer = await Issuer.discover(stack.url);
      const client = new issuer.Client({
        client_id: id(alg), client_secret: 'party-secret', redirect_uris: [CALLBACK], response_types: ['code'], id_token_signed_response_alg: alg,
      });
      const answer = await carl.http.get(client.authorizationUrl({ scope: 'openid', state: 'x' }));
      const { id_token } = await client.callback(CALLBACK, client.callbackParams(answer.headers.location), { state: 'x', response_type: 'code' });
      const changed = `${id_token.slice(0, -8)}${id_token.at(-8) === 'A' ? 'B' : 'A'}${id_token.slice(-7)}`;
      const refused = await carl.http.get(client.endSessionUrl({ id_token_hint: changed }));
      assert.deepEqual([refused.status, refused.json?.error], [400, 'invalid_request']);
      const ended = await carl.http.get(client.endSessionUrl({ id_token_hint: id_token }));
      assert.deepEqual([ended.status, ended.headers.location], [302, '/signed-out']);
    });

    test(`Authlib with id_tokens by ${alg}`, async () => {
      const { claims, userinfo } = await authlib([stack.url, id(alg), 'party-secret', CALLBACK], ada);
      assert.equal(claims.sub, ada.id);
      assert.equal(userinfo.email, ada.email);
    });
  }

  test('Authlib as the client of the environment', async () => {
    const { claims, userinfo } = await authlib([stack.url, 'matrix-synapse', SYNAPSE.SYNAPSE_OIDC_CLIENT_SECRET, CALLBACK], ada);
    assert.equal(claims.sub, ada.id);
    assert.equal(userinfo.email, ada.email);
  });
});

/** Runs lib/authlib_party.py, with `person` as the browser between it and us. */
async function authlib(args, person) {
  const party = spawn('/usr/bin/python3', [PARTY, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, AUTHLIB_INSECURE_TRANSPORT: '1' },
  });
  const lines = createInterface({ input: party.stdout })[Symbol.asyncIterator]();
  const answer = await person.http.get((await lines.next()).value);
  party.stdin.end(`${answer.headers.location}\n`);
  return JSON.parse((await lines.next()).value);
}
