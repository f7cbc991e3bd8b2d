// Passkeys over HTTP, in both dialects, with a software authenticator that can lie.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Authenticator, base64url, cbor, EDDSA, ES256, FLAG, RS256 } from './lib/authenticator.mjs';
import { Client } from './lib/http.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { stepPasses, totp } from './lib/totp.mjs';
import { member } from './traces/member.mjs';
import { Replay } from './traces/replay.mjs';

const BA = '/api/auth/passkey';
const V1 = '/api/v1/auth/passkeys';

/** A browser asks for options and gets the challenge cookie. */
async function registerOptions(person) {
  const answer = await person.http.get(`${BA}/generate-register-options`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

async function signInOptions(http) {
  const answer = await http.get(`${BA}/generate-authenticate-options`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

async function register(person, authenticator, lie) {
  const response = await authenticator.create(await registerOptions(person), lie);
  return person.http.post(`${BA}/verify-registration`, { response, name: 'Laptop' });
}

async function signIn(http, authenticator, lie) {
  const response = await authenticator.get(await signInOptions(http), lie);
  return http.post(`${BA}/verify-authentication`, { response });
}

describe('passkeys', () => {
  let stack;
  before(async () => {
    stack = await startStack({ PASSWORD_GUESSABLE: 'allow' }, UNLIMITED);
  });
  after(() => stack?.stop());

  const stranger = () => new Client(stack.url);
  const somebodyWithPasskey = async (options) => {
    const person = await somebodySignedIn(stack);
    const authenticator = new Authenticator(stack.url, options);
    const answer = await register(person, authenticator);
    assert.equal(answer.status, 200, answer.text);
    return { person, authenticator, passkey: answer.json };
  };

  test('options are what the browser and Better Auth expect', async () => {
    const person = await somebodySignedIn(stack);
    const answer = await person.http.get(`${BA}/generate-register-options?name=Key&authenticatorAttachment=platform`);
    const { challenge, user, ...rest } = answer.json;
    assert.match(challenge, /^[\w-]{43}$/);
    assert.equal(Buffer.from(user.id, 'base64url').toString(), person.id);
    assert.deepEqual({ ...user, id: 0 }, { id: 0, name: 'Key', displayName: person.email });
    assert.deepEqual(rest, {
      rp: { name: 'Mana', id: 'localhost' },
      pubKeyCredParams: [-8, -7, -257].map((alg) => ({ alg, type: 'public-key' })),
      timeout: 60000, attestation: 'none', excludeCredentials: [],
      authenticatorSelection: {
        residentKey: 'preferred', userVerification: 'preferred', authenticatorAttachment: 'platform', requireResidentKey: false,
      },
      extensions: { credProps: true }, hints: [],
    });
    const { attributes } = answer.setCookies.find(({ name }) => name === 'mana.better-auth-passkey');
    assert.deepEqual(attributes, { 'max-age': '300', path: '/', httponly: true, samesite: 'Lax' });
    const wrong = await person.http.get(`${BA}/generate-register-options?authenticatorAttachment=tape`);
    assert.equal(wrong.status, 400);
    const anybody = await stranger().get(`${BA}/generate-authenticate-options`);
    assert.deepEqual({ ...anybody.json, challenge: 0 }, { rpId: 'localhost', challenge: 0, timeout: 60000, userVerification: 'preferred' });
    assert.notEqual((await signInOptions(stranger())).challenge, anybody.json.challenge);
  });

  for (const [name, algorithm] of Object.entries({ ES256, EdDSA: EDDSA, RS256 }))
    test(`${name}: registered, listed, signed in with, renamed, deleted`, async () => {
      const { person, authenticator, passkey } = await somebodyWithPasskey({ algorithm });
      assert.deepEqual(Object.keys(passkey), ['name', 'publicKey', 'userId', 'credentialID', 'counter', 'deviceType', 'backedUp',
        'transports', 'createdAt', 'aaguid', 'id']);
      assert.deepEqual({ ...passkey, id: 0, createdAt: 0 }, {
        name: 'Laptop', publicKey: (await authenticator.coseKey()).toString('base64'), userId: person.id,
        credentialID: base64url(authenticator.id), counter: 0, deviceType: 'singleDevice', backedUp: false,
        transports: 'hybrid,internal', createdAt: 0, aaguid: '00000000-0000-0000-0000-000000000000', id: 0,
      });
      assert.deepEqual((await registerOptions(person)).excludeCredentials,
        [{ id: passkey.credentialID, transports: ['hybrid', 'internal'], type: 'public-key' }]);

      const browser = stranger();
      const answer = await signIn(browser, authenticator);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.user.email, person.email);
      assert.match(answer.json.session.token, /^[A-Za-z0-9]{32}$/);
      assert.equal((await browser.get('/api/auth/get-session')).json.session.id, answer.json.session.id);
      assert.deepEqual((await signInOptions(browser)).allowCredentials.map(({ id }) => id), [passkey.credentialID]);

      const [listed] = (await browser.get(`${BA}/list-user-passkeys`)).json;
      assert.equal(listed.counter, 1);
      const renamed = await browser.post(`${BA}/update-passkey`, { id: listed.id, name: '  Work laptop ' });
      assert.deepEqual(renamed.json, { passkey: { ...listed, name: 'Work laptop' } });
      assert.deepEqual((await browser.post(`${BA}/delete-passkey`, { id: listed.id })).json, { status: true });
      assert.deepEqual((await browser.get(`${BA}/list-user-passkeys`)).json, []);
      assert.equal((await signIn(stranger(), authenticator)).status, 401);
    });

  test('the routes of the apps: by access JWT, and the answer opens a session with tokens', async () => {
    const person = await somebodySignedIn(stack);
    const { token: bearer } = person;
    const http = stranger();
    const authenticator = new Authenticator(stack.url);
    assert.deepEqual((await http.get(`${V1}/capability`)).json, { enabled: true, conditionalUIAvailable: true, rpId: 'localhost' });
    const options = await http.request('POST', `${V1}/register/options`, { bearer });
    assert.equal(options.status, 200, options.text);
    const kept = await http.post(`${V1}/register/verify`, { response: await authenticator.create(options.json), name: 'Phone' }, { bearer });
    assert.equal(kept.status, 200, kept.text);
    const list = await http.get(V1, { bearer });
    assert.deepEqual(list.json.map(({ name, friendlyName, lastUsedAt }) => [name, friendlyName, lastUsedAt]), [['Phone', 'Phone', null]]);
    assert.match((await stack.mail.latest(person.email, { contains: 'Passkey' })).subject, /^Neuer Passkey/);
    const rename = (json) => http.request('PATCH', `${V1}/${kept.json.id}`, { json, bearer });
    assert.equal((await rename({ friendlyName: 'Old phone' })).json.passkey.name, 'Old phone');
    assert.equal((await rename({ name: ' ' })).status, 400);
    assert.equal((await rename({})).status, 400);

    const browser = stranger();
    const asked = await browser.request('POST', `${V1}/authenticate/options`);
    const answer = await browser.post(`${V1}/authenticate/verify`, { response: await authenticator.get(asked.json) });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.json), ['session', 'user', 'accessToken', 'refreshToken']);
    assert.equal((await browser.get('/api/v1/auth/profile', { bearer: answer.json.accessToken })).status, 200);

    const refused = await browser.post(`${V1}/authenticate/verify`, { response: await authenticator.get(asked.json) });
    assert.deepEqual([refused.status, refused.json.code], [400, 'CHALLENGE_NOT_FOUND']);
    const other = stranger();
    const again = await other.request('POST', `${V1}/authenticate/options`);
    const wrong = await other.post(`${V1}/authenticate/verify`, { response: await authenticator.get(again.json, { origin: 'https://evil.example' }) });
    assert.deepEqual([wrong.status, wrong.json.error, wrong.json.code],
      [401, 'PASSKEY_VERIFICATION_FAILED', 'PASSKEY_VERIFICATION_FAILED']);
    assert.equal((await http.delete(`${V1}/${kept.json.id}`, { bearer })).status, 200);
    assert.equal((await http.delete(`${V1}/${kept.json.id}`, { bearer })).status, 404);
    const events = stack.sql(`SELECT event_type FROM auth.security_events WHERE user_id = :'id' AND event_type LIKE 'PASSKEY%'
      ORDER BY created_at`, { id: person.id }).map(({ event_type }) => event_type);
    assert.deepEqual(events, ['PASSKEY_REGISTERED', 'PASSKEY_RENAMED', 'PASSKEY_LOGIN_SUCCESS', 'PASSKEY_LOGIN_FAILURE', 'PASSKEY_DELETED']);
  });

  test('19 as recorded', async () => {
    const replay = new Replay('19', stack.url, {
      'verify-registration garbage': { why: 'what cannot be verified is not our failure', status: 400 },
    });
    const jar = await member(stack, replay, 'pk');
    for (const step of replay.steps) {
      const withoutCookies = step.includes('without session') || step === 'authenticate options' || step.startsWith('verify-authentication');
      await replay.play(step, withoutCookies ? {} : { jar });
    }
    replay.finish();
  });

  const bomb = Buffer.from('9b0000000040000000', 'hex'); // an array that announces a thousand million items
  const LIES_AT_REGISTRATION = {
    'another origin': { origin: 'https://evil.example' },
    'an origin that begins like ours': { origin: 'http://localhost.evil.example' },
    'the answer of a sign-in': { type: 'webauthn.get' },
    'another challenge': { challenge: base64url(Buffer.alloc(32)) },
    'another party': { rpId: 'evil.example' },
    'nobody present': { flags: FLAG.key | FLAG.verified },
    'no key': { flags: FLAG.present },
    'backed up, which it cannot be': { flags: FLAG.present | FLAG.key | FLAG.backedUp },
    'in a frame of another site': { crossOrigin: true },
    'ES384': { coseAlgorithm: -35 },
    'a P-256 key that calls itself RS256': { coseAlgorithm: RS256 },
    'a P-256 key that calls itself EdDSA': { coseAlgorithm: EDDSA },
    'an object that is cut short': { cut: 20 },
    'an object with more behind it': { attestationObject: Buffer.concat([cbor(new Map()), Buffer.from([0])]) },
    'a bomb': { attestationObject: bomb },
    'a point beside the curve': { coseKey: cbor(new Map([[1, 2], [3, ES256], [-1, 1], [-2, Buffer.alloc(32, 1)], [-3, Buffer.alloc(32, 1)]])) },
    'a bomb for a key': { coseKey: bomb },
    'more behind the key': { rest: Buffer.from([0]) },
    'extensions that are not there': { flags: FLAG.present | FLAG.key | FLAG.extensions },
    'no object': { attestationObject: Buffer.alloc(0) },
    'a format that nobody knows': { format: 'apple' },
    'a self-attestation that does not hold': { self: true, signed: Buffer.from('something else') },
    'format packed without a proof': { format: 'packed' },
  };
  for (const [name, lie] of Object.entries(LIES_AT_REGISTRATION))
    test(`registration refuses ${name}`, async () => {
      const person = await somebodySignedIn(stack);
      const answer = await register(person, new Authenticator(stack.url), lie);
      assert.deepEqual([answer.status, answer.json.code], [400, 'FAILED_TO_VERIFY_REGISTRATION'], answer.text);
      assert.deepEqual((await person.http.get(`${BA}/list-user-passkeys`)).json, []);
    });

  test('registration takes a self-attestation that holds', async () => {
    for (const algorithm of [ES256, EDDSA, RS256]) {
      const person = await somebodySignedIn(stack);
      const answer = await register(person, new Authenticator(stack.url, { algorithm }), { self: true });
      assert.equal(answer.status, 200, answer.text);
    }
  });

  test('registration refuses what is no answer at all, and no challenge is left', async () => {
    const person = await somebodySignedIn(stack);
    const post = (json) => person.http.post(`${BA}/verify-registration`, json);
    await registerOptions(person);
    assert.deepEqual((await post({ response: {} })).json, { message: 'Failed to verify registration', code: 'FAILED_TO_VERIFY_REGISTRATION' });
    assert.deepEqual((await post({ response: {} })).json, { message: 'Challenge not found', code: 'CHALLENGE_NOT_FOUND' });
    assert.equal((await post({ response: 'x' })).status, 400);
    assert.equal((await post({})).status, 400);
    const authenticator = new Authenticator(stack.url);
    const good = await authenticator.create(await registerOptions(person));
    for (const part of ['id', 'rawId', 'type', 'response'])
      for (const value of [undefined, null, 7, 'A', {}, []]) {
        await registerOptions(person);
        const answer = await post({ response: { ...good, [part]: value } });
        assert.deepEqual([answer.status, answer.json.code], [400, 'FAILED_TO_VERIFY_REGISTRATION'], `${part} ${JSON.stringify(value)}`);
      }
  });

  test('registration wants the same browser, the same user, a fresh session, and a key that nobody has', async () => {
    const { person, authenticator } = await somebodyWithPasskey();
    const other = await somebodySignedIn(stack);
    const options = await registerOptions(person);
    const response = await new Authenticator(stack.url).create(options);
    other.http.cookies.set('mana.better-auth-passkey', person.http.cookies.get('mana.better-auth-passkey'));
    const stolen = await other.http.post(`${BA}/verify-registration`, { response });
    assert.deepEqual([stolen.status, stolen.json.code], [401, 'YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY']);
    const taken = await register(other, authenticator);
    assert.deepEqual([taken.status, taken.json.code], [400, 'PREVIOUSLY_REGISTERED']);
    stack.psql("UPDATE auth.sessions SET proved_at = now() - interval '11 minutes' WHERE user_id = :'id' AND proof IS NOT NULL", { id: person.id });
    for (const answer of [await person.http.get(`${BA}/generate-register-options`), await person.http.post(`${BA}/verify-registration`, { response })])
      assert.deepEqual([answer.status, answer.json.code, answer.json.methods], [403, 'STEP_UP_REQUIRED', ['password', 'passkey', 'mail']]);
  });

  const LIES_AT_SIGN_IN = {
    'another origin': [400, 'MISMATCH', { origin: 'https://evil.example' }],
    'the answer of a registration': [400, 'MISMATCH', { type: 'webauthn.create' }],
    'another challenge': [400, 'MISMATCH', { challenge: base64url(Buffer.alloc(32)) }],
    'another party': [400, 'MISMATCH', { rpId: 'evil.example' }],
    'nobody present': [400, 'MISMATCH', { flags: FLAG.verified }],
    'in a frame of another site': [400, 'MISMATCH', { crossOrigin: true }],
    'client data that was not signed': [401, 'SIGNATURE', { more: true }],
    'no signature': [400, 'MISMATCH', { signature: Buffer.alloc(0) }],
    'a signature of noise': [401, 'SIGNATURE', { signature: Buffer.alloc(70, 7) }],
    'authenticator data that is cut short': [400, 'MISMATCH', { authData: Buffer.alloc(36) }],
    'extensions that are announced and absent': [400, 'MISMATCH', { flags: FLAG.present | FLAG.extensions }],
    'a bomb for extensions': [400, 'MISMATCH', { flags: FLAG.present | FLAG.extensions, rest: bomb }],
    'the handle of another user': [400, 'USER', { userHandle: base64url('a'.repeat(32)) }],
    'a handle that is no text': [400, 'USER', { userHandle: base64url(Buffer.from([0, 255])) }],
    'no handle where nobody was named': [400, 'USER', { userHandle: undefined }],
    'a counter that stands still': [400, 'COUNTER', { counter: 9 }],
    'a counter that went back': [400, 'COUNTER', { counter: 0 }],
  };
  test('sign-in refuses', async (t) => {
    const { authenticator, passkey } = await somebodyWithPasskey();
    stack.psql("UPDATE auth.passkeys SET counter = 9 WHERE id = :'id'", passkey);
    authenticator.counter = 9;
    for (const [name, [status, reason, lie]] of Object.entries(LIES_AT_SIGN_IN))
      await t.test(name, async () => {
        const http = stranger();
        const options = await signInOptions(http);
        const response = await authenticator.get(options, lie);
        if (lie.more) response.response.clientDataJSON = base64url(JSON.stringify(
          { type: 'webauthn.get', challenge: options.challenge, origin: stack.url, crossOrigin: false, more: 1 }));
        const answer = await http.post(`${BA}/verify-authentication`, { response });
        assert.deepEqual([answer.status, answer.json], [status, { message: 'Authentication failed', code: 'AUTHENTICATION_FAILED' }]);
        assert.equal(http.cookies.has('mana.session_token'), false);
        const [{ code }] = stack.sql(`SELECT metadata ->> 'code' AS code FROM auth.security_events
          WHERE user_id = :'userId' AND event_type = 'PASSKEY_LOGIN_FAILURE' ORDER BY created_at DESC LIMIT 1`, passkey);
        assert.equal(code, reason);
      });
    assert.equal(stack.sql("SELECT counter FROM auth.passkeys WHERE id = :'id'", passkey)[0].counter, 9);
    assert.equal((await signIn(stranger(), authenticator)).status, 200);
  });

  test('one key does not sign in for another, nor one kind of key as another', async () => {
    const ada = await somebodyWithPasskey();
    const bob = await somebodyWithPasskey({ algorithm: RS256 });
    for (const [mine, theirs] of [[ada, bob], [bob, ada]]) {
      const http = stranger();
      const response = await mine.authenticator.get(await signInOptions(http), { id: theirs.authenticator.id, userHandle: theirs.authenticator.userHandle });
      assert.equal((await http.post(`${BA}/verify-authentication`, { response })).status, 401);
    }
    // who is signed in and was offered their own passkeys cannot answer with somebody else's
    const answer = await signIn(ada.person.http, bob.authenticator);
    assert.deepEqual([answer.status, answer.json.code], [400, 'AUTHENTICATION_FAILED']);
  });

  test('an unknown key, a missing cookie and a used challenge are told apart, and 50 at once have one winner', async () => {
    const { authenticator } = await somebodyWithPasskey();
    const unknown = await signIn(stranger(), new Authenticator(stack.url));
    assert.deepEqual([unknown.status, unknown.json], [401, { message: 'Passkey not found', code: 'PASSKEY_NOT_FOUND' }]);
    const gone = await stranger().post(`${BA}/verify-authentication`, { response: { id: 'x' } });
    assert.deepEqual([gone.status, gone.json], [400, { message: 'Challenge not found', code: 'CHALLENGE_NOT_FOUND' }]);
    const http = stranger();
    const response = await authenticator.get(await signInOptions(http));
    const cookie = [...http.cookies].map((pair) => pair.join('=')).join('; ');
    const answers = await Promise.all(Array.from({ length: 50 }, () =>
      stranger().post(`${BA}/verify-authentication`, { response }, { headers: { cookie } })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(49).fill(400)]);
    assert.deepEqual([...new Set(answers.filter(({ status }) => status === 400).map(({ json }) => json.code))], ['CHALLENGE_NOT_FOUND']);
  });

  test('a touch alone does not pass a second factor; a PIN or a finger does', async () => {
    const { person, authenticator } = await somebodyWithPasskey();
    const enabled = await person.http.post('/api/auth/two-factor/enable', { password: person.password });
    const code = () => totp(enabled.json.totpURI);
    assert.equal((await person.http.post('/api/auth/two-factor/verify-totp', { code: code() })).status, 200);
    stepPasses(stack, person.email);
    assert.equal((await signIn(stranger(), authenticator)).json.user.email, person.email);

    authenticator.verified = false;
    const http = stranger();
    const asked = await signIn(http, authenticator);
    assert.deepEqual([asked.status, asked.json], [200, { twoFactorRedirect: true, twoFactorMethods: ['totp'] }]);
    assert.equal((await http.get('/api/auth/get-session')).json, null);
    const shown = await http.post('/api/auth/two-factor/verify-totp', { code: code(), trustDevice: true });
    assert.equal(shown.status, 200, shown.text);
    assert.equal((await http.get('/api/auth/get-session')).json.user.email, person.email);
    // a browser that is trusted is not asked again
    await http.post('/api/auth/sign-out', {});
    assert.equal((await signIn(http, authenticator)).json.user.email, person.email);
  });

  test('another\'s passkey can be neither seen, renamed nor deleted', async () => {
    const { passkey } = await somebodyWithPasskey();
    const other = await somebodySignedIn(stack);
    assert.deepEqual((await other.http.get(`${BA}/list-user-passkeys`)).json, []);
    for (const answer of [
      await other.http.post(`${BA}/update-passkey`, { id: passkey.id, name: 'Mine' }),
      await other.http.post(`${BA}/delete-passkey`, { id: passkey.id }),
      await other.http.post(`${BA}/delete-passkey`, { id: 'nope' }),
    ]) assert.deepEqual([answer.status, answer.json], [404, { message: 'Passkey not found', code: 'PASSKEY_NOT_FOUND' }]);
    const empty = await other.http.post(`${BA}/update-passkey`, { id: passkey.id, name: ' ' });
    assert.deepEqual([empty.status, empty.json.code], [400, 'VALIDATION_ERROR']);
  });
});

describe('passkeys of another configuration', () => {
  test('where there is no domain there are none, and the apps are told so', async () => {
    const stack = await startStack({ BASE_URL: 'http://127.0.0.1:27091' });
    try {
      const http = new Client(stack.url, { origin: 'http://127.0.0.1:27091' });
      assert.deepEqual((await http.get(`${V1}/capability`)).json, { enabled: false, conditionalUIAvailable: false, rpId: '' });
      const answer = await http.request('POST', `${V1}/authenticate/options`);
      assert.deepEqual([answer.status, answer.json.code], [404, 'PASSKEY_NOT_ENABLED']);
      assert.doesNotMatch((await http.get('/login')).text, /<script/);
    } finally {
      await stack.stop();
    }
  });

  test('several origins may ask, and requests are counted', async () => {
    const app = 'https://app.mana.test';
    const stack = await startStack({ WEBAUTHN_RP_ID: 'mana.test', WEBAUTHN_ORIGIN: `${app}, android:apk-key-hash:abc`, CORS_ORIGINS: app, RATE_LIMIT: 'on' });
    try {
      const person = await somebodySignedIn(stack);
      for (const origin of [app, 'android:apk-key-hash:abc'])
        assert.equal((await register(person, new Authenticator(origin))).status, 200);
      assert.equal((await register(person, new Authenticator('https://other.mana.test'))).status, 400);
      const http = new Client(stack.url);
      const statuses = [];
      for (let i = 0; i < 21; i += 1) statuses.push((await http.request('POST', `${V1}/authenticate/options`)).status);
      assert.deepEqual(statuses, [...Array(20).fill(200), 429]);
    } finally {
      await stack.stop();
    }
  });
});
