// Cookies as attackers send them: changed, exchanged, given twice, set by a sibling domain, kept from before. tests/integration/cookies
// knows the secret and proves the keys; here nothing is known but what browsers were given.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { signIn, somebodySignedIn, somebodyVerified } from '../integration/lib/people.mjs';
import { totp } from '../integration/lib/totp.mjs';
import { copyOf, member, PASSWORD, stateOf, stranger, target, without } from './lib/target.mjs';

const SESSION = /session_token$/;
const nameOf = (http, pattern) => [...http.cookies.keys()].find((name) => pattern.test(name));
const sessionWith = (cookie) => stranger().get('/api/auth/get-session', { headers: { cookie } });

/** Changes of a signed value, none of which the service has made. */
function changes(value) {
  const plain = decodeURIComponent(value);
  const dot = plain.lastIndexOf('.');
  const [token, mac] = [plain.slice(0, dot), plain.slice(dot + 1)];
  const bytes = Buffer.from(mac, 'base64');
  const flipped = (at) => {
    const copy = Buffer.from(bytes);
    copy[at] ^= 1;
    return copy.toString('base64');
  };
  const other = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
  const texts = [
    token, `${token}.`, `.${mac}`, `${token}.${mac}${mac}`, `${token}.${mac.slice(0, -4)}`, `${token}.${bytes.subarray(0, 16).toString('base64')}`,
    `${token}.${Buffer.alloc(32).toString('base64')}`, `${token}.${bytes.toString('hex')}`, `${token}.${flipped(0)}`, `${token}.${flipped(31)}`, `${other(token, 0)}.${mac}`,
    `${other(token, token.length - 1)}.${mac}`, `${token}x.${mac}`, `${token}.x.${mac}`, `x${token}.${mac}`, `${token}\0.${mac}`, `${token.toUpperCase()}.${mac}`,
    `${token} .${mac}`, `${mac}.${token}`, `${token}.${token}`, '.', '', 'undefined', 'null', '[object Object]', 'deleted',
  ];
  return texts.filter((text) => text !== plain).map(encodeURIComponent)
    .concat([`"${value}"x`, `${value}%00`, encodeURIComponent(value), `${value},${value}`, '%', '%ff%fe', '%zz', `${value}%`]);
}

