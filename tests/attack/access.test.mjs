// Ids of somebody else (OWASP API1, broken object level authorization): every route, called by Eve with each id that belongs to Ada, in its
// path, its query and its body. Nothing of Ada's comes back, and nothing of hers changes.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { Authenticator } from '../integration/lib/authenticator.mjs';
import { signIn } from '../integration/lib/people.mjs';
import { registered, request } from './lib/clients.mjs';
import { administrator, copyOf, each, member, routes, stateOf, stranger, target, vaultToken, without } from './lib/target.mjs';

const NAME = `Ada Secretive ${process.pid}`;
// Every field that takes an id; where a route has several, all of them are Ada's.
const ID_FIELDS = ['id', 'userId', 'user_id', 'accountId', 'sessionId', 'session_id', 'organizationId', 'memberId', 'memberIdOrEmail', 'invitationId',
  'deviceId', 'appId', 'passkeyId',
  'keyId', 'apiKeyId', 'client_id', 'token', 'sub', 'after', 'activeOrganizationId', 'organizationSlug', 'slug'];
const isEnd = ({ path }) => /delete-user|end-session|endsession|account$|me\/data|sign-out|logout|revoke|sessions|change-password/.test(path);

describe('ids of another user', { skip: without.routes || without.admin }, () => {
  let ada, ids;
  before(async () => {
    ada = await member(NAME);
    ids = await idsOf();
  });

  /** One id of each kind of thing that Ada has. */
  async function idsOf() {
    const { http, token: bearer } = ada;
    await signIn({ ...ada, http: stranger() }); // a second session
    const organization = (await http.post('/api/auth/organization/create', { name: NAME, slug: `secretive-${process.pid}` })).json;
    const invitation = (await http.post('/api/auth/organization/invite-member', { organizationId: organization.id, email: `guest-of-${ada.email}`, role: 'member' })).json;
    const key = (await http.post('/api/v1/api-keys', { name: NAME }, { bearer })).json;
    const client = await registered(await administrator(), { skip_consent: false });
    const asked = await http.get(request(client));
    await http.post('/api/auth/oauth2/consent', { accept: true, oauth_query: asked.headers.location.split('?')[1] });
    await http.request('PATCH', '/api/v1/settings/device/adas-device/adas-app', { json: { settings: { secret: NAME } }, bearer });
    const options = (await http.get('/api/auth/passkey/generate-register-options')).json;
    const passkey = await http.post('/api/auth/passkey/verify-registration', { response: await new Authenticator(target.url).create(options), name: NAME });
    assert.equal(passkey.status, 200, passkey.text);
    const found = {
      user: ada.id, address: ada.email, organization: organization.id, slug: organization.slug, member: organization.members[0].id, invitation: invitation.id, 'API key': key.id,
      consent: (await http.get('/api/auth/oauth2/get-consents')).json[0].id, device: 'adas-device', app: 'adas-app', passkey: passkey.json.id,
      account: (await http.get('/api/auth/list-accounts')).json[0].id,
      'session handle': (await http.get('/api/auth/list-sessions')).json[0].token,
      session: (await http.get('/api/v1/auth/sessions')).json[0].id,
    };
    for (const [kind, id] of Object.entries(found)) assert.ok(id, kind);
    return found;
  }

  /** Everything that Ada sees of herself. */
  async function everything() {
    const get = async (path) => (await ada.http.get(path, { bearer: path.includes('/v1/') ? ada.token : undefined })).text;
    const more = await Promise.all(['/api/v1/api-keys', '/api/v1/settings', '/api/v1/settings/devices', '/api/auth/oauth2/get-consents', '/api/v1/auth/profile',
      `/api/auth/organization/get-full-organization?organizationId=${ids.organization}`].map(get));
    return { ...await stateOf(ada), more: more.map((text) => text.replace(/"(updatedAt|lastSeen\w*|last_seen\w*)":"[^"]*"/g, '"$1":0')) };
  }

  test('open nothing and change nothing, on any route', { timeout: 120_000 }, async () => {
    const initially = await everything();
    let eve;
    const arrive = async () => {
      eve = await member('Eve');
      eve.vaultToken = await vaultToken(eve);
    };
    const disclosed = [];
    const attack = async ({ row, kind, id }) => {
      const fields = Object.fromEntries(ID_FIELDS.map((name) => [name, id]));
      const path = row.path.replace(/:\w+/g, encodeURIComponent(id));
      const bearer = /JWT/.test(row.access) ? (row.path.includes('encryption-vault') ? eve.vaultToken : eve.token) : undefined;
      const more = row.method === 'GET' ? {} : { json: { ...fields, data: { ...fields, name: 'Taken' }, role: 'member', name: 'Taken', accept: true,
        email: eve.email, permissions: { organization: ['update'] } } };
      const answer = await copyOf(eve.http).request(row.method, row.method === 'GET' ? `${path}?${new URLSearchParams(fields)}` : path, { ...more, bearer });
      if (answer.text.includes(NAME)) disclosed.push(`${row.name} with the ${kind}: ${answer.status} ${answer.text.slice(0, 300)}`);
    };
    const attempts = (rows) => rows.flatMap((row) => Object.entries(ids).map(([kind, id]) => ({ row, kind, id })));
    await arrive();
    await each(attempts(routes.filter((row) => !isEnd(row))), attack);
    assert.equal((await eve.http.get('/api/auth/get-session')).json.user.id, eve.id, 'the session that was used is still there');
    for (const row of routes.filter(isEnd)) {
      if ((await eve.http.get('/api/auth/get-session')).json === null) await arrive();
      await each(attempts([row]), attack);
    }
    assert.deepEqual(disclosed, []);
    assert.deepEqual(await everything(), initially);
  });

  test('are no credentials: who sends them without a session gets nothing', async () => {
    for (const row of routes.filter(({ access }) => access !== 'anybody'))
      for (const id of [ids.user, ids.session])
        for (const headers of [{ authorization: `Bearer ${id}` }, { 'x-service-key': id }, { cookie: `mana.session_token=${id}` }]) {
          const { status } = await stranger().request(row.method, row.path.replace(/:\w+/g, id), { headers, ...(row.method === 'GET' ? {} : { json: { userId: ids.user } }) });
          assert.equal(status, 401, `${row.name}: ${status}`);
        }
  });
});
