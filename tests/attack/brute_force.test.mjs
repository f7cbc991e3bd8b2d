// Guessing through every door: passwords and codes are counted for their user and not for the endpoint, so that a lock holds at all of
// them and another door is no way round. tests/integration/lockout has each endpoint by itself, the networks and the total.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { signIn, somebodySignedIn, somebodyVerified } from '../integration/lib/people.mjs';
import { totp, wrongTotp } from '../integration/lib/totp.mjs';
import { copyOf, PASSWORD, routes, stranger, target, without } from './lib/target.mjs';

const WRONG = 'not-the-password';
const STRONG = 'copper-lantern-over-4-rivers';
const GUESSES = 5; // of a password, until it is locked
const CODES = 10; // in a row

// Who has no session guesses here; (email, password) → what is sent.
const SIGN_IN = {
  'POST /api/auth/sign-in/email': (email, password) => ({ json: { email, password } }),
  'POST /api/v1/auth/login': (email, password) => ({ json: { email, password } }),
  'POST /login': (email, password) => ({ form: { email, password } }),
};
// Who has stolen a session guesses here.
const WITH_SESSION = {
  'POST /api/auth/change-password': (currentPassword) => ({ currentPassword, newPassword: STRONG }),
  'POST /api/v1/auth/change-password': (currentPassword) => ({ currentPassword, newPassword: STRONG }),
  'POST /api/auth/verify-password': (password) => ({ password }),
  'POST /api/auth/delete-user': (password) => ({ password }),
  'DELETE /api/v1/auth/account': (password) => ({ password }),
  'DELETE /api/v1/me/data': (password) => ({ password }),
  'POST /api/v1/auth/step-up': (password) => ({ password }),
  'POST /api/auth/two-factor/enable': (password) => ({ password }),
  'POST /api/auth/two-factor/disable': (password) => ({ password }),
  'POST /api/auth/two-factor/get-totp-uri': (password) => ({ password }),
  'POST /api/auth/two-factor/generate-backup-codes': (password) => ({ password }),
};
const isLocked = ({ status, text }) => status === 429 && !/RATE_LIMITED/.test(text);
const send = (http, name, more) => http.request(...name.split(' '), more);
const guess = (person, name, password) => send(copyOf(person.http), name, { json: WITH_SESSION[name](password), bearer: /\/v1\//.test(name) ? person.token : undefined });

describe('guessing passwords', { skip: without.routes }, () => {
  test('every route that judges a password is attacked here', async () => {
    const found = [];
    let person = await somebodySignedIn(target);
    const body = { email: person.email, newEmail: `x-${person.email}`, name: 'X', password: WRONG, currentPassword: WRONG, newPassword: STRONG,
      callbackURL: '/', id: 'x', token: 'x' };
    for (const row of routes.filter(({ method, access }) => method !== 'GET' && !/admin|service/.test(access))) {
      if ((await person.http.get('/api/auth/get-session')).json === null) { // the route before has ended it
        person = await somebodySignedIn(target);
        body.email = person.email;
      }
      const http = row.access === 'anybody' ? stranger() : copyOf(person.http);
      const bearer = /JWT/.test(row.access) ? person.token : undefined;
      const path = row.path.replace(/:\w+/g, 'x');
      const { token, name, ...proof } = body;
      let answer = await http.request(row.method, path, { json: row.path.endsWith('step-up') ? { password: WRONG } : proof, bearer });
      if (answer.status === 415 || answer.status === 400) {
        const asForm = await http.request(row.method, path, { form: body, bearer });
        if (/password|credential/i.test(asForm.text) && [401, 429].includes(asForm.status)) answer = asForm;
      }
      if (isLocked(answer) || /INVALID_PASSWORD|INVALID_CREDENTIALS|INVALID_EMAIL_OR_PASSWORD|Invalid email or password/.test(answer.text)) found.push(row.name);
    }
    const known = [...Object.keys(SIGN_IN), ...Object.keys(WITH_SESSION)];
    assert.deepEqual(found.filter((name) => !known.includes(name)), []);
    assert.ok(found.length >= known.length - 4, `only ${found.join(', ')}`);
  });

  test('without a session: five wrong guesses at different doors lock all of them, for the right password, too', async () => {
    const ada = await somebodyVerified(target);
    const doors = Object.keys(SIGN_IN);
    for (let n = 0; n < GUESSES; n++) {
      const answer = await send(stranger(), doors[n % doors.length], SIGN_IN[doors[n % doors.length]](ada.email, `${WRONG}${n}`));
      assert.equal(answer.status, 401, `${doors[n % doors.length]}: ${answer.text.slice(0, 200)}`);
    }
    for (const name of doors)
      for (const password of [PASSWORD, WRONG]) {
        const answer = await send(stranger(), name, SIGN_IN[name](ada.email, password));
        assert.equal(answer.status, 429, name);
        assert.ok(Number(answer.headers['retry-after']) > 0, `${name} says when to come again`);
        assert.deepEqual(answer.setCookies.filter((cookie) => /session_token/.test(cookie.name) && cookie.value), [], name);
      }
  });

  test('a lock does not depend on how the address is written, nor on headers and cookies of the guesser', async () => {
    const ada = await somebodyVerified(target);
    const [local, domain] = ada.email.split('@');
    const spellings = [ada.email.toUpperCase(), `${local.toUpperCase()}@${domain}`, `${local}@${domain.toUpperCase()}`, ada.email, ada.email];
    for (const [n, email] of spellings.entries()) {
      const http = stranger({ headers: { 'user-agent': `guesser ${n}`, cookie: `mana.device=${n}; x=${n}`, 'accept-language': 'en', 'x-app-id': `${n}`, 'x-request-id': `${n}` } });
      assert.equal((await http.post('/api/auth/sign-in/email', { email, password: WRONG })).status, 401, email);
    }
    assert.ok(isLocked(await stranger().post('/api/auth/sign-in/email', { email: ada.email, password: PASSWORD })));
  });

  test('with a session: five wrong guesses at different doors lock all of them, and nothing has happened', async () => {
    const ada = await somebodySignedIn(target);
    const doors = Object.keys(WITH_SESSION);
    for (let n = 0; n < GUESSES; n++) {
      const { status, text } = await guess(ada, doors[(n * 2) % doors.length], WRONG);
      assert.ok([400, 401].includes(status), `${doors[(n * 2) % doors.length]}: ${status} ${text}`);
    }
    for (const name of doors)
      for (const password of [PASSWORD, WRONG]) assert.ok(isLocked(await guess(ada, name, password)), name);
    assert.equal((await ada.http.get('/api/auth/get-session')).json.user.id, ada.id, 'the session lives');
    assert.equal((await stranger().post('/api/auth/sign-in/email', { email: ada.email, password: STRONG })).status, 401, 'no new password');
  });

  test('a right password in between does not give a guesser more guesses', async () => {
    const [ada, eve] = [await somebodyVerified(target), await somebodyVerified(target)];
    let evaluated = 0;
    for (let n = 0; n < 12; n++) {
      await signIn({ ...eve, http: stranger() }); // the guesser's own account
      if ((await signIn({ ...ada, password: `${WRONG}${n}`, http: stranger() })).status === 401) evaluated += 1;
    }
    assert.equal(evaluated, GUESSES);
  });

  test('guesses at the same instant are counted one by one', async () => {
    const ada = await somebodyVerified(target);
    const doors = Object.keys(SIGN_IN);
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => send(stranger(), doors[n % doors.length], SIGN_IN[doors[n % doors.length]](ada.email, `${WRONG}${n}`))));
    const judged = answers.filter(({ status }) => status === 401).length;
    assert.ok(judged <= GUESSES, `${judged} were judged`);
    assert.ok(isLocked(await signIn({ ...ada, http: stranger() })));
  });
});