describe('cookies', { skip: without.mail }, () => {
  let ada, eve, name, valueOf;
  before(async () => {
    [ada, eve] = [await member('Ada'), await member('Eve')];
    name = nameOf(ada.http, SESSION);
    valueOf = (person) => person.http.cookies.get(name);
  });

  test('a session cookie that was changed opens nothing', async () => {
    for (const value of changes(valueOf(ada))) {
      const { json, setCookies } = await sessionWith(`${name}=${value}`);
      assert.equal(json, null, value);
      assert.ok(setCookies.every((cookie) => !SESSION.test(cookie.name) || cookie.attributes['max-age'] === '0'), value);
    }
    assert.equal((await sessionWith(`${name}=${valueOf(ada)}`)).json.user.id, ada.id);
  });

  test('a signature does not belong to the token of another session', async () => {
    const half = (person) => decodeURIComponent(valueOf(person)).split('.');
    const [[token], [, mac]] = [half(ada), half(eve)];
    assert.equal((await sessionWith(`${name}=${encodeURIComponent(`${token}.${mac}`)}`)).json, null);
  });

  test('only the exact name is the session', async () => {
    for (const other of [name.toUpperCase(), name.replace('.', '%2E'), `$${name}`, `${name}[]`, `x${name}`, `__Secure-${name}`, `__Host-${name}`,
      name.replace('mana', 'better-auth'),
      name.replace('session_token', 'session_data'), `${name}\u00a0`, `"${name}"`])
      assert.equal((await sessionWith(`${other}=${valueOf(ada)}`)).json?.user, undefined, other);
    for (const header of [`$Version=1; ${name}="${valueOf(ada)}"; $Path="/"`, `x="a; ${name}=${valueOf(ada)}`, `${name}; ${name}=`, `x=${name}=${valueOf(ada)}`,
      `, ${name}=${valueOf(ada)}`]) {
      const answer = await sessionWith(header);
      assert.ok(answer.json === null || answer.json.user.id === ada.id, header);
    }
  });

  test('of two sessions in one request one decides, for every part of the answer', async () => {
    for (const [first, second] of [[ada, eve], [eve, ada]]) {
      const cookie = `${name}=${valueOf(first)}; ${name}=${valueOf(second)}`;
      const http = stranger({ headers: { cookie } });
      const { json: session } = await http.get('/api/auth/get-session');
      const { json: sessions } = await http.get('/api/auth/list-sessions');
      const { json: token } = await http.get('/api/auth/token');
      const ids = [session.user.id, ...sessions.map(({ userId }) => userId), JSON.parse(Buffer.from(token.token.split('.')[1], 'base64url')).sub];
      assert.equal(new Set(ids).size, 1, JSON.stringify(ids));
    }
  });

  test('a cookie that a sibling domain has tossed neither signs its owner in nor out of place', async () => {
    const tossed = [`${name}=x`, `${name}=${encodeURIComponent(`${'a'.repeat(32)}.${Buffer.alloc(32).toString('base64')}`)}`, `${name}=`];
    for (const junk of tossed)
      for (const cookie of [`${junk}; ${name}=${valueOf(ada)}`, `${name}=${valueOf(ada)}; ${junk}`]) {
        const answer = await sessionWith(cookie);
        assert.ok(answer.json === null || answer.json.user.id === ada.id, cookie);
        assert.deepEqual(answer.setCookies.filter((set) => SESSION.test(set.name) && set.attributes['max-age'] !== '0'), [], cookie);
      }
    assert.equal((await ada.http.get('/api/auth/get-session')).json.user.id, ada.id, 'the session itself lives');
  });

  test('a session that somebody else has set before the sign-in is not taken over', async () => {
    for (const [path, body] of [
      ['/api/auth/sign-in/email', { json: { email: ada.email, password: PASSWORD } }],
      ['/login', { form: { email: ada.email, password: PASSWORD } }],
    ]) {
      const http = copyOf(eve.http); // the attacker's own session, in the victim's browser
      const answer = await http.request('POST', path, body);
      assert.ok([200, 302, 303].includes(answer.status), answer.text);
      assert.notEqual(http.cookies.get(name), valueOf(eve), path);
      assert.equal((await http.get('/api/auth/get-session')).json.user.id, ada.id, path);
      assert.equal((await eve.http.get('/api/auth/get-session')).json.user.id, eve.id, path);
    }
  });

  test('every cookie is HttpOnly, for the whole host, and Secure with its prefix where the service is behind https', async () => {
    const found = new Map();
    const keep = (answer) => answer.setCookies.forEach((cookie) => found.set(cookie.name, cookie));
    const person = await somebodyVerified(target);
    keep(await signIn(person));
    keep(await stranger().post('/api/auth/sign-in/email', { email: person.email, password: PASSWORD, rememberMe: false }));
    keep(await stranger().request('POST', '/login', { form: { email: person.email, password: PASSWORD } }));
    keep(await stranger({ headers: { 'sec-fetch-mode': 'cors', 'sec-fetch-site': 'same-origin' } }).post('/api/auth/sign-up/email',
      { email: `cookies-${process.pid}@example.com`, password: PASSWORD, name: 'C' }));
    keep(await stranger().get('/api/auth/passkey/generate-authenticate-options'));
    keep(await person.http.post('/api/auth/sign-out', {}));
    assert.ok(found.size >= 5, [...found.keys()].join());
    for (const [cookie, { attributes }] of found) {
      assert.ok(attributes.httponly, cookie);
      assert.equal(attributes.path, '/', cookie);
      assert.ok(['Lax', 'Strict', 'None'].includes(attributes.samesite), cookie);
      if (target.url.startsWith('https:')) assert.ok(attributes.secure && /^__(Host|Secure)-/.test(cookie), cookie);
      if (cookie.startsWith('__Host-')) assert.equal(attributes.domain, undefined, cookie);
      if (attributes.samesite === 'None') assert.ok(attributes.secure, cookie);
    }
  });

  test('cookies of one user and one purpose open nothing for another user or purpose', async () => {
    const withFactor = async (label) => {
      const person = await somebodySignedIn(target, label);
      const { json } = await person.http.post('/api/auth/two-factor/enable', { password: PASSWORD });
      assert.equal((await person.http.post('/api/auth/two-factor/verify-totp', { code: totp(json.totpURI) })).status, 200);
      return { ...person, uri: json.totpURI, backupCodes: json.backupCodes };
    };
    const [bob, mallory] = [await withFactor('Bob'), await withFactor('Mallory')];
    const other = { ...mallory, http: stranger() };
    await signIn(other);
    await other.http.post('/api/auth/two-factor/verify-backup-code', { code: mallory.backupCodes[0], trustDevice: true });
    const trusted = nameOf(other.http, /trust_device$/);
    assert.ok(trusted, 'a trusted browser');
    const foreign = copyOf(other.http);
    assert.equal((await signIn({ ...bob, http: foreign })).json.twoFactorRedirect, true, 'the trusted browser of another user');
    const challenge = nameOf(foreign, /two_factor$/);
    assert.ok(challenge);
    // Mallory's right code answers Bob's challenge with Bob's secret only, and her challenge is not his
    const mixed = copyOf(foreign);
    const answered = await mixed.post('/api/auth/two-factor/verify-backup-code', { code: mallory.backupCodes[1] });
    assert.equal(answered.status, 401, answered.text);
    for (const value of changes(foreign.cookies.get(challenge)).slice(0, 20)) {
      const answer = await stranger().post('/api/auth/two-factor/verify-backup-code', { code: bob.backupCodes[0] }, { headers: { cookie: `${challenge}=${value}` } });
      assert.equal(answer.status, 401, value);
    }
    const right = await foreign.post('/api/auth/two-factor/verify-backup-code', { code: bob.backupCodes[0] });
    assert.equal(right.status, 200, right.text);
    const replayed = Object.assign(stranger(), { cookies: new Map([[challenge, mixed.cookies.get(challenge)]]) });
    assert.equal((await replayed.post('/api/auth/two-factor/verify-backup-code', { code: bob.backupCodes[1] })).status, 401, 'a challenge that was answered');
  });

  test('a stolen cookie sees no token by which another session could be used', async () => {
    const person = await member();
    const other = { ...person, http: stranger() };
    await signIn(other);
    const stolen = copyOf(other.http);
    const [mine, theirs] = [other.http, person.http].map((http) => decodeURIComponent(http.cookies.get(name)).split('.')[0]);
    const seen = [];
    for (const path of ['/api/auth/list-sessions', '/api/auth/get-session', '/api/auth/list-accounts', '/api/v1/auth/sessions', '/api/v1/auth/security-events',
      '/api/v1/auth/trusted-devices'])
      seen.push((await stolen.get(path)).text);
    for (const path of ['/api/v1/me/data', '/api/v1/me/data/export', '/api/v1/settings']) seen.push((await stolen.get(path, { bearer: person.token })).text);
    assert.ok(!seen.join().includes(theirs), 'the token of the other session');
    const tokens = JSON.parse(seen[0]).map(({ token }) => token);
    assert.equal(tokens.length >= 2, true);
    for (const token of tokens.filter((each) => each !== mine)) {
      assert.equal((await sessionWith(`${name}=${encodeURIComponent(token)}`)).json, null);
      assert.equal((await stranger().post('/api/v1/auth/refresh', { refreshToken: token })).status, 401);
      assert.equal((await stranger().get('/api/v1/auth/profile', { bearer: token })).status, 401);
    }
  });

  test('a cookie from before the end of its session opens nothing, whichever way it ended', async () => {
    const ways = {
      'signing out': (person) => person.http.post('/api/auth/sign-out', {}),
      'logging out': (person) => person.http.post('/api/v1/auth/logout', {}),
      'ending all sessions': (person) => person.http.post('/api/auth/revoke-sessions', {}),
      'a change of the password': (person) => person.http.post('/api/auth/change-password', {
        currentPassword: PASSWORD, newPassword: 'copper-lantern-over-4-rivers', revokeOtherSessions: true }),
      'deleting the account': (person) => person.http.post('/api/auth/delete-user', { password: PASSWORD }),
    };
    for (const [way, end] of Object.entries(ways)) {
      const person = await member();
      const kept = copyOf(person.http);
      const answer = await end({ ...person, http: copyOf(person.http) });
      assert.equal(answer.status, 200, `${way}: ${answer.text}`);
      assert.equal((await kept.get('/api/auth/get-session')).json, null, way);
      assert.equal((await stranger().get('/api/v1/auth/profile', { bearer: person.token })).status, 401, way);
    }
  });

  test('after all of it the two users have what they had', async () => {
    assert.ok((await stateOf(ada)).session.includes(ada.id));
    assert.ok((await stateOf(eve)).session.includes(eve.id));
  });
});
