// The official client's organization plugin, through a tenant's life: every one of its routes, as an app would call them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { betterAuth, granted } from './lib/client.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

describe('the organization client', () => {
  let stack;
  const called = new Set();
  const people = {};
  before(async () => {
    stack = await startStack({ ORGANIZATION_LIMIT: '2', MEMBER_LIMIT: '3', INVITATION_LIMIT: '2' }, UNLIMITED);
    for (const name of ['Ann', 'Bob', 'Cid', 'Dan']) {
      const person = await somebodySignedIn(stack, name);
      person.organization = betterAuth(stack, person.http, { called }).organization;
      people[name.toLowerCase()] = person;
    }
  });
  after(() => stack?.stop());

  const refused = ({ data, error }) => {
    assert.equal(data, null);
    return [error.status, error.code ?? error.message].join(' ');
  };

  test('founds one, shows it, changes it, and chooses it', async () => {
    const { organization } = people.ann;
    assert.equal(granted(await organization.checkSlug({ slug: 'acme' })).status, true);
    const acme = granted(await organization.create({ name: 'Acme', slug: 'acme', metadata: { type: 'team' } }));
    people.acme = acme.id;
    assert.equal(acme.members[0].role, 'owner');
    assert.equal(refused(await organization.checkSlug({ slug: 'ACME' })), '400 ORGANIZATION_SLUG_ALREADY_TAKEN');
    const second = granted(await organization.create({ name: 'Second', slug: 'second', keepCurrentActiveOrganization: true }));
    assert.equal(refused(await organization.create({ name: 'Third', slug: 'third' })), '403 YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_ORGANIZATIONS');
    assert.deepEqual(granted(await organization.list()).map(({ slug }) => slug), ['acme', 'second']);
    assert.equal(granted(await organization.getOrganization({ query: { organizationSlug: 'second' } })).id, second.id);
    assert.equal(granted(await organization.getFullOrganization()).slug, 'acme');
    assert.equal(granted(await organization.setActive({ organizationSlug: 'second' })).slug, 'second');
    const session = granted(await betterAuth(stack, people.ann.http).getSession());
    assert.equal(session.session.activeOrganizationId, second.id);
    const renamed = granted(await organization.update({ data: { name: 'Zweite', logo: 'https://x/y.png', metadata: { a: [1, { b: null }] } } }));
    assert.deepEqual([renamed.name, renamed.slug, renamed.logo], ['Zweite', 'second', 'https://x/y.png']);
    assert.deepEqual(renamed.metadata, { a: [1, { b: null }] });
    assert.equal(granted(await organization.delete({ organizationId: second.id })).id, second.id);
    assert.equal(granted(await organization.getFullOrganization()), null);
    assert.equal(granted(await organization.setActive({ organizationId: acme.id })).id, acme.id);
  });

  test('invites, and those who are invited answer', async () => {
    const { ann, bob, cid, dan } = people;
    const invitation = granted(await ann.organization.inviteMember({ email: bob.email, role: 'admin' }));
    assert.ok(Math.abs(new Date(invitation.expiresAt) - Date.now() - 48 * 3600e3) < 60e3, 'two days');
    granted(await ann.organization.inviteMember({ email: cid.email, role: ['member'] }));
    assert.equal(refused(await ann.organization.inviteMember({ email: dan.email, role: 'member' })), '403 INVITATION_LIMIT_REACHED');
    assert.equal(granted(await ann.organization.listInvitations()).length, 2);
    const seen = granted(await bob.organization.getInvitation({ query: { id: invitation.id } }));
    assert.deepEqual([seen.organizationName, seen.organizationSlug, seen.inviterEmail], ['Acme', 'acme', ann.email]);
    const accepted = granted(await bob.organization.acceptInvitation({ invitationId: invitation.id }));
    assert.deepEqual([accepted.invitation.status, accepted.member.role], ['accepted', 'admin']);
    const [own] = granted(await cid.organization.listUserInvitations());
    assert.equal(granted(await cid.organization.rejectInvitation({ invitationId: own.id })).invitation.status, 'rejected');
    const again = granted(await bob.organization.inviteMember({ email: cid.email, role: 'member' }));
    granted(await cid.organization.acceptInvitation({ invitationId: again.id }));
    const late = granted(await ann.organization.inviteMember({ email: dan.email, role: 'member' }));
    assert.equal(refused(await dan.organization.acceptInvitation({ invitationId: late.id })), '403 ORGANIZATION_MEMBERSHIP_LIMIT_REACHED');
    assert.equal(granted(await ann.organization.cancelInvitation({ invitationId: late.id })).status, 'canceled');
    assert.equal(refused(await dan.organization.acceptInvitation({ invitationId: late.id })), '400 INVITATION_NOT_FOUND');
  });

  test('knows its members, and what they may', async () => {
    const { ann, bob, cid } = people;
    assert.equal(granted(await cid.organization.getActiveMember()).user.email, cid.email);
    assert.equal(granted(await cid.organization.getActiveMemberRole()).role, 'member');
    assert.equal(granted(await cid.organization.getActiveMemberRole({ query: { userId: bob.id } })).role, 'admin');
    const page = granted(await ann.organization.listMembers({ query: { limit: 2, offset: 1, sortBy: 'createdAt', sortDirection: 'desc' } }));
    assert.deepEqual([page.total, page.members.map(({ user }) => user.name)], [3, ['Bob', 'Ann']]);
    const admins = granted(await ann.organization.listMembers({ query: { filterField: 'role', filterOperator: 'in', filterValue: 'admin,owner' } }));
    assert.deepEqual(admins.members.map(({ role }) => role), ['owner', 'admin']);
    assert.match(refused(await ann.organization.listMembers({ query: { sortBy: 'password' } })), /^400 VALIDATION_ERROR/);
    assert.match(refused(await ann.organization.listMembers({ query: { limit: -1 } })), /^400 VALIDATION_ERROR/);
    const may = async (who, permissions) => granted(await who.organization.hasPermission({ permissions })).success;
    assert.deepEqual(
      [await may(ann, { organization: ['delete'] }), await may(bob, { organization: ['delete'] }), await may(bob, { member: ['create', 'update'] })],
      [true, false, true],
    );
  });

  test('a role that the DBA has added works without a restart', async () => {
    const { ann, cid } = people;
    const cidsId = granted(await cid.organization.getActiveMember()).id;
    const asTreasurer = () => ann.organization.updateMemberRole({ memberId: cidsId, role: ['member', 'treasurer'] });
    assert.equal(refused(await asTreasurer()), '400 ROLE_NOT_FOUND');
    stack.psql(`INSERT INTO auth.organization_roles VALUES ('treasurer', 150);
      INSERT INTO auth.organization_permissions VALUES ('treasurer', 'credits', 'allocate', true), ('member', 'ac', 'read', false);`);
    assert.equal(granted(await asTreasurer()).role, 'member,treasurer');
    const may = async (permissions) => granted(await cid.organization.hasPermission({ permissions })).success;
    assert.deepEqual(
      [await may({ credits: ['allocate'] }), await may({ credits: ['view_own'] }), await may({ ac: ['read'] })], [true, true, false],
    );
  });

  test('people go, and the last owner does not', async () => {
    const { ann, bob, cid } = people;
    assert.equal(refused(await ann.organization.leave({ organizationId: people.acme })), '400 YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER');
    granted(await cid.organization.leave({ organizationId: people.acme }));
    assert.equal(refused(await cid.organization.getActiveMember()), '400 NO_ACTIVE_ORGANIZATION');
    assert.equal(granted(await ann.organization.removeMember({ memberIdOrEmail: bob.email })).member.userId, bob.id);
    assert.equal(refused(await bob.organization.getActiveMember()), '400 NO_ACTIVE_ORGANIZATION');
  });

  test('who owns one alone with others in it must settle that before the account can go', async () => {
    const { ann, bob } = people;
    const invitation = granted(await ann.organization.inviteMember({ email: bob.email, role: 'member' }));
    granted(await bob.organization.acceptInvitation({ invitationId: invitation.id }));
    const blocked = await betterAuth(stack, ann.http).deleteUser({ password: ann.password });
    assert.equal(refused(blocked), '409 LAST_OWNER_OF_ORGANIZATION');
    assert.match(blocked.error.message, /^You are the only owner of Acme: /);
    const v1 = await ann.http.request('DELETE', '/api/v1/auth/account', { json: { password: ann.password } });
    assert.deepEqual([v1.status, v1.json.code], [409, 'LAST_OWNER_OF_ORGANIZATION']);
    const memberId = granted(await bob.organization.getActiveMember()).id;
    granted(await ann.organization.updateMemberRole({ memberId, role: 'admin' }));
    granted(await betterAuth(stack, ann.http).deleteUser({ password: ann.password }));
    assert.equal(granted(await bob.organization.getActiveMemberRole()).role, 'owner');
    const mail = await stack.mail.latest(bob.email, { contains: 'am längsten Admin' });
    assert.equal(mail.subject, 'Dir gehört jetzt: Acme — Mana');
  });

  test('each route was called', () => {
    const paths = [...called].filter((path) => path.startsWith('/api/auth/organization/'));
    assert.equal(paths.length, 22, paths.sort().join('\n'));
  });
});
