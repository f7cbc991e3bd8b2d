// Forged JWTs (RFC 8725; RFC 7515, section 10): each access token and each id_token_hint that the service has not made exactly so is
// refused, by every reader of tokens, and no address in a header is fetched. An attacker who has the signing key itself, as one on an edge
// has, opens nothing without the proof of a session, and is no admin by their own word.

import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { startService } from '../integration/lib/service.mjs';
import { administrator, member, program, stranger, target, vaultToken, without } from './lib/target.mjs';
import { decode, encode, keyPair, keyPairOf, parse, signed, signedHmac } from './lib/jwt.mjs';
import { authorized, CALLBACK, registered, tokensOf } from './lib/clients.mjs';

/** L of Ed25519 (RFC 8032, section 5.1): S + L verifies where the range of S is not checked. */
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

const littleEndian = (bytes) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);

/** Texts that differ from a JWT and that a careless reader takes for it, or for one of its own kind. */
function forgeries(jwt, keys, url, claimsOfAnother) {
  const { header, payload, parts: [h, p, s] } = parse(jwt);
  const mine = keyPair(header.alg);
  const jwk = keys.find(({ kid }) => kid === header.kid);
  const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const der = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' });
  const signature = Buffer.from(s, 'base64url');
  const withHeader = (more) => signed({ ...header, ...more }, payload, mine);
  const ours = (more) => `${encode({ ...header, ...more })}.${p}.${s}`;
  const claims = (more) => `${h}.${encode({ ...payload, ...more })}.${s}`;
  const found = {};
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, 'HS256', 'EdDSA\0', ['none'], {}, 0]) {
    found[`alg ${JSON.stringify(alg)}, no signature`] = `${encode({ ...header, alg })}.${p}.`;
    found[`alg ${JSON.stringify(alg)}, the signature of another`] = `${encode({ ...header, alg })}.${p}.${s}`;
  }
  found['no alg'] = `${encode({ kid: header.kid })}.${p}.${s}`;
  for (const [name, secret] of Object.entries({ pem, 'pem without its line break': pem.trim(), der, x: jwk.x ?? jwk.n,
    'bytes of x': Buffer.from(jwk.x ?? jwk.n, 'base64url'), jwk: JSON.stringify(jwk), kid: header.kid, nothing: '' }))
    for (const [alg, hash] of [['HS256', 'sha256'], ['HS384', 'sha384'], ['HS512', 'sha512']])
      found[`${alg} by the public key (${name})`] = signedHmac({ ...header, alg }, payload, secret, hash);
  for (const other of keys.filter(({ kid }) => kid !== header.kid)) {
    found[`kid of the ${other.alg} key`] = ours({ kid: other.kid });
    found[`kid and alg of the ${other.alg} key`] = ours({ kid: other.kid, alg: other.alg });
    found[`signed by an attacker as ${other.alg}`] = signed({ alg: other.alg, kid: other.kid }, payload, keyPair(other.alg));
  }
  for (const alg of ['EdDSA', 'ES256', 'RS256']) {
    const own = keyPair(alg);
    found[`signed by an attacker, ${alg}, our kid`] = signed({ ...header, alg }, payload, own);
    found[`${alg} with the key in jwk`] = signed({ ...header, alg, jwk: { ...own.jwk, kid: header.kid } }, payload, own);
    found[`${alg} with the key in jwk and no kid`] = signed({ alg, jwk: own.jwk }, payload, own);
  }
  for (const kid of ['', '../../../../dev/null', '/dev/null', `${url}/jwks`, "x' UNION SELECT '", `${header.kid}\0`, `${header.kid} `, null, 0, [header.kid], { a: 1 }, undefined])
    found[`kid ${JSON.stringify(kid)}`] = withHeader({ kid });
  for (const name of ['jku', 'x5u']) found[`a key at ${name}`] = withHeader({ [name]: `${url}/jwks`, kid: 'theirs' });
  found['a key at jku, our kid'] = withHeader({ jku: `${url}/jwks` });
  found['a certificate in x5c'] = withHeader({ x5c: [Buffer.from('nonsense').toString('base64')] });
  found.crit = ours({ crit: ['exp'], exp: 1 });
  found['crit, signed'] = withHeader({ crit: ['b64'], b64: false });
  found['zip'] = ours({ zip: 'DEF' });
  found['alg twice'] = `${encode(`{"alg":"none","alg":"${header.alg}","kid":"${header.kid}"}`)}.${p}.${s}`;
  found['a signature of zeros'] = `${h}.${p}.${Buffer.alloc(signature.length).toString('base64url')}`;
  found['an empty signature'] = `${h}.${p}.`;
  found['no signature'] = `${h}.${p}`;
  found['a signature cut by a byte'] = `${h}.${p}.${signature.subarray(1).toString('base64url')}`;
  found['a signature and a byte'] = `${h}.${p}.${Buffer.concat([signature, Buffer.from([0])]).toString('base64url')}`;
  if (header.alg === 'EdDSA') {
    const more = (littleEndian(signature.subarray(32)) + ED25519_ORDER).toString(16).padStart(64, '0');
    found['the signature with S + L'] = `${h}.${p}.${Buffer.concat([signature.subarray(0, 32), Buffer.from(more, 'hex').reverse()]).toString('base64url')}`;
  }
  if (signature.length % 3 !== 0) { // the last character has bits that mean nothing
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet[alphabet.indexOf(s.at(-1)) ^ 1];
    assert.deepEqual(Buffer.from(s.slice(0, -1) + last, 'base64url'), signature);
    found['the signature in another spelling'] = `${h}.${p}.${s.slice(0, -1)}${last}`;
  }
  found['the signature in base64'] = `${h}.${p}.${signature.toString('base64')}`;
  found['the signature padded'] = `${h}.${p}.${s}==`;
  found['a claim more'] = claims({ role: 'admin' });
  found['another subject'] = claims(claimsOfAnother);
  found['later'] = claims({ exp: payload.exp + 1 });
  found['another issuer'] = claims({ iss: 'https://evil.example' });
  found['another audience'] = claims({ aud: 'other' });
  found['a part more'] = `${jwt}.${s}`;
  found['a part of nothing'] = `${jwt}.`;
  found['a blank inside'] = `${h}.${p}. ${s}`;
  found['two tokens'] = `${jwt},${jwt}`;
  found['JSON serialization'] = JSON.stringify({ protected: h, payload: p, signature: s });
  found['encrypted'] = `${encode({ alg: 'dir', enc: 'A128GCM' })}..${p}.${p}.${s}`;
  found['no JSON'] = `${h}.${encode('x')}.${s}`;
  found.header = h;
  found['a long header'] = `${encode({ ...header, x: 'x'.repeat(2000) })}.${p}.${s}`;
  return found;
}

