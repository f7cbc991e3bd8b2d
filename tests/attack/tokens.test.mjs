// Every kind of token and code at every door that is not its own: none opens, and each still works at its own door afterwards.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { signIn, somebodySignedIn } from '../integration/lib/people.mjs';
import { until } from '../integration/lib/wait.mjs';
import { authorized, registered, tokensOf } from './lib/clients.mjs';
import { administrator, copyOf, each, member, PASSWORD, program, stranger, target, vaultToken, without } from './lib/target.mjs';

const NEW_PASSWORD = 'copper-lantern-over-4-rivers';
const bearer = (path) => (token) => program().get(path, { bearer: token }).then(({ status }) => status === 200);
const isRedirected = ({ status, headers }) => status === 302 && !/error/i.test(headers.location ?? '');

describe('tokens of one purpose', { skip: without.admin }, () => {
  let ada, owner, client, tokens, doors;

  before(async () => {
    ada = await member('Ada');
    owner = await member('Owner');
    client = await registered(await administrator());
    tokens = await oneOfEach();
    doors = doorsOf();
  });

  const linkOf = async (email, part) => new URL(await target.mail.link(email, part, { contains: part }));

  /** One valid token of each kind, all of Ada. */
  async function oneOfEach() {
    const found = {};
    const session = [...ada.http.cookies].find(([name]) => name.endsWith('session_token'))[1];
    found['session token'] = decodeURIComponent(session).split('.')[0];
    found['session cookie'] = decodeURIComponent(session);
    found['access token'] = ada.token;
    found['access token for the vault'] = await vaultToken(ada);
    const login = await stranger().post('/api/v1/auth/login', { email: ada.email, password: PASSWORD });
    found['refresh token of an app'] = login.json.refreshToken;
    const oidc = await tokensOf(client, await authorized(ada, client, { scope: 'openid email offline_access' }));
    found['OAuth access token'] = oidc.access_token;
    found['OAuth refresh token'] = oidc.refresh_token;
    found['id_token'] = oidc.id_token;
    found['OAuth code'] = await authorized(ada, client);
    await stranger().post('/api/auth/request-password-reset', { email: ada.email, redirectTo: '/reset-password' });
    found['reset token'] = (await linkOf(ada.email, '/reset-password/')).pathname.split('/').at(-1);
    await stranger().post('/api/auth/sign-in/magic-link', { email: ada.email, callbackURL: '/' });
    found['magic link'] = (await linkOf(ada.email, '/magic-link/verify')).searchParams.get('token');
    await ada.http.post('/api/v1/auth/step-up/mail', { purpose: 'passkey' });
    found['step-up token'] = await until('the mail with a token', async () =>
      (await target.mail.find(ada.email, { waitSeconds: 0 })).map(({ text }) => /^([A-Za-z0-9]{32})$/m.exec(text)?.[1]).find(Boolean));
    await ada.http.post('/api/auth/change-email', { newEmail: `new-${ada.email}` });
    found['change of address'] = (await linkOf(`new-${ada.email}`, '/verify-email')).searchParams.get('token');
    found['API key'] = (await ada.http.post('/api/v1/api-keys', { name: 'key' }, { bearer: ada.token })).json.key;
    const organization = await owner.http.post('/api/auth/organization/create', { name: 'O', slug: `tokens-${process.pid}` });
    const invited = await owner.http.post('/api/auth/organization/invite-member', { organizationId: organization.json.id, email: ada.email, role: 'member' });
    found['invitation'] = invited.json.id;
    found['client secret'] = Buffer.from(client.headers.authorization.split(' ')[1], 'base64').toString().split(':')[1];
    found['service key'] = target.serviceKey;
    for (const [kind, token] of Object.entries(found)) assert.ok(typeof token === 'string' && token.length >= 16, `${kind}: ${token}`);
    return found;
  }

  /** Each door: the kinds that it is for, and whether it opens to a token. Ada's session is used where the door is behind one. */
  function doorsOf() {
    const asAda = () => copyOf(ada.http);
    const form = (path, fields, headers) => program().request('POST', path, { form: fields, headers });
    const session = (name) => (token) => stranger().get('/api/auth/get-session',
      { headers: { cookie: `${name}=${encodeURIComponent(token)}` } }).then(({ json }) => Boolean(json?.user));
    return {
      'the session cookie': [['session cookie'], session([...ada.http.cookies.keys()].find((name) => name.endsWith('session_token')))],
      'Authorization at an app route': [['access token'], bearer('/api/v1/auth/profile')],
      'Authorization at settings': [['access token'], bearer('/api/v1/settings')],
      'Authorization at the vault': [[target.vaultAudience ? 'access token for the vault' : 'access token', 'access token for the vault'],
        (token) => program().get('/api/v1/me/encryption-vault/status', { bearer: token }).then(({ status }) => status !== 401)],
      'Authorization at userinfo': [['OAuth access token'], bearer('/api/auth/oauth2/userinfo')],
      'userinfo by a form': [['OAuth access token'], (access_token) => form('/api/auth/oauth2/userinfo', { access_token }).then(({ status }) => status === 200)],
      'Authorization at get-session': [['access token'], (token) => program().get('/api/auth/get-session', { bearer: token }).then(({ json }) => Boolean(json?.user))],
      'Authorization at an admin route': [[], bearer('/api/v1/admin/stats')],
      'validate': [['access token', ...(target.vaultAudience ? [] : ['access token for the vault'])],
        (token) => program().post('/api/v1/auth/validate', { token }).then(({ json }) => json?.valid === true)],
      'refresh': [['refresh token of an app', 'session token'], (refreshToken) => program().post('/api/v1/auth/refresh', { refreshToken }).then(({ status }) => status === 200)],
      'verify-email': [['change of address'], (token) => program().get(`/api/auth/verify-email?${new URLSearchParams({ token, callbackURL: '/' })}`).then(isRedirected)],
      // the form of the page that verify-email shows
      'confirm-sign-up': [['change of address'], (token) => form('/confirm-sign-up',
      { token, password: PASSWORD }).then(({ status, headers }) => [302, 303].includes(status) && !/error/.test(headers.location))],
      'magic-link/verify': [['magic link'], (token) => program().get(`/api/auth/magic-link/verify?${new URLSearchParams({ token, callbackURL: '/' })}`).then(isRedirected)],
      'reset-password': [['reset token'], (token) => program().post('/api/auth/reset-password', { token, newPassword: NEW_PASSWORD }).then(({ status }) => status === 200)],
      'reset-password of the apps': [['reset token'], (token) => program().post('/api/v1/auth/reset-password',
      { token, newPassword: NEW_PASSWORD }).then(({ status }) => status === 200)],
      'the page of reset-password': [['reset token'], (token) => form('/reset-password',
      { token, newPassword: NEW_PASSWORD }).then(({ status }) => [200, 302, 303].includes(status))],
      'revert-email-change': [[], (token) => form('/api/auth/revert-email-change', { token }).then(({ status }) => status === 200)],
      'delete-user/callback': [[],
      (token) => asAda().get(`/api/auth/delete-user/callback?${new URLSearchParams({ token })}`).then(({ status }) => status === 200 || status === 302)],
      'delete-user by a token': [[], (token) => asAda().post('/api/auth/delete-user', { token }).then(({ status }) => status === 200)],
      'step-up by a token': [['step-up token'], (token) => asAda().post('/api/v1/auth/step-up', { token }).then(({ status }) => status === 200)],
      'a code at the token endpoint': [['OAuth code'], (code) => form('/api/auth/oauth2/token',
      { grant_type: 'authorization_code', code, redirect_uri: client.redirect_uri }, client.headers).then(({ status }) => status === 200)],
      'a refresh token at the token endpoint': [['OAuth refresh token'], (refresh_token) => form('/api/auth/oauth2/token',
      { grant_type: 'refresh_token', refresh_token }, client.headers).then(({ status }) => status === 200)],
      'introspection': [['OAuth access token', 'OAuth refresh token'], (token) => form('/api/auth/oauth2/introspect', { token },
      client.headers).then(({ json }) => json?.active !== false)],
      'api-keys/validate': [['API key'], (apiKey) => program().post('/api/v1/api-keys/validate', { apiKey }).then(({ json }) => json?.valid === true)],
      'X-Service-Key': [['service key'], (key) => program().get(`/api/v1/internal/users/${ada.id}/memberships`,
      { headers: { 'x-service-key': key } }).then(({ status }) => status === 200)],
      'accept-invitation': [['invitation'], (invitationId) => asAda().post('/api/auth/organization/accept-invitation', { invitationId }).then(({ status }) => status === 200)],
      'an erasure': [[], (id) => program().get(`/api/v1/me/data/erasure/${encodeURIComponent(id)}`).then(({ status }) => status === 200)],
      'a second factor': [[], (code) => asAda().post('/api/auth/two-factor/verify-totp', { code }).then(({ status }) => status === 200)],
      'a client secret': [['client secret'], (secret) => form('/api/auth/oauth2/introspect', { token: 'x' },
      { authorization: `Basic ${Buffer.from(`${client.client_id}:${encodeURIComponent(secret)}`).toString('base64')}` }).then(({ status }) => status === 200)],
    };
  }

  test('open no door that is not their own', async () => {
    const opened = [];
    const pairs = Object.entries(doors).flatMap(([door, [own, opens]]) => Object.entries(tokens).filter(([kind]) => !own.includes(kind)).map(([kind,
      token]) => ({ door, opens, kind, token })));
    assert.ok(pairs.length > 400, `${pairs.length} pairs`);
    await each(pairs, async ({ door, opens, kind, token }) => {
      if (/[\0\r\n]/.test(token)) return;
      if (await opens(token)) opened.push(`${kind} at ${door}`);
    });
    assert.deepEqual(opened, []);
  });

  test('are no password of their user', async () => {
    // a few only, for each attempt counts
    for (const kind of ['session token', 'reset token', 'access token'])
      assert.notEqual((await signIn({ ...ada, password: tokens[kind].slice(0, 128), http: stranger() })).status, 200, kind);
  });

  test('belong to one user: those of another change nothing here', async () => {
    const eve = await somebodySignedIn(target, 'Eve');
    const as = () => copyOf(eve.http);
    assert.equal((await as().post('/api/v1/auth/step-up', { token: tokens['step-up token'] })).status, 400);
    assert.notEqual((await as().post('/api/auth/organization/accept-invitation', { invitationId: tokens.invitation })).status, 200);
    await as().post('/api/auth/revoke-session', { token: tokens['session token'] });
    assert.equal((await ada.http.get('/api/auth/get-session')).json.user.id, ada.id, 'a stranger ends no session');
  });

  test('open their own doors afterwards, once', async () => {
    const opens = (door, kind) => doors[door][1](tokens[kind]);
    for (const [kind, door, again] of [
      ['session cookie', 'the session cookie', true], ['access token', 'Authorization at an app route', true], ['API key', 'api-keys/validate', true],
      ['service key', 'X-Service-Key', true], ['OAuth access token', 'Authorization at userinfo', true], ['step-up token', 'step-up by a token', false],
      ['invitation', 'accept-invitation', false], ['OAuth code', 'a code at the token endpoint', false],
      ['OAuth refresh token', 'a refresh token at the token endpoint', false], ['refresh token of an app', 'refresh', undefined],
      ['reset token', 'reset-password', false],
    ]) {
      assert.equal(await opens(door, kind), true, `${kind} at ${door}`);
      if (again !== undefined) assert.equal(await opens(door, kind), again, `${kind} at ${door} again`);
    }
    assert.equal((await ada.http.get('/api/auth/get-session')).json, null, 'the new password ended the session');
  });
});
