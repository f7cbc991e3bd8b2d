// Records what authenticators answer, for the unit tests: `node record_passkeys.mjs >../unit/webauthn.json`. Chromium's own
// authenticators, with statements by certificates, and ours, with every kind of key.

import { Authenticator, base64url, cbor, EDDSA, ES256, FLAG, RS256 } from './lib/authenticator.mjs';
import { startBrowser, withAuthenticator } from './lib/browser.mjs';

const ORIGIN = 'https://app.mana.test';
const RP_ID = 'mana.test';
const CHALLENGE = base64url(Buffer.alloc(32, 'mana'));
const ALGORITHMS = { ES256, EdDSA: EDDSA, RS256 };

async function byOurs(algorithm, self, more) {
  const authenticator = new Authenticator(ORIGIN, { algorithm });
  const flags = FLAG.present | FLAG.verified | FLAG.extensions;
  const created = await authenticator.create({ challenge: CHALLENGE, rp: { id: RP_ID }, user: { id: 'dXNlcg' } }, { self, ...more, ...(more && { flags: flags | FLAG.key }) });
  const got = await authenticator.get({ challenge: CHALLENGE, rpId: RP_ID }, { ...more, ...(more && { flags }) });
  return { created: created.response, got: got.response };
}

/** Runs in the page. */
async function ceremonies({ rpId, challenge, algorithms, attestation, residentKey }) {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  const parts = (response) => Object.fromEntries(['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature']
    .filter((name) => response[name])
    .map((name) => [name, btoa(String.fromCharCode(...new Uint8Array(response[name]))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')]));
  const created = await navigator.credentials.create({ publicKey: {
    rp: { id: rpId, name: 'Mana' }, user: { id: bytes('dXNlcg'), name: 'a', displayName: 'a' }, challenge: bytes(challenge),
    pubKeyCredParams: algorithms.map((alg) => ({ alg, type: 'public-key' })), attestation, authenticatorSelection: { residentKey },
  } });
  const got = await navigator.credentials.get({ publicKey: {
    rpId, challenge: bytes(challenge), allowCredentials: [{ type: 'public-key', id: created.rawId }],
  } });
  const { authenticatorData: _, ...kept } = parts(created.response);
  return { created: kept, got: parts(got.response) };
}

async function byChromium(browser, options, asked) {
  const page = await browser.newPage();
  await page.route('**/*', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
  await page.goto(ORIGIN);
  await withAuthenticator(page, options);
  const recorded = await page.evaluate(ceremonies, {
    rpId: RP_ID, challenge: CHALLENGE, algorithms: [ES256], attestation: 'none', residentKey: 'preferred', ...asked,
  });
  await page.close();
  return recorded;
}

const browser = await startBrowser();
const vectors = {};
for (const [name, algorithm] of Object.entries(ALGORITHMS)) {
  vectors[`${name}, none`] = await byOurs(algorithm, false);
  vectors[`${name}, packed by itself`] = await byOurs(algorithm, true);
}
vectors['Chromium, none'] = await byChromium(browser, {}, {});
vectors['Chromium, RS256'] = await byChromium(browser, {}, { algorithms: [RS256] });
vectors['Chromium, packed by a certificate'] = await byChromium(browser, { transport: 'usb' }, { attestation: 'direct', residentKey: 'discouraged' });
vectors['Chromium, fido-u2f'] = await byChromium(
  browser,
  { protocol: 'u2f', transport: 'usb', hasResidentKey: false, hasUserVerification: false, isUserVerified: false },
  { attestation: 'direct', residentKey: 'discouraged' });
vectors['ES256, none, with an extension'] = await byOurs(ES256, false, { rest: cbor(new Map([['credProtect', 2]])) });
await browser.close();
process.stdout.write(`${JSON.stringify({ origin: ORIGIN, rpId: RP_ID, challenge: CHALLENGE, vectors }, null, 1)}\n`);
