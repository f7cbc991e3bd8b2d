// The installation under attack, as the environment describes it. tests/attack/run sets the environment, from its argument or for a
// stack of its own (lib/own_stack.mjs). What an attack needs and the environment does not give makes its tests skip with a reason.
//
//   ATTACK_URL              base URL; the installation should have its rate limits off
//   ATTACK_MAIL_URL         mail catcher (tests/stack/mailcatcher) that receives the mails of the installation
//   ATTACK_ADMIN            address:password of an administrator, who registers OAuth clients
//   ATTACK_SERVICE_KEY      a service key
//   ATTACK_VAULT_AUDIENCE   VAULT_AUDIENCE of the installation; empty: it has none
//   ATTACK_TRUSTED_ORIGIN   an origin of its CORS_ORIGINS
//   ATTACK_FEW_HASHES       1: it hashes passwords on one thread a worker, with a short queue (HASH_THREADS=1, HASH_QUEUE=12)
//   ATTACK_SIGNING_KEY      kid:seed, in base64, of the Ed25519 key by which it signs access tokens: what an attacker on an edge has
//   ATTACK_LONG             1: the measurements of time, which CI leaves out

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Client } from '../../integration/lib/http.mjs';
import { Mailbox } from '../../integration/lib/mail.mjs';
import { PASSWORD, signIn, somebodySignedIn } from '../../integration/lib/people.mjs';

const PROGRAM = fileURLToPath(new URL('../../../build/mana-auth-edge', import.meta.url));
const { ATTACK_URL, ATTACK_MAIL_URL, ATTACK_ADMIN, ATTACK_SERVICE_KEY, ATTACK_VAULT_AUDIENCE, ATTACK_TRUSTED_ORIGIN, ATTACK_FEW_HASHES, ATTACK_SIGNING_KEY,
  ATTACK_LONG } = process.env;

if (!ATTACK_URL) throw new Error('ATTACK_URL is not set: use tests/attack/run');

/** As the libraries of tests/integration take it: `url` and `mail`. */
export const target = {
  url: ATTACK_URL.replace(/\/$/, ''),
  mail: ATTACK_MAIL_URL ? new Mailbox(ATTACK_MAIL_URL) : undefined,
  serviceKey: ATTACK_SERVICE_KEY,
  vaultAudience: ATTACK_VAULT_AUDIENCE,
  trustedOrigin: ATTACK_TRUSTED_ORIGIN,
  signingKey: ATTACK_SIGNING_KEY,
  isLong: ATTACK_LONG === '1',
};

/** The table of routes of the program in this repository: {method, path, access, limit}. */
export const routes = existsSync(PROGRAM) ? readRoutes() : [];

/** Reasons to skip, as the option `skip` of a test takes them. */
export const without = {
  mail: !target.mail && 'needs ATTACK_MAIL_URL',
  admin: !(target.mail && ATTACK_ADMIN) && 'needs ATTACK_ADMIN and ATTACK_MAIL_URL',
  serviceKey: !target.serviceKey && 'needs ATTACK_SERVICE_KEY',
  vaultAudience: !target.vaultAudience && 'needs ATTACK_VAULT_AUDIENCE',
  trustedOrigin: !target.trustedOrigin && 'needs ATTACK_TRUSTED_ORIGIN',
  signingKey: !(target.mail && target.signingKey) && 'needs ATTACK_SIGNING_KEY and ATTACK_MAIL_URL',
  fewHashes: ATTACK_FEW_HASHES !== '1' && 'needs ATTACK_FEW_HASHES=1',
  routes: !(target.mail && routes.length) && 'needs ATTACK_MAIL_URL and build/mana-auth-edge',
};

function readRoutes() {
  const { stdout } = spawnSync(PROGRAM, ['routes'], { encoding: 'utf8' });
  return stdout.split('\n').slice(2).filter(Boolean)
    .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim().replaceAll('`', '')))
    .map(([method, path, access, limit]) => ({ method, path, access, limit, name: `${method} ${path}` }));
}

/** A browser without cookies. */
export const stranger = (options) => new Client(target.url, options);

/** A program: no Origin. */
export const program = () => new Client(target.url, { origin: null });

/** The same cookies in a browser of their own. */
export function copyOf(http, options) {
  return Object.assign(new Client(target.url, options), { cookies: new Map(http.cookies) });
}

/** The access JWT of a person for the vault. */
export async function vaultToken(person) {
  const query = target.vaultAudience ? `?audience=${encodeURIComponent(target.vaultAudience)}` : '';
  const answer = await person.http.get(`/api/auth/token${query}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json.token;
}

/** The administrator of ATTACK_ADMIN, signed in, with a JWT in `token`. */
export async function administrator() {
  const cut = ATTACK_ADMIN.indexOf(':');
  const person = { email: ATTACK_ADMIN.slice(0, cut), password: ATTACK_ADMIN.slice(cut + 1), http: new Client(target.url) };
  const answer = await signIn(person);
  assert.equal(answer.status, 200, answer.text);
  person.token = (await person.http.get('/api/auth/token')).json.token;
  return person;
}

export const member = (name) => somebodySignedIn(target, name);

/** What a person would notice: who they are, their sessions, ways in, organizations and vault. */
export async function stateOf(person) {
  const get = async (path, bearer) => (await person.http.get(path, { bearer })).text;
  const [session, sessions, accounts, organizations, invitations, passkeys, settings, vault] = await Promise.all([
    get('/api/auth/get-session'), get('/api/auth/list-sessions'), get('/api/auth/list-accounts'), get('/api/auth/organization/list'),
    get('/api/auth/organization/list-user-invitations'), get('/api/auth/passkey/list-user-passkeys'), get('/api/v1/settings', person.token),
    get('/api/v1/me/encryption-vault/status', await vaultToken(person)),
  ]);
  const steady = (text) => text.replace(/"(updatedAt|expiresAt)":"[^"]*"/g, '"$1":0');
  return { session: steady(session), sessions: steady(sessions), accounts, organizations, invitations, passkeys, settings, vault };
}

/** Calls `work` with each item, several at a time. */
export async function each(items, work, concurrency = 8) {
  const waiting = [...items];
  const next = async () => {
    while (waiting.length > 0) await work(waiting.shift());
  };
  await Promise.all(Array.from({ length: concurrency }, next));
}

export { PASSWORD };
