// Bodies that two readers could understand differently: types, names, duplicates, encodings, places. The service acts on one reading or
// refuses. tests/integration/forms compares the layers of the service with each other; here an attacker looks for a difference that pays.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { PASSWORD, somebodyVerified } from '../integration/lib/people.mjs';
import { FIELDS } from './lib/names.mjs';
import { member, stranger, target, without } from './lib/target.mjs';

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';
const SIGN_IN = '/api/auth/sign-in/email';

describe('bodies', { skip: without.mail }, () => {
  let ada, eve;
  before(async () => {
    [ada, eve] = [await somebodyVerified(target, 'Ada'), await somebodyVerified(target, 'Eve')];
  });

  const send = (path, body, type, more = {}) => stranger().request('POST', path, { body, headers: { 'content-type': type, ...more } });
  const json = () => JSON.stringify({ email: eve.email, password: eve.password });
  const form = () => new URLSearchParams({ email: eve.email, password: eve.password }).toString();

  for (const type of ['text/plain', 'text/json', 'application/jsonp', 'application/json-seq', 'application/vnd.api+json', 'application/xml', 'application/x-json',
    'multipart/form-data; boundary=x', 'text/plain; application/json', 'text/plain, application/json', 'application/jsonx', 'application/octet-stream', '*/*', 'json', undefined])
    test(`JSON of the type ${type} is not read`, async () => {
      const answer = await send(SIGN_IN, json(), type);
      assert.deepEqual([answer.status, answer.setCookies], [415, []], answer.text);
    });

  test('JSON is not read as a form, nor a form as JSON', async () => {
    for (const [body, type] of [[json(), FORM], [form(), JSON_TYPE], [`${json()}&${form()}`, JSON_TYPE], [`${form()}&x=${json()}`, JSON_TYPE]]) {
      const answer = await send(SIGN_IN, body, type);
      assert.deepEqual([answer.status, answer.setCookies], [400, []], answer.text);
    }
  });

  test('a charset that is not UTF-8 does not change how the bytes are read', async () => {
    for (const charset of ['utf-16', 'utf-7', 'utf-32', 'ibm037']) {
      for (const body of [Buffer.from(json(), 'utf16le'), Buffer.from(`\ufeff${json()}`, 'utf16le')])
        assert.equal((await send(SIGN_IN, body, `${JSON_TYPE}; charset=${charset}`)).status, 400, charset);
    }
    const seven = `{"email":"${eve.email}","password":"+AHg-"}`;
    assert.equal((await send(SIGN_IN, seven, `${JSON_TYPE}; charset=utf-7`)).status, 401);
  });

  test('a compressed body is not inflated', async () => {
    for (const coding of ['gzip', 'deflate', 'br']) {
      const answer = await send(SIGN_IN, Buffer.from('1f8b08000000000000ffabae050043bfa6a302000000', 'hex'), JSON_TYPE, { 'content-encoding': coding });
      assert.ok([400, 415].includes(answer.status), `${coding}: ${answer.status}`);
    }
  });

  test('a field is taken from the body only, and under its exact name', async () => {
    let n = 0;
    const nobody = () => ({ email: `nobody${n++}-${process.pid}@example.com`, password: eve.password }); // each is locked after five attempts
    const query = new URLSearchParams({ email: eve.email, password: eve.password });
    assert.equal((await send(`${SIGN_IN}?${query}`, JSON.stringify(nobody()), JSON_TYPE)).status, 401, 'a query beside it');
    assert.equal((await send(`${SIGN_IN}?${query}`, '{}', JSON_TYPE)).status, 400, 'a query instead');
    for (const name of ['Email', 'EMAIL', 'email ', ' email', 'email\0', 'ｅmail', 'emaıl', 'email[]', 'email.0', 'user.email', 'user[email]', 'email\u200b']) {
      const twice = await send(SIGN_IN, JSON.stringify({ ...nobody(), [name]: eve.email }), JSON_TYPE);
      assert.ok([400, 401].includes(twice.status), `${name}: ${twice.status}`);
      const { email, ...rest } = nobody();
      assert.equal((await send(SIGN_IN, JSON.stringify({ ...rest, [name]: email }), JSON_TYPE)).status, 400, name);
      const asForm = await send(SIGN_IN, new URLSearchParams([...Object.entries(nobody()), [name, eve.email]]).toString(), FORM);
      assert.ok([400, 401].includes(asForm.status), `${name} in a form: ${asForm.status}`);
    }
  });

  test('two values of one field are refused however the name is written, in JSON at every depth', async () => {
    const again = ['"email"', '"\\u0065mail"', '"em\\u0061il"', '"\\u0065\\u006d\\u0061\\u0069\\u006c"'];
    for (const name of again)
      for (const pair of [[ada.email, eve.email], [eve.email, ada.email], [eve.email, eve.email]]) {
        const body = `{"email":"${pair[0]}","password":"${eve.password}",${name}:"${pair[1]}"}`;
        assert.equal((await send(SIGN_IN, body, JSON_TYPE)).status, 400, body);
      }
    const signedIn = await member();
    for (const data of ['{"name":"A","name":"B"}', '{"slug":"a","\\u0073lug":"b"}', '{"metadata":{"a":1,"a":2}}', '{"metadata":{"b":[{"c":1,"c":2}]}}']) {
      const answer = await signedIn.http.request('POST', '/api/auth/organization/update',
        { body: `{"organizationId":"x","data":${data}}`, headers: { 'content-type': JSON_TYPE } });
      assert.equal(answer.status, 400, `${data}: ${answer.text}`);
      assert.doesNotMatch(answer.text, /NOT_A_MEMBER|ORGANIZATION_NOT_FOUND/, data);
    }
  });

  test('a mail with a link goes to one address, the one of the account', async () => {
    const evil = `evil-${process.pid}@example.com`;
    const victim = ada.email;
    const lists = [[victim, evil], { email: victim, cc: evil }, `${victim},${evil}`, `${victim};${evil}`, `${victim} ${evil}`, `${victim}\n${evil}`, `${victim}\r\nCc: ${evil}`,
      `${victim}%0aCc:${evil}`, `<${victim}>,<${evil}>`, `"${victim}" <${evil}>`, `${victim}\0${evil}`, `${evil}\0@example.com`, `${victim}|${evil}`, `${victim}(${evil})`,
      `${victim}>\r\nRCPT TO:<${evil}`];
    for (const path of ['/api/auth/request-password-reset', '/api/v1/auth/forgot-password', '/api/auth/sign-in/magic-link', '/api/auth/send-verification-email'])
      for (const email of lists) {
        const answer = await send(path, JSON.stringify({ email }), JSON_TYPE);
        assert.equal(answer.status, 400, `${path} ${JSON.stringify(email)}: ${answer.text}`);
      }
    for (const list of lists.filter((each) => typeof each === 'string'))
      assert.equal((await send('/forgot-password', new URLSearchParams({ email: list }).toString(), FORM)).status, 400, list);
    await send('/api/auth/request-password-reset', JSON.stringify({ email: victim, cc: evil, bcc: evil, to: evil, headers: { cc: evil } }), JSON_TYPE);
    const mail = await target.mail.latest(victim, { contains: '/reset-password' });
    assert.doesNotMatch(JSON.stringify(mail), new RegExp(evil));
    assert.deepEqual(await target.mail.find(evil, { waitSeconds: 0 }), []);
  });

  test('spellings of an address are one account or none, and never open another one', async () => {
    const [local, domain] = ada.email.split('@');
    const twins = [`${local.toUpperCase()}@${domain}`, `${local}@${domain.toUpperCase()}`, `${local}@${domain}.`, `${local}+x@${domain}`, `${local}@ｅxample.com`,
      ` ${ada.email}`, `${ada.email} `, `${local}\u200b@${domain}`, `${local.replace('e', '\u0435')}@${domain}`, `${local.replace('p', 'ᵖ')}@${domain}`];
    for (const email of twins) {
      const signUp = await send('/api/auth/sign-up/email', JSON.stringify({ email, password: 'copper-lantern-over-4-rivers', name: 'Twin' }), JSON_TYPE);
      assert.ok([200, 400].includes(signUp.status), `${email}: ${signUp.status}`);
      const signIn = await send(SIGN_IN, JSON.stringify({ email, password: 'copper-lantern-over-4-rivers' }), JSON_TYPE);
      assert.ok(signIn.status !== 200, `${email}: a new password opens ${signIn.json?.user?.email}`);
    }
    assert.equal((await send(SIGN_IN, JSON.stringify({ email: ada.email, password: PASSWORD }), JSON_TYPE)).json.user.email, ada.email);
  });

  test('no body gives its sender a role, a tier, a verified address or the id of another user', async () => {
    const claims = { role: 'admin', accessTier: 'founder', emailVerified: true, twoFactorEnabled: true, id: ada.id, userId: ada.id, banned: false, isAdmin: true,
      createdAt: '2000-01-01T00:00:00Z', deletedAt: null };
    const person = await member('Mallory');
    const before = (await person.http.get('/api/auth/get-session')).json.user;
    for (const [method, path, more] of [
      ['POST', '/api/auth/update-user', { name: 'Mallory' }], ['POST', '/api/v1/auth/profile', { name: 'Mallory' }], ['PATCH', '/api/v1/me/profile', {}],
      ['POST', '/api/auth/update-session', {}], ['PATCH', '/api/v1/settings/global', { settings: {} }],
    ]) await person.http.request(method, path, { json: { ...claims, ...more, user: claims, data: claims, fields: claims },
      bearer: path.includes('/v1/') ? person.token : undefined });
    const { updatedAt, ...now } = (await person.http.get('/api/auth/get-session')).json.user;
    const { updatedAt: then, ...earlier } = before;
    assert.deepEqual(now, earlier);
    const { token } = (await person.http.get('/api/auth/token')).json;
    assert.equal(JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).role, 'user');
    assert.equal((await stranger().get('/api/v1/admin/stats', { bearer: token })).status, 403);
    const fresh = { ...claims, ...Object.fromEntries(FIELDS.map((name) => [name, claims[name] ?? 'x'])), email: `fresh-${process.pid}@example.com`,
      password: PASSWORD, name: 'Fresh', image: undefined, callbackURL: '/' };
    for (const path of ['/api/auth/sign-up/email', '/api/v1/auth/register']) {
      const made = await send(path, JSON.stringify({ ...fresh, email: `${path.length}-${fresh.email}` }), JSON_TYPE);
      assert.ok([200, 201, 400].includes(made.status), made.text);
      if (made.status === 400) continue;
      assert.equal(made.json.user?.emailVerified ?? false, false, made.text);
      assert.equal((await send(SIGN_IN, JSON.stringify({ email: `${path.length}-${fresh.email}`, password: PASSWORD }), JSON_TYPE)).status, 403, 'not verified');
    }
  });
});
