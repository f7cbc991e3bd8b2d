// What an account's owner can read about it: every type of event is really written, by what it is about, to whom it is
// about, with where it came from.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Authenticator } from './lib/authenticator.mjs';
import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, signUp, somebody, somebodySignedIn, somebodyVerified, token } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { stepPasses, totp } from './lib/totp.mjs';

const AGENT = 'Mozilla/5.0 (story)';

describe('security events', () => {
  let stack;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
  });
  after(() => stack?.stop());

  async function done(promise, status = 200) {
    const answer = await promise;
    assert.equal(answer.status, status, answer.text);
    return answer;
  }

  const post = (person, path, body, status) => done(person.http.post(`/api/auth/${path}`, body), status);
  const named = (person) => Object.assign(person, { http: Object.assign(person.http, { headers: { 'user-agent': AGENT } }) });
  const signedIn = async () => named(await somebodySignedIn(stack));
  const verified = async () => named(await somebodyVerified(stack));

  async function withSecondFactor() {
    const person = await signedIn();
    const { json } = await post(person, 'two-factor/enable', { password: PASSWORD });
    await post(person, 'two-factor/verify-totp', { code: totp(json.totpURI) });
    return person;
  }

  async function withPasskey() {
    const person = await signedIn();
    const authenticator = new Authenticator(stack.url);
    const options = (await done(person.http.get('/api/auth/passkey/generate-register-options'))).json;
    await post(person, 'passkey/verify-registration', { response: await authenticator.create(options), name: 'Key' });
    return { person, authenticator };
  }

  /** What somebody does, who it is then about. */
  const ways = {
    async REGISTER() {
      const person = named(somebody(stack));
      return { ...person, id: (await done(signUp(person))).json.user.id };
    },
    async EMAIL_VERIFIED() {
      const person = await ways.REGISTER();
      await done(person.http.get(await stack.mail.link(person.email, '/verify-email')), 302);
      return person;
    },
    async LOGIN_SUCCESS() {
      const person = await verified();
      await done(signIn(person));
      return person;
    },
    async LOGIN_FAILURE() {
      const person = await verified();
      await done(signIn({ ...person, password: 'not-the-password' }), 401);
      return person;
    },
    async ACCOUNT_LOCKED() {
      const person = await verified();
      for (let n = 0; n < 5; n++) await done(signIn({ ...person, password: 'not-the-password' }), 401);
      await done(signIn(person), 429);
      return person;
    },
    async LOGOUT() {
      const person = await signedIn();
      await post(person, 'sign-out', {});
      return person;
    },
    async PROFILE_UPDATED() {
      const person = await signedIn();
      await post(person, 'update-user', { name: 'Ada L.' });
      return person;
    },
    async PASSWORD_CHANGED() {
      const person = await signedIn();
      await post(person, 'change-password', { currentPassword: PASSWORD, newPassword: 'amber-glacier-beneath-7-owls' });
      return person;
    },
    async PASSWORD_RESET_REQUESTED() {
      const person = await verified();
      await post(person, 'request-password-reset', { email: person.email });
      return person;
    },
    async PASSWORD_RESET_COMPLETED() {
      const person = await ways.PASSWORD_RESET_REQUESTED();
      const link = await stack.mail.link(person.email, '/reset-password/', { contains: '/reset-password/' });
      const token = new URL(link).pathname.split('/').at(-1);
      await post(person, 'reset-password', { token, newPassword: 'amber-glacier-beneath-7-owls' });
      return person;
    },
    async TWO_FACTOR_ENABLED() {
      return withSecondFactor();
    },
    async TWO_FACTOR_DISABLED() {
      const person = await withSecondFactor();
      stepPasses(stack, person.email);
      await post(person, 'two-factor/disable', { password: PASSWORD });
      return person;
    },
    async PASSKEY_REGISTERED() {
      return (await withPasskey()).person;
    },
    async PASSKEY_LOGIN_SUCCESS() {
      const { person, authenticator } = await withPasskey();
      const http = new Client(stack.url, { headers: { 'user-agent': AGENT } });
      const options = (await done(http.get('/api/auth/passkey/generate-authenticate-options'))).json;
      await done(http.post('/api/auth/passkey/verify-authentication', { response: await authenticator.get(options) }));
      return person;
    },
    async ORG_CREATED() {
      const person = await signedIn();
      person.organization = (await post(person, 'organization/create', { name: 'Org', slug: person.id.toLowerCase() })).json;
      return person;
    },
    async ORG_DELETED() {
      const person = await ways.ORG_CREATED();
      await post(person, 'organization/delete', { organizationId: person.organization.id });
      return person;
    },
    async API_KEY_CREATED() {
      const person = await signedIn();
      const made = await person.http.post('/api/v1/api-keys', { name: 'Script' }, { bearer: person.token });
      assert.ok(made.status < 300, made.text);
      return Object.assign(person, { key: made.json });
    },
    async API_KEY_REVOKED() {
      const person = await ways.API_KEY_CREATED();
      await done(person.http.delete(`/api/v1/api-keys/${person.key.id}`, { bearer: person.token }));
      return person;
    },
    async EMAIL_CHANGED() {
      const person = await signedIn();
      const newEmail = `new-${person.email}`;
      await post(person, 'change-email', { newEmail });
      await done(person.http.get(await stack.mail.link(newEmail, '/verify-email')), 302);
      return person;
    },
    async REFRESH_TOKEN_REUSED() {
      const person = await verified();
      const { refreshToken } = (await done(person.http.post('/api/v1/auth/login', { email: person.email, password: PASSWORD }))).json;
      await done(person.http.post('/api/v1/auth/refresh', { refreshToken }));
      stack.psql(`UPDATE auth.session_tokens SET spent_at = now() - interval '1 minute' WHERE spent_at IS NOT NULL`);
      await done(person.http.post('/api/v1/auth/refresh', { refreshToken }), 401);
      return person;
    },
  };

  test('all that the service before us declared are among them', () => {
    const declared = [
      'LOGIN_SUCCESS', 'LOGIN_FAILURE', 'REGISTER', 'LOGOUT', 'PASSWORD_CHANGED', 'PASSWORD_RESET_REQUESTED',
      'PASSWORD_RESET_COMPLETED', 'EMAIL_VERIFIED', 'ACCOUNT_LOCKED', 'PROFILE_UPDATED', 'API_KEY_CREATED', 'API_KEY_REVOKED',
      'PASSKEY_REGISTERED', 'PASSKEY_LOGIN_SUCCESS', 'TWO_FACTOR_ENABLED', 'TWO_FACTOR_DISABLED', 'ORG_CREATED', 'ORG_DELETED',
    ]; // and ACCOUNT_DELETED, below
    assert.deepEqual(declared.filter((type) => !(type in ways)), []);
  });

  for (const [type, provoke] of Object.entries(ways)) {
    test(`${type} is written when it happens, to whom it happens`, async () => {
      const person = await provoke();
      const events = stack.sql(
        `SELECT ip_address, user_agent FROM auth.security_events WHERE user_id = :'id' AND event_type = :'type'`,
        { id: person.id, type });
      assert.ok(events.length >= 1, `no ${type} of ${person.id}`);
      assert.deepEqual(events.at(-1), { ip_address: '127.0.0.1', user_agent: AGENT });
    });
  }

  test('ACCOUNT_DELETED is written to the id alone; the others of the account name nobody any more', async () => {
    const person = await signedIn();
    await post(person, 'delete-user', { password: PASSWORD });
    assert.deepEqual(
      stack.sql(`SELECT event_type, ip_address, user_agent, metadata FROM auth.security_events WHERE user_id = :'id'`, person),
      [{ event_type: 'ACCOUNT_DELETED', ip_address: null, user_agent: null, metadata: null }]);
    assert.equal(stack.sql(`SELECT 1 FROM auth.security_events WHERE metadata::text LIKE '%' || :'email' || '%'`, person).length, 0);
  });

  test('an address without an account leaves an event without a user, and without the address', async () => {
    const nobody = named(somebody(stack));
    await done(signIn(nobody), 401);
    const [event] = stack.sql(
      `SELECT user_id, metadata::text FROM auth.security_events WHERE event_type = 'LOGIN_FAILURE' ORDER BY created_at DESC LIMIT 1`);
    assert.equal(event.user_id, null);
    assert.ok(!event.metadata.includes(nobody.email));
  });

  test('the owner reads them, newest first, as many as asked for; nobody else', async () => {
    const ada = await signedIn();
    const other = await ways.PROFILE_UPDATED();
    for (let n = 0; n < 3; n++) await post(ada, 'update-user', { name: `Ada ${n}` });
    const read = async (limit) => (await done(ada.http.get(`/api/v1/auth/security-events${limit}`, { bearer: await token(ada) }))).json;
    const all = await read('');
    assert.deepEqual(Object.keys(all[0]), ['id', 'user_id', 'event_type', 'ip_address', 'user_agent', 'metadata', 'created_at']);
    assert.deepEqual(all.map(({ created_at: at }) => at), all.map(({ created_at: at }) => at).sort().reverse());
    assert.deepEqual([...new Set(all.map(({ user_id: id }) => id))], [ada.id]);
    assert.notEqual(ada.id, other.id);
    // of three changes in a row there is one event
    assert.deepEqual((await read('?limit=2')).map(({ event_type: type }) => type), ['PROFILE_UPDATED', 'LOGIN_SUCCESS']);
    await done(ada.http.get('/api/v1/auth/security-events?limit=0'), 400);
    await done(new Client(stack.url).get('/api/v1/auth/security-events'), 401);
  });
});