describe('guessing codes', { skip: without.mail }, () => {
  const CHALLENGE = {
    'POST /api/auth/two-factor/verify-totp': (code) => ({ json: { code } }),
    'POST /api/auth/two-factor/verify-backup-code': (code) => ({ json: { code } }),
    'POST /two-factor': (code) => ({ form: { code } }),
  };
  let person;
  before(async () => {
    person = await somebodySignedIn(target);
    const { json } = await person.http.post('/api/auth/two-factor/enable', { password: PASSWORD });
    assert.equal((await person.http.post('/api/auth/two-factor/verify-totp', { code: totp(json.totpURI) })).status, 200);
    Object.assign(person, { uri: json.totpURI, backupCodes: json.backupCodes });
  });

  const challenged = async () => {
    const http = stranger();
    assert.equal((await signIn({ ...person, http })).json.twoFactorRedirect, true);
    return http;
  };

  test('ten wrong codes at different doors lock all of them, for right codes and in live sessions, too', async () => {
    const doors = Object.keys(CHALLENGE);
    const wrong = wrongTotp(person.uri);
    for (let n = 0; n < CODES; n++) {
      const answer = await send(await challenged(), doors[n % doors.length], CHALLENGE[doors[n % doors.length]](wrong));
      assert.ok([400, 401].includes(answer.status), `${n}: ${answer.status} ${answer.text.slice(0, 200)}`);
    }
    const waiting = await Promise.all(doors.map(async (name) => ({ name, http: await challenged() })));
    for (const { name, http } of waiting) {
      const right = name.endsWith('totp') ? totp(person.uri, 1) : person.backupCodes[0];
      const answer = await send(http, name, CHALLENGE[name](right));
      assert.equal(answer.status, 429, `${name}: ${answer.text.slice(0, 200)}`);
      assert.equal((await http.get('/api/auth/get-session')).json, null, name);
    }
    const stepUp = await copyOf(person.http).post('/api/v1/auth/step-up', { code: person.backupCodes[0] });
    assert.equal(stepUp.status, 429, `step-up: ${stepUp.text}`);
  });

  test('one sign-in takes five codes, and each code is good once', async () => {
    const other = await somebodySignedIn(target);
    const { json } = await other.http.post('/api/auth/two-factor/enable', { password: PASSWORD });
    await other.http.post('/api/auth/two-factor/verify-totp', { code: totp(json.totpURI) });
    const http = stranger();
    await signIn({ ...other, http });
    const doors = Object.keys(CHALLENGE);
    for (let n = 0; n < 5; n++) await send(copyOf(http), doors[n % doors.length], CHALLENGE[doors[n % doors.length]](wrongTotp(json.totpURI)));
    for (const name of doors) {
      const browser = copyOf(http);
      await send(browser, name, CHALLENGE[name](json.backupCodes[0]));
      assert.equal((await browser.get('/api/auth/get-session')).json, null, name);
    }
    const [first, second] = [stranger(), stranger()];
    for (const browser of [first, second]) await signIn({ ...other, http: browser });
    const answers = await Promise.all([first, second].map((browser) => browser.post('/api/auth/two-factor/verify-backup-code', { code: json.backupCodes[1] })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401]);
  });
});
