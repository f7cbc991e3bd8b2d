// The vault's client, as the apps have it: the nine calls, and the recovery code by which a browser wraps a master key.

import { randomBytes, webcrypto } from 'node:crypto';

const { subtle } = webcrypto;
const PATH = '/api/v1/me/encryption-vault';

/** The calls of somebody signed in (lib/people.mjs); each gives the answer as it came. */
export function vaultOf({ http, token }) {
  const headers = { 'content-type': 'application/json' }; // the apps send it always
  return {
    status: () => http.get(`${PATH}/status`, { bearer: token, headers }),
    init: (body) => http.post(`${PATH}/init`, body, { bearer: token, headers }),
    key: () => http.get(`${PATH}/key`, { bearer: token, headers }),
    rotate: (body) => http.post(`${PATH}/rotate`, body, { bearer: token, headers }),
    setRecovery: (body) => http.post(`${PATH}/recovery-wrap`, body, { bearer: token, headers }),
    clearRecovery: () => http.delete(`${PATH}/recovery-wrap`, { bearer: token, headers }),
    restorable: () => http.get(`${PATH}/restore`, { bearer: token, headers }),
    restore: (body) => http.post(`${PATH}/restore`, body, { bearer: token, headers }),
    zeroKnowledge: (body) => http.post(`${PATH}/zero-knowledge`, body, { bearer: token, headers }),
  };
}

export const recoverySecret = () => randomBytes(32);

/** 16 groups of 4 hexadecimal digits, to be written down. */
export const codeOf = (secret) => secret.toString('hex').toUpperCase().match(/.{4}/g).join('-');
export const secretOf = (code) => Buffer.from(code.replace(/[\s-]/g, ''), 'hex');

/** AES-256-GCM under HKDF(secret, 'mana-recovery-v1'), as POST /recovery-wrap takes it. */
export async function wrap(masterKey, secret, iv = randomBytes(12)) {
  const key = await wrapKey(secret, 'encrypt');
  const sealed = await subtle.encrypt({ name: 'AES-GCM', iv }, key, Buffer.from(masterKey, 'base64'));
  return { recoveryWrappedMk: Buffer.from(sealed).toString('base64'), recoveryIv: iv.toString('base64') };
}

/** The master key in base64; throws when the code is another one. */
export async function unwrap({ recoveryWrappedMk, recoveryIv }, secret) {
  const key = await wrapKey(secret, 'decrypt');
  const iv = Buffer.from(recoveryIv, 'base64');
  return Buffer.from(await subtle.decrypt({ name: 'AES-GCM', iv }, key, Buffer.from(recoveryWrappedMk, 'base64'))).toString('base64');
}

/** What shows that its sender holds a master key, without showing the key. */
export async function commitmentOf(masterKey, userId) {
  const key = await subtle.importKey('raw', Buffer.from(masterKey, 'base64'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return Buffer.from(await subtle.sign('HMAC', key, Buffer.from(`mana.vault.commitment.v1\0${userId}`))).toString('base64');
}

async function wrapKey(secret, usage) {
  const material = await subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey']);
  const how = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: Buffer.from('mana-recovery-v1') };
  return subtle.deriveKey(how, material, { name: 'AES-GCM', length: 256 }, false, [usage]);
}
