// A software authenticator (CTAP2's answers as a browser hands them on), which can also be told to lie: every part of an
// answer can be replaced before it is signed.

import { createHash, randomBytes, webcrypto } from 'node:crypto';

const { subtle } = webcrypto;

export const ES256 = -7;
export const EDDSA = -8;
export const RS256 = -257;

export const FLAG = { present: 0x01, verified: 0x04, eligible: 0x08, backedUp: 0x10, key: 0x40, extensions: 0x80 };

const ALGORITHMS = {
  [ES256]: { generate: { name: 'ECDSA', namedCurve: 'P-256' }, sign: { name: 'ECDSA', hash: 'SHA-256' } },
  [EDDSA]: { generate: { name: 'Ed25519' }, sign: { name: 'Ed25519' } },
  [RS256]: {
    generate: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    sign: { name: 'RSASSA-PKCS1-v1_5' },
  },
};

const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
export const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

/** CBOR (RFC 8949) of what is needed here: integers, text, bytes, arrays, and maps given as arrays of pairs. */
export function cbor(value) {
  if (Number.isInteger(value)) return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (value instanceof Map) return Buffer.concat([head(5, value.size), ...[...value].flat().map(cbor)]);
  return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
}

function head(major, number) {
  if (number < 24) return Buffer.from([(major << 5) | number]);
  if (number < 256) return Buffer.from([(major << 5) | 24, number]);
  return Buffer.from([(major << 5) | 25, number >> 8, number & 255]);
}

export class Authenticator {
  /** `lie`: replacements for a part of an answer, as {type, challenge, origin, rpId, flags, counter, ...}. */
  constructor(url, { algorithm = ES256, verified = true } = {}) {
    Object.assign(this, { url, algorithm, verified, id: randomBytes(32), counter: 0, userHandle: undefined });
  }

  async key() {
    this.pair ??= await subtle.generateKey(ALGORITHMS[this.algorithm].generate, true, ['sign', 'verify']);
    return this.pair;
  }

  async coseKey(algorithm = this.algorithm) {
    const jwk = await subtle.exportKey('jwk', (await this.key()).publicKey);
    const bytes = (name) => Buffer.from(jwk[name], 'base64url');
    if (this.algorithm === ES256) return cbor(new Map([[1, 2], [3, algorithm], [-1, 1], [-2, bytes('x')], [-3, bytes('y')]]));
    if (this.algorithm === EDDSA) return cbor(new Map([[1, 1], [3, algorithm], [-1, 6], [-2, bytes('x')]]));
    return cbor(new Map([[1, 3], [3, algorithm], [-1, bytes('n')], [-2, bytes('e')]]));
  }

  clientData(type, challenge, lie) {
    return Buffer.from(JSON.stringify({
      type: lie.type ?? type, challenge: lie.challenge ?? challenge, origin: lie.origin ?? this.url, crossOrigin: lie.crossOrigin ?? false,
    }));
  }

  authenticatorData(rpId, lie, flags, rest = Buffer.alloc(0)) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(lie.counter ?? this.counter);
    return Buffer.concat([sha256(lie.rpId ?? rpId), Buffer.from([lie.flags ?? flags]), counter, rest]);
  }

  get flags() {
    return FLAG.present | (this.verified ? FLAG.verified : 0);
  }

  /** navigator.credentials.create */
  async create(options, lie = {}) {
    const id = lie.id ?? this.id;
    const length = Buffer.from([id.length >> 8, id.length & 255]);
    const key = lie.coseKey ?? (await this.coseKey(lie.coseAlgorithm));
    const clientDataJSON = this.clientData('webauthn.create', options.challenge, lie);
    const authData = lie.authData ?? this.authenticatorData(
      options.rp.id, lie, this.flags | FLAG.key, Buffer.concat([Buffer.alloc(16), length, id, key, lie.rest ?? Buffer.alloc(0)]));
    const signed = Buffer.concat([authData, sha256(clientDataJSON)]);
    const statement = lie.self ? new Map([['alg', this.algorithm], ['sig', await this.sign(lie.signed ?? signed)]]) : new Map();
    const attestationObject = lie.attestationObject
      ?? cbor(new Map([['fmt', lie.format ?? (lie.self ? 'packed' : 'none')], ['attStmt', statement], ['authData', authData]]));
    this.userHandle = options.user.id;
    return {
      id: base64url(id), rawId: base64url(id), type: 'public-key', authenticatorAttachment: 'platform',
      response: {
        clientDataJSON: base64url(clientDataJSON), attestationObject: base64url(lie.cut ? attestationObject.subarray(0, -lie.cut) : attestationObject),
        transports: ['internal', 'hybrid'],
      },
    };
  }

  /** navigator.credentials.get */
  async get(options, lie = {}) {
    this.counter += 1;
    const clientDataJSON = this.clientData('webauthn.get', options.challenge, lie);
    const authenticatorData = lie.authData ?? this.authenticatorData(options.rpId, lie, this.flags, lie.rest);
    const signature = lie.signature ?? (await this.sign(Buffer.concat([authenticatorData, sha256(clientDataJSON)])));
    const id = base64url(lie.id ?? this.id);
    const userHandle = 'userHandle' in lie ? lie.userHandle : this.userHandle;
    return {
      id, rawId: id, type: 'public-key',
      response: {
        clientDataJSON: base64url(clientDataJSON), authenticatorData: base64url(authenticatorData), signature: base64url(signature),
        ...(userHandle === undefined ? {} : { userHandle }),
      },
    };
  }

  /** WebAuthn wants DER from ECDSA where WebCrypto gives r and s side by side. */
  async sign(bytes) {
    const raw = Buffer.from(await subtle.sign(ALGORITHMS[this.algorithm].sign, (await this.key()).privateKey, bytes));
    if (this.algorithm !== ES256) return raw;
    const integer = (half) => {
      let at = 0;
      while (at < half.length - 1 && half[at] === 0) at += 1;
      const digits = half[at] & 0x80 ? Buffer.concat([Buffer.from([0]), half.subarray(at)]) : half.subarray(at);
      return Buffer.concat([Buffer.from([2, digits.length]), digits]);
    };
    const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))]);
    return Buffer.concat([Buffer.from([0x30, body.length]), body]);
  }
}