// Every reader of access tokens: what it answers to a token that is not one.
const READERS = {
  'GET /profile': (bearer) => program().get('/api/v1/auth/profile', { bearer }).then(({ status }) => status === 401),
  'GET /settings': (bearer) => program().get('/api/v1/settings', { bearer }).then(({ status }) => status === 401),
  'GET /admin/stats': (bearer) => program().get('/api/v1/admin/stats', { bearer }).then(({ status }) => status === 401 || status === 403),
  'GET /encryption-vault/key': (bearer) => program().get('/api/v1/me/encryption-vault/key', { bearer }).then(({ status }) => status === 401),
  'GET /userinfo': (bearer) => program().get('/api/auth/oauth2/userinfo', { bearer }).then(({ status }) => status === 401),
  'POST /validate': (token) => program().post('/api/v1/auth/validate', { token }).then(({ status, json }) => status >= 400 || json.valid === false),
  'GET /get-session': (bearer) => program().get('/api/auth/get-session', { bearer }).then(({ json }) => !json?.user),
};

describe('forged JWTs', { skip: without.admin }, () => {
  let ada, eve, keys, service;
  before(async () => {
    [ada, eve] = [await member('Ada'), await member('Eve')];
    keys = (await program().get('/api/auth/jwks')).json.keys;
    const theirs = keyPair('EdDSA');
    service = await startService(() => ({ body: { keys: [{ ...theirs.jwk, kid: 'theirs', alg: 'EdDSA' }] } }));
  });
  after(() => service?.stop());

  test('a true token is taken by what it is for, so that a refusal means something', async () => {
    assert.equal((await program().get('/api/v1/auth/profile', { bearer: ada.token })).status, 200);
    assert.equal((await program().post('/api/v1/auth/validate', { token: ada.token })).json.valid, true);
    assert.notEqual((await program().get('/api/v1/me/encryption-vault/key', { bearer: await vaultToken(ada) })).status, 401);
  });

  test('no reader of access tokens takes a forged one', async () => {
    const { sub, sid, sid_proof } = parse(eve.token).payload;
    const accepted = [];
    for (const [kind, jwt] of Object.entries({ 'access token': ada.token, 'token for the vault': await vaultToken(ada) }))
      for (const [what, forged] of Object.entries(forgeries(jwt, keys, service.url, { sub, sid, sid_proof })))
        for (const [reader, refuses] of Object.entries(READERS))
          if (!/[\0\n]/.test(forged) && !(await refuses(forged))) accepted.push(`${reader}: ${kind}, ${what}`);
    assert.deepEqual(accepted, []);
  });

  test('no forged id_token is a hint of whose session ends', async () => {
    for (const alg of ['EdDSA', 'ES256', 'RS256']) {
      const client = await registered(await administrator(), { id_token_signed_response_alg: alg, post_logout_redirect_uris: [CALLBACK] });
      const { id_token } = await tokensOf(client, await authorized(ada, client));
      assert.equal(parse(id_token).header.alg, alg);
      for (const [what, forged] of Object.entries(forgeries(id_token, keys, service.url, { sub: eve.id }))) {
        const answer = await ada.http.get(`/api/auth/oauth2/end-session?${new URLSearchParams({ id_token_hint: forged, post_logout_redirect_uri: CALLBACK })}`);
        assert.notEqual(answer.headers.location, CALLBACK, what);
        assert.ok([400, 414].includes(answer.status), `${alg}, ${what}: ${answer.status}`);
      }
    }
    assert.equal((await ada.http.get('/api/auth/get-session')).json.user.id, ada.id);
  });

  test('nothing was fetched from an address that a token named', () => {
    assert.deepEqual(service.requests, []);
  });

  test('a token without the proof of its session, or with that of another, opens nothing', async () => {
    assert.ok(parse(ada.token).payload.sid_proof, 'tokens have a proof');
    for (const more of [{ sid_proof: undefined }, { sid_proof: '' }, { sid_proof: parse(eve.token).payload.sid_proof }, { sid: parse(eve.token).payload.sid }]) {
      const [h, , s] = ada.token.split('.');
      const bearer = `${h}.${encode({ ...decode(ada.token.split('.')[1]), ...more })}.${s}`;
      assert.equal((await program().get('/api/v1/auth/profile', { bearer })).status, 401, JSON.stringify(more));
    }
  });

  test('a token is taken from Authorization only, in the scheme Bearer', async () => {
    const { token } = ada;
    for (const headers of [
      { authorization: token }, { authorization: `Basic ${token}` }, { authorization: `Token ${token}` }, { authorization: `Bearer${token}` },
      { authorization: `Bearer: ${token}` },
      { authorization: `Bearer x, Bearer ${token}` }, { authorization: `Bearer "${token}"` }, { 'x-authorization': `Bearer ${token}` },
      { 'proxy-authorization': `Bearer ${token}` },
      { 'x-access-token': token }, { cookie: `mana.session_token=${token}` }, { cookie: `Authorization=Bearer ${token}` }, { 'x-forwarded-authorization': `Bearer ${token}` },
    ]) assert.equal((await program().get('/api/v1/auth/profile', { headers })).status, 401, JSON.stringify(headers));
    for (const name of ['access_token', 'token', 'jwt', 'authorization'])
      assert.equal((await program().get(`/api/v1/auth/profile?${name}=${token}`)).status, 401, name);
    assert.equal((await stranger().post('/api/v1/auth/profile', { name: 'X', access_token: token, token })).status, 401);
  });
});

