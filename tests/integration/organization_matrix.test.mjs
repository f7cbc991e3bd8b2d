// Who may do what in an organization: every route as its owner, admin, member, as a stranger who owns another one, as somebody
// who is invited, and as nobody. The whole table is asserted, and that a refusal changes nothing.
//
// A cell is the status and the error's code. `ours` is the organization that the first three are in; Guest is a member of
// it, too, and `theirs` is the stranger's. What a request changes is undone before the next one.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Client } from './lib/http.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const PROGRAM = fileURLToPath(new URL('../../build/mana-auth-edge', import.meta.url));
const WHO = ['owner', 'admin', 'member', 'stranger', 'invited', 'nobody'];
const SERVICE = { headers: { 'x-service-key': 'dev-service-key' } };

const OK = '200';
const STRANGER_400 = '400 USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION';
const STRANGER_403 = '403 USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION';
const NO_MEMBER_403 = '403 YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION';
const MEMBER_NOT_FOUND = '400 MEMBER_NOT_FOUND';
const NOT_RECIPIENT = '403 YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION';
const NO_INVITATION = '400 INVITATION_NOT_FOUND';
const MAY_NOT_UPDATE = '403 YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER';
const MAY_NOT_REMOVE = '403 YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_MEMBER';
const MAY_NOT_INVITE = '403 YOU_ARE_NOT_ALLOWED_TO_INVITE_USERS_TO_THIS_ORGANIZATION';
const MAY_NOT_CANCEL = '403 YOU_ARE_NOT_ALLOWED_TO_CANCEL_THIS_INVITATION';
const ONLY_OWNER = '400 YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER';
const NOBODY = '401 UNAUTHORIZED';

const ours = { organizationId: 'ours' };
const theirs = { organizationId: 'theirs' };

