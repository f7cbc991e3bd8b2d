// Signing keys change while two edges serve: whatever one signs, the other one's JWKS shows; and relying parties hear of it in time.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';

import { Client } from './lib/http.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { anotherEdge, startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const ONE_WORKER = { WORKERS: '1' }; // so that an edge has one list of keys

describe('signing keys', () => {
  let stack, other, ada, edges;
  before(async () => {
    stack = await startStack(ONE_WORKER, UNLIMITED);
    ada = await somebodySignedIn(stack);
    other = await anotherEdge(stack, ONE_WORKER);
    edges = [stack, other].map(({ url }) => Object.assign(new Client(url, { origin: null }), { cookies: ada.http.cookies }));
  });
  after(async () => {
    await other?.stop();
    await stack?.stop();
  });

  const published = async (edge) => (await edge.get('/api/auth/jwks')).json.keys.map(({ kid }) => kid);
  const youngest = () => stack.sql(`SELECT id FROM auth.jwks WHERE alg = 'EdDSA' AND expires_at IS NULL`)[0].id;

  /** A token of the first edge; the JWKS of the second shows its key, and verifies it. */
  const signed = async () => {
    const [signer, witness] = edges;
    const { json: { token } } = await signer.get('/api/auth/token');
    const jwks = (await witness.get('/api/auth/jwks')).json;
    await jwtVerify(token, createLocalJWKSet(jwks), { issuer: stack.url, audience: 'mana', algorithms: ['EdDSA'] });
    return { token, kid: decodeProtectedHeader(token).kid };
  };

  /** An edge that is shown an unknown kid asks the database again; it would have done so within a minute or so. */
  const asksAgain = async (edge, what, condition) => {
    const header = Buffer.from(JSON.stringify({ alg: 'EdDSA', kid: 'unknown' })).toString('base64url');
    await until(what, async () => {
      await edge.get('/api/v1/auth/sessions', { bearer: `${header}.e30.AAAA` });
      return condition();
    });
  };

  test('a JWKS is kept for five minutes, and sent again only when it has changed', async () => {
    const [edge] = edges;
    const first = await edge.get('/api/auth/jwks');
    assert.deepEqual(first.json.keys.map(({ alg }) => alg), ['EdDSA', 'ES256', 'RS256']);
    assert.deepEqual(first.json.keys.map((key) => Object.keys(key).join()), ['alg,crv,x,kty,kid', 'alg,crv,x,y,kty,kid', 'alg,n,e,kty,kid']);
    assert.equal(first.headers['cache-control'], 'public, max-age=300');
    const { etag } = first.headers;
    assert.match(etag, /^"[0-9a-f]{32}"$/);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await edge.get('/api/auth/jwks', { headers: { 'if-none-match': known } });
      assert.deepEqual([again.status, again.text, again.headers.etag], [304, '', etag], known);
      assert.equal(again.headers['cache-control'], 'public, max-age=300');
    }
    for (const unknown of ['"other"', etag.slice(1, -1), etag.slice(0, -1)]) {
      const again = await edge.get('/api/auth/jwks', { headers: { 'if-none-match': unknown } });
      assert.equal(again.status, 200, unknown);
    }
    assert.equal((await edges[1].get('/api/auth/jwks')).headers.etag, etag, 'the same at every edge');
    assert.equal((await edge.get('/api/v1/auth/jwks')).headers.etag, etag);
  });

  test('the next key is published before it signs; the one before stays until its tokens are dead', async () => {
    const before = await signed();
    const { etag } = (await edges[0].get('/api/auth/jwks')).headers;
    stack.sql('SELECT * FROM auth.rotate_signing_key()');
    const next = youngest();
    for (const edge of edges) await asksAgain(edge, 'the next key at each edge', async () => (await published(edge)).includes(next));
    assert.equal((await published(edges[0])).length, 6);
    assert.notEqual((await edges[0].get('/api/auth/jwks')).headers.etag, etag);
    assert.equal((await signed()).kid, before.kid, 'announced, it does not sign yet');

    // a day passes, but for a second; only the edge that signs asks again
    stack.psql(`UPDATE auth.jwks SET signs_from = signs_from - interval '1 day' + interval '2 seconds', expires_at = expires_at - interval '1 day'`);
    let last = before;
    await asksAgain(edges[0], 'the next key signs', async () => (last = await signed()).kid === next);
    const old = await edges[1].get('/api/v1/auth/sessions', { bearer: before.token });
    assert.equal(old.status, 200, 'a token of the key before is good as long as it lives');

    stack.psql('UPDATE auth.jwks SET expires_at = now() WHERE expires_at IS NOT NULL');
    for (const edge of edges) {
      await asksAgain(edge, 'the old key is gone', async () => !(await published(edge)).includes(before.kid));
      assert.equal((await edge.get('/api/v1/auth/sessions', { bearer: before.token })).status, 401);
      assert.equal((await edge.get('/api/v1/auth/sessions', { bearer: last.token })).status, 200);
    }
  });

  test('old keys are followed by new ones without anybody asking for it', async () => {
    stack.psql(`UPDATE auth.jwks SET created_at = now() - interval '91 days'`);
    const before = youngest();
    await asksAgain(edges[1], 'the next key', async () => (await published(edges[1])).length === 6);
    assert.notEqual(youngest(), before);
    assert.equal((await signed()).kid, before);
  });

  test('an edge that cannot ask any more stops publishing and signing, and goes on when it can', async () => {
    const [, edge] = edges;
    const goodFor = (time) =>
      stack.psql(`CREATE OR REPLACE FUNCTION auth.signing_keys_good_for() RETURNS interval LANGUAGE sql IMMUTABLE RETURN INTERVAL '${time}'`);
    goodFor('1 second');
    stack.psql(`DELETE FROM auth.jwks WHERE expires_at IS NOT NULL; UPDATE auth.jwks SET signs_from = now()`);
    await asksAgain(edge, 'an answer that is good for a second', async () => (await edge.get('/api/auth/jwks')).json.keys?.length === 3);
    stack.psql('REVOKE EXECUTE ON FUNCTION auth_api.signing_keys() FROM auth_edge');
    await until('no keys that can be trusted', async () => {
      const answer = await edge.get('/api/auth/jwks');
      return answer.status === 503 && answer.headers['retry-after'] === '1';
    });
    assert.equal((await edge.get('/api/auth/token')).status, 503);
    goodFor('50 minutes');
    stack.psql('GRANT EXECUTE ON FUNCTION auth_api.signing_keys() TO auth_edge');
    await until('keys again', async () => (await edge.get('/api/auth/jwks')).status === 200);
    assert.equal((await edge.get('/api/auth/token')).status, 200);
  });
});
