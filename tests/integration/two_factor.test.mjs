// Second factors from outside: the recorded exchanges of Better Auth, its official client, guessing and racing, and every
// way in.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { betterAuth, granted } from './lib/client.mjs';
import { Client } from './lib/http.mjs';
import { CALLBACK, request, SYNAPSE } from './lib/oidc.mjs';
import { PASSWORD, signIn, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { stepPasses, totp, wrongTotp } from './lib/totp.mjs';
import { member } from './traces/member.mjs';
import { Replay } from './traces/replay.mjs';

let stack;
before(async () => {
  stack = await startStack({ ...SYNAPSE, PASSWORD_GUESSABLE: 'allow', MAIL_LINK_GET: 'act' }, UNLIMITED);
});
after(() => stack?.stop());

const sessionOf = async (http) => (await http.get('/api/auth/get-session')).json;

/** Somebody whose authenticator app is set up; `uri` and `backupCodes` are what they were shown. */
async function somebodyWithAnApp() {
  const person = await somebodySignedIn(stack);
  const { json } = await person.http.post('/api/auth/two-factor/enable', { password: PASSWORD });
  Object.assign(person, { uri: json.totpURI, backupCodes: json.backupCodes });
  const confirmed = await person.http.post('/api/auth/two-factor/verify-totp', { code: totp(person.uri) });
  assert.equal(confirmed.status, 200, confirmed.text);
  stepPasses(stack, person.email);
  return person;
}

/** The same person at another browser, where the password has been given. */
async function waiting(person, more = {}) {
  const http = new Client(stack.url);
  const answer = await http.post('/api/auth/sign-in/email', { email: person.email, password: PASSWORD, ...more });
  assert.equal(answer.json.twoFactorRedirect, true, answer.text);
  return http;
}

test('14 as recorded', async () => {
  const deviations = {
    'get-totp-uri': { why: 'the issuer is the one that enable named', body: {} },
    'verify-totp ok -> enabled, session rotated': {
      why: 'it is enabled now, and we say so',
      body: { token: '<id32>', user: { name: 'tfa', email: 'tfa-RUN@example.com', emailVerified: true, image: null,
        createdAt: '<ts>', updatedAt: '<ts>', twoFactorEnabled: true, accessTier: 'public', id: '<id32>' } },
    },
    'magic link for a 2FA user: is there a challenge?': {
      why: 'there is one on every way in',
      cookies: ['session_token; deleted; Max-Age=0', 'session_data; deleted; Max-Age=0', 'two_factor; set; Max-Age=600']
        .map((cookie) => `mana.${cookie}; Path=/; HttpOnly; SameSite=Lax`),
      body: { twoFactorRedirect: true, twoFactorMethods: ['totp'] },
    },
  };
  const replay = new Replay('14', stack.url, deviations);
  const email = replay.email('tfa');
  let jar = await member(stack, replay, 'tfa');
  const play = (...steps) => steps.reduce((before, step) => before.then(() => replay.play(step, { jar })), Promise.resolve());
  const code = (uri, more = {}) => {
    stepPasses(stack, email);
    return { jar, body: JSON.stringify({ code: totp(uri), ...more }) };
  };

  await play('enable, wrong password', 'enable, missing password');
  const uri = (await replay.play('enable', { jar })).body.totpURI;
  deviations['get-totp-uri'].body = { totpURI: uri.replace(replay.run, 'RUN') };
  await replay.play('sign-in before verify: no challenge yet');
  await play('get-totp-uri', 'get-totp-uri wrong password', 'verify-totp wrong code');
  await replay.play('verify-totp ok -> enabled, session rotated', code(uri));
  await play('session (twoFactorEnabled true)', 'enable again', 'generate-backup-codes, wrong password');
  const { backupCodes } = (await replay.play('generate-backup-codes', { jar })).body;
  const signedIn = jar;

  jar = new Map();
  await play('sign-in -> challenge', 'no session during challenge', 'challenge: wrong code');
  await replay.play('challenge: ok + trustDevice', code(uri, { trustDevice: true }));
  await play('sign-out keeps trust_device', 'trusted device: sign-in without challenge (trust cookie rotated)');
  const asked = async (more) => {
    const browser = new Client(stack.url);
    await browser.post('/api/auth/sign-in/email', { email, password: 'password1234', ...more });
    return browser.cookies;
  };
  jar = await asked();
  await replay.play('backup code: wrong', { jar });
  const backup = { body: JSON.stringify({ code: backupCodes[0] }) };
  await replay.play('backup code: ok', { jar, ...backup });
  await replay.play('backup code: reuse', { jar: await asked(), ...backup });
  await replay.play('verify-totp without challenge or session');
  jar = new Map();
  await play('rememberMe:false sign-in -> challenge');
  await replay.play('then verify', code(uri));
  jar = await asked();
  await play(...[1, 2, 3, 4, 5, 6, 7].map((n) => `challenge: wrong code ${n} in a row`));
  await replay.play('good code after too many', code(uri));
  jar = signedIn;
  await play('send-otp (not configured)');
  await replay.play('view-backup-codes over HTTP (server-only)', { jar, fill: ['x'] });
  await new Client(stack.url).post('/api/auth/sign-in/magic-link', { email });
  const link = await stack.mail.link(email, '/magic-link/verify', { contains: '/magic-link/verify' });
  await replay.play('magic link for a 2FA user: is there a challenge?', { fill: [new URL(link).searchParams.get('token')] });
  await play('disable, wrong password', 'disable');
  await replay.play('sign-in after disable');
  replay.finish();
});

test('the official client sets it up, shows it, and gives it up', async () => {
  const ada = await somebodySignedIn(stack);
  const redirects = [];
  const client = (http) => betterAuth(stack, http, { twoFactor: { onTwoFactorRedirect: ({ twoFactorMethods }) => redirects.push(twoFactorMethods) } });
  const auth = client(ada.http);
  const { totpURI, backupCodes } = granted(await auth.twoFactor.enable({ password: PASSWORD }));
  assert.equal(backupCodes.length, 10);
  assert.equal(granted(await auth.twoFactor.getTotpUri({ password: PASSWORD })).totpURI, totpURI);
  assert.equal(granted(await auth.twoFactor.verifyTotp({ code: totp(totpURI) })).user.twoFactorEnabled, true);
  assert.equal(granted(await auth.getSession()).user.twoFactorEnabled, true);

  const http = new Client(stack.url);
  const elsewhere = client(http);
  const signInThere = async () => granted(await elsewhere.signIn.email({ email: ada.email, password: PASSWORD }));
  assert.deepEqual(await signInThere(), { twoFactorRedirect: true, twoFactorMethods: ['totp'] });
  assert.equal((await elsewhere.twoFactor.verifyTotp({ code: wrongTotp(totpURI) })).error.code, 'INVALID_CODE');
  stepPasses(stack, ada.email);
  granted(await elsewhere.twoFactor.verifyTotp({ code: totp(totpURI), trustDevice: true }));
  granted(await elsewhere.signOut());
  assert.equal((await signInThere()).user.email, ada.email, 'a trusted browser is not asked');
  granted(await elsewhere.signOut());

  http.cookies.delete('mana.trust_device');
  await signInThere();
  granted(await elsewhere.twoFactor.verifyBackupCode({ code: backupCodes[3] }));
  assert.equal(granted(await elsewhere.twoFactor.generateBackupCodes({ password: PASSWORD })).backupCodes.length, 10);
  granted(await elsewhere.signOut());

  granted(await elsewhere.signIn.magicLink({ email: ada.email, callbackURL: '/home' }));
  const link = new URL(await stack.mail.link(ada.email, '/magic-link/verify', { contains: '/magic-link/verify' }));
  assert.equal(granted(await elsewhere.magicLink.verify({ query: { token: link.searchParams.get('token') } })).twoFactorRedirect, true);
  stepPasses(stack, ada.email);
  granted(await elsewhere.twoFactor.verifyTotp({ code: totp(totpURI) }));
  assert.equal(granted(await elsewhere.getSession()).user.email, ada.email);
  granted(await elsewhere.twoFactor.disable({ password: PASSWORD }));
  assert.equal(granted(await elsewhere.getSession()).user.twoFactorEnabled, false);
  assert.deepEqual(redirects, [['totp'], ['totp'], ['totp']]);
});

test('the official client chooses codes by mail, and is asked for them', async () => {
  const bob = await somebodySignedIn(stack);
  const auth = betterAuth(stack, bob.http);
  assert.deepEqual(granted(await auth.twoFactor.enable({ password: PASSWORD, method: 'otp' })), { method: 'otp' });
  granted(await auth.signOut());
  assert.deepEqual(granted(await auth.signIn.email({ email: bob.email, password: PASSWORD })).twoFactorMethods, ['otp']);
  assert.equal((await auth.twoFactor.verifyOtp({ code: '000000' })).error.code, 'OTP_HAS_EXPIRED');
  granted(await auth.twoFactor.sendOtp());
  const { text } = await stack.mail.latest(bob.email, { contains: 'Code' });
  const code = text.match(/\b\d{6}\b/)[0];
  granted(await auth.twoFactor.verifyOtp({ code }));
  assert.equal(granted(await auth.getSession()).user.email, bob.email);
  assert.equal((await auth.twoFactor.verifyOtp({ code })).error.code, 'OTP_HAS_EXPIRED');
});

describe('nobody is signed in by the first factor alone', () => {
  let carl;
  before(async () => {
    carl = await somebodyWithAnApp();
  });

  const showsCode = async (http) => {
    assert.equal(await sessionOf(http), null);
    stepPasses(stack, carl.email);
    const shown = await http.post('/api/auth/two-factor/verify-totp', { code: totp(carl.uri) });
    assert.equal(shown.status, 200, shown.text);
    assert.equal((await sessionOf(http)).user.email, carl.email);
  };

  test('by the password, in both dialects', async () => {
    for (const path of ['/api/auth/sign-in/email', '/api/v1/auth/login']) {
      const http = new Client(stack.url);
      const answer = await http.post(path, { email: carl.email, password: PASSWORD });
      assert.deepEqual([answer.status, answer.json], [200, { twoFactorRedirect: true, twoFactorMethods: ['totp'] }]);
      await showsCode(http);
      assert.equal((await http.post('/api/v1/auth/session-to-token', {})).status, 200);
    }
  });

  test('by a magic link, in a browser that is led to our page, and in an app', async () => {
    for (const accept of ['application/json', 'text/html']) {
      const http = new Client(stack.url);
      const { length } = await stack.mail.find(carl.email, { contains: '/magic-link/verify', waitSeconds: 0 });
      await http.post('/api/auth/sign-in/magic-link', { email: carl.email, callbackURL: '/home?a=b' });
      const link = new URL(await stack.mail.link(carl.email, '/magic-link/verify', { contains: '/magic-link/verify', count: length + 1 }));
      const answer = accept === 'text/html'
        ? await http.request('POST', '/api/auth/magic-link/verify', { form: Object.fromEntries(link.searchParams) })
        : await http.get(link);
      assert.equal(answer.headers.location, `/two-factor?callbackURL=${encodeURIComponent(`${stack.url}/home?a=b`)}`, answer.text);
      await showsCode(http);
    }
  });

  test('the link of a change of address, opened elsewhere, signs nobody in', async () => {
    const next = `next-${carl.email}`;
    await carl.http.post('/api/auth/change-email', { newEmail: next, callbackURL: '/changed' });
    const http = new Client(stack.url);
    const opened = await http.get(await stack.mail.link(next, '/verify-email'));
    assert.deepEqual([opened.headers.location, opened.setCookies], ['/changed', []]);
    assert.equal(await sessionOf(http), null);
    carl.email = next;
  });

  test('by a reset of the password, which ends trusted browsers', async () => {
    const http = await waiting(carl);
    stepPasses(stack, carl.email);
    await http.post('/api/auth/two-factor/verify-totp', { code: totp(carl.uri), trustDevice: true });
    await http.post('/api/auth/sign-out', {});
    await http.post('/api/auth/request-password-reset', { email: carl.email });
    const link = await stack.mail.link(carl.email, '/reset-password/', { contains: '/reset-password/' });
    const reset = await http.post('/api/auth/reset-password', { token: new URL(link).pathname.split('/').at(-1), newPassword: PASSWORD });
    assert.equal(reset.status, 200, reset.text);
    assert.equal((await signIn({ ...carl, http })).json.twoFactorRedirect, true);
    await showsCode(http);
  });
});

describe('guessing and racing', () => {
  test('seven wrong codes, then the right one: refused', async () => {
    const dora = await somebodyWithAnApp();
    const http = await waiting(dora);
    const guess = (code) => http.post('/api/auth/two-factor/verify-totp', { code });
    const codes = [];
    for (let i = 0; i < 7; i += 1) codes.push((await guess(wrongTotp(dora.uri))).json.code);
    assert.deepEqual(codes, [...Array(5).fill('INVALID_CODE'), 'TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE', 'INVALID_TWO_FACTOR_COOKIE']);
    assert.equal((await guess(totp(dora.uri))).status, 401);
    assert.equal(await sessionOf(http), null);
    const again = await waiting(dora);
    for (let i = 0; i < 5; i += 1) await again.post('/api/auth/two-factor/verify-totp', { code: wrongTotp(dora.uri) });
    const locked = await (await waiting(dora)).post('/api/auth/two-factor/verify-totp', { code: totp(dora.uri) });
    assert.deepEqual([locked.status, locked.json.code], [429, 'ACCOUNT_TEMPORARILY_LOCKED']);
    assert.ok(Number(locked.headers['retry-after']) > 890);
    await stack.mail.latest(dora.email, { contains: '15 Minuten' });
  });

  test('one code shown fifty times at once opens one session', async () => {
    const eve = await somebodyWithAnApp();
    const http = await waiting(eve);
    const code = totp(eve.uri);
    const shots = Array.from({ length: 50 }, () => Object.assign(new Client(stack.url), { cookies: new Map(http.cookies) }));
    const answers = await Promise.all(shots.map((shot) => shot.post('/api/auth/two-factor/verify-totp', { code })));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200, 401]));
    const late = await (await waiting(eve)).post('/api/auth/two-factor/verify-totp', { code });
    assert.equal(late.json.code, 'INVALID_CODE', 'not in another sign-in either');
  });

  test('one backup code shown at once by as many sign-ins as there may be opens one session', async () => {
    const fay = await somebodyWithAnApp();
    const browsers = await Promise.all(Array.from({ length: 8 }, () => waiting(fay)));
    const [code] = fay.backupCodes;
    const answers = await Promise.all(browsers.map((http) => http.post('/api/auth/two-factor/verify-backup-code', { code })));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.equal(stack.sql(`SELECT 1 FROM auth.two_factor_backup_codes b JOIN auth.users u ON u.id = b.user_id WHERE u.email = '${fay.email}'`).length, 9);
  });

  test('ten sign-ins at once in a trusted browser: its cookie counts once', async () => {
    const gus = await somebodyWithAnApp();
    const http = await waiting(gus);
    await http.post('/api/auth/two-factor/verify-totp', { code: totp(gus.uri), trustDevice: true });
    const cookies = new Map([...http.cookies].filter(([name]) => name === 'mana.trust_device'));
    const shots = Array.from({ length: 10 }, () => Object.assign(new Client(stack.url), { cookies: new Map(cookies) }));
    const answers = await Promise.all(shots.map((shot) => signIn({ ...gus, http: shot })));
    assert.equal(answers.filter(({ json }) => json.token).length, 1);
    assert.equal(answers.filter(({ json }) => json.twoFactorRedirect).length, 9);
  });
});

