// An authenticator app (RFC 6238): codes from the otpauth URI that a user scans.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The code of now, or of `ahead` steps of half a minute later. */
export function totp(uri, ahead = 0) {
  const secret = base32(new URL(uri).searchParams.get('secret'));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** A code that is none of those that are taken now. */
export function wrongTotp(uri) {
  const right = [-2, -1, 0, 1, 2].map((ahead) => totp(uri, ahead));
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !right.includes(code));
}

function base32(text) {
  let bits = '';
  for (const letter of text) {
    const value = ALPHABET.indexOf(letter);
    assert.ok(value >= 0, `${letter} is not base32`);
    bits += value.toString(2).padStart(5, '0');
  }
  return Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
}

/** Half a minute passes for the codes that somebody has shown: they count as of earlier steps. */
export function stepPasses(stack, email) {
  stack.psql(`UPDATE auth.two_factor_auth f SET last_step = 0 FROM auth.users u WHERE u.id = f.user_id AND u.email = '${email}'`);
}