describe('JWTs signed by the key of the service', { skip: without.signingKey }, () => {
  let ada, eve, sign, claims, others;
  before(async () => {
    [ada, eve] = [await member('Ada'), await member('Eve')];
    const [kid, seed] = target.signingKey.split(':');
    const pair = keyPairOf(Buffer.from(seed, 'base64'));
    sign = (payload, header = {}) => signed({ alg: 'EdDSA', kid, typ: 'JWT', ...header }, payload, pair);
    claims = parse(ada.token).payload;
    others = parse(eve.token).payload;
  });

  const now = () => Math.floor(Date.now() / 1000);
  const profile = (bearer) => program().get('/api/v1/auth/profile', { bearer });

  test('are taken with true claims, so that a refusal means something', async () => {
    assert.equal((await profile(sign(claims))).status, 200);
    assert.equal((await profile(sign({ ...claims, iat: now() - 1, exp: now() + 900 }))).status, 200);
  });

  // each by itself, with every other claim true
  const FALSE = {
    'no proof of the session': () => ({ sid_proof: undefined }), 'an empty proof': () => ({ sid_proof: '' }),
    'a proof of zeros': () => ({ sid_proof: 'A'.repeat(claims.sid_proof.length) }),
    'a proof cut by a character': () => ({ sid_proof: claims.sid_proof.slice(0, -1) }), 'the proof of another session': () => ({ sid_proof: others.sid_proof }),
    'another session': () => ({ sid: others.sid }), 'no session': () => ({ sid: undefined }), 'a session that is a list': () => ({ sid: [claims.sid] }),
    'a session with its proof in its id': () => ({ sid: `${others.sid}.${claims.sid_proof}`, sid_proof: undefined }),
    'another user': () => ({ sub: others.sub }), 'no user': () => ({ sub: undefined }), 'a user that is a list': () => ({ sub: [claims.sub, others.sub] }),
    'another issuer': () => ({ iss: 'https://evil.example' }), 'an issuer that begins like it': () => ({ iss: `${target.url}.evil.example` }),
    'an issuer with a slash': () => ({ iss: `${target.url}/` }),
    'no issuer': () => ({ iss: undefined }), 'another audience': () => ({ aud: 'other' }), 'no audience': () => ({ aud: undefined }),
    'an audience that begins like it': () => ({ aud: `${claims.aud}x` }),
    'no end': () => ({ exp: undefined }), 'an end in the past': () => ({ exp: now() - 120, iat: now() - 1000 }),
    'an end of text': () => ({ exp: `${now() + 900}` }), 'an end without an end': () => ({ exp: 1e300 }),
    'an end before all time': () => ({ exp: -1 }), 'a beginning in the future': () => ({ nbf: now() + 3600 }),
    'made in the future': () => ({ iat: now() + 7200, exp: now() + 8000 }), 'made at a text': () => ({ iat: 'now' }),
    'the time of a sign-in, as id_tokens have': () => ({ auth_time: now() }), 'a client, as tokens of clients have': () => ({ client_id: 'x' }),
  };
  for (const [what, change] of Object.entries(FALSE))
    test(`open nothing with ${what}`, async () => {
      const forged = sign({ ...claims, ...change() });
      for (const [reader, refuses] of Object.entries(READERS)) assert.ok(await refuses(forged), reader);
    });

  test('open nothing with a claim that is given twice', async () => {
    const text = JSON.stringify(claims);
    for (const again of [`{"sub":"${others.sub}",${text.slice(1)}`, `${text.slice(0, -1)},"sub":"${others.sub}"}`, `${text.slice(0, -1)},"\\u0073ub":"${others.sub}"}`])
      assert.equal((await profile(sign(again))).status, 401, again);
  });

  test('make nobody an admin, and nobody else', async () => {
    const bearer = sign({ ...claims, role: 'admin', email: eve.email, tier: 'founder', emailVerified: true });
    assert.equal((await program().get('/api/v1/admin/stats', { bearer })).status, 403);
    assert.equal((await program().get(`/api/v1/admin/users/${eve.id}/data`, { bearer })).status, 403);
    const shown = await profile(bearer);
    assert.ok(shown.text.includes(ada.email) && !shown.text.includes(eve.email), shown.text);
  });

  test('end with their session, whatever end they name', async () => {
    const bearer = sign({ ...claims, exp: now() + 86_400 });
    await ada.http.post('/api/auth/sign-out', {});
    assert.equal((await profile(bearer)).status, 401);
  });
});