test('an authorization request goes on behind the second factor, and no sooner', async () => {
  const lea = await somebodyWithAnApp();
  const http = new Client(stack.url);
  const waits = await http.get(request());
  const oauth_query = waits.headers.location.split('?')[1];
  const asked = await http.post('/api/auth/sign-in/email', { email: lea.email, password: PASSWORD, oauth_query });
  assert.deepEqual(asked.json, { twoFactorRedirect: true, twoFactorMethods: ['totp'] });
  const changed = oauth_query.replace('st4te', 'other');
  const verify = (more) => http.post('/api/auth/two-factor/verify-totp', { code: totp(lea.uri), ...more });
  assert.equal((await verify({ oauth_query: changed })).json.error, 'invalid_signature');
  const wrong = await verify({ code: wrongTotp(lea.uri), oauth_query });
  assert.deepEqual([wrong.status, wrong.json.code], [401, 'INVALID_CODE']);
  const went = await verify({ oauth_query });
  assert.equal(went.json.redirect, true, went.text);
  assert.ok(went.json.url.startsWith(`${CALLBACK}?code=`), went.json.url);
  assert.equal((await sessionOf(http)).user.email, lea.email);
});

test('cookies of one kind are none of another', async () => {
  const hal = await somebodyWithAnApp();
  const http = await waiting(hal);
  const challenge = http.cookies.get('mana.two_factor');
  const as = (name, value) => Object.assign(new Client(stack.url), { cookies: new Map([[name, value]]) });
  assert.equal(await sessionOf(as('mana.session_token', challenge)), null);
  assert.equal((await signIn({ ...hal, http: as('mana.trust_device', challenge) })).json.twoFactorRedirect, true);
  const session = hal.http.cookies.get('mana.session_token');
  const shown = await as('mana.two_factor', session).post('/api/auth/two-factor/verify-totp', { code: totp(hal.uri) });
  assert.equal(shown.json.code, 'INVALID_TWO_FACTOR_COOKIE');
});

