// Answers are bounded: the most that may be created, and more from before the limits, is listed within 1 MiB or refused.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const MIB = 2 ** 20;
const ORGANIZATION = '/api/auth/organization';
// text that does not compress
const text = (bytes) => `(SELECT left(string_agg(md5(random()::text), ''), ${bytes}) FROM generate_series(1, ${Math.ceil(bytes / 32)}) WHERE i > 0)`;

describe('bounded answers', () => {
  let stack, ann;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
    ann = await somebodySignedIn(stack, 'ann');
  });
  after(() => stack?.stop());

  const organizations = (how_many, logo, metadata) => stack.psql(`
    DELETE FROM auth.organizations;
    INSERT INTO auth.organizations (id, name, slug, logo, metadata)
      SELECT 'o' || i, 'Organization ' || i, 'o' || i, ${text(logo)}, jsonb_build_object('a', ${text(metadata)}) FROM generate_series(1, ${how_many}) i;
    INSERT INTO auth.members (organization_id, user_id, role) SELECT o.id, '${ann.id}', 'owner' FROM auth.organizations o`);
  const bytes = ({ text }) => Buffer.byteLength(text);

  test('a user is in at most a hundred organizations', async () => {
    organizations(100, 10, 10);
    const made = await ann.http.post(`${ORGANIZATION}/create`, { name: 'One more', slug: 'one-more' });
    assert.equal(`${made.status} ${made.json.code}`, '403 YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_ORGANIZATIONS');
  });

  test('a logo has at most 16384 characters', async () => {
    organizations(1, 10, 10);
    const update = (logo) => ann.http.post(`${ORGANIZATION}/update`, { organizationId: 'o1', data: { logo } });
    assert.equal((await update('x'.repeat(16384))).status, 200);
    assert.equal((await update('x'.repeat(16385))).status, 400);
  });

  test('few organizations are listed with their logos and metadata', async () => {
    organizations(10, 16000, 2000);
    const { json } = await ann.http.get(`${ORGANIZATION}/list`);
    assert.ok(json.every(({ logo, metadata }) => logo.length === 16000 && JSON.parse(metadata).a.length === 2000));
  });

  test('a hundred organizations with the largest logos and metadata are listed within 1 MiB, each complete by itself', async () => {
    organizations(100, 16384, 16000);
    const answer = await ann.http.get(`${ORGANIZATION}/list`);
    assert.equal(answer.status, 200);
    assert.ok(bytes(answer) <= MIB, `${bytes(answer)} bytes`);
    assert.equal(answer.json.length, 100);
    assert.ok(answer.json.every(({ name, logo }) => name.startsWith('Organization') && logo === null));
    const one = await ann.http.get(`${ORGANIZATION}/get-organization?organizationId=o7`);
    assert.equal(one.json.logo.length, 16384);
    const page = await ann.http.get(`${ORGANIZATION}/list?limit=30&offset=90`);
    assert.equal(page.json.length, 10);
  });

  test('three hundred organizations with logos of 64 kB are listed within 1 MiB and little memory', async () => {
    organizations(300, 65536, 10);
    const answer = await ann.http.get(`${ORGANIZATION}/list`);
    assert.ok(bytes(answer) <= MIB, `${bytes(answer)} bytes`);
    assert.equal(answer.json.length, 300);
    const grown = stack.psql(`
      CREATE OR REPLACE FUNCTION pg_temp.peak() RETURNS integer LANGUAGE sql AS $$
        SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:[^0-9]*([0-9]+)')::integer $$;
      SELECT length(x.body) FROM auth.sessions s, auth_api.organization_list(auth_api.caller(s.token_digest, NULL, NULL, NULL, NULL, NULL, NULL, NULL), '{"limit": 1}') x
        WHERE s.user_id = '${ann.id}' LIMIT 1;
      SELECT pg_temp.peak();
      SELECT length(x.body) FROM auth.sessions s, auth_api.organization_list(auth_api.caller(s.token_digest, NULL, NULL, NULL, NULL, NULL, NULL, NULL), '{}') x
        WHERE s.user_id = '${ann.id}' LIMIT 1;
      SELECT pg_temp.peak()`).split('\n').map(Number);
    assert.ok(grown[2] > 0);
    assert.ok(grown[3] - grown[1] < 24 * 1024, `${grown[3] - grown[1]} kB for ${grown[2]} bytes`);
  });

  test('an answer that would be longer than 1 MiB is refused, and comes in parts', async () => {
    const admin = await somebodySignedIn(stack, 'admin');
    stack.psql(`UPDATE auth.users SET role = 'admin' WHERE id = '${admin.id}';
      INSERT INTO auth.oauth_clients (id, name, redirect_uris, auth_method)
        SELECT 'c' || i, 'Client', ARRAY(SELECT 'https://client.example/' || repeat('x', 1000) || n FROM generate_series(1, 10) n), 'none' FROM generate_series(1, 150) i`);
    const all = await admin.http.get('/api/auth/oauth2/get-clients');
    assert.equal(`${all.status} ${all.json.code}`, '413 ANSWER_TOO_LARGE');
    const page = await admin.http.get('/api/auth/oauth2/get-clients?limit=20&offset=20');
    assert.equal(page.json.length, 20);
  });

  test('of API keys a hundred that have ended are kept, and two hundred are listed', async () => {
    stack.psql(`INSERT INTO auth.api_keys (user_id, name, key_prefix, key_digest, scopes, revoked_at)
      SELECT '${ann.id}', repeat('n', 100), 'p', sha256(i::text::bytea), ARRAY[repeat('s', 2000)], now() FROM generate_series(1, 1000) i`);
    const { token } = (await ann.http.get('/api/auth/token')).json;
    const list = () => ann.http.get('/api/v1/api-keys', { bearer: token });
    const before = await list();
    assert.equal(before.json.length, 200);
    assert.ok(bytes(before) <= MIB, `${bytes(before)} bytes`);
    assert.equal((await ann.http.post('/api/v1/api-keys', { name: 'new' }, { bearer: token })).status, 201);
    const later = await list();
    assert.deepEqual([later.json.length, later.json[0].name], [101, 'new']);
  });

  test('of many invitations and members a page is shown, pending invitations first', async () => {
    organizations(1, 10, 10);
    stack.psql(`INSERT INTO auth.invitations (organization_id, email, role, status, inviter_id, created_at)
        SELECT 'o1', 'guest' || i || '@example.com', 'member', CASE WHEN i <= 100 THEN 'pending' ELSE 'canceled' END, '${ann.id}', now() + i * interval '1 s'
          FROM generate_series(1, 3000) i;
      INSERT INTO auth.users (id, email, name) SELECT 'u' || i, 'u' || i || '@example.com', 'U' FROM generate_series(1, 1500) i;
      INSERT INTO auth.members (organization_id, user_id, role) SELECT 'o1', 'u' || i, 'member' FROM generate_series(1, 1500) i`);
    const invitations = (await ann.http.get(`${ORGANIZATION}/list-invitations?organizationId=o1`)).json;
    assert.deepEqual([invitations.length, invitations.filter(({ status }) => status === 'pending').length], [500, 100]);
    assert.equal((await ann.http.get(`${ORGANIZATION}/list-invitations?organizationId=o1&limit=50&offset=2980`)).json.length, 20);
    const members = (await ann.http.get(`${ORGANIZATION}/list-members?organizationId=o1`)).json;
    assert.deepEqual([members.members.length, members.total], [1000, 1501]);
    const full = await ann.http.get(`${ORGANIZATION}/get-full-organization?organizationId=o1`);
    assert.deepEqual([full.json.members.length, full.json.invitations.length], [1000, 500]);
    assert.ok(bytes(full) <= MIB, `${bytes(full)} bytes`);
  });

  test('names with invisible or directional characters, or with letters of two scripts in a word, are refused', async () => {
    const named = async (name) => (await ann.http.post(`${ORGANIZATION}/update`, { organizationId: 'o1', data: { name } })).status;
    for (const name of ['Acme\u200b', 'Ac\u00adme', '\u202eemcA', '\u3164', '   ', '\u2800', 'p\u0430ypal', 'Acme\u200d', 'a\u0007b'])
      assert.equal(await named(name), 400, JSON.stringify(name));
    for (const name of ['Äpfel & Birnen', 'Яндекс Cloud', 'LINEヤフー株式会社', 'نمی\u200cشود', '👩\u200d💻 Team ❤\ufe0f', 'Ac\u0308me 2'])
      assert.equal(await named(name), 200, JSON.stringify(name));
    const mine = async (name) => (await ann.http.post('/api/auth/update-user', { name })).status;
    assert.deepEqual([await mine('A\u200bnn'), await mine('Ann')], [400, 200]);
  });
});
