// JWTs as an attacker makes them: taken apart, put together again, signed by keys of their own.

import { createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';

const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex'); // RFC 8410, section 7; the seed follows

export const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
export const decode = (part) => JSON.parse(Buffer.from(part, 'base64url'));

/** → {header, payload, parts} */
export function parse(jwt) {
  const parts = jwt.split('.');
  return { header: decode(parts[0]), payload: decode(parts[1]), parts };
}

const PAIRS = {
  EdDSA: () => generateKeyPairSync('ed25519'),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
};

/** A key pair of an attacker; `jwk` is its public half. */
export function keyPair(alg = 'EdDSA') {
  const { privateKey, publicKey } = PAIRS[alg]();
  return { alg, privateKey, publicKey, jwk: publicKey.export({ format: 'jwk' }) };
}

/** The Ed25519 key pair of a seed of 32 bytes. */
export function keyPairOf(seed) {
  return { alg: 'EdDSA', privateKey: createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, seed]), format: 'der', type: 'pkcs8' }) };
}

/** Signs header and payload (objects or JSON text) by a key pair. */
export function signed(header, payload, { alg, privateKey }) {
  const text = `${encode(header)}.${encode(payload)}`;
  const key = alg === 'ES256' ? { key: privateKey, dsaEncoding: 'ieee-p1363' } : privateKey;
  return `${text}.${sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(text), key).toString('base64url')}`;
}

export function signedHmac(header, payload, secret, hash = 'sha256') {
  const text = `${encode(header)}.${encode(payload)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}