// [what, method, path below /api/auth/organization, body or query (or a function of who asks), one cell for each of WHO]
const MATRIX = [
  ['found one', 'POST', 'create', { name: 'New', slug: 'new' }, OK, OK, OK, OK, OK, '401'],
  ['take a slug', 'POST', 'create', { name: 'New', slug: 'OURS' }, ...Array(5).fill('400 ORGANIZATION_ALREADY_EXISTS'), '401'],
  ['ask for a slug', 'POST', 'check-slug', { slug: 'new' }, OK, OK, OK, OK, OK, NOBODY],
  ['rename', 'POST', 'update', { ...ours, data: { name: 'X' } },
    OK, OK, '403 YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_ORGANIZATION', STRANGER_400, STRANGER_400, NOBODY],
  ['rename the active one', 'POST', 'update', { data: { name: 'X' } },
    OK, OK, '403 YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_ORGANIZATION', OK, '400 ORGANIZATION_NOT_FOUND', NOBODY],
  ['take the slug of another', 'POST', 'update', { ...ours, data: { slug: 'Theirs' } },
    '400 ORGANIZATION_SLUG_ALREADY_TAKEN', '400 ORGANIZATION_SLUG_ALREADY_TAKEN',
    '403 YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_ORGANIZATION', STRANGER_400, STRANGER_400, NOBODY],
  ['end it', 'POST', 'delete', ours,
    OK, '403 YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_ORGANIZATION', '403 YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_ORGANIZATION',
    STRANGER_400, STRANGER_400, '401'],
  ['choose it', 'POST', 'set-active', ours, OK, OK, OK, STRANGER_403, STRANGER_403, NOBODY],
  ['choose it by its slug', 'POST', 'set-active', { organizationSlug: 'ours' }, OK, OK, OK, STRANGER_403, STRANGER_403, NOBODY],
  ['choose none', 'POST', 'set-active', { organizationId: null }, OK, OK, OK, OK, OK, NOBODY],
  ['see it', 'GET', 'get-organization', ours, OK, OK, OK, STRANGER_403, STRANGER_403, NOBODY],
  ['see it by its slug', 'GET', 'get-organization', { organizationSlug: 'ours' }, OK, OK, OK, STRANGER_403, STRANGER_403, NOBODY],
  ['see all of it', 'GET', 'get-full-organization', ours, OK, OK, OK, STRANGER_403, STRANGER_403, NOBODY],
  ['list their own', 'GET', 'list', {}, OK, OK, OK, OK, OK, NOBODY],

  ['invite', 'POST', 'invite-member', { ...ours, email: 'new@example.com', role: 'member' },
    OK, OK, MAY_NOT_INVITE, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['invite an owner', 'POST', 'invite-member', { ...ours, email: 'new@example.com', role: ['member', 'owner'] },
    OK, '403 YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE', MAY_NOT_INVITE, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['mail an invitation again', 'POST', 'invite-member', (id) => ({ ...ours, email: id.invitedEmail, role: 'member', resend: true }),
    OK, OK, MAY_NOT_INVITE, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  [`make a member's invitation of an owner's`, 'POST', 'invite-member', { ...ours, email: 'owning@example.com', role: 'member', resend: true },
    OK, '403 YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE', MAY_NOT_INVITE, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['take a twin of a slug', 'POST', 'create', { name: 'Twin', slug: 'ours\u200b' }, ...Array(5).fill('400 VALIDATION_ERROR'), '401'],
  ['take an invitation back', 'POST', 'cancel-invitation', { invitationId: 'invitation' },
    OK, OK, MAY_NOT_CANCEL, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  [`take an owner's invitation back`, 'POST', 'cancel-invitation', { invitationId: 'owning' },
    OK, MAY_NOT_CANCEL, MAY_NOT_CANCEL, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  [`take another organization's invitation back`, 'POST', 'cancel-invitation', { invitationId: 'elsewhere' },
    MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, OK, MEMBER_NOT_FOUND, NOBODY],
  ['accept', 'POST', 'accept-invitation', { invitationId: 'invitation' },
    NOT_RECIPIENT, NOT_RECIPIENT, NOT_RECIPIENT, NOT_RECIPIENT, OK, NOBODY],
  ['accept what is over', 'POST', 'accept-invitation', { invitationId: 'expired' },
    NO_INVITATION, NO_INVITATION, NO_INVITATION, NO_INVITATION, NO_INVITATION, NOBODY],
  ['decline', 'POST', 'reject-invitation', { invitationId: 'invitation' },
    NOT_RECIPIENT, NOT_RECIPIENT, NOT_RECIPIENT, NOT_RECIPIENT, OK, NOBODY],
  ['see an invitation', 'GET', 'get-invitation', { id: 'invitation' },
    NOT_RECIPIENT, NOT_RECIPIENT, NOT_RECIPIENT, NOT_RECIPIENT, OK, NOBODY],
  ['list its invitations', 'GET', 'list-invitations', ours,
    OK, OK, '403 YOU_ARE_NOT_ALLOWED_TO_LIST_INVITATIONS', NO_MEMBER_403, NO_MEMBER_403, NOBODY],
  ['list invitations to them', 'GET', 'list-user-invitations', {}, OK, OK, OK, OK, OK, NOBODY],
  ['list invitations to another', 'GET', 'list-user-invitations', { email: 'x@example.com' }, '400', '400', '400', '400', '400', NOBODY],

  ['see their membership', 'GET', 'get-active-member', {}, OK, OK, OK, OK, '400 NO_ACTIVE_ORGANIZATION', NOBODY],
  ['see their role', 'GET', 'get-active-member-role', ours, OK, OK, OK, NO_MEMBER_403, NO_MEMBER_403, NOBODY],
  [`see a fellow member's role`, 'GET', 'get-active-member-role', (id) => ({ ...ours, userId: id.guest }),
    OK, OK, OK, NO_MEMBER_403, NO_MEMBER_403, NOBODY],
  [`see a stranger's role`, 'GET', 'get-active-member-role', (id) => ({ ...ours, userId: id.stranger }),
    NO_MEMBER_403, NO_MEMBER_403, NO_MEMBER_403, NO_MEMBER_403, NO_MEMBER_403, NOBODY],
  ['list its members', 'GET', 'list-members', ours, OK, OK, OK, NO_MEMBER_403, NO_MEMBER_403, NOBODY],
  ['list its members by its slug', 'GET', 'list-members', { organizationSlug: 'ours' },
    OK, OK, OK, NO_MEMBER_403, NO_MEMBER_403, NOBODY],
  ['make a member admin', 'POST', 'update-member-role', { ...ours, memberId: 'guest', role: 'admin' },
    OK, OK, MAY_NOT_UPDATE, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['make a member owner', 'POST', 'update-member-role', { ...ours, memberId: 'guest', role: ['member', 'owner'] },
    OK, MAY_NOT_UPDATE, MAY_NOT_UPDATE, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['make themselves owner', 'POST', 'update-member-role', (id, who) => ({ ...ours, memberId: who, role: 'owner' }),
    OK, MAY_NOT_UPDATE, MAY_NOT_UPDATE, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['demote the owner', 'POST', 'update-member-role', { ...ours, memberId: 'owner', role: 'member' },
    '400 YOU_CANNOT_LEAVE_THE_ORGANIZATION_WITHOUT_AN_OWNER', MAY_NOT_UPDATE, MAY_NOT_UPDATE, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['change a member of another organization', 'POST', 'update-member-role', { ...ours, memberId: 'stranger', role: 'member' },
    MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['change a member over there', 'POST', 'update-member-role', { ...theirs, memberId: 'stranger', role: 'owner' },
    MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, OK, MEMBER_NOT_FOUND, NOBODY],
  ['remove a member', 'POST', 'remove-member', { ...ours, memberIdOrEmail: 'guest' },
    OK, OK, MAY_NOT_REMOVE, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['remove a member by the address', 'POST', 'remove-member', (id) => ({ ...ours, memberIdOrEmail: id.guestEmail }),
    OK, OK, MAY_NOT_REMOVE, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['remove the owner', 'POST', 'remove-member', { ...ours, memberIdOrEmail: 'owner' },
    ONLY_OWNER, ONLY_OWNER, MAY_NOT_REMOVE, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['remove a member of another organization', 'POST', 'remove-member', { ...ours, memberIdOrEmail: 'stranger' },
    MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['leave', 'POST', 'leave', ours, ONLY_OWNER, OK, OK, MEMBER_NOT_FOUND, MEMBER_NOT_FOUND, NOBODY],
  ['ask what they may', 'POST', 'has-permission', { ...ours, permissions: { member: ['update'] } },
    OK, OK, OK, '401 USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION', '401 USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION', NOBODY],
];

const INTERNAL = ['/api/v1/internal/org/ours/member/x', '/api/v1/internal/users/x/memberships'];

describe('who may do what in an organization', () => {
  let stack;
  const people = {};
  const id = {};
  before(async () => {
    stack = await startStack({}, UNLIMITED);
    for (const who of [...WHO, 'guest']) {
      people[who] = who === 'nobody' ? { http: new Client(stack.url) } : await somebodySignedIn(stack, who);
      id[who] = people[who].id;
    }
    id.guestEmail = people.guest.email;
    id.invitedEmail = people.invited.email;
  });
  after(() => stack?.stop());

  /** Everything as it was, under ids that the table can name; answers what it is like. */
  const restore = () => stack.psql(`
    DELETE FROM auth.organizations;
    INSERT INTO auth.organizations (id, name, slug) VALUES ('ours', 'Ours', 'ours'), ('theirs', 'Theirs', 'theirs');
    INSERT INTO auth.members (id, organization_id, user_id, role) VALUES
      ${['owner', 'admin', 'member', 'guest'].map((who) => `('${who}', 'ours', '${id[who]}', '${who.replace('guest', 'member')}')`)},
      ('stranger', 'theirs', '${id.stranger}', 'owner');
    INSERT INTO auth.invitations (id, organization_id, email, role, inviter_id, expires_at) VALUES
      ('invitation', 'ours', '${people.invited.email}', 'member', '${id.admin}', now() + interval '1 day'),
      ('owning', 'ours', 'owning@example.com', 'owner', '${id.owner}', now() + interval '1 day'),
      ('elsewhere', 'theirs', 'elsewhere@example.com', 'member', '${id.stranger}', now() + interval '1 day'),
      ('expired', 'theirs', '${people.invited.email}', 'member', '${id.stranger}', now());
    UPDATE auth.sessions s SET active_organization_id = (SELECT m.organization_id FROM auth.members m WHERE m.user_id = s.user_id);
    ${STATE}`);
  const STATE = `SELECT md5(concat(
    (SELECT string_agg(o::text, ',' ORDER BY o.id) FROM auth.organizations o),
    (SELECT string_agg(m::text, ',' ORDER BY m.id) FROM auth.members m),
    (SELECT string_agg(i::text, ',' ORDER BY i.id) FROM auth.invitations i),
    (SELECT string_agg(concat(s.id, s.active_organization_id), ',' ORDER BY s.id) FROM auth.sessions s),
    (SELECT count(*) FROM auth.outbox)))`;

  const ask = ([, method, path, input], who) => {
    const { http } = people[who];
    const given = typeof input === 'function' ? input(id, who) : input;
    const url = `/api/auth/organization/${path}`;
    return method === 'GET' ? http.get(`${url}?${new URLSearchParams(given)}`) : http.post(url, given);
  };

  for (const row of MATRIX)
    test(`${row[0]}: ${row[2]}`, async () => {
      const cells = {};
      for (const who of WHO) {
        const untouched = restore();
        const answer = await ask(row, who);
        cells[who] = [answer.status, answer.json?.code].filter(Boolean).join(' ');
        if (answer.status !== 200) assert.equal(stack.psql(STATE), untouched, `${who}: a refusal changed something`);
      }
      assert.deepEqual(cells, Object.fromEntries(WHO.map((who, n) => [who, row[4 + n]])));
    });

  test('a role changes only from and into roles that its changer has, by whichever route', async () => {
    const RANK = { owner: 3, admin: 2, member: 1 };
    const roles = Object.keys(RANK);
    const said = (text) => stack.psql(text);
    for (const who of roles)
      for (const before of roles)
        for (const becomes of [...roles, null]) {
          const may = who !== 'member' && Math.max(RANK[before], RANK[becomes] ?? 0) <= RANK[who];
          const effects = [
            [`SELECT concat_ws(' ', role, status) FROM auth.invitations WHERE id = 'invitation'`, becomes
              ? ['invite-member', { ...ours, email: id.invitedEmail, role: becomes, resend: true }]
              : ['cancel-invitation', { invitationId: 'invitation' }],
            may ? `${becomes ?? before} ${becomes ? 'pending' : 'canceled'}` : `${before} pending`],
            [`SELECT string_agg(role, '') FROM auth.members WHERE id = 'guest'`, becomes
              ? ['update-member-role', { ...ours, memberId: 'guest', role: becomes }]
              : ['remove-member', { ...ours, memberIdOrEmail: 'guest' }],
            may ? becomes ?? '' : before],
          ];
          for (const [effect, [path, body], expected] of effects) {
            restore();
            said(`UPDATE auth.invitations SET role = '${before}' WHERE id = 'invitation'; UPDATE auth.members SET role = '${before}' WHERE id = 'guest'`);
            await people[who].http.post(`/api/auth/organization/${path}`, body);
            assert.equal(said(effect), expected, `${who}: ${path} from ${before} to ${becomes}`);
          }
        }
  });

  test('services ask with their key, and nobody else', async () => {
    for (const path of INTERNAL) {
      restore();
      for (const who of WHO) {
        assert.equal((await people[who].http.get(path)).status, 401, `${who}: ${path}`);
        assert.equal((await people[who].http.get(path, { bearer: people[who].token })).status, 401, `${who} with a token: ${path}`);
      }
      assert.equal((await people.nobody.http.get(path, SERVICE)).status, 200, path);
    }
    const member = await people.nobody.http.get(`/api/v1/internal/org/ours/member/${id.admin}`, SERVICE);
    assert.equal(member.text, '{"isMember":true,"role":"admin"}');
    const stranger = await people.nobody.http.get(`/api/v1/internal/org/ours/member/${id.stranger}`, SERVICE);
    assert.equal(stranger.text, '{"isMember":false,"role":""}');
    const all = await people.nobody.http.get(`/api/v1/internal/users/${id.admin}/memberships`, SERVICE);
    assert.equal(all.text, `{"userId":"${id.admin}","memberships":[{"organizationId":"ours","role":"admin"}]}`);
  });

  test('what is granted shows what the caller may see, and no more', async () => {
    restore();
    const full = Object.fromEntries(await Promise.all(['owner', 'admin', 'member'].map(async (who) => [
      who, (await people[who].http.get('/api/auth/organization/get-full-organization')).json.invitations.map((i) => i.id).sort(),
    ])));
    assert.deepEqual(full, { owner: ['invitation', 'owning'], admin: ['invitation'], member: [] });
    const listed = (await people.admin.http.get('/api/auth/organization/list-invitations')).json.map((i) => i.id);
    assert.deepEqual(listed, ['invitation']);
    const own = (await people.invited.http.get('/api/auth/organization/list-user-invitations')).json.map((i) => i.id);
    assert.deepEqual(own, ['invitation']);
    for (const [who, slugs] of [['owner', ['ours']], ['stranger', ['theirs']], ['invited', []]])
      assert.deepEqual((await people[who].http.get('/api/auth/organization/list')).json.map((o) => o.slug), slugs);
  });

  test('the table has every route', () => {
    const routes = spawnSync(PROGRAM, ['routes'], { encoding: 'utf8' }).stdout;
    const there = [...routes.matchAll(/\| `?(GET|POST)`? \| `?\/api\/auth\/organization\/([a-z-]+)/g)].map(([, m, p]) => `${m} ${p}`);
    assert.equal(there.length, 22);
    assert.deepEqual([...new Set(MATRIX.map(([, method, path]) => `${method} ${path}`))].sort(), there.sort());
  });
});