test('trusted browsers are listed and ended over the API of the apps', async () => {
  const ida = await somebodyWithAnApp();
  const http = await waiting(ida);
  await http.post('/api/auth/two-factor/verify-totp', { code: totp(ida.uri), trustDevice: true });
  const list = async () => (await http.get('/api/v1/auth/trusted-devices')).json;
  const [device] = await list();
  assert.deepEqual(Object.keys(device), ['id', 'ipAddress', 'userAgent', 'createdAt', 'lastUsedAt', 'expiresAt']);
  const jack = await somebodySignedIn(stack);
  assert.equal((await jack.http.delete(`/api/v1/auth/trusted-devices/${device.id}`)).status, 404);
  assert.equal((await http.delete(`/api/v1/auth/trusted-devices/${device.id}`)).status, 200);
  assert.deepEqual(await list(), []);
  assert.equal((await http.delete('/api/v1/auth/trusted-devices')).status, 200);
  assert.equal((await signIn({ ...ida, http })).json.twoFactorRedirect, true);
});

test('a trusted browser and the password together do not give up the second factor', async () => {
  const mia = await somebodyWithAnApp();
  const http = await waiting(mia);
  await http.post('/api/auth/two-factor/verify-totp', { code: totp(mia.uri), trustDevice: true });
  const thief = new Client(stack.url);
  thief.cookies.set('mana.trust_device', http.cookies.get('mana.trust_device'));
  assert.equal((await signIn({ ...mia, http: thief })).json.user.email, mia.email, 'the browser is not asked');
  const refused = await thief.post('/api/auth/two-factor/disable', { password: PASSWORD });
  assert.deepEqual([refused.status, refused.json.code], [403, 'STEP_UP_REQUIRED'], refused.text);
  assert.equal((await thief.post('/api/auth/revoke-sessions', {})).status, 200);
  assert.equal((await signIn({ ...mia, http: thief })).json.twoFactorRedirect, true, 'all sessions ended, and the trust with them');
});

test('a change of the second factor is told to its owner, and changes the session', async () => {
  const kim = await somebodySignedIn(stack);
  const before = kim.http.cookies.get('mana.session_token');
  const { json } = await kim.http.post('/api/auth/two-factor/enable', { password: PASSWORD });
  await kim.http.post('/api/auth/two-factor/verify-totp', { code: totp(json.totpURI) });
  const thief = Object.assign(new Client(stack.url), { cookies: new Map([['mana.session_token', before]]) });
  assert.equal(await sessionOf(thief), null);
  assert.match((await stack.mail.latest(kim.email, { contains: 'Ersatzcodes' })).subject, /eingeschaltet/);
  await kim.http.post('/api/auth/two-factor/disable', { password: PASSWORD });
  assert.match((await stack.mail.latest(kim.email, { contains: 'genügt' })).subject, /ausgeschaltet/);
  assert.equal((await sessionOf(kim.http)).user.twoFactorEnabled, false);
});
